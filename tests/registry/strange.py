"""Tags that only look like registry tags: names and objects that anyone with push access can write, and their faults.

benchmarks/fuzz_tags.py tries 10,000 of them, test_grammar.py a few.
"""

import hashlib
import zlib
from collections.abc import Iterable
from pathlib import Path

from hypothesis import strategies as st

from registry.house import git
from slipway.registry import grammar, state, tags

VARIANT = "base-ad-detector"
PRODUCTION = f"{VARIANT}#production#1"
NAMES = (
    f"{VARIANT}#production",
    f"{VARIANT}#production!",
    f"{VARIANT}#production#0",
    f"{VARIANT}#production#09",
    f"{VARIANT}#production#-9",
    f"{VARIANT}#production#9!",
    f"{VARIANT}#production#9#10",
    f"{VARIANT}#production!!#9",
    f"{VARIANT}#production#1234567890",
    f"{VARIANT}#production#٩",
    f"{VARIANT}#prоduction#9",  # noqa: RUF001 - Cyrillic
    f"{VARIANT}＃production#9",  # noqa: RUF001
    f"{VARIANT}#Production#9",
    f"{VARIANT.upper()}#production",
    f"{VARIANT}#custom#9",
    f"{VARIANT}#production@v1.1.0#9",
    f"{VARIANT}#production#9/x",
    f"{VARIANT}@v1.1.0!",
    f"{VARIANT}@deprecated",
    f"{VARIANT}@v1.1.0#9",
    f"{VARIANT}@V1.2.0",
    f"{VARIANT}@v1.2",
    f"{VARIANT}@v01.2.0",
    f"{VARIANT}@v1.2.0-",
    f"{VARIANT}@v1.2.0-01",
    f"{VARIANT}@v1.2.12345678901",
    f"{VARIANT}@1.2.0",
    f"{VARIANT}@v1.2.0\u2028",
)
"""Names that people, GTO or a file system could mistake for those of a variant."""


def honest(name: str, commit: str, when: int = 1_700_000_000, why: str = "ship it") -> bytes:
    """A tag as Slipway writes it."""
    head = f"object {commit}\ntype commit\ntag {name}\ntagger Tester <tester@example.org> {when} +0000"
    return f"{head}\n\n{why}\n".encode()


def faulty(name: str, commit: str) -> dict[str, bytes]:
    """Objects under that ref name that are not registry tags, by their fault."""
    good = honest(name, commit)
    when, tagger = b" 1700000000 +0000", b"tagger Tester <tester@example.org> 1700000000 +0000\n"
    return {
        "no tagger": good.replace(tagger, b""),
        "an empty tagger": good.replace(tagger, b"tagger \n"),
        "no date": good.replace(when, b""),
        "a date of 14 digits": good.replace(when, b" 99999999999999 +0000"),
        "a negative date": good.replace(when, b" -1 +0000"),
        "a date in words": good.replace(when, b" yesterday"),
        "a date of other digits": good.replace(b"1700000000", "\u0661\u0667".encode()),
        "no time zone": good.replace(b" +0000", b""),
        "another name": good.replace(b"tag " + name.encode(), b"tag other#production#1"),
        "no name": good.replace(b"tag " + name.encode() + b"\n", b""),
        "of a tree": good.replace(b"type commit", b"type tree"),
        "of a tag": good.replace(b"type commit", b"type tag"),
        "of a blob": good.replace(b"type commit", b"type blob"),
        "no type": good.replace(b"type commit\n", b""),
        "half a commit": good.replace(commit.encode(), commit[:20].encode()),
        "no commit": good.replace(b"object " + commit.encode() + b"\n", b""),
        "one header too many": good.replace(tagger, tagger + b"tagger Ann <ann@example.org> 1700000000 +0000\n"),
        "no message": good.partition(b"\n\n")[0],
        "nothing": b"",
        "other bytes": b"\xff\x00\n\n" + good,
    }


def texts() -> st.SearchStrategy[str]:
    """Names similar to registry names, most of them odd."""
    part = st.sampled_from(
        [
            *grammar.ROLES,
            VARIANT,
            "Production",
            "custom",
            "v1.0.0",
            "v1.1.0",
            "deprecated",
            "#",
            "@",
            "!",
            "1",
            "9",
            "0",
        ]
    )
    return st.one_of(
        st.sampled_from(NAMES),
        st.lists(st.one_of(part, st.text(max_size=2)), max_size=7).map("".join),
        st.builds(lambda rest: f"{VARIANT}{rest}", st.text("#@!v.0123456789productinséЖ-_+", max_size=20)),
    )


def contents(name: str, commit: str) -> st.SearchStrategy[bytes]:
    """Objects under a name: faulty ones, damaged ones, and arbitrary bytes."""
    known = st.sampled_from(list(faulty(name, commit).values()))
    damaged = st.builds(
        lambda good, at, put: good[:at] + put + good[at + len(put) :],
        st.one_of(known, st.just(honest(name, commit))),
        st.integers(0, 220),
        st.binary(min_size=1, max_size=4),
    )
    return st.one_of(known, damaged, st.binary(max_size=300))


def put(root: Path, kind: str, content: bytes) -> str:
    """Write any object, as a push can do, and return its id."""
    whole = f"{kind} {len(content)}\0".encode() + content
    identity = hashlib.sha1(whole).hexdigest()
    path = root / ".git" / "objects" / identity[:2] / identity[2:]
    path.parent.mkdir(exist_ok=True)
    if not path.exists():
        path.write_bytes(zlib.compress(whole, 1))
    return identity


class Scratch:
    """A repository with two versions; the first one holds production."""

    def __init__(self, root: Path) -> None:
        self.root = root
        git(root, "init", "-q", "-b", "main")
        (root / "params.yaml").write_text(f"all:\n  {VARIANT}: {{task: made_up}}\n")
        git(root, "add", ".")
        self.commits = []
        for name in ("v1.0.0", "v1.1.0"):
            git(root, "commit", "-q", "--allow-empty", "-m", name)
            self.commits.append(git(root, "rev-parse", "HEAD"))
            git(root, "tag", "-a", "-m", name, f"{VARIANT}@{name}")
        git(root, "tag", "-a", "-m", "ship it", PRODUCTION, self.commits[0])
        git(root, "pack-refs", "--all")
        self._packed = root / ".git" / "packed-refs"
        self._honest = self._packed.read_text().splitlines()[1:]

    def put(self, kind: str, content: bytes) -> str:
        """Write an object."""
        return put(self.root, kind, content)

    def refs(self, named: Iterable[tuple[str, str]]) -> None:
        """Set these refs below refs/tags/ in addition to the honest ones: names with their objects."""
        there = dict(reversed(line.split(" ", 1)) for line in self._honest if not line.startswith("^"))
        for name, identity in named:
            there.setdefault(f"refs/tags/{name}", identity)
        lines = [f"{there[ref]} {ref}\n" for ref in sorted(there, key=str.encode)]
        self._packed.write_bytes("".join(["# pack-refs with: sorted \n", *lines]).encode(errors="surrogatepass"))


def says(survey: tags.Survey) -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    """The registry's view of the variant: the commit and the roles of each version."""
    variant = state.Variant(VARIANT, [tag for tag in survey.tags if tag.variant == VARIANT])
    return (
        {name: one.commit for name, one in variant.versions.items()},
        {name: one.roles for name, one in variant.versions.items()},
    )


def written(tag: grammar.Tag) -> str:
    """The name that Slipway would write for a parsed tag."""
    if tag.action == "register":
        return f"{tag.variant}@{tag.version}"
    assert tag.role in grammar.ROLES
    return f"{tag.variant}#{tag.role}{'!' * (tag.action == 'unassign')}#{tag.counter}"


def check(scratch: Scratch, named: list[tuple[str, bytes, str]]) -> None:
    """Read a repository with such tags (name, content, kind): nothing raises, and only valid tags count."""
    usable = [one for one in named if _usable(one[0])]
    scratch.refs((name, scratch.put(kind, content)) for name, content, kind in usable)
    survey = tags.survey(variants=[VARIANT])
    for tag in survey.tags:
        assert tag.name == written(tag)
        assert tag.time
    read = {tag.name for tag in survey.tags}
    versions, roles = says(survey)
    assert versions["v1.0.0"] == scratch.commits[0] and versions["v1.1.0"] == scratch.commits[1]
    given = {role for one in roles.values() for role in one}
    assert given <= {"production"} | {tag.role for tag in survey.tags if tag.action == "assign"}
    if all(name in NAMES or (name, content, kind) not in usable for name, content, kind in named):
        assert read == {f"{VARIANT}@v1.0.0", f"{VARIANT}@v1.1.0", PRODUCTION}
        assert roles == {"v1.1.0": (), "v1.0.0": ("production",)}
    for name, _, _ in usable:
        assert name in read or name in {odd.name for odd in survey.odd} or not grammar.resembles(name, [VARIANT])


def _usable(name: str) -> bool:
    """Whether Git accepts a name for a ref; it ignores others with a warning."""
    bad = any(ord(one) < 33 or one in "~^:?*[\\\x7f" for one in name)
    parts = name.split("/")
    return not (
        bad
        or name in ("", "@")
        or ".." in name
        or "@{" in name
        or name.endswith(".")
        or any(part in ("", ".") or part.startswith(".") or part.endswith(".lock") for part in parts)
        or any(0xD800 <= ord(one) < 0xE000 for one in name)
    )

"""Files of a commit damaged by hand, by a merge or by an attacker, for tests and `benchmarks/fuzz_registry.py`."""

import copy
import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st

from slipway.registry import audit, releases
from slipway.registry.artifacts import LOCK
from slipway.registry.releases import Release

MARKS = b"<<<<<<< HEAD\n%s=======\n%s>>>>>>> theirs\n"
ODD: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**25), 10**25),
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from(["0.99", "", "pass", "../../evil", "/etc/passwd", "\x1b[2J", "<script>", "ÿ" * 300, "NaN", "1e9"]),
    st.just([]),
    st.just({}),
    st.just([[[[]]]]),
    st.just({"value": 1.0, "low": 1.0, "high": 1.0}),
    st.just([{"path": "models", "md5": "../../../etc/passwd"}]),
)
"""Values that may replace a valid one."""


def at(content: bytes, place: str, value: object) -> bytes:
    """A JSON file with another value at a dotted path; `...` removes the key. File names keep their dot."""
    values = json.loads(content)
    *above, last = _keys(values, place)
    parent = values
    for key in above:
        parent = parent[key]
    if value is ...:
        del parent[last]
    else:
        parent[last] = value
    return json.dumps(values, sort_keys=True, indent=1).encode()


@st.composite
def changed(draw: st.DrawFn, values: Any) -> Any:
    """JSON or YAML values with one to three changes: another value or type, a key removed or added, or a swap."""
    values = copy.deepcopy(values)
    for _ in range(draw(st.integers(1, 3))):
        places = list(_places(values))
        if not places:
            return values
        parent, key = draw(st.sampled_from(places))
        match draw(st.sampled_from(["replace", "drop", "swap", "wrap", "nudge", "name"])):
            case "drop":
                del parent[key]
            case "swap":
                other, its = draw(st.sampled_from(places))
                parent[key], other[its] = copy.deepcopy(other[its]), copy.deepcopy(parent[key])
            case "wrap":
                parent[key] = draw(st.sampled_from([[parent[key]], {"value": parent[key]}, json.dumps(parent[key])]))
            case "nudge" if isinstance(parent[key], int | float) and not isinstance(parent[key], bool):
                parent[key] = parent[key] * draw(st.sampled_from([0.5, 1.01, 2, -1])) + draw(st.sampled_from([0, 1]))
            case "name" if isinstance(parent, dict):
                parent[draw(st.sampled_from(["../../evil", "/tmp/evil", "verdict", "value"]))] = parent[key]
            case _:
                parent[key] = copy.deepcopy(draw(ODD))
    return values


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """Bytes with a part removed, with bytes inserted, with unresolved merge conflicts, or otherwise damaged."""
    start, end = sorted(draw(st.tuples(*[st.integers(0, len(content))] * 2)))
    match draw(st.sampled_from(["cut", "insert", "marks", "twice", "binary"])):
        case "cut":
            return content[:start] + content[end:]
        case "insert":
            return content[:start] + draw(st.binary(min_size=1, max_size=20)) + content[start:]
        case "marks":
            return content[:start] + MARKS % (content[start:end], content[start:end]) + content[end:]
        case "twice":
            return content + content
        case _:
            return draw(st.binary(max_size=200))


def check(variant: str, data: st.DataObject) -> str:
    """Edit a file of the build in the working folder, lock it, and audit it: no error, and no pass if it differs.

    The folder is restored afterwards. The result is "malformed", "doubted" or "believed".
    """
    paths = [Path(path) for path in (releases.record_path(variant), releases.benchmark_path(variant), LOCK)]
    before = {path: path.read_bytes() for path in paths}
    path = data.draw(st.sampled_from(paths), "file")
    try:
        content = st.one_of(_edited(before[path], path), damaged(before[path]), st.just(before[path]))
        path.write_bytes(data.draw(content, "content"))
        untouched = path.read_bytes() == before[path]
        if path.name != LOCK:
            _lock(variant, paths)
        release = Release(variant, *(one.read_bytes() for one in paths[:2]))
        wrong = audit.discrepancies(variant, None, release)
        assert all(one and one.isprintable() for one in wrong), wrong
        assert not (untouched and wrong), wrong
        if wrong:
            return "malformed" if release.malformed else "doubted"
        was = Release(variant, *(before[one] for one in paths[:2]))
        assert release.verdict == was.verdict and _meant(release) == _meant(was)
        return "believed"
    finally:
        for one, content in before.items():
            one.write_bytes(content)


def _edited(content: bytes, path: Path) -> st.SearchStrategy[bytes]:
    if path.name == LOCK:
        return changed(yaml.safe_load(content)).map(lambda values: yaml.safe_dump(values).encode())
    return changed(json.loads(content)).map(lambda values: json.dumps(values).encode())


def _lock(variant: str, paths: Sequence[Path]) -> None:
    """Write the hashes of record and benchmark into dvc.lock, as `dvc commit -f` does."""
    values = yaml.safe_load(Path(LOCK).read_bytes())
    for path, stage in zip(paths, ("register", "benchmark"), strict=False):
        (out,) = (one for one in values["stages"][f"{stage}@{variant}"]["outs"] if one["path"] == str(path))
        out["md5"] = hashlib.md5(path.read_bytes()).hexdigest()
    Path(LOCK).write_text(yaml.safe_dump(values))


def _meant(release: Release) -> Any:
    """The parts of a release that affect decisions: no prose, no counts of training data, nothing only for display."""
    assert release.record is not None and release.benchmark is not None
    whole = release.record.to_json()
    decisive = {key: whole[key] for key in ("variant", "task", "data", "metrics", "examples", "groups", "artifacts")}
    rules = {(rule.metric, rule.of, rule.verdict) for rule in release.rules}
    return decisive, rules, release.record.lineage.params, release.benchmark.metrics


def _places(values: Any) -> Iterator[tuple[Any, Any]]:
    """Every value as a pair: its container and its key there."""
    inside = values.items() if isinstance(values, dict) else enumerate(values) if isinstance(values, list) else ()
    for key, value in list(inside):
        yield values, key
        yield from _places(value)


def _keys(values: Any, place: str) -> list[str]:
    """The keys of a dotted path; a file name is one key."""
    first, _, rest = place.partition(".")
    if first in ("artifacts", "models"):
        return [first, *([rest] if rest else [])]
    return place.split(".")

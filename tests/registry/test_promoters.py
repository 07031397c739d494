"""Who may force: by e-mail and by signature, and from which file."""

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from typer.testing import CliRunner

from registry import strange
from registry.house import git
from slipway.cli import doctor
from slipway.cli.app import app
from slipway.core.errors import RegistryError
from slipway.registry import promoters, promotion, state, tags, verification
from slipway.registry.eligibility import RefusedError

VARIANT = "base-ad-detector"
TAG = f"{VARIANT}#production#1"
MESSAGE = "ship it\n\nwe must\n\nForced: the gate says fail"


def name(root: Path, text: str) -> None:
    """Commit this text as .slipway/promoters."""
    (root / promoters.FILE).write_text(text)
    git(root, "add", "-A")
    git(root, "commit", "-q", "--allow-empty", "-m", "Who may force")


def forced(commit: str, tag: str = TAG, *options: str) -> None:
    git(Path(), *options, "tag", "-f", "-m", MESSAGE, tag, commit)


def verify(tag: str = TAG) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["registry", "verify", tag])
    return done.exit_code, done.output


@pytest.fixture
def failing(versions: Mapping[str, str], commits: Mapping[str, str]) -> str:
    return commits["fails"]


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("", 6, "force does not count: .slipway/promoters is missing or empty in commit"),
        ("# nobody yet\n", 6, "force does not count: .slipway/promoters is missing or empty in commit"),
        ("ann@example.org\n", 6, "force does not count for tester@example.org"),
        ("ann@example.org\nTester@example.org # on duty\n", 0, "forced, although the gate says fail"),
        ("*@example.org\n", 5, "line 1: not an e-mail"),
        ("tester@example.org ssh-ed25519\n", 5, "line 1: not an e-mail"),
    ],
)
def test_force_counts_for_those_who_are_named(root: Path, failing: str, text: str, code: int, message: str):
    name(root, text)
    forced(failing)
    assert verify()[0] == code and message in verify()[1]


def test_force_that_would_not_count_is_refused_before_anything_is_written(root: Path, failing: str):
    name(root, "ann@example.org\n")
    before = git(root, "for-each-ref")
    version = state.Variant(VARIANT, tags.read(VARIANT)).version_at(failing)
    with pytest.raises(RefusedError, match=r"nothing was written: force does not count for tester@example\.org"):
        promotion.promote(f"{VARIANT}@{version}", "production", force=True, reason="we must")
    assert git(root, "for-each-ref") == before


@pytest.mark.parametrize("where", ["the working folder", "another branch", "the commit of the tag"])
def test_who_is_named_elsewhere_than_on_the_default_branch_is_not(
    root: Path, failing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
):
    name(root, "ann@example.org\n")
    subprocess.run(["git", "clone", "-q", str(root), str(tmp_path / "clone")], check=True)
    monkeypatch.chdir(tmp_path / "clone")
    if where == "the working folder":
        Path(promoters.FILE).write_text("tester@example.org\n")
    if where == "another branch":
        git(Path(), "checkout", "-q", "-b", "mine")
        name(Path(), "tester@example.org\n")
    assert "tester@example.org" in git(Path(), "show", f"{failing}:{promoters.FILE}"), (
        "the commit of the tag names the author"
    )
    forced(failing)
    assert verify()[0] == RefusedError.exit_code


@pytest.fixture
def ssh(tmp_path: Path) -> str:
    """The public key of a new key pair."""
    if shutil.which("ssh-keygen") is None:
        pytest.skip("ssh-keygen is not installed")
    for key in ("key", "other"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / key], check=True)
    return " ".join((tmp_path / "key.pub").read_text().split()[:2])


def sign(root: Path, key: Path) -> None:
    for option, value in (("gpg.format", "ssh"), ("user.signingKey", str(key)), ("tag.gpgSign", "true")):
        git(root, "config", option, value)


def test_where_keys_are_named_a_signature_counts_and_an_e_mail_does_not(
    root: Path, failing: str, ssh: str, tmp_path: Path
):
    name(root, f"tester@example.org\nben@example.org {ssh} of his laptop\n")
    forced(failing)
    assert "without a signature by a key of" in verify()[1]
    sign(root, tmp_path / "other")
    forced(failing)
    assert "without a signature by a key of" in verify()[1]
    sign(root, tmp_path / "key")
    forced(failing)
    assert verify()[0] == 0
    content = git(root, "cat-file", "tag", TAG).replace("the gate says fail", "the gate says hold")
    git(root, "update-ref", f"refs/tags/{TAG}", strange.put(root, "tag", f"{content}\n".encode()))
    assert verify()[0] == RefusedError.exit_code, "the signed content was changed"


def test_a_signed_tag_does_not_count_under_another_name(root: Path, failing: str, ssh: str, tmp_path: Path):
    name(root, f"ben@example.org {ssh}\n")
    sign(root, tmp_path / "key")
    staging = f"{VARIANT}#staging#1"
    forced(failing, staging)
    git(root, "update-ref", f"refs/tags/{TAG}", git(root, "rev-parse", f"refs/tags/{staging}"))
    assert "it was made under another name" in verify()[1]


@pytest.mark.parametrize("option", ["tag.gpgSign", "tag.forceSignAnnotated"])
def test_slipway_signs_its_tags_if_git_is_set_to_sign(root: Path, failing: str, ssh: str, tmp_path: Path, option: str):
    sign(root, tmp_path / "key")
    git(root, "config", "tag.gpgSign", "false")
    git(root, "config", option, "true")
    name(root, f"ben@example.org {ssh}\n")
    version = state.Variant(VARIANT, tags.read(VARIANT)).version_at(failing)
    done = promotion.promote(f"{VARIANT}@{version}", "production", force=True, reason="we must")
    assert done.tags == (TAG,)
    assert "-----BEGIN SSH SIGNATURE-----" in git(root, "cat-file", "tag", TAG)
    assert "SIGNATURE" not in tags.read()[-1].why and "Forced: the gate says fail" in tags.read()[-1].why
    assert verify()[0] == 0
    git(root, "config", "user.signingKey", str(tmp_path / "missing"))
    with pytest.raises(RegistryError, match=r"Git cannot sign|missing"):
        promotion.promote(f"{VARIANT}@v1.0.0", "production")


@pytest.fixture
def openpgp(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The fingerprint of a new key in a separate keyring."""
    if shutil.which("gpg") is None:
        pytest.skip("gpg is not installed")
    home = tmp_path_factory.mktemp("gpg")
    home.chmod(0o700)
    monkeypatch.setenv("GNUPGHOME", str(home))
    new = ["--batch", "--pinentry-mode", "loopback", "--passphrase", "", "--quick-generate-key"]
    subprocess.run(["gpg", *new, "ben@example.org", "ed25519", "sign"], check=True, capture_output=True)
    listed = subprocess.run(["gpg", "--list-keys", "--with-colons"], check=True, capture_output=True, text=True).stdout
    yield next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr"))
    subprocess.run(["gpgconf", "--kill", "gpg-agent"])


def test_openpgp_keys_come_from_promoters_asc_else_from_the_keyring(
    root: Path, failing: str, openpgp: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    git(root, "config", "user.signingKey", openpgp)
    name(root, f"ben@example.org {openpgp}\n")
    forced(failing, TAG, "-c", "tag.gpgSign=true")
    assert verify()[0] == 0
    armoured = subprocess.run(["gpg", "--armor", "--export"], check=True, capture_output=True).stdout
    monkeypatch.setenv("GNUPGHOME", str(tmp_path))
    code, output = verify()
    assert code == RegistryError.exit_code and "neither in .slipway/promoters.asc nor in the keyring" in output
    (root / promoters.KEYS).write_bytes(armoured)
    name(root, f"ben@example.org {openpgp}\n")
    assert verify()[0] == 0
    name(root, f"ben@example.org {'0' * 40}\n")
    assert verify()[0] == RefusedError.exit_code


def test_what_only_force_may_take_is_refused_of_others(root: Path, failing: str, commits: Mapping[str, str]):
    promotion.promote(f"{VARIANT}@v1.0.0", "production")
    promotion.promote(f"{VARIANT}@v1.1.0", "production")
    taken, archived = f"{VARIANT}#production!#3", f"{VARIANT}#archived#4"
    git(root, "tag", "-a", "-m", "away", archived, commits["good-2"])
    git(root, "tag", "-a", "-m", "away", taken, commits["good-2"])
    assert verify(taken) == (
        6,
        f"error: {taken} is refused: {VARIANT}@v1.1.0 held production; only force may do that\n",
    )
    known = state.read()[VARIANT]
    assert known.holder("production").version == "v1.0.0", "as in GTO"  # type: ignore[union-attr]
    accepted, refused = verification.accepted(known)
    assert accepted.holder("production").version == "v1.1.0" and len(refused) == 2  # type: ignore[union-attr]
    assert [remedy for _, remedy in doctor._used()] == [
        f"slipway registry verify --undo '{taken}'",
        f"slipway registry verify --undo '{archived}'",
    ]


def test_a_version_comes_back_from_the_archive_by_force_alone(root: Path, failing: str, commits: Mapping[str, str]):
    promotion.retire(f"{VARIANT}@v1.0.0")
    back = f"{VARIANT}#archived!#2"
    git(root, "tag", "-a", "-m", "back", back, commits["good-1"])
    assert verify(back)[0] == RefusedError.exit_code
    git(root, "tag", "-d", back)
    for tag in promotion.promote(f"{VARIANT}@v1.0.0", "canary", force=True, reason="fixed").tags:
        assert verify(tag)[0] == 0

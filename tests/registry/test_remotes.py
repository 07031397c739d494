"""DVC's remotes: the folder that a new clone uses, and a bucket with access control, set up as in the guide.

Lost and damaged objects are found, and wrong bytes are never returned.
"""

import contextlib
import hashlib
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from typer.testing import CliRunner

import servers
from conftest import ROOT
from registry.house import VARIANTS, git
from servers import Bucket
from slipway.cli.app import app
from slipway.cli.doctor import Finding, examine
from slipway.core.errors import ModelError, RegistryError
from slipway.registry import artifacts, promotion, registration, releases, state
from slipway.registry.eligibility import RefusedError

VARIANT = "base-ad-detector"
VERSION = f"{VARIANT}@v1.0.0"
MODEL = Path(f"models/{VARIANT}/model.tflite")


@pytest.fixture(scope="module")
def bucket() -> Iterator[Bucket]:
    with servers.s3() as bucket:
        yield bucket


@pytest.fixture(scope="module")
def switched(built: Path, commits: Mapping[str, str], bucket: Bucket) -> Path:
    """A repository switched to the bucket as in the guide, with one version per variant; nothing is pushed."""
    copy = built / "switched"
    shutil.copytree(built / "repository", copy, symlinks=True)
    page = (ROOT / "docs" / "guide.md").read_text()
    commands = re.findall("```sh\nmake .venv/s3\n(dvc remote add .*?)```", page, re.DOTALL)[0]
    commands = commands.replace("BUCKET/PATH", "models/slipway").replace("https://HOST", bucket.address)
    with contextlib.chdir(copy):
        git(copy, "checkout", "-q", "-b", "switched", commits["good-3"])
        dvc("pull -q")
        for line in commands.splitlines():
            if line.startswith("dvc"):
                dvc(line.removeprefix("dvc ").partition("#")[0])
            else:
                subprocess.run(shlex.split(line), check=True, capture_output=True)
        for variant in VARIANTS:
            registration.register(variant)
    return copy


@pytest.fixture
def clone(switched: Path, bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it as the working folder; the bucket is empty, and the environment has its key."""
    for name in bucket.objects():
        bucket.remove(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", bucket.key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", bucket.secret)
    copy = tmp_path / "clone"
    shutil.copytree(switched, copy, symlinks=True)
    monkeypatch.chdir(copy)
    return copy


def dvc(command: str) -> int:
    """Run DVC inside this process and return its exit code: a separate process takes a second to start."""
    from dvc.cli import main

    return main(shlex.split(command))


def pushed() -> None:
    assert dvc("push -q") == 0


def name_of(path: Path) -> str:
    """The name in the bucket of the bytes of a file."""
    md5 = hashlib.md5(path.read_bytes()).hexdigest()
    return f"slipway/files/md5/{md5[:2]}/{md5[2:]}"


def damaged_in_the_cache(path: Path) -> Path:
    """Damage the cached object of a file, with its mode unchanged, and return its path."""
    md5 = hashlib.md5(path.read_bytes()).hexdigest()
    damaged = Path(".dvc/cache/files/md5", md5[:2], md5[2:])
    damaged.chmod(0o644)
    damaged.write_bytes(b"damaged")
    damaged.chmod(0o444)  # DVC trusts a read-only object
    return damaged


def findings() -> list[Finding]:
    """The findings of doctor about the remote and the checks that depend on it."""
    return [one for one in examine() if one.check in ("cache", "versions in use", "remote")]


def test_a_fresh_clone_pushes_to_its_default_folder(repository: Path):
    Path("pictures.csv").write_text("a picture\n")
    assert dvc("add -q pictures.csv") == dvc("push -q pictures.csv.dvc") == 0
    Path("pictures.csv").unlink()
    shutil.rmtree(".dvc/cache")
    assert dvc("pull -q pictures.csv.dvc") == 0
    assert Path("pictures.csv").read_text() == "a picture\n"
    assert "storage" not in git(repository, "status", "--porcelain", "--untracked-files=all")


def test_what_is_pushed_to_a_bucket_is_pulled_elsewhere_byte_for_byte(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    pushed()
    git(clone, "clone", "-q", str(clone), str(tmp_path / "elsewhere"))
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert dvc("pull -q") == 0
    assert {name: Path(f"models/{name}/model.tflite").read_bytes() for name in VARIANTS} == {
        name: (clone / f"models/{name}/model.tflite").read_bytes() for name in VARIANTS
    }
    assert findings() == []


def test_a_role_requires_bytes_in_the_bucket(clone: Path, bucket: Bucket):
    with pytest.raises(RegistryError, match=r"there is nothing at models/slipway/files/md5, where `dvc push` puts it"):
        promotion.promote(VERSION, "staging")
    bucket.put("slipway/files/md5/00/00", b"")
    with pytest.raises(RefusedError, match=r"model.tflite is not in the DVC remote; run `dvc push` where it was"):
        promotion.promote(VERSION, "staging")
    pushed()
    promotion.promote(VERSION, "staging")


def test_a_killed_push_is_noticed_and_completed_by_the_next_one(
    clone: Path, bucket: Bucket, capsys: pytest.CaptureFixture[str]
):
    with bucket.stalled(after=1):
        push = subprocess.Popen(["dvc", "push", "-q"])
        assert bucket.stuck.wait(60)
        while not bucket.objects():
            time.sleep(0.05)
        push.kill()
        push.wait()
    files = {
        name: [name_of(Path(path)) for path in (f"models/{name}/model.tflite", f"reports/{name}/shipped.parquet")]
        for name in VARIANTS
    }
    there = set(bucket.objects())
    lacking = {one for of in files.values() for one in of} - there
    lost = next(name for name, of in files.items() if not there.issuperset(of))
    assert dvc("status --cloud") == 0
    assert {name_of(Path(new)) for new in re.findall(r"new:\s+(\S+)", capsys.readouterr().out)} == lacking
    assert findings() == [Finding("remote", f"{len(lacking)} objects are only in this clone's cache", "dvc push")]
    with pytest.raises(RegistryError, match="is not in the DVC remote"):
        promotion.promote(f"{lost}@v1.0.0", "staging")
    pushed()
    assert findings() == []
    promotion.promote(f"{lost}@v1.0.0", "staging")


def test_an_object_that_is_damaged_in_the_bucket_is_never_returned(clone: Path, bucket: Bucket, tmp_path: Path):
    pushed()
    promotion.promote(VERSION, "staging")
    whole, name = MODEL.read_bytes(), name_of(MODEL)
    bucket.put(name, whole[:-1] + b"?")
    remedy = f"remove {name.removeprefix('slipway/')} there, then run `dvc push` where it was built"
    with pytest.raises(RegistryError, match=re.escape(remedy)):
        promotion.promote(VERSION, "production")
    (found,) = findings()
    assert found.wrong.startswith(f"{VERSION} holds staging: {MODEL} in the remote has SHA-256")

    version = state.read()[VARIANT].versions["v1.0.0"]
    record = releases.of(version).record
    assert record is not None
    kept = tmp_path / "kept"
    shutil.move(".dvc/cache", kept)
    MODEL.unlink()
    with pytest.raises(ModelError, match=re.escape(remedy)):
        artifacts.read(str(MODEL), version.commit)
    assert artifacts.fetch(VARIANT, version.commit, record, tmp_path) == {}
    assert dvc("pull -q") != 0
    assert not MODEL.exists()

    shutil.rmtree(".dvc/cache")
    shutil.move(kept, ".dvc/cache")
    bucket.remove(name)
    pushed()
    assert dvc("checkout -q") == 0
    assert MODEL.read_bytes() == whole
    promotion.promote(VERSION, "production")


def test_an_object_that_is_damaged_in_the_cache_is_found_and_not_used(clone: Path):
    pushed()
    whole, path = MODEL.read_bytes(), damaged_in_the_cache(MODEL)
    assert artifacts.read(str(MODEL)) == whole
    (found,) = findings()
    assert found.wrong == f"damaged: {path}"
    subprocess.run(found.fix, shell=True, check=True, capture_output=True)
    assert path.read_bytes() == whole
    assert findings() == []


def test_an_object_that_was_damaged_before_it_was_pushed_gets_no_role(clone: Path):
    damaged_in_the_cache(MODEL)
    pushed()
    with pytest.raises(RegistryError, match=r"in the remote has SHA-256 .*, and the record says"):
        promotion.promote(VERSION, "staging")


def test_a_remote_without_hash_verification_is_reported(clone: Path):
    pushed()
    assert dvc("remote modify -q team verify false") == 0
    assert findings() == [
        Finding("remote", "the hashes of its files are not verified", "dvc remote modify team verify true")
    ]


@pytest.mark.parametrize(
    ("environment", "configuration", "message"),
    [
        (
            {"AWS_SECRET_ACCESS_KEY": "not-the-secret"},
            "",
            "does not accept the credentials: Forbidden; set credentials",
        ),
        (
            {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""},
            "",
            "does not accept the credentials: Unable to locate",
        ),
        ({}, "endpointurl http://127.0.0.1:9", "cannot be reached: Could not connect to the endpoint"),
        ({}, "url s3://another/slipway", "cannot be reached: there is nothing at another/slipway/files/md5"),
    ],
    ids=["wrong secret", "no credentials", "no server", "no such bucket"],
)
def test_a_bucket_without_access_gives_a_one_line_error_without_secrets(
    clone: Path,
    bucket: Bucket,
    monkeypatch: pytest.MonkeyPatch,
    environment: Mapping[str, str],
    configuration: str,
    message: str,
):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    if configuration:
        assert dvc(f"remote modify -q --local team {configuration}") == 0
    done = CliRunner().invoke(app, ["promote", VERSION, "--to", "staging"])
    assert (done.exit_code, len(done.output.splitlines())) == (RegistryError.exit_code, 1)
    assert message in done.output
    (found,) = findings()
    assert (found.check, found.wrong.partition(":")[0]) == ("remote", "could not be checked")
    for secret in (bucket.secret, "not-the-secret"):
        assert secret not in done.output + found.wrong


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (401, "does not accept the credentials: 401"),
        (403, "does not accept the credentials: 403"),
        (404, "there is nothing at http://"),
        (410, "there is nothing at http://"),
        (500, "fails: 500"),
        (503, "fails: 503"),
        (None, "cannot be reached: Cannot connect"),
    ],
)
def test_the_error_depends_on_the_status_and_hides_the_password(
    versions: Mapping[str, str], root: Path, status: int | None, message: str
):
    with servers.refusing(status) if status else contextlib.nullcontext("127.0.0.1:9") as address:
        (root / ".dvc" / "config").write_text(
            f"[core]\n    remote = web\n['remote \"web\"']\n    url = http://user:PASSW0RD@{address}/store\n"
        )
        done = CliRunner().invoke(app, ["promote", VERSION, "--to", "staging"])
        assert (done.exit_code, len(done.output.splitlines())) == (RegistryError.exit_code, 1)
        assert message in done.output
        assert ("there is nothing" in done.output) == (status in (404, 410))
        with contextlib.suppress(RegistryError):
            assert artifacts.missing_everywhere(["0" * 32]) == {"0" * 32}
            assert status in (404, 410), "no answer does not mean that the file is missing"
        found = str([one for one in examine() if one.check == "remote"])
    assert (message if status not in (404, 410) else "are only in this clone's cache") in found
    assert "PASSW0RD" not in done.output + found


def test_credentials_in_the_local_configuration_stay_out_of_git(
    clone: Path, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
):
    for name, value in (("ACCESS_KEY_ID", bucket.key), ("SECRET_ACCESS_KEY", bucket.secret)):
        monkeypatch.delenv(f"AWS_{name}")
        assert dvc(f"remote modify -q --local team {name.lower()} {shlex.quote(value)}") == 0
    pushed()
    promotion.promote(VERSION, "staging")
    git(clone, "add", "--all")
    assert git(clone, "status", "--porcelain") == ""


@pytest.fixture
def shared(versions: Mapping[str, str], root: Path, built: Path, tmp_path: Path) -> Path:
    """A clone with a Git remote, whose DVC remote is not set yet; `inside` and `outside` have the bytes."""
    git(tmp_path, "clone", "-q", "--bare", str(root), "origin")
    git(root, "remote", "add", "origin", str(tmp_path / "origin"))
    for place in (root / "inside", tmp_path / "outside"):
        shutil.copytree(built / "remote", place)
    (root / "link out").symlink_to(tmp_path / "outside")
    (tmp_path / "link in").symlink_to(root / "inside")
    return root


@pytest.mark.parametrize(
    ("url", "others_can"),
    [
        ("../inside", False),
        ("{root}/inside", False),
        ("../../link in", False),
        ("../../outside", True),
        ("../link out", True),
    ],
)
def test_a_role_is_shared_only_where_others_can_fetch_its_bytes(shared: Path, url: str, others_can: bool):
    assert dvc(f"remote modify -q local url '{url.format(root=shared)}'") == 0
    if url.startswith("../"):
        config = shared / ".dvc" / "config"
        config.write_text(re.sub("url = .*", f"url = {url}", config.read_text()))
    promotion.promote(VERSION, "canary")
    if others_can:
        assert promotion.share(VARIANT) == [f"{VARIANT}#canary#1"]
        promotion.promote(VERSION, "staging", push=True)
        return
    message = "is a folder in this clone, which nobody else can fetch from; give the team one with `dvc remote add"
    with pytest.raises(RefusedError, match=rf"{VARIANT}#canary#1 cannot be shared: .*{message}"):
        promotion.share(VARIANT)
    git(shared, "tag", "-d", f"{VARIANT}#canary#1")
    with pytest.raises(RefusedError, match=f"{VERSION} is refused staging: the DVC remote, .*inside, {message}"):
        promotion.promote(VERSION, "staging", push=True)
    assert "#" not in git(shared.parent / "origin", "tag")


def test_in_a_worktree_a_remote_in_its_clone_is_inside(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    assert dvc(f"remote modify -q local url {shared}/inside") == 0
    git(shared, "commit", "-qam", "A remote in here")
    git(shared, "worktree", "add", "-q", str(tmp_path / "tree"))
    monkeypatch.chdir(tmp_path / "tree")
    assert artifacts.remote_inside_clone() == shared / "inside"


def test_dvc_takes_a_file_url_as_a_folder_in_the_clone(shared: Path):
    assert dvc("remote modify -q local url file:///elsewhere") == 0
    assert artifacts.remote_inside_clone() == shared / "file:" / "elsewhere"

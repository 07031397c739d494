"""An upload becomes a version as complete as one that was registered, or nothing at all."""

import hashlib
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import chdir
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from registry import made
from registry.made import PARAMS, VARIANT
from registry.test_bundle import entries, packed, stating
from serving.house import git
from slipway.cli.app import app
from slipway.core.errors import RegistryError
from slipway.registry import bundle, promotion, upload
from slipway.registry.bundle import BundleError
from slipway.registry.eligibility import RefusedError

NAME = f"{VARIANT}@v1.0.0"


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """Bundles that a workshop wrote: v1.0.0 and v1.1.0 pass, v1.2.0 fails, and v1.3.0 has weaker rules."""
    folder = tmp_path_factory.mktemp("workshop")
    root = made.begin(folder / "repository")
    weaker = {**PARAMS, "gate": {"rules": {"accuracy": {"min": 0.1}}}}
    builds: Mapping[str, tuple[float, dict[str, Any]]]
    builds = {"v1.0.0": (4, {}), "v1.1.0": (6, {}), "v1.2.0": (4, {"wrong": 50}), "v1.3.0": (4, {"params": weaker})}
    found = {}
    with chdir(root):
        for version, (slope, how) in builds.items():
            found[version] = folder / f"{version}.tar"
            bundle.write(VARIANT, version, made.build(root, slope, **how), found[version])
    return found


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A registry without versions, with its own DVC remote and a Git remote, as the working folder."""
    root = made.begin(tmp_path / "repository")
    made.with_remote(root)
    monkeypatch.chdir(root)
    yield root
    assert git(root, "status", "--porcelain") == ""  # whatever happens, working tree and index stay as they are
    assert not (root / upload.FOLDER).exists()


def command(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, list(arguments))
    return done.exit_code, done.output + str(done.exception or "")


def send(archive: bytes | Path, name: str | None = None, **options: Any) -> Any:
    path = archive
    if isinstance(archive, bytes):
        path = Path("../sent.tar")
        path.write_bytes(archive)
    with Path(str(path)).open("rb") as file:
        return upload.upload(file, name, **options)


def nothing(root: Path) -> bool:
    """Whether no upload left anything, here or in a remote."""
    refs = git(root, "for-each-ref", "refs/tags", "refs/uploads", "refs/slipway")
    there = git(root.parent / "remote.git", "for-each-ref", "refs/tags", "refs/uploads", "refs/slipway")
    return not refs and not there and not (root.parent / "store").exists()


def changed(path: Path, change: Callable[[dict[str, bytes]], None]) -> bytes:
    """A bundle with other contents, whose bundle.json is right about them."""
    contents = entries(path.read_bytes())
    change(contents)
    return packed(stating(contents))


def edited(name: str, edit: Callable[[Any], None]) -> Callable[[dict[str, bytes]], None]:
    """A change of the values of a document, with which record and dvc.lock agree as far as they can."""

    def change(contents: dict[str, bytes]) -> None:
        read, write = (json.loads, json.dumps) if name.endswith("json") else (yaml.safe_load, yaml.safe_dump)
        values = read(contents[name])
        edit(values)
        contents[name] = write(values).encode()
        if name.endswith(".yaml") and name.startswith("params"):
            record = json.loads(contents["models/ball/release.json"])
            record["lineage"]["params"] = hashlib.sha256(contents[name]).hexdigest()
            contents["models/ball/release.json"] = json.dumps(record).encode()
        locked(contents)

    return change


def locked(contents: dict[str, bytes]) -> None:
    """Let dvc.lock have the hashes of what is there."""
    lock = yaml.safe_load(contents["dvc.lock"])
    for stage in lock["stages"].values():
        for one in (*stage["outs"], *stage["deps"]):
            if one["path"] in contents:
                one["md5"] = hashlib.md5(contents[one["path"]]).hexdigest()
    contents["dvc.lock"] = yaml.safe_dump(lock).encode()


def test_an_uploaded_version_is_a_version_like_any_other(root: Path, bundles: Mapping[str, Path]) -> None:
    code, output = command("registry", "upload", str(bundles["v1.0.0"]), "--reason", "from the field", "--push")
    assert code == 0, output
    assert f"{NAME} is registered: {NAME}" in output
    done = send(bundles["v1.1.0"], f"{VARIANT}@v1.1.0", push=True)
    assert (done.tags, done.pushed) == ((f"{VARIANT}@v1.1.0",), True)
    assert "from the field" in git(root, "tag", "-l", "-n9", NAME)
    code, output = command("registry", "show", NAME, "--json")
    shown = json.loads(output)
    assert (shown["verdict"], shown["lifecycle"]) == ("pass", "validation")
    assert None not in shown["provenance"].values()
    assert json.loads(command("registry", "compare", NAME, f"{VARIANT}@v1.1.0", "--json")[1])
    promoted = promotion.promote(NAME, "production", push=True).tags[0]
    assert command("registry", "verify", promoted) == (0, f"{NAME} may hold production\n")
    clone = root.parent / "clone"
    git(root.parent, "clone", "-q", str(root.parent / "remote.git"), str(clone))
    with chdir(clone):  # which has no branch with the commit, and an empty cache
        assert command("registry", "verify", promoted)[0] == 0
        code, output = command("registry", "fetch", NAME, "--out", "released")
        assert code == 0, output
        assert (
            hashlib.sha256(Path("released/model.tflite").read_bytes()).hexdigest()
            == (shown["artifacts"]["model.tflite"]["sha256"])
        )
    refs = git(root.parent / "remote.git", "for-each-ref", "--format=%(refname) %(objectname)", "refs/uploads")
    versions = ("v1.0.0", "v1.1.0")
    commits = [git(root, "rev-parse", f"{VARIANT}@{version}^{{commit}}") for version in versions]
    assert refs.splitlines() == [
        f"refs/uploads/{VARIANT}/{version} {commit}" for version, commit in zip(versions, commits, strict=True)
    ]


def test_its_commit_has_no_code_no_command_and_no_parent_and_dvc_finds_its_bytes(
    root: Path, bundles: Mapping[str, Path]
) -> None:
    import dvc.api

    send(bundles["v1.0.0"])
    assert command("registry", "push", VARIANT) == (0, f"pushed: {NAME}\n")
    remote, ref = root.parent / "remote.git", f"refs/uploads/{VARIANT}/v1.0.0"
    assert git(remote, "rev-parse", ref) == git(root, "rev-parse", ref, f"{NAME}^{{commit}}").split()[0]
    assert git(root, "rev-list", "--count", NAME) == "1"
    own, sent = [".dvc/config", "dvc.yaml", "params.yaml"], sorted(entries(bundles["v1.0.0"].read_bytes()))
    in_git = [name for name in sent if not name.endswith((".tflite", ".npz", ".parquet", "bundle.json"))]
    assert git(root, "ls-tree", "-r", "--name-only", NAME).splitlines() == sorted([*own, *in_git])
    assert git(root, "diff", "--stat", NAME, "HEAD", "--", *own) == ""
    lock = yaml.safe_load(git(root, "show", f"{NAME}:dvc.lock"))
    assert {stage["cmd"] for stage in lock["stages"].values()} == {"false"}
    content = dvc.api.read(f"models/{VARIANT}/model.tflite", str(root), NAME, mode="rb")
    assert content == entries(bundles["v1.0.0"].read_bytes())[f"models/{VARIANT}/model.tflite"]
    code, output = command("replay", NAME)
    assert (code, "was uploaded: its commit has no code" in output) == (5, True), output


def test_what_the_gate_fails_is_a_version_that_gets_no_role(root: Path, bundles: Mapping[str, Path]) -> None:
    code, output = command("registry", "upload", str(bundles["v1.2.0"]), "--json")
    done = json.loads(output)
    assert (code, done["verdict"], done["lifecycle"], done["role"]) == (0, "fail", "failed", None)
    with pytest.raises(RefusedError, match="the gate says fail"):
        promotion.promote(f"{VARIANT}@v1.2.0", "staging")


def passing(values: Any) -> None:
    values["gate"]["verdict"] = "pass"
    for rule in values["gate"]["rules"]:
        rule["verdict"] = "pass"


def pretending(values: Any) -> None:
    passing(values)
    for rule in values["gate"]["rules"]:
        rule.update(value=0.99, low=0.98, high=1.0) if rule["kind"] == "bound" else None
    values["metrics"]["accuracy"] = {"value": 0.99, "low": 0.98, "high": 1.0}


def without_rules(values: Any) -> None:
    values["gate"] = {"verdict": "pass", "rules": []}


def of_another_file(values: Any) -> None:
    values["artifacts"]["model.tflite"]["sha256"] = "0" * 64


def of_another_variant(values: Any) -> None:
    values["variant"] = "shot"


def of_another_name(values: Any) -> None:
    values["register"]["name"] = "shot_model"


def of_another_model(contents: dict[str, bytes]) -> None:
    """The golden examples of another model, with which record and dvc.lock agree."""
    from slipway_edge.interpreter import Interpreter
    from slipway_edge.predictor import golden_examples, read_golden

    inputs, _ = read_golden(contents["models/ball/golden.npz"])
    contents["models/ball/golden.npz"] = golden_examples(Interpreter(made.model(-4)), inputs)
    record = json.loads(contents["models/ball/release.json"])
    record["artifacts"]["golden.npz"]["sha256"] = hashlib.sha256(contents["models/ball/golden.npz"]).hexdigest()
    contents["models/ball/release.json"] = json.dumps(record).encode()
    locked(contents)


def without_native(contents: dict[str, bytes]) -> None:
    del contents["reports/ball/predictions.parquet"]


RECORD = "models/ball/release.json"


@pytest.mark.parametrize(
    ("version", "change", "told"),
    [
        ("v1.2.0", edited(RECORD, passing), "says pass, but its figures do not support that"),
        ("v1.2.0", edited(RECORD, pretending), "accuracy is 0.99 .*, but recomputing gives 0.5"),
        ("v1.2.0", edited(RECORD, without_rules), "the rule accuracy ≥ 0.8 was not judged"),
        ("v1.0.0", edited(RECORD, of_another_file), "model.tflite has SHA-256 .*, and the record says 0000"),
        ("v1.0.0", edited(RECORD, of_another_variant), "is the record of shot, not of ball"),
        ("v1.0.0", edited("params/ball.yaml", of_another_name), "register.name is not that of the last commit"),
        ("v1.3.0", lambda contents: None, "gate is not that of the last commit"),
        ("v1.0.0", of_another_model, "golden example 0"),
        ("v1.0.0", without_native, "predictions.parquet is missing: a rule of the gate needs it"),
    ],
)
def test_what_does_not_follow_from_what_was_sent_is_refused_and_leaves_nothing(
    root: Path,
    bundles: Mapping[str, Path],
    version: str,
    change: Callable[[dict[str, bytes]], None],
    told: str,
) -> None:
    with pytest.raises(BundleError, match=told):
        send(changed(bundles[version], change), push=True)
    assert nothing(root)


def test_all_mistakes_are_told_at_once(root: Path, bundles: Mapping[str, Path]) -> None:
    def change(contents: dict[str, bytes]) -> None:
        edited("params/ball.yaml", of_another_name)(contents)
        contents["models/ball/card.md"] += b"more"
        contents["reports/ball/benchmark.json"] = b"{}"

    with pytest.raises(BundleError) as refused:
        send(changed(bundles["v1.0.0"], change))
    for told in ("benchmark.json: machine", "card.md is not what dvc.lock says", "register.name is not"):
        assert told in str(refused.value)
    assert nothing(root)


def test_the_address_decides_and_a_version_is_never_moved(root: Path, bundles: Mapping[str, Path]) -> None:
    with pytest.raises(BundleError, match=r"the bundle of ball@v1.0.0, and was sent as ball@v2.0.0"):
        send(bundles["v1.0.0"], f"{VARIANT}@v2.0.0")
    assert nothing(root)
    send(bundles["v1.0.0"], push=True)
    for push in (True, False):
        with pytest.raises(RegistryError, match=r"ball@v1.0.0 already exists"):
            send(bundles["v1.0.0"], push=push)
    again = packed(stating(entries(bundles["v1.0.0"].read_bytes()), version="v1.5.0"))
    with pytest.raises(RegistryError, match=r"ball@v1.0.0 is already this model"):
        send(again)
    stranger = packed(stating(entries(bundles["v1.0.0"].read_bytes()), variant="nobody", files={}))
    with pytest.raises(BundleError, match="is missing"):
        send(stranger)


def test_a_remote_that_refuses_leaves_no_version(root: Path, bundles: Mapping[str, Path]) -> None:
    hook = root.parent / "remote.git" / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho closed >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(RegistryError, match=r"did not accept ball@v1.0.0"):
        send(bundles["v1.0.0"], push=True)
    assert not git(root, "for-each-ref", "refs/tags", "refs/uploads", "refs/slipway")
    hook.unlink()
    assert send(bundles["v1.0.0"], push=True).pushed


def test_a_dvc_remote_that_cannot_be_written_leaves_no_version(root: Path, bundles: Mapping[str, Path]) -> None:
    (root.parent / "store").write_text("not a folder")
    with pytest.raises(RegistryError, match="DVC remote"):
        send(bundles["v1.0.0"], push=True)
    assert not git(root, "for-each-ref", "refs/tags", "refs/uploads", "refs/slipway")


KILLED = """
import os, signal, sys
from slipway.registry import {module}
real = {module}.{function}
def killed(*arguments, **named):
    if {after}:
        real(*arguments, **named)
    os.kill(os.getpid(), signal.SIGKILL)
{module}.{function} = killed
from slipway.registry.upload import upload
with open(sys.argv[1], "rb") as file:
    upload(file, push=True)
"""


@pytest.mark.parametrize(("module", "function", "after"), [("artifacts", "store", True), ("sharing", "send", False)])
def test_after_a_kill_the_same_command_goes_on(
    root: Path, bundles: Mapping[str, Path], module: str, function: str, after: bool
) -> None:
    code = KILLED.format(module=module, function=function, after=after)
    done = subprocess.run([sys.executable, "-c", code, str(bundles["v1.0.0"])], capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    remote = root.parent / "remote.git"
    assert not git(remote, "for-each-ref", "refs/tags", "refs/uploads")
    assert send(bundles["v1.0.0"], push=True).tags == (NAME,)
    commit = git(root, "rev-parse", f"{NAME}^{{commit}}")
    assert git(remote, "rev-parse", f"refs/uploads/{VARIANT}/v1.0.0", f"{NAME}^{{commit}}").split() == [commit, commit]
    assert promotion.promote(NAME, "production", push=True).pushed


def test_the_project_may_be_a_folder_of_a_larger_repository(
    tmp_path: Path, bundles: Mapping[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = made.begin(tmp_path / "larger" / "project")
    (root / ".git").rename(tmp_path / "larger" / ".git")
    git(root, "add", "--all", "..")
    git(root, "commit", "-q", "-m", "A folder of it")
    monkeypatch.chdir(root)
    send(bundles["v1.0.0"])
    assert promotion.promote(NAME, "production").tags
    assert all(
        path.startswith("project/") for path in git(root, "ls-tree", "-r", "--full-tree", "--name-only", NAME).split()
    )

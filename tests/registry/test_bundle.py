"""A bundle: what it holds, that equal versions give equal bytes, and which archives are not read."""

import hashlib
import io
import json
import tarfile
from contextlib import chdir
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from registry import made
from registry.made import VARIANT
from serving.house import git
from slipway.cli.app import app
from slipway.registry.bundle import Bundle, BundleError

FILES = [
    "bundle.json",
    "dvc.lock",
    "models/ball/card.md",
    "models/ball/golden.npz",
    "models/ball/model.tflite",
    "models/ball/release.json",
    "params/ball.yaml",
    "reports/ball/benchmark.json",
    "reports/ball/predictions.parquet",
    "reports/ball/shipped.parquet",
    "requirements/build.lock",
]


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a build, for reading only."""
    root = made.begin(tmp_path_factory.mktemp("workshop") / "repository")
    made.build(root)
    return root


@pytest.fixture(scope="module")
def bundle(workshop: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("bundle") / "ball.tar"
    code, output = command(workshop, "bundle", VARIANT, "--out", str(path))
    assert code == 0, output
    return path.read_bytes()


def command(root: Path, *arguments: str) -> tuple[int, str]:
    with chdir(root):
        done = CliRunner().invoke(app, ["registry", *arguments])
    return done.exit_code, done.output + str(done.exception or "")


def entries(archive: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        return {one.name: opened.extractfile(one).read() for one in opened.getmembers()}  # type: ignore[union-attr]


def packed(contents: dict[str, bytes]) -> bytes:
    """An archive of these files, in their order."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def stating(contents: dict[str, bytes], **changes: Any) -> dict[str, bytes]:
    """The files with a bundle.json that states them, with some values changed."""
    files = {
        name: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
        for name, content in contents.items()
        if name != "bundle.json"
    }
    values = {**json.loads(contents["bundle.json"]), "files": files, **changes}
    return {"bundle.json": json.dumps(values).encode(), **{name: contents[name] for name in files}}


def unpacked(archive: bytes, folder: Path) -> list[str]:
    return Bundle.begin(io.BytesIO(archive)).unpack(folder)


def test_equal_versions_give_equal_bytes_in_any_clone_and_a_registered_one_the_same(
    workshop: Path, bundle: bytes, tmp_path: Path
) -> None:
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(workshop), str(clone))
    (clone / ".dvc" / "cache").symlink_to(workshop / ".dvc" / "cache")
    git(clone, "tag", "-a", f"{VARIANT}@v1.0.0", "-m", "register")
    for name in (VARIANT, f"{VARIANT}@v1.0.0", f"{VARIANT}@latest"):
        code, output = command(clone, "bundle", name, "--out", str(tmp_path / "other.tar"), "--json")
        assert (code, json.loads(output)["version"]) == (0, "v1.0.0"), output
        assert (tmp_path / "other.tar").read_bytes() == bundle


def test_it_holds_what_the_registry_reads_and_nothing_that_could_be_run(bundle: bytes) -> None:
    found = entries(bundle)
    assert list(found) == FILES
    lock = yaml.safe_load(found["dvc.lock"])["stages"]
    assert sorted(lock) == [
        f"{stage}@ball" for stage in ("benchmark", "convert-tflite", "evaluate", "register", "train")
    ]
    assert {stage["cmd"] for stage in lock.values()} == {"false"}
    assert lock["train@ball"]["outs"] == []  # the model before its conversion stays where it is
    with tarfile.open(fileobj=io.BytesIO(bundle)) as archive:
        assert {(one.mtime, one.uid, one.uname, one.mode) for one in archive.getmembers()} == {(0, 0, "", 0o644)}


def test_what_is_not_committed_or_cannot_be_fetched_is_not_bundled(workshop: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(workshop), str(clone))
    for arguments, told in (
        (("bundle", "shot"), "models/shot/release.json: not in commit"),
        (("bundle", VARIANT), "cannot be fetched"),
        (("bundle", VARIANT, "--version", "1.0"), "'1.0' is not a version"),
        (("bundle", f"{VARIANT}@v3.0.0"), "ball has no versions"),
        (("bundle", f"{VARIANT}@v3.0.0", "--version", "v3.0.0"), "--version is for a build that has none"),
    ):
        code, output = command(clone, *arguments)
        assert code in (4, 5), output
        assert told in output
    record = clone / "models" / VARIANT / "release.json"
    record.write_text(record.read_text() + " ")
    code, output = command(clone, "bundle", VARIANT)
    assert (code, "differs from commit" in output) == (5, True)
    assert not list(clone.glob("*.tar"))


def test_a_bundle_unpacks_to_the_files_that_it_was_made_of(workshop: Path, bundle: bytes, tmp_path: Path) -> None:
    assert unpacked(bundle, tmp_path) == []
    for name in (*FILES[2:], "reports/ball/shipped.parquet"):
        assert (tmp_path / name).read_bytes() == (workshop / name).read_bytes(), name


def test_a_flipped_bit_of_any_file_is_found(bundle: bytes, tmp_path: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(bundle)) as archive:
        places = {one.name: one.offset_data for one in archive.getmembers()}
    for name in FILES[1:]:
        damaged = bytearray(bundle)
        damaged[places[name]] ^= 1
        (wrong,) = unpacked(bytes(damaged), tmp_path)
        assert wrong.startswith(f"{name} has SHA-256 ") and "the bundle is damaged" in wrong


def after_manifest(contents: dict[str, bytes], member: tarfile.TarInfo) -> bytes:
    """An archive with bundle.json and then this header."""
    manifest = stating(contents)["bundle.json"]
    whole = packed({"bundle.json": manifest})
    size = tarfile.BLOCKSIZE * (1 + -(-len(manifest) // tarfile.BLOCKSIZE))
    return whole[:size] + member.tobuf(tarfile.GNU_FORMAT) + bytes(1024)


def member(name: str, kind: bytes = tarfile.REGTYPE, size: int = 0) -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.type, found.linkname, found.size = kind, "/etc/passwd", size
    return found


@pytest.mark.parametrize(
    ("one", "told"),
    [
        (member("models/ball/model.tflite", tarfile.SYMTYPE), "is not a plain file"),
        (member("models/ball/model.tflite", tarfile.LNKTYPE), "is not a plain file"),
        (member("models/ball/model.tflite", tarfile.GNUTYPE_SPARSE), "is not a plain file"),
        (member("models/ball", tarfile.DIRTYPE), "is not a plain file"),
        (member("models/ball/model.tflite", tarfile.XHDTYPE, 2**33), "is not a plain file"),
        (member("models/ball/model.tflite", size=2**33), "has 8589934592 bytes, and bundle.json says"),
        (member("../../evil.py"), "'../../evil.py' is in the archive and is not in bundle.json"),
        (member("/etc/cron.d/evil"), "'/etc/cron.d/evil' is in the archive and is not in bundle.json"),
        (member("models/ball/model.pkl"), "is in the archive and is not in bundle.json"),
    ],
)
def test_other_than_plain_files_of_the_stated_sizes_are_not_read(
    bundle: bytes, tmp_path: Path, one: tarfile.TarInfo, told: str
) -> None:
    folder = tmp_path / "a" / "b"
    with pytest.raises(BundleError, match=told):
        unpacked(after_manifest(entries(bundle), one), folder)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_manifest_that_names_other_files_is_refused_with_all_of_them(bundle: bytes) -> None:
    contents = entries(bundle)
    evil = dict.fromkeys(("../evil.py", "/etc/evil", "models/ball/native.pkl", "models/shot/card.md"), b"import os")
    with pytest.raises(BundleError) as refused:
        Bundle.begin(io.BytesIO(packed(stating(contents | evil))))
    assert all(f"{name!r} is not a file of a version" in str(refused.value) for name in evil)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"variant": "../../x"}, "is not a version"),
        ({"version": "1.0"}, "is not a version"),
        ({"version": "v1.0.0\n"}, "is not JSON|is not a version|cannot be shown"),
        ({"schema": 2}, "schema"),
        ({"more": 1}, "more"),
        ({"files": {}}, "models/ball/release.json is missing; .*models/ball/golden.npz is missing"),
    ],
)
def test_a_manifest_of_another_form_is_refused(bundle: bytes, changes: dict[str, Any], told: str) -> None:
    with pytest.raises(BundleError, match=told):
        Bundle.begin(io.BytesIO(packed(stating(entries(bundle), **changes))))


def test_a_document_of_more_than_its_limit_is_refused_before_it_is_read(bundle: bytes) -> None:
    values = json.loads(entries(bundle)["bundle.json"])
    values["files"]["models/ball/card.md"]["bytes"] = 2**40
    with pytest.raises(BundleError, match=r"card.md has 1,099,511,627,776 bytes, and may have 16,777,216"):
        Bundle.begin(io.BytesIO(packed({"bundle.json": json.dumps(values).encode()})))


def test_files_that_are_missing_twice_or_cut_off_are_told(bundle: bytes, tmp_path: Path) -> None:
    contents = entries(bundle)
    manifest = stating(contents)["bundle.json"]
    some = {"bundle.json": manifest} | {name: contents[name] for name in FILES[1:-1]}
    with pytest.raises(BundleError, match=r"the archive ends without requirements/build.lock"):
        unpacked(packed(some), tmp_path)
    first = packed({"dvc.lock": contents["dvc.lock"]})[: -(-len(contents["dvc.lock"]) // 512) * 512 + 512]
    begin = packed({"bundle.json": manifest})[: -(-len(manifest) // 512) * 512 + 512]
    with pytest.raises(BundleError, match=r"'dvc.lock' is in the archive twice"):
        unpacked(begin + first + first, tmp_path)
    with pytest.raises(BundleError, match="the archive ends within"):
        unpacked(bundle[:20_000][:-700], tmp_path)


@pytest.mark.parametrize("content", [b"", b"\0" * 1024, b"PK\x03\x04" + b"x" * 600, b"\x1f\x8b" + b"x" * 600, b"short"])
def test_what_is_no_bundle_is_refused(content: bytes) -> None:
    with pytest.raises(BundleError, match=r"not a bundle|not a tar archive"):
        Bundle.begin(io.BytesIO(content))

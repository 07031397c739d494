"""A client of the registry that `slipway serve` has: download a version's files, checked and complete, or upload some.

    from slipway.client import ModelRegistryClient

    client = ModelRegistryClient("https://models.example.org")
    folder = client.download_model("base-ad-detector")
    Predictor.load(folder).predict("picture.jpg")

A version lies in a folder of its own, and the link `current` leads to the one that was downloaded last. It is replaced
when all files are there with their SHA-256, so whoever loads a model by it gets a complete one at any moment.
"""

import hashlib
import json
import os
import re
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import urllib3
from urllib3.exceptions import HTTPError

from slipway.core import atomic
from slipway.core.errors import SlipwayError

TOKEN = "SLIPWAY_TOKEN"
"""The environment variable with the token, unless one is given."""
CURRENT = "current"
FILES = ("model.tflite", "golden.npz")
"""What a `Predictor` needs beside the record."""
RETRIES = urllib3.Retry(total=3, backoff_factor=0.5, status_forcelist=(429, 502, 503, 504), raise_on_status=False)
CHUNK = 1 << 18
CHECKED = 600
"""So many seconds may a server take to check an upload and to store its files."""
TRIES = 5
"""How often a download that stops is taken up again in one call."""
_RECORD = "release.json"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")


class DownloadError(SlipwayError):
    """A version could not be downloaded; what was downloaded before is as it was."""

    exit_code = 5


class UploadError(SlipwayError):
    """A bundle could not be uploaded."""

    exit_code = 5


class ModelRegistryClient:
    """A client of a server.

    Args:
        url: the address of the server, such as https://models.example.org.
        token: a token with the scope `read`; by default, the environment variable SLIPWAY_TOKEN. It is sent to this
            server only.
        seconds: how long the server may take to begin an answer, or to go on with one.
    """

    def __init__(self, url: str, token: str | None = None, *, seconds: float = 30) -> None:
        self.url = url.rstrip("/")
        token = token or os.environ.get(TOKEN)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._upload = urllib3.Timeout(connect=seconds, read=CHECKED)
        self._pool = urllib3.PoolManager(headers=headers, timeout=seconds, retries=RETRIES)

    def models(self) -> list[dict[str, Any]]:
        """Return the models with their roles.

        Raises:
            DownloadError: the server cannot be reached, or refuses.
        """
        return list(self._json("/api/v1/models"))

    def versions(self, model_name: str) -> list[dict[str, Any]]:
        """Return the versions of a model, the highest first; it raises the same as `models`."""
        return list(self._json(f"/api/v1/models/{quote(model_name, safe='')}/versions"))

    def version(self, model_name: str, version: str = "production") -> dict[str, Any]:
        """Return the details of a version, named by itself, by a role or `latest`; it raises the same as `models`."""
        return dict(self._json(f"/api/v1/models/{quote(model_name, safe='')}/versions/{quote(version, safe='')}"))

    def upload(self, path: str | Path) -> dict[str, Any]:
        """Upload a bundle, and return the version with its verdict and its lifecycle.

        Args:
            path: the file that `slipway registry bundle` wrote; it says which model and version it is of. The token
                needs the scope `promote`.

        Raises:
            UploadError: it is not a bundle, or the server cannot be reached or refuses it. Try again if it could not be
                reached: a version that is there already is refused.
        """
        try:
            with tarfile.open(path, "r:") as archive:
                content = archive.extractfile("bundle.json")
                named = json.load(content) if content is not None else {}
            place = f"{quote(named['variant'], safe='')}/versions/{quote(named['version'], safe='')}"
        except (OSError, KeyError, TypeError, ValueError, tarfile.TarError) as error:
            raise UploadError(f"{path} is not a bundle: {error}; `slipway registry bundle` writes one")
        address = f"{self.url}/api/v1/models/{place}"
        size = str(Path(path).stat().st_size)
        headers = {**self._pool.headers, "Content-Type": "application/octet-stream", "Content-Length": size}
        try:
            with Path(path).open("rb") as body:
                response = self._pool.request(
                    "POST", address, headers=headers, body=body, timeout=self._upload, retries=False, redirect=False
                )
            _check(response, address, UploadError)
            return dict(response.json())
        except (HTTPError, ValueError) as error:
            raise UploadError(f"{self.url} cannot be reached, or its answer cannot be read: {error}")

    def download_model(
        self,
        model_name: str,
        version: str = "production",
        folder: str | Path = "models",
        files: Sequence[str] = FILES,
    ) -> Path:
        """Download a version unless it is there, and return its folder, which a `Predictor` can load.

        A download that was stopped goes on where it was. The link `FOLDER/MODEL/current` leads to the returned folder.

        Args:
            model_name: the model.
            version: a version, a role, or `latest`.
            folder: where models are kept.
            files: the files to download, beside the release record.

        Raises:
            DownloadError: the server cannot be reached or refuses, there is no such version or file, or a file differs
                from its SHA-256. The earlier version and the link are as they were.
        """
        found = self.version(model_name, version)
        name, digest, artifacts = _checked(found, files)
        parent = Path(folder) / name
        place = parent / f"{found['version']}-{digest[:12]}"
        expected = {_RECORD: digest, **{one: artifacts[one]["sha256"] for one in files}}
        if any(_sha256(place / one) != sha256 for one, sha256 in expected.items()):
            partial = parent / f".{place.name}.partial"
            partial.mkdir(parents=True, exist_ok=True)
            base = f"/api/v1/models/{quote(name, safe='')}/versions/{quote(found['version'], safe='')}/files"
            for one, sha256 in expected.items():
                self._download(f"{base}/{one}", partial / one, sha256)
            with atomic.folder(place) as complete:
                for one in expected:
                    (partial / one).replace(complete / one)
            partial.rmdir()
        _link(parent / CURRENT, place.name)
        return place

    def _download(self, path: str, target: Path, sha256: str) -> None:
        """Write a file, going on with what is there of it; one that differs from its SHA-256 is begun anew, once."""
        stopped: HTTPError | None = None
        for _ in range(TRIES):
            size = target.stat().st_size if target.exists() else 0
            try:
                self._append(path, target, size, sha256)
            except HTTPError as error:
                stopped = error
                continue
            if _sha256(target) == sha256:
                return
            target.unlink(missing_ok=True)
            if not size:
                raise DownloadError(f"{self.url}{path}: what came is not the file with the SHA-256 {sha256}")
        raise DownloadError(f"{self.url}{path}: the download stopped, and the next call goes on with it: {stopped}")

    def _append(self, path: str, target: Path, size: int, sha256: str) -> None:
        """Request a file from byte `size` on, and append it; the server may send all of it instead.

        Raises:
            HTTPError: it stopped; what came is in the file.
        """
        headers = {"Range": f"bytes={size}-", "If-Range": f'"{sha256}"'} if size else {}
        response = self._request(path, headers)
        try:
            if response.status == 416:  # nothing is left of it
                return
            _check(response, f"{self.url}{path}")
            with target.open("ab" if response.status == 206 else "wb") as file:
                while chunk := response.read1(CHUNK):  # what has arrived, so that little is lost where it stops
                    file.write(chunk)
        finally:
            response.close()

    def _json(self, path: str) -> Any:
        response = self._request(path, {})
        try:
            _check(response, f"{self.url}{path}")
            return json.loads(response.data)
        except (HTTPError, ValueError) as error:
            raise DownloadError(f"{self.url}{path}: the answer cannot be read ({error})")

    def _request(self, path: str, headers: dict[str, str]) -> urllib3.BaseHTTPResponse:
        try:
            return self._pool.request(
                "GET", self.url + path, headers={**self._pool.headers, **headers}, preload_content=False, redirect=False
            )
        except HTTPError as error:
            raise DownloadError(f"{self.url} cannot be reached: {error}")


def _check(
    response: urllib3.BaseHTTPResponse, address: str, kind: type[DownloadError] | type[UploadError] = DownloadError
) -> None:
    """Raise an error unless the answer is one of success; a problem document says why."""
    if response.status < 300:
        return
    try:
        detail = str(json.loads(response.data)["detail"])
    except (HTTPError, ValueError, KeyError, TypeError):
        detail = response.reason or "no reason given"
    raise kind(f"{address}: {response.status}, {detail}")


def _checked(found: dict[str, Any], files: Sequence[str]) -> tuple[str, str, dict[str, Any]]:
    """The name, the SHA-256 of the record, and the files of a version; what becomes a path is checked."""
    try:
        name, version, digest, artifacts = (found[key] for key in ("variant", "version", "record", "artifacts"))
        lacking = [one for one in files if one not in artifacts]
        parts = [name, version, *files]
        sound = all(_NAME.fullmatch(one) for one in parts) and re.fullmatch("[0-9a-f]{64}", digest)
    except (KeyError, TypeError):
        raise DownloadError("the answer is not a version with a release record")
    if lacking:
        raise DownloadError(f"{name}@{version} has no {', '.join(lacking)}; it has {', '.join(artifacts)}")
    if not sound:
        raise DownloadError(f"{name}@{version}: a name or a SHA-256 of the answer is not of the right form")
    return name, digest, artifacts


def _sha256(path: Path) -> str | None:
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _link(link: Path, target: str) -> None:
    """Let a link lead to another file of its folder, at once."""
    if link.is_symlink() and link.readlink() == Path(target):
        return
    temporary = link.with_name(f".{link.name}.{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    temporary.replace(link)

"""The people who may force a promotion: .slipway/promoters names them by signing key, or by e-mail alone.

    ann@example.org ssh-ed25519 AAAAC3NzaC1lZDI1NTE5...       an SSH key, as in an allowed signers file
    ben@example.org 8C1D0B5E0A3F4E2B9C7D6A5F4E3D2C1B0A998877  the fingerprint of an OpenPGP key
    eve@example.org                                           an e-mail, which anyone can claim

There is one person per line; `#` starts a comment. As soon as one line has a key, only signatures count, checked by
`git verify-tag`. E-mails alone are only as strong as the protection of tags at the Git host. OpenPGP keys come from
.slipway/promoters.asc, else from the keyring. Both files are read at the remote's default branch, else at HEAD, never
from the commit of a tag and never from the working folder.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from slipway.core.errors import RegistryError
from slipway.registry import git
from slipway.registry.grammar import Tag

FILE = ".slipway/promoters"
KEYS = ".slipway/promoters.asc"
_PERSON = re.compile(
    r"(?P<email>[^\s@<>*?!,\"#]+@[^\s@<>*?!,\"#]+)"
    r"(?:\s+(?:(?P<ssh>(?:sk-)?(?:ssh|ecdsa)-[a-z0-9@.-]+\s+[A-Za-z0-9+/]+={0,3})(?:\s.*)?"
    r"|(?P<openpgp>[0-9A-Fa-f]{40}|[0-9A-Fa-f]{64})))?"
)


@dataclass(frozen=True)
class Person:
    """A person who may force: with an SSH key, the fingerprint of an OpenPGP key, or neither."""

    email: str
    ssh: str | None
    openpgp: str | None


def objection(tag: Tag) -> str | None:
    """The reason why the force of a tag does not count; None if it counts.

    Raises:
        RegistryError: a file cannot be read, or the program that checks signatures is not installed.
    """
    commit = _trusted()
    people = read(commit)
    if not people:
        return (
            f"force does not count: {FILE} is missing or empty in commit {commit[:7]}, the head of the default branch"
        )
    signers = [one for one in people if one.ssh or one.openpgp]
    if not signers:
        named = {one.email.casefold() for one in people}
        return None if tag.email.casefold() in named else f"force does not count for {tag.email}: not named in {FILE}"
    return None if _signed(tag, signers, commit) else f"force does not count without a signature by a key of {FILE}"


def read(commit: str) -> list[Person]:
    """The people in the file of a commit.

    Raises:
        RegistryError: a line is neither a person nor a comment.
    """
    content = git.contents([f"{commit}:{FILE}"])[0] or b""
    people = []
    for number, line in enumerate(content.decode(errors="replace").splitlines(), start=1):
        entry = line.partition("#")[0].strip()
        if not entry:
            continue
        found = _PERSON.fullmatch(entry)
        if found is None:
            raise RegistryError(
                f"{FILE}, line {number}: not an e-mail, alone or followed by an SSH key or the fingerprint of an "
                "OpenPGP key"
            )
        people.append(Person(**found.groupdict()))
    return people


def _trusted() -> str:
    """The commit of the remote's default branch at the last fetch; HEAD if there is none."""
    remote = git.remote()
    ref = f"refs/remotes/{remote}/HEAD"
    found = git.run("for-each-ref", "--format=%(objectname)", ref).strip() if remote else ""
    return found or git.commit("HEAD")


def _signed(tag: Tag, signers: Sequence[Person], commit: str) -> bool:
    """Whether a tag has a valid signature by one of the keys."""
    content = git.contents([tag.id])[0] or b""
    form = re.findall(rb"^-----BEGIN (SSH|PGP) [A-Z]+-----", content, re.MULTILINE)
    if not form:
        return False
    program = {b"SSH": "ssh-keygen", b"PGP": "gpg"}[form[-1]]
    if shutil.which(program) is None:
        raise RegistryError(f"{program} is not installed: without it the signature of {tag.name} cannot be checked")
    with tempfile.TemporaryDirectory() as folder:
        allowed = Path(folder, "allowed")
        allowed.write_text("".join(f'{one.email} namespaces="git" {one.ssh}\n' for one in signers if one.ssh))
        environment = {**os.environ, "LC_ALL": "C"}
        keys = git.contents([f"{commit}:{KEYS}"])[0]
        if form[-1] == b"PGP" and keys is not None:
            environment["GNUPGHOME"] = folder
            subprocess.run(["gpg", "--batch", "--quiet", "--import"], input=keys, capture_output=True, env=environment)
        done = subprocess.run(
            [
                *("git", "-c", f"gpg.ssh.allowedSignersFile={allowed}", "-c", "gpg.minTrustLevel=undefined"),
                *("verify-tag", "--raw", tag.id),
            ],
            capture_output=True,
            env=environment,
        )
    status = done.stderr.decode(errors="replace")
    if "[GNUPG:] NO_PUBKEY" in status:
        raise RegistryError(f"the key that signed {tag.name} is neither in {KEYS} nor in the keyring")
    if form[-1] == b"SSH":
        return done.returncode == 0
    made_by = {
        part.upper()
        for line in re.findall(r"^\[GNUPG:\] VALIDSIG (.*)$", status, re.MULTILINE)
        for part in line.split()
    }
    return done.returncode == 0 and not made_by.isdisjoint({str(one.openpgp).upper() for one in signers if one.openpgp})

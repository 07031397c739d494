"""Objects of annotated tags without a ref: a tag that nobody can see yet, so that it can be pushed first."""

import tempfile

from slipway.core.errors import RegistryError
from slipway.registry import git, grammar

_SIGNING = ("tag.gpgSign", "tag.forceSignAnnotated")


def tag(name: str, commit: str, text: str, when: int) -> str:
    """Create the object of an annotated tag, signed if Git is set to sign, and return its id.

    `git tag` creates it, so that tag.gpgSign, gpg.format, user.signingKey and other settings apply. It cannot create
    a tag without a ref, so it runs in a temporary repository that shares the objects and configuration of this one.

    Args:
        name: the name of the tag.
        commit: what it points to.
        text: its message.
        when: its date, in seconds since 1970.

    Raises:
        RegistryError: Git fails, or does not sign the tag although it is set to.
    """
    zone = git.run("var", "GIT_COMMITTER_IDENT").strip().rpartition(" ")[2]
    places = [part for one in ("objects", "config", "config.worktree") for part in ("--git-path", one)]
    paths = git.run("rev-parse", "--show-object-format", "--path-format=absolute", *places).split("\n")
    kind, objects, *configurations = paths[:4]
    with tempfile.TemporaryDirectory() as folder:
        git.run("init", "--quiet", "--bare", "--template=", f"--object-format={kind}", folder)
        git.run(
            *(part for path in configurations for part in ("-c", f"include.path={path}")),
            *("-c", "core.hooksPath=/dev/null", "tag", "--cleanup=verbatim", "--file=-", name, commit),
            text=f"{text.strip()}\n",
            environment={
                "GIT_DIR": folder,
                "GIT_OBJECT_DIRECTORY": objects,
                "GIT_COMMITTER_DATE": f"@{when} {zone}",
            },
        )
        made = git.run("--git-dir", folder, "rev-parse", f"refs/tags/{name}").strip()
    _check_signature(name, made)
    return made


def _check_signature(name: str, made: str) -> None:
    """Raise if a tag lacks a signature that Git is set to make: Git 2.39 creates an unsigned tag without an error."""
    settings = (git.run("config", "--type=bool", "--default=false", "--get", key).strip() for key in _SIGNING)
    if "true" in settings and grammar.SIGNATURE.search(git.contents([made])[0] or b"") is None:
        raise RegistryError(f"Git cannot sign {name}: check gpg.format and user.signingKey with `git config`")

"""Which ensembles may answer, as Git says: those whose committed verdict is a pass about the versions of today."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from slipway.core.errors import RegistryError, SlipwayError
from slipway.ensembles import definition, members, verdict
from slipway.ensembles.definition import FOLDER
from slipway.ensembles.members import Ensemble, Holders
from slipway.registry import git
from slipway.registry.state import Variant


@dataclass(frozen=True)
class Standing:
    """The ensembles that may answer, by name, and why the others may not."""

    passed: Mapping[str, Ensemble] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)

    def find(self, name: str) -> Ensemble:
        """Return an ensemble that may answer.

        Raises:
            RegistryError: there is none of this name, or it may not.
        """
        if name not in self.passed:
            raise RegistryError(f"the ensemble {name} does not answer: {self.refused.get(name, 'no such one in Git')}")
        return self.passed[name]


def here(variants: Mapping[str, Variant]) -> Standing:
    """Return the standing of the ensembles at the commit that is checked out; `variants` are those in the registry.

    Raises:
        RegistryError: Git cannot be read.
    """
    return read(head(), variants, members.holders(variants))


def head() -> str:
    """Return the commit that is checked out; empty if there is none yet.

    Raises:
        RegistryError: Git cannot be read.
    """
    return git.run("rev-parse", "--revs-only", "HEAD").strip()


def read(commit: str, variants: Mapping[str, Variant], held: Holders) -> Standing:
    """Return the standing of the ensembles at a commit.

    Args:
        commit: the commit; empty for none.
        variants: the variants in the registry.
        held: the version that holds each role.

    Raises:
        RegistryError: Git cannot be read.
    """
    if not commit:
        return Standing()
    listed = git.run("ls-tree", "-z", "--name-only", commit, f"{FOLDER.as_posix()}/").split("\0")
    names = [name.removeprefix(f"{FOLDER.as_posix()}/")[: -len(".yaml")] for name in listed if name.endswith(".yaml")]
    suffixes = ("yaml", "json")
    contents = git.contents([f"{commit}:{FOLDER.as_posix()}/{name}.{suffix}" for name in names for suffix in suffixes])
    passed, refused = {}, {}
    for at, name in enumerate(names):
        try:
            path = definition.path_of(name).as_posix()
            said = definition.parse(contents[2 * at] or b"", path)
            ensemble = members.assemble(name, said, variants, held)
            stated = contents[2 * at + 1]
            evaluation = None if stated is None else verdict.read(stated, verdict.file_of(name).as_posix())
            why = verdict.objection(evaluation, ensemble)
        except SlipwayError as error:
            why = "; ".join(str(error).splitlines())
        if why is None:
            passed[name] = ensemble
        else:
            refused[name] = why
    return Standing(passed, refused)

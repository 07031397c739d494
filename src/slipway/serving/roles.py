"""Who holds which role, as Git says: versions and roles by the tags, and the records at their commits.

Anyone with push access can write any tag. A tag gives a role only if the gate passed the version, or if it states a
force that counts (`slipway.registry.promoters`); otherwise the role is with the latest earlier holder that was not
rolled back, as in `slipway registry sync`. Here only the record is read. That its figures follow from the predictions
is checked by `slipway promote` and `slipway registry verify`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from slipway.core.errors import RegistryError
from slipway.registry import git, promoters, releases
from slipway.registry.grammar import LIVE, Tag
from slipway.registry.messages import overruled
from slipway.registry.state import Variant, Version


@dataclass(frozen=True)
class Roles:
    """What Git says.

    `variants` are those with versions, `holders` the version that holds each (variant, role), `names` the variant of
    each registered model of MLflow, and `problems` the tags that are not followed, in words.
    """

    variants: Mapping[str, Variant] = field(default_factory=dict)
    holders: Mapping[tuple[str, str], Version] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


def read(tags: Iterable[Tag]) -> Roles:
    """Return the roles that tags give.

    Raises:
        RegistryError: Git cannot be read.
    """
    grouped: dict[str, list[Tag]] = {}
    for tag in tags:
        grouped.setdefault(tag.variant, []).append(tag)
    known = {name: Variant(name, grouped[name]) for name in sorted(grouped)}
    variants = {name: variant for name, variant in known.items() if variant.versions}
    holders, problems = {}, []
    for name, variant in variants.items():
        for role in LIVE:
            # the current holder, then the earlier ones, latest first
            for version in dict.fromkeys([*variant.assigned(role)[-1:], *reversed(variant.succession(role))]):
                why = _objection(variant, version, role)
                if why is None:
                    holders[name, role] = variant.versions[version]
                    break
                problems.append(f"{variant.given(version, role).name} is not followed: {why}")
    return Roles(variants, holders, _names(variants), tuple(problems))


def _names(variants: Mapping[str, Variant]) -> dict[str, str]:
    """The variant of each registered model: as in `slipway registry sync`, its newest version says the model's name."""
    newest = {
        name: max(of.versions.values(), key=lambda one: one.registered.when).commit for name, of in variants.items()
    }
    contents = git.contents([f"{commit}:params/{name}.yaml" for name, commit in newest.items()])
    found = {}
    for name, content in zip(newest, contents, strict=True):
        registered = releases.parameters(content).get("register", {}).get("name")
        if isinstance(registered, str) and registered not in variants:
            found[registered] = name
    return found


def _objection(variant: Variant, version: str, role: str) -> str | None:
    """Why a version may not have a role that a tag gives it; None if it may."""
    found, tag = variant.versions[version], variant.given(version, role)
    release = releases.of(found)
    if release.malformed:
        return release.malformed[0]
    if release.verdict == "pass" and "archived" not in found.roles:
        return None
    wrong = "it is archived" if release.verdict == "pass" else f"the gate says {release.verdict or 'nothing'}"
    if not overruled(tag):
        return wrong
    try:
        objection = promoters.objection(tag)
    except RegistryError as error:
        objection = str(error)
    return None if objection is None else f"{wrong}; {objection}"

"""What a tag's message says: what was done, why, and facts such as the verdict, one a line."""

from collections.abc import Mapping, Sequence

from slipway.registry.grammar import Tag

FORCED = "Forced"
"""Begins the line of a tag's message that says what was overruled."""


def message(what: str, reason: str | None, facts: Mapping[str, str | Sequence[str]]) -> str:
    """The message of a tag: what is done, the reason where there is one, and the facts that say something."""
    lines = [f"{key}: {said if isinstance(said, str) else '; '.join(said)}" for key, said in facts.items() if said]
    return "\n\n".join(part for part in (what, (reason or "").strip(), "\n".join(lines)) if part)


def overruled(tag: Tag) -> str:
    """What a promotion by force overruled, when its tag says why, in the form of `message`; else nothing."""
    parts = tag.why.split("\n\n")
    if not any(part.strip() for part in parts[1:-1]):
        return ""
    begin = f"{FORCED}: "
    return next((line.removeprefix(begin) for line in parts[-1].splitlines() if line.startswith(begin)), "")

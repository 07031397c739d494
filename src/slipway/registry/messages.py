"""The message of a tag: what was done, why, and facts such as the verdict, one per line."""

from collections.abc import Mapping, Sequence

from slipway.registry.grammar import Tag

FORCED = "Forced"
"""The key of the line in a tag's message that lists what was overruled."""


def message(what: str, reason: str | None, facts: Mapping[str, str | Sequence[str]]) -> str:
    """The message of a tag: what is done, the reason if there is one, and the facts that are not empty."""
    lines = [f"{key}: {fact if isinstance(fact, str) else '; '.join(fact)}" for key, fact in facts.items() if fact]
    return "\n\n".join(part for part in (what, (reason or "").strip(), "\n".join(lines)) if part)


def overruled(tag: Tag) -> str:
    """What a promotion by force overruled, if its tag gives a reason in the form of `message`; else an empty string."""
    parts = tag.why.split("\n\n")
    if not any(part.strip() for part in parts[1:-1]):
        return ""
    begin = f"{FORCED}: "
    return next((line.removeprefix(begin) for line in parts[-1].splitlines() if line.startswith(begin)), "")

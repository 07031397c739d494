"""Hostile text that an attacker might commit to act on a page or a terminal, and tools to check how it is shown."""

import json
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from html.parser import HTMLParser
from typing import Any

from markdown_it import MarkdownIt
from pydantic import BaseModel

TEXT = (
    "</td></code></svg><script>alert(1)</script><img src=x onerror=alert(1)>\" onload='x' -->{{ 7 }} &lt; "
    "![x](//evil.example/x) [y](javascript:alert) <https://evil.example> https://evil.example/?a=b www.evil.example "
    "a@evil.example @team #1 GH-1 team/models#1 !1 0123abc 0123456789abcdef0123456789abcdef01234567 :white_check_mark: "
    "$x$ `@code` ``` a|b a\\|@b \\ *a* __b__ ~~c~~ [red]r[/] [link=https://evil.example]l[/link] "
    "\x1b[31m \x9b2J \x07 \u202etxt\r\n\n# head\n\n- one\n```mermaid\nclick A href\n```"
)
PLAIN = "some words"
ALIVE = re.compile(
    r"@\w|#\d|://|www\.|javascript:|:\w+:|\$\w|!\d|\bgh-\d|\b[0-9a-f]{7,40}\b|[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]",
    re.IGNORECASE,
)
"""Text to which a Git host or a terminal gives a meaning, such as a link or a command."""
CHOSEN = ("kind", "verdict", "objective", "task", "framework", "sha256")
"""Fields with a fixed set of values, a module name or a hash, which their readers validate."""
NAMED = ("classes",)
"""Mappings whose keys are names from users."""


def everywhere(value: Any, text: str, key: str = "") -> Any:
    """Return the value with every string in it replaced by `text`."""
    if isinstance(value, str):
        return value if key in CHOSEN else text
    if isinstance(value, Mapping):
        named = {name: f"{text} {number}" if key in NAMED else name for number, name in enumerate(value)}
        return {named[name]: everywhere(one, text, name) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(everywhere(one, text, key) for one in value)
    if isinstance(value, BaseModel):
        plain = value.model_dump(mode="json", by_alias=True)
        return type(value).model_validate_json(json.dumps(everywhere(plain, text, key)))
    if is_dataclass(value) and not isinstance(value, type):
        return replace(
            value, **{one.name: everywhere(getattr(value, one.name), text, one.name) for one in fields(value)}
        )
    return value


class Page(HTMLParser):
    """The elements of a page with the names of their attributes, the targets of its links, and text outside code."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, tuple[str, ...]]] = []
        self.links: list[str] = []
        self.text = ""
        self._code = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(sorted(name for name, _ in attrs))))
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "xlink:href", "action")]
        self._code += tag in ("code", "style")

    def handle_endtag(self, tag: str) -> None:
        self._code -= tag in ("code", "style")

    def handle_data(self, data: str) -> None:
        self.text += "" if self._code else data

    def handle_comment(self, data: str) -> None:
        self.elements.append(("!--", ()))


def structure(markdown: str) -> list[str]:
    """Return the structure of a Markdown page without its text, after checking that the text has no special meaning."""
    found = []
    for token in MarkdownIt().enable(["table", "strikethrough"]).parse(markdown):
        text = ""
        for one in (token, *(token.children or ())):
            if one.type in ("html_block", "html_inline"):
                page = Page(one.content)
                found += [str(element) for element in page.elements if element[0] != "code"]
                text += page.text
            elif one.type == "code_inline":
                text += " "
            elif one.type in ("text", "text_special"):
                text += one.content
            else:
                found.append(f"{one.type} {one.tag} {one.info}")
        assert not ALIVE.search(text), text
    return found

"""GET /try/MODEL: a page that sends pictures, sounds or rows to a model, and draws what it predicts.

The page is the same for all models, and holds nothing of them: it asks the server as any client does, with the token
that its user types in. It loads nothing from elsewhere; its policy allows no script and no style but its own, by their
hashes, and no request but to this server (https://www.w3.org/TR/CSP3/).
"""

import re
from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib import resources


@cache
def page() -> tuple[str, str]:
    """Return the page and its Content Security Policy."""
    html = resources.files("slipway.serving").joinpath("try.html").read_text(encoding="utf-8")
    policy = (
        f"default-src 'none'; script-src {_hash(html, 'script')}; style-src {_hash(html, 'style')}; img-src blob:; "
        "media-src blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return html, policy


def _hash(html: str, kind: str) -> str:
    """The hash of the only element of a kind, as a policy names it."""
    (content,) = re.findall(f"<{kind}>(.*?)</{kind}>", html, re.DOTALL)
    return f"'sha256-{b64encode(sha256(content.encode()).digest()).decode()}'"

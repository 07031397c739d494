"""Which scopes and which kinds of content each method and path accept: one table, read from top to bottom.

What is not in the table is refused to most: reading needs `read`, and anything that could change something needs
`admin`. So a route that is added without a rule is closed, not open.

`/healthz` and its equals are open, since what asks them, such as a load balancer, often cannot send a header. `/readyz`
is open for its status, and the endpoint shows its details only to who may `read`. `/metrics` needs `read`: it tells
what is in use and how much, and Prometheus can send a token. The page `/try` is open because a browser cannot send a
token for it; it holds nothing of a model, and each request that it makes carries the token that its user typed in.
"""

import re
from dataclasses import dataclass

from slipway.serving.tokens import Scope

JSON = ("application/json",)
EXAMPLES = (
    *JSON,
    "multipart/form-data",
    "application/octet-stream",
    "image/",
    "audio/",
    "video/mp4",
    "application/ogg",
)
"""What an endpoint that predicts accepts; a name that ends with / is all of its kinds."""


@dataclass(frozen=True)
class Rule:
    """What requests need.

    `scopes`: one of them is enough, and without any the path is open. `content`: the types of a body. `upload`: whether
    the body is a release, which may be larger than a request.
    """

    methods: str
    path: str
    scopes: tuple[Scope, ...] = ()
    content: tuple[str, ...] = JSON
    upload: bool = False


_NAME = r"[^/]+"
_VERSION = rf"/api/v1/models/{_NAME}/versions/{_NAME}"
RULES = (
    Rule("POST", rf"/api/v1/predict/{_NAME}", ("predict",), EXAMPLES),
    Rule("GET", r"/healthz|/readyz|/ping|/health|/v2/health/(live|ready)|/try/[^/]*"),
    Rule("POST", r"/invocations", ("predict",)),
    Rule("POST", rf"/v2/models/{_NAME}(/versions/{_NAME})?/infer", ("predict",), (*JSON, "application/octet-stream")),
    Rule("GET", r"/v2(/.*)?|/version", ("read", "predict")),
    Rule("POST", r"/api/v1/outcomes", ("outcome",)),
    Rule("POST", rf"/api/v1/history/{_NAME}", ("outcome",)),
    Rule("POST", rf"{_VERSION}/promote|/api/v1/models/{_NAME}/rollback|/api/v1/refresh", ("promote",)),
    Rule("POST", rf"/api/v1/experiments/{_NAME}/(start|stop)", ("promote",)),
    Rule("POST", rf"/api/v1/rollouts/{_NAME}/(pause|resume|abort)", ("promote",)),
    Rule("POST", _VERSION, ("promote",), ("multipart/form-data", "application/octet-stream"), upload=True),
    Rule("GET", r".*", ("read",)),
    Rule(r"\S+", r"[\s\S]*", ("admin",)),
)
_CHOICE = re.compile("|".join(f"(?P<r{at}>(?:{one.methods}) (?:{one.path}))" for at, one in enumerate(RULES)))


def rule_of(method: str, path: str) -> Rule:
    """Return the rule for a request; `path` is decoded and without query. HEAD is the same as GET."""
    found = _CHOICE.fullmatch(f"{'GET' if method == 'HEAD' else method} {path}")
    if found is None or found.lastgroup is None:
        return RULES[-1]
    return RULES[int(found.lastgroup[1:])]

"""Let a request in by its token: who is asking, may they do this, and not too often.

Without any token everyone on this machine may do everything, which is safe only if the server listens on loopback. Even
then a page in a browser on this machine could ask, in two ways that are refused: as a page of another site (it sends
`Origin`), and under a name of its own that leads to 127.0.0.1 (DNS rebinding; `Host` is not this machine's).
"""

import math
import time
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from slipway.serving.problems import Problem
from slipway.serving.rates import Bucket
from slipway.serving.rules import Rule, rule_of
from slipway.serving.tokens import Token, Tokens, is_loopback

_MISSING = 'Bearer realm="slipway"'
_INVALID = _MISSING + ', error="invalid_token"'


class Access:
    """ASGI middleware: 401 without a valid token, 403 without the scope, 429 above the token's rate.

    `scope["state"]` has the caller's `token` (None without one) and the `rule` of its path.

    Args:
        app: the application behind it.
        tokens: the tokens that let in.
        loopback: whether only this machine can reach the server, so that it needs no token if there is none.
    """

    def __init__(self, app: ASGIApp, tokens: Tokens, loopback: bool) -> None:
        self.app = app
        self.tokens = tokens
        self.loopback = loopback
        self._buckets: dict[str, Bucket] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or raise the `Problem` that refuses it."""
        if scope["type"] == "websocket":  # the server has none, and no rule for any
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path, root = scope["path"], scope.get("root_path", "")
        rule = rule_of(scope["method"], path.removeprefix(root) if root else path)
        state = scope.setdefault("state", {})
        state["rule"], state["token"], state["anonymous"] = rule, None, False
        self._let_in(scope, rule)
        await self.app(scope, receive, send)

    def _let_in(self, scope: Scope, rule: Rule) -> None:
        state = scope["state"]
        self.tokens.refresh()
        if not self.tokens.required and self.loopback:
            _refuse_other_sites(scope)
            state["anonymous"] = True
            return
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        try:
            token = state["token"] = self._token(given)
        except Problem:
            if rule.scopes:
                raise
            return
        if rule.scopes and not token.may(*rule.scopes):
            lacking = " or ".join(rule.scopes)
            challenge = f'{_MISSING}, error="insufficient_scope", scope="{" ".join(rule.scopes)}"'
            raise Problem(
                403,
                "Scope missing",
                f"the token {token.name} lacks the scope {lacking}, which {scope['method']} needs here; it has "
                f"{', '.join(token.scopes)}",
                {"WWW-Authenticate": challenge},
                needed=list(rule.scopes),
            )
        if token.rate is not None and rule.scopes:
            self._count(token, token.rate)

    def _token(self, given: list[bytes]) -> Token:
        """The valid token that was sent."""
        if not given:
            raise Problem(
                401,
                "Token missing",
                "send a token in the header `Authorization: Bearer TOKEN`",
                {"WWW-Authenticate": _MISSING},
            )
        scheme, _, secret = given[0].strip().partition(b" ")
        if len(given) > 1 or scheme.lower() != b"bearer":
            raise Problem(
                401,
                "Token invalid",
                "there must be one header Authorization, and it must be `Bearer`, a space and the token",
                {"WWW-Authenticate": _INVALID},
            )
        token = self.tokens.find(secret.strip())
        if token is None:
            raise Problem(
                401,
                "Token invalid",
                "this token is not known; it may have been rotated or revoked",
                {"WWW-Authenticate": _INVALID},
            )
        if token.has_expired(time.time()):
            raise Problem(
                401,
                "Token expired",
                f"the token {token.name} expired at {token.expires:%Y-%m-%d %H:%M:%S} UTC; ask for a new one",
                {"WWW-Authenticate": _INVALID},
            )
        return token

    def _count(self, token: Token, rate: str) -> None:
        bucket = self._buckets.get(token.name)
        if bucket is None or bucket.rate != rate:
            bucket = self._buckets[token.name] = Bucket(rate)
        wait = bucket.take(time.monotonic())
        if wait > 0:
            raise Problem(
                429,
                "Rate exceeded",
                f"the token {token.name} may send {rate}; try again in {wait:.3g} s",
                {"Retry-After": str(math.ceil(wait))},
            )


def may(state: dict[str, object], scope: str) -> bool:
    """Whether the caller of a request may do this, given the request's state; for what an open path shows of more."""
    token = state.get("token")
    return state.get("anonymous") is True or (isinstance(token, Token) and token.may(scope))


def _refuse_other_sites(scope: Scope) -> None:
    """Raise 403 for a request that a page of another site may have sent."""
    for name, value in scope["headers"]:
        if name not in (b"host", b"origin"):
            continue
        try:
            text = value.decode("latin-1")
            host = urlsplit(text if name == b"origin" else f"//{text}").hostname
        except ValueError:
            host = None
        if host is None or not is_loopback(host):
            raise Problem(
                403,
                "Token needed",
                f"without tokens the server answers only this machine, and the header {name.decode().capitalize()} "
                "names another; create a token with `slipway token create`",
            )

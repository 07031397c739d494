"""The middleware that stands in front of every request, in its order."""

from starlette.types import ASGIApp

from slipway.serving.access import Access
from slipway.serving.audit import Audited, AuditLog
from slipway.serving.bodies import Bodies
from slipway.serving.limits import Limits
from slipway.serving.problems import Problems
from slipway.serving.tokens import Tokens


def protected(app: ASGIApp, tokens: Tokens, limits: Limits, audit: AuditLog, loopback: bool) -> ASGIApp:
    """Return the application behind its middleware: audit log, problem documents, tokens, limits on bodies.

    Args:
        app: the application. It may raise `Problem`; a FastAPI application in it needs `problems.install`.
        tokens: who may call it.
        limits: what may be sent.
        audit: where changes and refusals are written.
        loopback: whether it is served on an address of this machine alone, and so without tokens if there are none.
    """
    return Audited(Problems(Access(Bodies(app, limits), tokens, loopback)), audit)

"""Bearer tokens of clients: OAuth 2 client credentials (RFC 6749 §4.4), with scopes.

Tokens are good for 30 minutes; requests are limited for each client.
"""

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import OAuth2

from api.http.limits import address_of, limited
from api.http.problems import ProblemError
from archive.administration import logins
from archive.administration.policy import Act, Denial, Reader, Scope, may
from archive.database.engine import reading
from archive.reference.vocabulary import LoginKind
from archive.usage.looks import DeniedError

DESK_COOKIE = "yice_desk"
"""The cookie of a person's login."""
_scheme = OAuth2(
    flows={
        "clientCredentials": {
            "tokenUrl": "/api/v1/token",
            "scopes": {str(scope): scope.label for scope in Scope},
        }
    },
    auto_error=False,
)


def carried_token(request: Request) -> str:
    """Return the bearer token that a request carries; "" when it carries none."""
    kind, _space, carried = request.headers.get("authorization", "").partition(" ")
    return carried.strip() if kind.lower() == "bearer" else ""


def bearer(request: Request, _: Annotated[str | None, Depends(_scheme)]) -> Reader:
    """Return the reader of the token. Raises 401 without a good one, 429 when asked too often."""
    station = request.app.state.station
    carried, reader = carried_token(request), None
    if carried:
        with reading(station.runtime.engine) as session:
            reader = logins.reader_of(session, carried, LoginKind.TOKEN)
            station.runtime.refresh(session)
    if reader is None:
        limited(station.anonymous, address_of(request))
        raise ProblemError(
            401,
            "INVALID_TOKEN",
            "没有令牌，或令牌无效、已过期。",
            "请重新取得令牌。",
            {"WWW-Authenticate": "Bearer"},
        )
    limited(station.limiter, reader.account)
    return reader


def require_account(request: Request, act: Act | None = None) -> None:
    """Raise 401 for a request of nobody's, 403 when its account may not do the act.

    For what is no record and serves both doors: a client's token or a person's login will do.
    """
    carried = request.cookies.get(DESK_COOKIE, "")
    with reading(request.app.state.station.runtime.engine) as session:
        person = logins.reader_of(session, carried, LoginKind.WEB) if carried else None
    reader = person or bearer(request, None)
    if act is not None and not may(reader, act).allowed:
        raise DeniedError(Denial.ROLE)


Caller = Annotated[Reader, Depends(bearer)]

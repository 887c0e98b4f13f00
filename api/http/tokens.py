"""Bearer tokens of clients: OAuth 2 client credentials (RFC 6749 §4.4), with scopes.

Tokens are good for 30 minutes; requests are limited for each client.
"""

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import OAuth2

from api.http.limits import address_of, limited
from api.http.problems import ProblemError
from archive.administration import logins
from archive.administration.policy import Reader, Scope
from archive.database.engine import reading
from archive.reference.vocabulary import LoginKind

_scheme = OAuth2(
    flows={
        "clientCredentials": {
            "tokenUrl": "/api/v1/token",
            "scopes": {str(scope): scope.label for scope in Scope},
        }
    },
    auto_error=False,
)


def bearer(request: Request, _: Annotated[str | None, Depends(_scheme)]) -> Reader:
    """Return the reader of the token. Raises 401 without a good one, 429 when asked too often."""
    station = request.app.state.station
    kind, _space, carried = request.headers.get("authorization", "").partition(" ")
    reader = None
    if kind.lower() == "bearer" and carried.strip():
        with reading(station.runtime.engine) as session:
            reader = logins.reader_of(session, carried.strip(), LoginKind.TOKEN)
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


Caller = Annotated[Reader, Depends(bearer)]

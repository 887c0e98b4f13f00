"""Who calls: OAuth 2 client credentials (RFC 6749 §4.4), tokens of 30 minutes, scopes, and a limit of requests for each client."""

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
            "scopes": {str(one): one.label for one in Scope},
        }
    },
    auto_error=False,
)


def bearer(request: Request, _: Annotated[str | None, Depends(_scheme)]) -> Reader:
    """The reader of the token; 401 without a good one, 429 when he asks too often."""
    station = request.app.state.station
    kind, _space, carried = request.headers.get("authorization", "").partition(" ")
    found = None
    if kind.lower() == "bearer" and carried.strip():
        with reading(station.runtime.engine) as session:
            found = logins.reader_of(session, carried.strip(), LoginKind.TOKEN)
            station.runtime.refresh(session)
    if found is None:
        limited(station.anonymous, address_of(request))
        raise ProblemError(
            401,
            "INVALID_TOKEN",
            "没有令牌，或令牌无效、已过期。",
            "请重新取得令牌。",
            {"WWW-Authenticate": "Bearer"},
        )
    limited(station.limiter, found.account)
    return found


Caller = Annotated[Reader, Depends(bearer)]

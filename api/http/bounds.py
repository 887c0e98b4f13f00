"""What a request may be, judged before any of it is read or routed.

One place for all routes, also for those that read no body: a body that nobody wants must not fill
the memory, and a number that no record can have is answered alike everywhere.
"""

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.problems import problem

LONGEST_BODY = 1 << 20
_LONGER: Mapping[re.Pattern[str], int] = {
    re.compile(r"/parts/[0-9]+$"): 16 << 20,
    re.compile(r"^/system/items/import$"): 4 << 20,
    re.compile(r"^/paper/ledgers$"): 4 << 20,
}
"""Routes that take more; each holds its own limit below this one."""
_NO_RECORD = re.compile(r"v?-?[0-9]{16,31}")
_NO_NUMBER = re.compile(r"[-+]?[0-9]{16,}")


class Bounded:
    """Middleware that refuses too long bodies, and numbers beyond 15 digits in an address.

    What no column can hold would be a fault for a record that is there, and none for another. ID
    numbers have 18 digits, and belong in no address.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Wrap an app."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer what is out of bounds; pass on the rest, counted while it is read."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if any(_NO_RECORD.fullmatch(part) for part in scope["path"].split("/")) or any(
            _NO_NUMBER.fullmatch(value)
            for _, value in parse_qsl(scope["query_string"].decode("ascii", "replace"))
        ):
            answer = problem(404, "NOT_FOUND", "没有这个地址。", "请核对编号。")
            await answer(scope, receive, send)
            return
        most = _longest(scope["path"])
        if _announced(scope) > most:
            await _too_large()(scope, receive, send)
            return
        taken = 0

        async def receiving() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > most:
                raise HTTPException(413)
            return message

        await self._app(scope, receiving, send)


def _longest(path: str) -> int:
    return next((most for route, most in _LONGER.items() if route.search(path)), LONGEST_BODY)


def _announced(scope: Scope) -> int:
    """Return the length that the headers announce; 0 when they announce none."""
    length = dict(scope["headers"]).get(b"content-length", b"0")
    countable = length.isdigit() and len(length) < 16  # noqa: PLR2004 - as _NO_RECORD
    return int(length) if countable else LONGEST_BODY << 10


def _too_large() -> ASGIApp:
    headers = {"Connection": "close"}
    return problem(
        413, "TOO_LARGE", "请求内容过大。", "请缩短后重试；文件请分块上传。", headers=headers
    )

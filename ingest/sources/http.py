"""HTTP requests to an outside system.

Requests keep to a rate that the system can bear and to time limits, and are tried again with
back-off. An answer is returned whole or not at all.
"""

import json
import random
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import requests

from ingest.sources.protocol import MAX_BODY, SourceError

_ATTEMPTS, _FIRST_PAUSE, _LONGEST_PAUSE = 7, 0.1, 10.0
_UNAUTHORISED, _MISSING, _TOO_MANY, _SERVER = 401, 404, 429, 500
_CHUNK = 1 << 20
_T = TypeVar("_T")


class Caller:
    """A client of one system at one address. Not shared between threads."""

    def __init__(
        self,
        base: str,
        *,
        rate: float,
        timeout: float = 30.0,
        login: Callable[["Caller"], str] | None = None,
        token: str = "",
    ) -> None:
        """Create a client.

        `rate` is requests per second. `login` returns a token, and is called again when the system
        says that the token expired.
        """
        self._base, self._interval, self._timeout, self._login, self._token = (
            base.rstrip("/"),
            1 / rate,
            timeout,
            login,
            token,
        )
        self._session, self._next = requests.Session(), 0.0

    def json(
        self, method: str, path: str, *, query: Mapping[str, Any] | None = None, body: object = None
    ) -> dict[str, Any]:
        """Return the JSON object of an answer; raises SourceError."""
        return self._persistently(lambda: self._object(method, path, query, body))

    def file(self, path: str, *, checked: Callable[[bytes], bool]) -> bytes | None:
        """Return a file, None when there is none; raises SourceError.

        It is requested again until `checked` holds, so that a truncated file is never taken for a
        whole one.
        """
        return self._persistently(lambda: self._file(path, checked))

    def _object(
        self, method: str, path: str, query: Mapping[str, Any] | None, body: object
    ) -> dict[str, Any]:
        answer = self._ask(method, path, query, body)
        try:
            value = json.loads(self._read(answer))
        except ValueError:
            raise SourceError("SOURCE_ANSWER", "来源系统的应答不完整或格式有误。") from None
        if answer.status_code >= 400 or not isinstance(value, dict):  # noqa: PLR2004 - client errors
            raise _RefusedError(answer.status_code)
        return value

    def _file(self, path: str, checked: Callable[[bytes], bool]) -> bytes | None:
        answer = self._ask("GET", path, None, None)
        data = self._read(answer)
        if answer.status_code == _MISSING:
            return None
        if answer.status_code >= 400:  # noqa: PLR2004 - client errors
            raise _RefusedError(answer.status_code)
        if not checked(data):
            raise SourceError(
                "SOURCE_DIGEST",
                "取得的文件与来源系统公布的摘要不符。",
                "请来源系统核对该文件；会自动重试。",
            )
        return data

    def _ask(
        self, method: str, path: str, query: Mapping[str, Any] | None, body: object
    ) -> requests.Response:
        if self._login is not None and not self._token:
            try:
                self._token = self._login(
                    Caller(self._base, rate=1 / self._interval, timeout=self._timeout)
                )
            except SourceError as error:
                # The login was persistent itself; to repeat it all would multiply the tries.
                raise _GaveUpError(error) from None
        time.sleep(max(0.0, self._next - time.monotonic()))
        self._next = time.monotonic() + self._interval
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        # A redirect could lead anywhere with our token; our systems have none.
        answer = self._session.request(
            method,
            self._base + path,
            params=query,
            json=body,
            headers=headers,
            timeout=self._timeout,
            stream=True,
            allow_redirects=False,
        )
        if answer.status_code == _UNAUTHORISED and self._login is not None:
            self._token = ""
            raise SourceError("SOURCE_TOKEN", "来源系统的访问令牌已失效。")
        if answer.status_code == _TOO_MANY or answer.status_code >= _SERVER:
            raise SourceError("SOURCE_UNAVAILABLE", "来源系统暂不可用。")
        return answer

    @staticmethod
    def _read(answer: requests.Response) -> bytes:
        parts, size = [], 0
        for part in answer.iter_content(_CHUNK):
            size += len(part)
            if size > MAX_BODY:
                raise _RefusedError(0)
            parts.append(part)
        return b"".join(parts)

    def _persistently(self, act: Callable[[], _T]) -> _T:
        for attempt in range(_ATTEMPTS):
            try:
                return act()
            except _RefusedError as refused:
                code = "SOURCE_TOO_LARGE" if not refused.status else "SOURCE_REFUSED"
                raise SourceError(
                    code,
                    f"来源系统拒绝了请求（{refused.status}）或文件过大。",
                    "请核对接入地址、凭据和权限。",
                ) from None
            except _GaveUpError as done:
                raise done.error from None
            except requests.RequestException:
                # Its text holds the address; ours does not.
                error = SourceError("SOURCE_UNAVAILABLE", "来源系统连接中断、超时或应答不完整。")
            except SourceError as trouble:
                error = trouble
            if attempt + 1 < _ATTEMPTS:
                time.sleep(
                    min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**attempt) * random.uniform(0.5, 1.0)  # noqa: S311 - spreads retries
                )
        raise error from None


class _RefusedError(Exception):
    """The system refused the request; trying again changes nothing."""

    def __init__(self, status: int) -> None:
        super().__init__(str(status))
        self.status = status


class _GaveUpError(Exception):
    """A part of the call was tried often enough."""

    def __init__(self, error: SourceError) -> None:
        super().__init__(error.code)
        self.error = error

"""HTTP requests to an outside system.

Requests keep to a rate that the system can bear and to time limits, and are tried again as
`urllib3.Retry` says: with a growing pause, or the one that the system asks for by Retry-After.
An answer is returned whole or not at all.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import requests
from urllib3 import Retry
from urllib3.exceptions import InvalidHeader, MaxRetryError

from ingest.sources.protocol import MAX_BODY, SourceError

# One count of tries for all that can go wrong with a call: no connection, a status, a body that
# breaks off, a wrong digest. So it is this loop that keeps the count, and not the pool of urllib3,
# which knows of the first two only and not of our rate.
_TRIES = 6
_RETRIES = Retry(
    total=_TRIES,
    allowed_methods={"GET", "POST"},  # the protocol makes both repeatable
    status_forcelist={429, *range(500, 600)},
    backoff_factor=0.1,
    backoff_max=10.0,
    backoff_jitter=0.1,
)
_PATIENCE = 30.0
"""The longest Retry-After, in seconds, that is waited for within a call."""
_UNAUTHORISED, _MISSING = 401, 404
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
        tries: int = _TRIES,
    ) -> None:
        """Create a client.

        `rate` is requests per second, `tries` how often a call is made again. `login` returns a
        token, and is called again when the system says that the token expired.
        """
        self._base, self._interval, self._timeout, self._login, self._token = (
            base.rstrip("/"),
            1 / rate,
            timeout,
            login,
            token,
        )
        self._session, self._next = requests.Session(), 0.0
        self._retries = _RETRIES.new(total=tries)

    def json(
        self, method: str, path: str, *, query: Mapping[str, Any] | None = None, body: object = None
    ) -> dict[str, Any]:
        """Return the JSON object of an answer; raises SourceError."""
        return _persistently(lambda: self._object(method, path, query, body), self._retries)

    def file(self, path: str, *, checked: Callable[[bytes], bool]) -> bytes | None:
        """Return a file, None when there is none; raises SourceError.

        It is requested again until `checked` holds, so that a truncated file is never taken for a
        whole one.
        """
        return _persistently(lambda: self._file(path, checked), self._retries)

    def _object(
        self, method: str, path: str, query: Mapping[str, Any] | None, body: object
    ) -> dict[str, Any]:
        with self._answer(method, path, query, body) as answer:
            try:
                value = json.loads(self._read(answer))
            except ValueError:
                raise SourceError("SOURCE_ANSWER", "来源系统的应答不完整或格式有误。") from None
            if answer.status_code >= 400 or not isinstance(value, dict):  # noqa: PLR2004
                raise _RefusedError(answer.status_code)
            return value

    def _file(self, path: str, checked: Callable[[bytes], bool]) -> bytes | None:
        with self._answer("GET", path, None, None) as answer:
            data = self._read(answer)
            if answer.status_code == _MISSING:
                return None
            if answer.status_code >= 400:  # noqa: PLR2004
                raise _RefusedError(answer.status_code)
        if not checked(data):
            raise SourceError(
                "SOURCE_DIGEST",
                "取得的文件与来源系统公布的摘要不符。",
                "请来源系统核对该文件；会自动重试。",
            )
        return data

    @contextmanager
    def _answer(
        self, method: str, path: str, query: Mapping[str, Any] | None, body: object
    ) -> Iterator[requests.Response]:
        """Yield the answer of one call, and close it however much of it was read."""
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
        with self._session.request(
            method,
            self._base + path,
            params=query,
            json=body,
            headers=headers,
            timeout=self._timeout,
            stream=True,
            allow_redirects=False,
        ) as answer:
            if answer.status_code == _UNAUTHORISED and self._login is not None:
                self._token = ""
                raise SourceError("SOURCE_TOKEN", "来源系统的访问令牌已失效。")
            if _RETRIES.is_retry(method, answer.status_code):
                raise SourceError(
                    "SOURCE_UNAVAILABLE", "来源系统暂不可用。", retry_after=_asked_for(answer)
                )
            yield answer

    @staticmethod
    def _read(answer: requests.Response) -> bytes:
        parts, size = [], 0
        for part in answer.iter_content(_CHUNK):
            size += len(part)
            if size > MAX_BODY:
                raise _RefusedError(0)
            parts.append(part)
        return b"".join(parts)


def _persistently(act: Callable[[], _T], retries: Retry) -> _T:
    """Return what a call returns, made again while it may be; raises SourceError."""
    while True:
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
        asked = error.retry_after.total_seconds()
        try:
            retries = retries.increment()
        except MaxRetryError:
            raise error from None
        if asked > _PATIENCE:
            raise error from None
        time.sleep(max(asked, retries.get_backoff_time()))


def _asked_for(answer: requests.Response) -> timedelta:
    """Return the pause that Retry-After asks for; none when it is absent or can't be read."""
    try:
        return timedelta(seconds=_RETRIES.get_retry_after(answer.raw) or 0.0)
    except InvalidHeader:
        return timedelta(0)


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

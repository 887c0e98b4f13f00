"""A small client of the station API, which needs nothing but Python 3.11.

Copy this file into your system.

    yice = Yice("http://127.0.0.1:8000", "station-home", secret)
    page = yice.search("姓名:王 日期:2026-09", purpose="HANDLE")
    volume = yice.volume(page["hits"][0]["code"], purpose="HANDLE")
    request = yice.request_use(
        volume["code"],
        purpose="办理出生登记核对材料",
        basis="东公户核〔2026〕12号",
        papers=["办理业务的依据"],
    )
    number = request["number"]
    # … after the keeper approved it:
    pdf = yice.file(volume["code"], purpose="USE", usage=number)

Errors are `YiceError`: `code` for programs, `title` and `action` for people.
"""

import hashlib
import hmac
import json
import time
import uuid
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

_EARLY = 60.0  # a token is renewed this long before it ends
_TRIES = 5


class YiceError(Exception):
    """An answer of the archive that reports a problem."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        self.status, self.code = status, problem.get("code", "UNKNOWN")
        self.title, self.action = problem.get("title", ""), problem.get("action", "")
        super().__init__(f"{self.code} {self.title} {self.action}")


class Yice:
    """The access of one station to the archive.

    `operator` is the number of the officer at the screen.
    """

    def __init__(
        self, address: str, client_id: str, secret: str, operator: str | None = None
    ) -> None:
        self.address, self.operator = address.rstrip("/"), operator
        self._client, self._secret = client_id, secret
        self._token, self._ends = "", 0.0

    def search(self, query: str, *, purpose: str, **other: object) -> dict[str, Any]:
        """Return one page of hits; `after=page["next"]` gives the following one."""
        return self._json("POST", "/search", purpose=purpose, body={"query": query, **other})

    def volume(self, name: str, *, purpose: str, usage: str | None = None) -> dict[str, Any]:
        """Return a volume by 档号 or case number, masked."""
        return self._json("GET", f"/volumes/{_part(name)}", purpose=purpose, usage=usage)

    def facts(self, name: str, *, purpose: str, usage: str) -> dict[str, Any]:
        """Return the facts of a volume unmasked, as far as the usage number reaches."""
        return self._json("GET", f"/volumes/{_part(name)}/facts", purpose=purpose, usage=usage)

    def page(
        self, name: str, number: int, *, purpose: str, usage: str | None = None, width: int = 1000
    ) -> bytes:
        """Return a page as WebP, with a watermark."""
        return self._call(
            "GET",
            f"/volumes/{_part(name)}/pages/{number}?width={width}",
            purpose=purpose,
            usage=usage,
        )

    def file(
        self, name: str, *, purpose: str, usage: str | None = None, item: int | None = None
    ) -> bytes:
        """Return the sealed volume as PDF, or the pages of one item."""
        what = "file" if item is None else f"items/{item}/file"
        return self._call("GET", f"/volumes/{_part(name)}/{what}", purpose=purpose, usage=usage)

    def request_use(
        self,
        code: str,
        *,
        purpose: str,
        basis: str,
        papers: list[str],
        capacity: str = "POLICE",
        scope: str = "CASE",
        days: int = 3,
    ) -> dict[str, Any]:
        """Request the use of a volume; the answer bears the usage number."""
        body = {
            "code": code,
            "capacity": capacity,
            "scope": scope,
            "purpose": purpose,
            "basis": basis,
            "papers": papers,
            "days": days,
        }
        return self._json("POST", "/usage-requests", body=body, key=uuid.uuid4().hex)

    def usage(self, number: str) -> dict[str, Any]:
        """Return the state of a request."""
        return self._json("GET", f"/usage-requests/{number}")

    def certify(self, name: str, items: list[int], *, usage: str) -> tuple[dict[str, Any], bytes]:
        """Return a certified copy: its entry, and the file."""
        copy = self._json(
            "POST",
            "/copies",
            purpose="USE",
            usage=usage,
            body={"name": name, "items": items},
            key=uuid.uuid4().hex,
        )
        return copy, self._call("GET", f"/copies/{copy['check_code']}/file")

    def submit(self, name: str, package: bytes) -> dict[str, Any]:
        """Send a zip of one package in parts, and return the outcome.

        Parts that were received already are not sent again.
        """
        digest = hashlib.sha256(package).hexdigest()
        # The same package has the same key: sending it again after a break continues the upload.
        body = {"name": name, "size": len(package), "sha256": digest}
        upload = self._json("POST", "/submissions", body=body, key=digest)
        size = upload["part_size"]
        for part in range(upload["parts"]):
            if upload["state"] == "RECEIVING" and part not in upload["received"]:
                self._call(
                    "PUT",
                    f"/submissions/{upload['id']}/parts/{part}",
                    data=package[part * size : (part + 1) * size],
                )
        return self._json("POST", f"/submissions/{upload['id']}/complete")

    def _json(
        self, method: str, path: str, *, body: dict[str, Any] | None = None, **other: str | None
    ) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        answer: dict[str, Any] = json.loads(
            self._call(method, path, data=data, kind="application/json", **other)
        )
        return answer

    def _call(
        self,
        method: str,
        path: str,
        *,
        data: bytes | None = None,
        kind: str = "application/octet-stream",
        purpose: str | None = None,
        usage: str | None = None,
        key: str | None = None,
    ) -> bytes:
        headers = {
            "Yice-Purpose": purpose,
            "Yice-Usage": usage,
            "Yice-Operator": self.operator,
            "Idempotency-Key": key,
        }
        for left in reversed(range(_TRIES)):
            sent = {name: value for name, value in headers.items() if value} | {
                "Authorization": f"Bearer {self._fresh_token()}"
            }
            try:
                return _send(
                    method,
                    f"{self.address}/api/v1{path}",
                    data,
                    sent | ({"Content-Type": kind} if data is not None else {}),
                )
            except YiceError as error:
                if error.code == "INVALID_TOKEN" and left:
                    self._ends = 0.0
                elif error.code == "TOO_MANY_REQUESTS" and left:
                    time.sleep(2)
                else:
                    raise
        raise AssertionError("unreachable")

    def _fresh_token(self) -> str:
        if time.monotonic() > self._ends - _EARLY:
            form = {
                "grant_type": "client_credentials",
                "client_id": self._client,
                "client_secret": self._secret,
            }
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            answer = json.loads(
                _send("POST", f"{self.address}/api/v1/token", urlencode(form).encode(), headers)
            )
            self._token, self._ends = (
                answer["access_token"],
                time.monotonic() + answer["expires_in"],
            )
        return self._token


def notice_is_genuine(
    secret: str, signature: str, body: bytes, *, now: float, tolerance: float = 300
) -> bool:
    """Return whether the `Yice-Signature` of a webhook fits its body and is recent.

    `now` and `tolerance` are in seconds.
    """
    fields = dict(part.partition("=")[::2] for part in signature.split(","))
    at = fields.get("t", "")
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return (
        hmac.compare_digest(digest, fields.get("v1", ""))
        and at.isdigit()
        and abs(now - int(at)) <= tolerance
    )


def _part(name: str) -> str:
    return quote(name.replace("·", "."), safe="")


def _send(method: str, url: str, data: bytes | None, headers: dict[str, str]) -> bytes:
    request = Request(url, data=data, method=method, headers=headers)
    try:
        with urlopen(request, timeout=60) as answer:
            return bytes(answer.read())
    except HTTPError as error:
        text = error.read()
        try:
            problem = json.loads(text)
        except ValueError:
            problem = {}
        raise YiceError(error.code, problem) from None

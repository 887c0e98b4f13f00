"""系统表单: the feed of the population system; each event is one closed case with its facts (docs/sources/forms.yaml). The forms are rendered by us."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from archive.gathering.cases import MissingCertificate
from archive.reference.findings import Finding, finding
from ingest.sources.http import Caller
from ingest.sources.protocol import Notice, Page, Parcel, SourceError

_CASE_NO = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_PAGE, _MOST_PAGES = 100, 10_000


class PopulationFeed:
    """The population system: a paged feed of events in their order."""

    name, system = "forms", "人口信息管理系统"

    def __init__(self, base: str, *, key: str, rate: float) -> None:
        """`key` is the key of access that the system gave us."""
        self._caller = Caller(base, rate=rate, token=key)

    def discover(self, cursor: str, wants: Sequence[MissingCertificate]) -> Iterator[Page]:
        """Events after the cursor; within a page put back into their order."""
        del wants
        for _ in range(_MOST_PAGES):
            answer = self._caller.json("GET", "/events", query={"after": cursor, "limit": _PAGE})
            events = answer.get("events")
            if not isinstance(events, list) or not all(
                isinstance(one, dict) and isinstance(one.get("seq"), int) for one in events
            ):
                raise SourceError("SOURCE_ANSWER", "来源系统的应答不完整或格式有误。")
            ordered = sorted(events, key=lambda one: int(one["seq"]))
            after = str(answer.get("next") or cursor)
            yield Page(tuple(Notice(str(one["seq"]), detail=one) for one in ordered), after)
            if not answer.get("more") or after == cursor:
                return
            cursor = after

    def fetch(self, notice: Notice) -> Parcel | None:
        """The event came with its notice; what is no closed case goes to quarantine."""
        case: Any = notice.detail.get("case")
        data = json.dumps(case, ensure_ascii=False, sort_keys=True).encode()
        fault = _fault(case)
        return Parcel(data, closed=None if fault else case, fault=fault)

    def acknowledge(self, notice: Notice, outcome: str) -> None:
        """The feed keeps no account of us; our cursor is enough."""
        del notice, outcome


def _fault(case: object) -> Finding | None:
    """Only what gathering stands on is looked at here; everything else is judged at the door of intake."""
    if not isinstance(case, dict) or not _CASE_NO.fullmatch(str(case.get("case_no", ""))):
        return finding("EVENT_INVALID", "event:case_no")
    materials = case.get("materials")
    if (
        not isinstance(materials, list)
        or not materials
        or not all(_numbered(one) for one in materials)
    ):
        return finding("EVENT_INVALID", "event:materials")
    return None


def _numbered(one: object) -> bool:
    return (
        isinstance(one, dict)
        and type(one.get("no")) is int
        and 0 < one["no"] < 1000  # noqa: PLR2004 - three digits
        and isinstance(one.get("type"), str)
    )

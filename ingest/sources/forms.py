"""系统表单: the event feed of the population system (docs/sources/forms.yaml).

Each event is one closed case with its facts. The archive renders the forms.
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from archive.gathering.cases import MissingCertificate
from archive.reference.findings import Finding, finding
from archive.reference.vocabulary import ArrivalOutcome
from ingest.sources.http import Caller
from ingest.sources.protocol import Notice, Page, Parcel, SourceError

_CASE_NO = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_PAGE, _MOST_PAGES = 100, 10_000


class PopulationFeed:
    """The population system: a paged feed of ordered events."""

    name, system = "forms", "人口信息管理系统"

    def __init__(self, base: str, *, key: str, rate: float) -> None:
        """Create a client; `key` is the access key that the system issued to us."""
        self._caller = Caller(base, rate=rate, token=key)

    def discover(self, cursor: str, wants: Sequence[MissingCertificate]) -> Iterator[Page]:
        """Yield pages of the events after the cursor, each page sorted by sequence number."""
        del wants
        for _ in range(_MOST_PAGES):
            answer = self._caller.json("GET", "/events", query={"after": cursor, "limit": _PAGE})
            events = answer.get("events")
            if not isinstance(events, list) or not all(
                isinstance(event, dict) and isinstance(event.get("seq"), int) for event in events
            ):
                raise SourceError("SOURCE_ANSWER", "来源系统的应答不完整或格式有误。")
            ordered = sorted(events, key=lambda event: int(event["seq"]))
            after = str(answer.get("next") or cursor)
            yield Page(tuple(Notice(str(event["seq"]), detail=event) for event in ordered), after)
            if not answer.get("more") or after == cursor:
                return
            cursor = after

    def fetch(self, notice: Notice) -> Parcel | None:
        """Return the case that came with the notice.

        Anything but a closed case carries a fault and goes to quarantine.
        """
        case: Any = notice.detail.get("case")
        data = json.dumps(case, ensure_ascii=False, sort_keys=True).encode()
        fault = _fault(case)
        return Parcel(data, closed=None if fault else case, fault=fault)

    def acknowledge(self, notice: Notice, outcome: ArrivalOutcome) -> None:
        """Do nothing: the feed keeps no state for us, and our cursor is enough."""
        del notice, outcome


def _fault(case: object) -> Finding | None:
    """Return the fault of a case that cannot be gathered, None for one that can.

    Only what gathering depends on is checked; everything else is inspected at intake.
    """
    if not isinstance(case, dict) or not _CASE_NO.fullmatch(str(case.get("case_no", ""))):
        return finding("EVENT_INVALID", "event:case_no")
    materials = case.get("materials")
    if (
        not isinstance(materials, list)
        or not materials
        or not all(_numbered(material) for material in materials)
    ):
        return finding("EVENT_INVALID", "event:materials")
    return None


def _numbered(material: object) -> bool:
    return (
        isinstance(material, dict)
        and type(material.get("no")) is int
        and 0 < material["no"] < 1000  # noqa: PLR2004 - three digits
        and isinstance(material.get("type"), str)
    )

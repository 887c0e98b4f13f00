"""Which of what waits is meant when volumes are made: all, what fits, or what is named."""

from dataclasses import dataclass
from datetime import datetime

from archive.reference.local_time import LOCAL_TIME
from archive.reference.vocabulary import Series


@dataclass(frozen=True, slots=True)
class Choice:
    """Cases that fit; of these only the named, where some are. Empty means all."""

    case_nos: frozenset[str] = frozenset()
    period: str | None = None
    receive_org: str | None = None
    series: Series | None = None
    item: str | None = None

    def takes(
        self, case_no: str, completed_at: datetime, receive_org: str, series: Series, item: str
    ) -> bool:
        """Say whether a case of these facts is meant."""
        return (
            (not self.case_nos or case_no in self.case_nos)
            and self.period in (None, period_of(completed_at))
            and self.receive_org in (None, receive_org)
            and self.series in (None, series)
            and self.item in (None, item)
        )


EVERYTHING = Choice()


def period_of(completed_at: datetime) -> str:
    """Return the month of completion in local time, as YYYY-MM."""
    return completed_at.astimezone(LOCAL_TIME).strftime("%Y-%m")

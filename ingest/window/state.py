"""The state of a case at the window: a fold over its acts, and nothing else.

Columns of rows say the same for lists and sweeps; `ingest.window.holding` compares them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter

from archive.reference.moments import Moment
from archive.reference.submission_terms import ClockKind, Ending
from archive.reference.vocabulary import ApprovalLevel, Mode
from archive.reference.window_steps import Step
from ingest.window.ledger import Clock
from ingest.window.terms import WindowAct

_MOMENT: TypeAdapter[datetime] = TypeAdapter(Moment)


@dataclass(frozen=True, slots=True)
class ActRow:
    """One act as it is kept: append-only, numbered within its case without a gap.

    `actor` is the name and `actor_no` the police number as they were; `person` is by what one
    person is told from another. `detail` is what the act says beside.
    """

    seq: int
    step: Step
    act: WindowAct
    at: datetime
    account: str
    actor: str
    actor_no: str
    person: str
    org: str
    key: str
    opinion: str = ""
    grant: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Paper:
    """A material of a case; `edition` grows with each time it is taken in again."""

    no: int
    edition: int
    stated: Mapping[str, Any]
    by: str
    added: int
    step: Step

    @property
    def title(self) -> str:
        """Return the name of the material."""
        return str(self.stated["type"])


@dataclass(frozen=True, slots=True)
class Opening:
    """What a case was opened with; it never changes."""

    case_no: str
    item: Mapping[str, Any]
    receive_org: str
    home_org: str
    channel: str
    applicant: Mapping[str, Any]
    subjects: tuple[Mapping[str, Any], ...]
    household: frozenset[str]
    investigates: bool
    opened_at: datetime
    query: str = ""
    population: tuple[Mapping[str, Any], ...] = ()

    @property
    def citywide(self) -> bool:
        """Return whether another station receives than decides (收受分离)."""
        return self.receive_org != self.home_org

    @property
    def levels(self) -> tuple[ApprovalLevel, ...]:
        """Return the levels that approve, the lowest first."""
        return tuple(ApprovalLevel(level) for level in self.item["approval_levels"])

    @property
    def home_only(self) -> bool:
        """Return whether the item is 原籍办."""
        return bool(self.item["mode"] == Mode.HOME_ONLY)


@dataclass(frozen=True, slots=True)
class CaseState:
    """Where a case stands after its acts."""

    opening: Opening
    flow: str
    last_at: datetime
    step: Step = Step.RECEIVE
    seq: int = 1
    moved: int = 1
    level: int = 0
    back_to: Step | None = None
    ending: Ending | None = None
    papers: Mapping[int, Paper] = field(default_factory=dict)
    process: tuple[Mapping[str, Any], ...] = ()
    returns: tuple[Mapping[str, Any], ...] = ()
    identity: tuple[Mapping[str, Any], ...] = ()
    signatures: tuple[Mapping[str, Any], ...] = ()
    shown: frozenset[tuple[str, int, int]] = frozenset()
    ticked: frozenset[tuple[str, int, int]] = frozenset()
    clocks: Mapping[ClockKind, Clock] = field(default_factory=dict)
    corrections: int = 0
    awaited: tuple[str, ...] = ()
    corrected_at: int = 0
    urged: int = 0
    unanswered: int = 0
    rating: Mapping[str, Any] | None = None
    seals: tuple[Mapping[str, Any], ...] = ()
    refused_by_archive: int = 0
    keys: frozenset[str] = frozenset()

    @property
    def collectors(self) -> frozenset[str]:
        """Return the persons who took in a material: they neither review nor approve."""
        return frozenset(paper.by for paper in self.papers.values() if not paper.stated.get("form"))

    @property
    def current_level(self) -> ApprovalLevel:
        """Return the level that approves now."""
        return self.opening.levels[min(self.level, len(self.opening.levels) - 1)]

    def paper_named(self, title: str) -> Paper | None:
        """Return the material of a name, None where there is none."""
        return next((paper for paper in self.papers.values() if paper.title == title), None)

    def unticked(self, person: str) -> list[Paper]:
        """Return the materials that a person has not ticked as they are now, in order."""
        return [
            paper
            for no, paper in sorted(self.papers.items())
            if (person, no, paper.edition) not in self.ticked
        ]

    def unseen(self, person: str, numbers: Iterable[int]) -> list[int]:
        """Return which of these materials were not shown to a person as they are now."""
        return [
            no
            for no in numbers
            if no not in self.papers or (person, no, self.papers[no].edition) not in self.shown
        ]

    def with_clock(self, clock: Clock) -> "CaseState":
        """Return the state with a clock begun or changed."""
        return replace(self, clocks={**self.clocks, clock.kind: clock})


def moment(value: object) -> datetime:
    """Return the time that an act's detail states."""
    return _MOMENT.validate_python(value)

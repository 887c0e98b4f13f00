"""人口信息管理系统: people and households are asked for, results are registered.

docs/sources/population.yaml is its protocol. An ID number goes in the body and never in an
address: addresses are written into logs on the way.
"""

from datetime import date
from typing import Annotated, Any, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from archive.reference.case_values import Name, Text
from archive.reference.glyphs import undrawn
from archive.reference.moments import Day
from archive.reference.vocabulary import LabelledEnum
from ingest.sources.http import Caller
from ingest.sources.protocol import SourceError


class Standing(LabelledEnum):
    """How a person stands in the register of the population."""

    REGISTERED = "REGISTERED", "在册"
    MOVED_OUT = "MOVED_OUT", "已迁出"
    DEAD = "DEAD", "已注销（死亡）"


class _Answer(BaseModel):
    # A system may tell more than we read; what we read must be of its kind.
    model_config = ConfigDict(frozen=True, extra="ignore")


class PersonRecord(_Answer):
    """A person as the population system has it."""

    name: Name
    id_number: Text
    sex: Text = ""
    ethnic_group: Text = ""
    birth_date: Day | None = None
    standing: Standing
    household_no: Text = ""
    relation: Text = ""
    address: Text = ""
    station: Text = ""

    @property
    def undrawn(self) -> tuple[str, ...]:
        """Return the code points of the name that no font of ours has; it is flagged at entry."""
        return tuple(undrawn([self.name]))


class HouseholdRecord(_Answer):
    """A household with its members, the head first."""

    household_no: Text
    address: Text
    station: Text
    members: Annotated[tuple[PersonRecord, ...], Field(min_length=1, max_length=500)]


class Registered(_Answer):
    """The number under which a result was registered; `again`: it had been before."""

    registration_no: Name
    registered_on: Day
    again: bool = False


class _PersonFound(_Answer):
    person: PersonRecord | None


class _HouseholdFound(_Answer):
    household: HouseholdRecord | None


_A = TypeVar("_A", bound=_Answer)


class Population(Protocol):
    """The register of the population; every call may raise SourceError."""

    def person(self, id_number: str, *, case_no: str) -> PersonRecord | None:
        """Return the person of an ID number; None when the register has none."""
        ...

    def household(self, household_no: str, *, case_no: str) -> HouseholdRecord | None:
        """Return a household; None when the register has none."""
        ...

    def register(
        self, *, case_no: str, item: str, persons: tuple[str, ...], decided_on: date
    ) -> Registered:
        """Register the result of a case; a second time gives the first number again."""
        ...


class PopulationSystem:
    """The population system over HTTP.

    A call is made again as the sources do it; each may be repeated without harm.
    """

    name, system = "population", "人口信息管理系统"

    def __init__(
        self, base: str, *, key: str, rate: float, timeout: float = 30.0, tries: int = 6
    ) -> None:
        """Create a client with its key, and the requests per second that the system bears.

        A call is made again `tries` times at most; a person who waits at a window asks for few.
        """
        self._caller = Caller(base, rate=rate, token=key, timeout=timeout, tries=tries)

    def person(self, id_number: str, *, case_no: str) -> PersonRecord | None:
        """Return the person of an ID number, None when there is none; raises SourceError."""
        body = {"id_number": id_number, "case_no": case_no}
        person = self._asked("/people/query", body, _PersonFound).person
        if person is not None and person.id_number.upper() != id_number.upper():
            raise _wrong()
        return person

    def household(self, household_no: str, *, case_no: str) -> HouseholdRecord | None:
        """Return a household, None when there is none; raises SourceError."""
        body = {"household_no": household_no, "case_no": case_no}
        household = self._asked("/households/query", body, _HouseholdFound).household
        if household is not None and household.household_no != household_no:
            raise _wrong()
        return household

    def register(
        self, *, case_no: str, item: str, persons: tuple[str, ...], decided_on: date
    ) -> Registered:
        """Register the result of a case, and return its number; raises SourceError.

        It is keyed by the case: a repeated call registers nothing further.
        """
        body = {
            "case_no": case_no,
            "item": item,
            "persons": list(persons),
            "decided_on": decided_on.isoformat(),
        }
        return self._asked("/registrations", body, Registered)

    def _asked(self, path: str, body: dict[str, Any], answer: type[_A]) -> _A:
        try:
            return answer.model_validate(self._caller.json("POST", path, body=body))
        except ValidationError:
            # Its text would repeat what came, and that is somebody's.
            raise _wrong() from None


def _wrong() -> SourceError:
    return SourceError(
        "SOURCE_ANSWER",
        "人口信息管理系统的应答与约定的格式不符。",
        "请改为人工录入并核对证件；请该系统核对接口。",
    )

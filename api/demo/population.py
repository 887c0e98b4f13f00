"""The simulated 人口信息管理系统: people and households of the fictional city, and a register."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from archive.reference.citizen_id import birth_date, sex
from ingest.sources.population import HouseholdRecord, PersonRecord, Registered, Standing

RARE_NUMBER = "150602198803030014"
"""Of the person whose name holds a character that the everyday fonts lack."""
PRIVATE_NUMBER = "150602198803030030"
"""Of the person whose name holds a character that only the old system could show."""
DEAD_NUMBER = "15060219350303001X"
_KNOWN = (
    (RARE_NUMBER, "云𬭎", Standing.REGISTERED),
    (PRIVATE_NUMBER, "苏\ue863", Standing.REGISTERED),
    (DEAD_NUMBER, "白某某", Standing.DEAD),
)
_STATION = "150602010000"
_GROUPS = ("汉族", "蒙古族", "回族", "满族")


class PersonQuery(BaseModel):
    """A query for a person, and the case that needs it."""

    id_number: Annotated[str, Field(min_length=1, max_length=32)]
    case_no: Annotated[str, Field(min_length=1, max_length=64)]


class PersonFound(BaseModel):
    """The person of an ID number; null when the register has none."""

    person: PersonRecord | None


class HouseholdQuery(BaseModel):
    """A query for a household, and the case that needs it."""

    household_no: Annotated[str, Field(min_length=1, max_length=64)]
    case_no: Annotated[str, Field(min_length=1, max_length=64)]


class HouseholdFound(BaseModel):
    """A household with its members; null when the register has none."""

    household: HouseholdRecord | None


class Result(BaseModel):
    """The result of a case, to be registered once."""

    case_no: Annotated[str, Field(min_length=1, max_length=64)]
    item: Annotated[str, Field(min_length=1, max_length=32)]
    persons: Annotated[list[str], Field(min_length=1, max_length=500)]
    decided_on: date


def households_of(events: Iterable[Mapping[str, Any]]) -> dict[str, HouseholdRecord]:
    """Return the households of the people in these events, and those of who is known."""
    households: dict[str, HouseholdRecord] = {}
    for number, event in enumerate(events, 1):
        case = event["case"]
        persons = [case["applicant"], *case["subjects"]]
        people = {row["id_number"]: row["name"] for row in persons if row.get("id_number")}
        if people:
            household = _household(f"HJ{number:08d}", people, case["orgs"]["domicile"])
            households[household.household_no] = household
    for at, (id_number, name, standing) in enumerate(_KNOWN, 1):
        household = _household(f"HJ9{at:07d}", {id_number: name}, _STATION, standing)
        households[household.household_no] = household
    return households


def _household(
    number: str, people: Mapping[str, str], station: str, standing: Standing = Standing.REGISTERED
) -> HouseholdRecord:
    address = f"鄂尔多斯市演示路 {int(number[-4:]) + 1} 号"
    members = tuple(
        PersonRecord(
            name=name,
            id_number=id_number,
            sex=known.label if (known := sex(id_number)) else "",
            ethnic_group=_GROUPS[int(number[-2:]) % len(_GROUPS)],
            birth_date=birth_date(id_number),
            standing=standing,
            household_no=number,
            relation="户主" if at == 0 else "家庭成员",
            address=address,
            station=station,
        )
        for at, (id_number, name) in enumerate(people.items())
    )
    return HouseholdRecord(household_no=number, address=address, station=station, members=members)


def population_app(
    households: Mapping[str, HouseholdRecord],
    *,
    allowed: Callable[..., None],
    malformed: Callable[[], bool],
) -> FastAPI:
    """Return the application of 人口信息; in disorder it answers what its protocol does not say."""
    app = FastAPI(title="人口信息管理系统接口（演示）", version="1", docs_url=None, redoc_url=None)
    people = {row.id_number: row for home in households.values() for row in home.members}
    results: dict[str, tuple[Result, Registered]] = {}
    keyed = [Depends(allowed)]

    @app.post("/people/query", summary="按公民身份号码查询一人", dependencies=keyed)
    def person(query: PersonQuery) -> PersonFound:
        if malformed():
            return JSONResponse({"person": {"name": ["无"]}})  # type: ignore[return-value]
        return PersonFound(person=people.get(query.id_number.upper()))

    @app.post("/households/query", summary="按户号查询一户", dependencies=keyed)
    def household(query: HouseholdQuery) -> HouseholdFound:
        if malformed():
            return JSONResponse({"households": []})  # type: ignore[return-value]
        return HouseholdFound(household=households.get(query.household_no))

    @app.post("/registrations", summary="登记办理结果（同一办件只登记一次）", dependencies=keyed)
    def register(result: Result) -> Registered:
        earlier = results.get(result.case_no)
        if earlier and earlier[0] != result:
            raise HTTPException(409, "该办件已登记另一结果")
        if earlier:
            return earlier[1].model_copy(update={"again": True})
        number = f"DJ{result.decided_on:%Y%m%d}{len(results) + 1:06d}"
        registered = Registered(registration_no=number, registered_on=result.decided_on)
        results[result.case_no] = (result, registered)
        return registered

    return app

"""错、假、重户, planted: contradicting second cases, and impossible ages (R36).

A second case of the same person contradicts the first, or a person cannot be as old as stated.
"""

from datetime import datetime, timedelta
from random import Random

from api.demo.cases import DemoCase, make_case
from archive.reference.citizen_id import check_digit
from archive.reference.organisations import Organisations
from archive.reference.service_items import load_catalogue
from archive.reference.vocabulary import Series

_SHIFT = 1_000_000
"""Second cases are numbered far above all first ones."""
_MOVE, _CHANGE = "QR25", "BG08"


def _second(case: DemoCase, organisations: Organisations, code: str) -> bool:
    case.second = make_case(
        0, _SHIFT + case.index, load_catalogue(), organisations, after=case, code=code
    )
    return True


def two_households(case: DemoCase, _: Random, organisations: Organisations) -> bool:
    """Plant a second entry of the same person at another station.

    It is the same child, or the same person without a household.
    """
    return case.item.series in {Series.CS, Series.SY, Series.BL} and _second(
        case, organisations, "CS01"
    )


def two_moves(case: DemoCase, _: Random, organisations: Organisations) -> bool:
    """Plant a second move of the same person to another station within days."""
    return case.item.series is Series.QR and _second(case, organisations, _MOVE)


def after_death(case: DemoCase, _: Random, organisations: Organisations) -> bool:
    """Plant a change for a dead person, days after the death was registered."""
    return case.item.series is Series.SW and _second(case, organisations, _CHANGE)


def too_old(case: DemoCase, _: Random, __: Organisations) -> bool:
    """Plant a number that says born in 1890."""
    return _born(case, 1890, 5, 4)


def born_after(case: DemoCase, _: Random, __: Organisations) -> bool:
    """Plant a number that says born three days after the case was closed."""
    day = datetime.fromisoformat(case.facts["process"][-1]["at"]) + timedelta(days=3)
    return _born(case, day.year, day.month, day.day)


def _born(case: DemoCase, year: int, month: int, day: int) -> bool:
    person = case.facts["subjects"][0]
    first17 = f"{person['id_number'][:6]}{year:04d}{month:02d}{day:02d}{person['id_number'][14:17]}"
    person["id_number"] = first17 + check_digit(first17)
    return True

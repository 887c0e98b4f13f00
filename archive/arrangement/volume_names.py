"""How a volume is named: by 档号, with `.` for `·` as on the bar code, or by case number."""

import re

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from archive.database.tables_cases import Case
from archive.database.tables_volumes import Volume
from archive.reference.codes import ArchivalCode, CodeFaultError

_CASE_NO = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def read_code(text: str) -> str:
    """Return a 档号 as typed in its normal form, or the text itself when it is no code.

    `.` may stand for `·`, as on the bar code, so that a URL can be ASCII.
    """
    try:
        return str(ArchivalCode.parse(text.replace(".", "·")).volume)
    except CodeFaultError:
        return text


def has_name(name: str) -> ColumnElement[bool]:
    """Return the condition for the volume of a name; the query joins `Volume` and `Case`."""
    code = read_code(name)
    if "·" in code:
        return Volume.code == code
    return Case.case_no == (name if _CASE_NO.fullmatch(name) else "")


def code_of(session: Session, name: str) -> str:
    """Return the 档号 of the volume of a name, or the name as read when there is no volume."""
    query = select(Volume.code).join(Case, Case.id == Volume.case_id).where(has_name(name))
    return session.scalars(query).first() or read_code(name)

"""Template filters: dates in Chinese form, labels of codes, sizes."""

import json
from collections.abc import Callable
from datetime import date, datetime
from types import BuiltinFunctionType, MethodType
from typing import Any

from markupsafe import Markup

from archive.administration.policy import Role
from archive.audit.acts import JournalAct
from archive.finding_aids.todo_terms import TodoKind
from archive.finding_aids.whom import whom
from archive.gathering.captures import Capture
from archive.gathering.cases import Gathering
from archive.reference.local_time import LOCAL_TIME
from archive.reference.paper_terms import (
    CountResult,
    HandoverDifference,
    HandoverState,
    LoanKind,
    LoanState,
    PaperKind,
    PaperState,
    PlaceKind,
    ScanVerdict,
    StocktakeState,
)
from archive.reference.print_terms import PrintKind
from archive.reference.submission_terms import IdentityResult, PartyRole
from archive.reference.terms import terms
from archive.reference.vocabulary import (
    ApprovalLevel,
    CaseState,
    Channel,
    IntakeOutcome,
    LabelledEnum,
    Mode,
    Node,
    OrgKind,
    Outcome,
    ProcessResult,
    Retention,
    Series,
    SignatureLevel,
    SourceKind,
    VolumeState,
)
from archive.usage.copy_orders import CopyStep

_LABELS: tuple[type[LabelledEnum], ...] = (
    Series,
    VolumeState,
    SourceKind,
    Retention,
    Node,
    ProcessResult,
    SignatureLevel,
    Outcome,
    IntakeOutcome,
    Channel,
    Mode,
    ApprovalLevel,
    OrgKind,
    Role,
    CopyStep,
    Capture,
    CaseState,
    Gathering,
    CountResult,
    HandoverDifference,
    HandoverState,
    LoanKind,
    LoanState,
    PaperKind,
    PaperState,
    PlaceKind,
    PrintKind,
    ScanVerdict,
    StocktakeState,
    TodoKind,
    IdentityResult,
    PartyRole,
)
_KIB = 1024


def act_label(act: str) -> str:
    """Return the Chinese label of a journal act; one from an older version as it is."""
    return JournalAct(act).label if act in set(JournalAct) else act


def label(value: str | None, kind: str) -> str:
    """Return the Chinese label of a code of the vocabulary, as `"QY"|label("Series")`."""
    enum = next(enum_type for enum_type in _LABELS if enum_type.__name__ == kind)
    return enum(value).label if value in set(enum) else (value or "")


def day(at: datetime | date | str | None) -> str:
    """Write a day in local time, as 2026年9月1日."""
    at_local = _local(at)
    return f"{at_local.year}年{at_local.month}月{at_local.day}日" if at_local else ""


def short_day(at: datetime | date | str | None) -> str:
    """Write a day in local time, as 2026-09-01."""
    at_local = _local(at)
    return at_local.strftime("%Y-%m-%d") if at_local else ""


def clock(at: datetime | str | None) -> str:
    """Write a moment in local time, as 2026-09-01 16:42:07."""
    at_local = _local(at)
    return at_local.strftime("%Y-%m-%d %H:%M:%S") if at_local else ""


def _local(at: datetime | date | str | None) -> datetime | date | None:
    if isinstance(at, str):
        at = datetime.fromisoformat(at)
    return at.astimezone(LOCAL_TIME) if isinstance(at, datetime) else at


def size(count: int | None) -> str:
    """Write a number of bytes as KB or MB."""
    if count is None:
        return ""
    return f"{count / _KIB:,.0f} KB" if count < _KIB * _KIB else f"{count / _KIB / _KIB:,.1f} MB"


def thousands(count: int) -> str:
    """Write a number with commas, as 1,284."""
    return f"{count:,}"


def no_method(value: object) -> object:
    """Return what a template prints; raises TypeError for a method.

    `row.items` of a dict is its method, whatever its key `items` holds.
    """
    if isinstance(value, BuiltinFunctionType | MethodType):
        raise TypeError("a template prints a method")
    return value


def term(word: str) -> str:
    """Return a term of the field that says what it means when the pointer rests on it."""
    meaning = terms().get(word)
    if meaning is None:
        raise ValueError(f"not among the terms: {word}")
    return Markup('<dfn title="{}">{}</dfn>').format(meaning, word)


FILTERS: dict[str, Callable[..., Any]] = {
    "label": label,
    "day": day,
    "short_day": short_day,
    "clock": clock,
    "size": size,
    "thousands": thousands,
    "who": whom,
    "term": term,
    "act": act_label,
    "usage": lambda detail: json.loads(detail).get("usage") or "",
}

"""Visitors (利用人): who came for a record, as the register of use names them (R24).

Name, document, agent and telephone are kept encrypted with the request; lists show them masked.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from archive.reference import citizen_id
from archive.reference.errors import ArchiveError
from archive.reference.vocabulary import LabelledEnum

_PHONE = re.compile(r"[0-9+][0-9 -]{5,19}")
_NUMBER = re.compile(r"[0-9A-Z（）()\-]{4,32}")
_LONGEST = 50


class DocumentKind(LabelledEnum):
    """The document by which a visitor was identified."""

    CITIZEN_ID = "CITIZEN_ID", "居民身份证"
    PASSPORT = "PASSPORT", "护照"
    PERMIT = "PERMIT", "通行证"
    POLICE = "POLICE", "人民警察证"
    WORK = "WORK", "工作证"
    LICENCE = "LICENCE", "律师执业证"
    OTHER = "OTHER", "其他证件"


class BadVisitorError(ArchiveError):
    """What is stated of a visitor cannot be right; `field` is where a form has it."""

    code = "BAD_VISITOR"

    def __init__(self, field: str, message: str) -> None:
        """Keep the field and what is wrong with it."""
        super().__init__(message, "请核对证件后重新填写。")
        self.field = f"visitor:{field}"


@dataclass(frozen=True, slots=True)
class Visitor:
    """A person who came: name, kind and number of the document, telephone.

    `agent` is who came in the person's place, "" when the person came in person.
    """

    name: str
    document: DocumentKind
    number: str
    phone: str = ""
    agent: str = ""

    def row(self) -> dict[str, Any]:
        """Return the visitor as the sealed column keeps it."""
        return {**asdict(self), "document": str(self.document)}


def checked(visitor: Visitor, today: date) -> Visitor:
    """Return a visitor in the normal form. Raises BadVisitorError.

    A citizen number is held to its check digit, as everywhere.
    """
    name, agent = (" ".join(text.split()) for text in (visitor.name, visitor.agent))
    number = "".join(visitor.number.split()).upper()
    phone = " ".join(visitor.phone.split())
    if not 1 < len(name) <= _LONGEST:
        raise BadVisitorError("name", f"利用人姓名应为2至{_LONGEST}字。")
    if len(agent) > _LONGEST:
        raise BadVisitorError("agent", f"代理人姓名应不超过{_LONGEST}字。")
    if visitor.document is DocumentKind.CITIZEN_ID:
        fault = citizen_id.check(number, today)
        if fault is not None:
            raise BadVisitorError("number", f"{fault.label}。")
    elif not _NUMBER.fullmatch(number):
        raise BadVisitorError("number", "证件号码应为4至32位字母和数字。")
    if phone and not _PHONE.fullmatch(phone):
        raise BadVisitorError("phone", "联系电话应为6至20位数字。")
    return Visitor(name, visitor.document, number, phone, agent)


def visitor_of(stored: Mapping[str, Any] | None) -> Visitor | None:
    """Return the visitor that a request keeps."""
    if stored is None:
        return None
    return Visitor(**{**stored, "document": DocumentKind(stored["document"])})


def masked(visitor: Visitor) -> Visitor:
    """Return a visitor as lists show one: name, number, telephone and agent masked."""
    return Visitor(
        citizen_id.mask_name(visitor.name),
        visitor.document,
        citizen_id.mask(visitor.number),
        citizen_id.mask_phone(visitor.phone) if visitor.phone else "",
        citizen_id.mask_name(visitor.agent) if visitor.agent else "",
    )

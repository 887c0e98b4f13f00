"""The fields of an electronic form: the facts of the case, and what its data adds.

The facts stand under labels of ours. A form may state them too, in the same words; what it
states otherwise under such a label never reaches the page.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from archive.reference.case_facts import CaseFacts, Material
from archive.reference.characters import unified
from archive.reference.form_digest import taken_by
from archive.reference.local_time import local_time
from archive.reference.organisations import Organisations
from archive.reference.vocabulary import FormKind

_ALIASES = {
    "applicant": "申报人",
    "id_number": "公民身份号码",
    "item": "事项名称",
    "opinion": "意见",
}
_MEMBER = re.compile(r"成员[0-9]+")
_UNSEEN = re.compile(r"[\s:：·•‧・∙.　\u200b-\u200f\ufeff]")
_IDENTITY = frozenset(
    {"办件编号", "事项名称", "申报人", "公民身份号码", "收件单位", "受理单位", "户籍地单位"}
)


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A label of ours under which a form states something else than the facts.

    `of_identity` says that the label names the case, its persons or its offices.
    """

    label: str
    of_identity: bool


def fact_fields(
    kind: FormKind | None, facts: CaseFacts, item_name: str, organisations: Organisations
) -> dict[str, str]:
    """Return the facts that stand on a form of this kind, by label."""
    fields = {
        "办件编号": facts.case_no,
        "事项名称": item_name,
        "申报人": facts.applicant.name,
        "公民身份号码": facts.applicant.id_number or "",
        "联系电话": facts.applicant.phone or "",
        "收件单位": _org(organisations, facts.orgs.receive),
        "受理单位": _org(organisations, facts.orgs.accept),
        "户籍地单位": _org(organisations, facts.orgs.domicile),
        "申报渠道": facts.channel.label,
        "收件时间": local_time(min(event.at for event in facts.process)),
    }
    if kind is FormKind.RECEIPT:
        fields["承诺办结日期"] = facts.due_on.isoformat() if facts.due_on else "未填"
        fields |= _taken(facts)
    if kind is FormKind.REGISTER:
        fields |= _members(facts)
    return fields


def _taken(facts: CaseFacts) -> dict[str, str]:
    """Return the materials of a receipt: those it was signed with, and what came later.

    Who signed the receipt signed for the former only.
    """
    signed = [row.at for row in facts.signatures if row.form is FormKind.RECEIPT]
    brought = [material for material in facts.materials if material.form is None]
    early = [row for row in brought if not signed or taken_by(row, max(signed))]
    fields = {"收取材料": "、".join(row.type for row in early) or "无"}
    late = [row.type for row in brought if row not in early]
    return fields | ({"签名后收取": "、".join(late)} if late else {})


def added_fields(material: Material, facts: Mapping[str, str]) -> dict[str, str]:
    """Return what the data of a form adds to these facts, by label, as it is shown.

    Labels that fold to one stay apart; a value that is null stays as an empty field.
    """
    taken = {_folded(label) for label in facts}
    fields: dict[str, str] = {}
    for key, value in (material.data or {}).items():
        label = _ALIASES.get(key, key)
        if _folded(label) in taken or _MEMBER.fullmatch(_folded(label)):
            continue
        fields[key if label in fields else label] = shown_value(value)
    return fields


def shown_value(value: object) -> str:
    """Return a value of a form as people read it: 是 or 否 for a truth, nothing for null."""
    if isinstance(value, bool):
        return "是" if value else "否"
    return "" if value is None else str(value)


def contradictions(
    material: Material, facts: CaseFacts, item_name: str, organisations: Organisations
) -> Iterator[Contradiction]:
    """Yield each label of ours under which the form states something else than the facts.

    A fact may be stated by its name or its code; a date may stand for a time. Whoever else the
    case is about is no other person.
    """
    known = fact_fields(FormKind.RECEIPT, facts, item_name, organisations) | _members(facts)
    known_by_fold = {_folded(label): label for label in known}
    codes = {
        "事项名称": facts.item.code,
        "收件单位": facts.orgs.receive,
        "受理单位": facts.orgs.accept,
        "户籍地单位": facts.orgs.domicile,
        "申报渠道": str(facts.channel),
    }
    persons = {
        _folded(text) for person in facts.subjects for text in (person.name, person.id_number or "")
    }
    for key, value in (material.data or {}).items():
        label = known_by_fold.get(_folded(_ALIASES.get(key, key)), "")
        member = _MEMBER.fullmatch(_folded(key))
        stated = _folded(shown_value(value))
        right = {_folded(known.get(label, "")), _folded(codes.get(label, ""))} - {""}
        if not stated or not (label or member) or stated in right:
            continue
        if label == "收件时间" and any(fact.startswith(stated) for fact in right):
            continue
        of_identity = bool(member) or (label in _IDENTITY and stated not in persons)
        yield Contradiction(label or "成员", of_identity)


def _members(facts: CaseFacts) -> dict[str, str]:
    return {
        f"成员{index}": f"{person.relation or '成员'}　{person.name}　{person.id_number or ''}"
        for index, person in enumerate(facts.subjects, 1)
    }


def _folded(text: str) -> str:
    """Return a label or a value as it is compared: width, case, spaces and dots apart."""
    return _UNSEEN.sub("", unified(text)).casefold()


def _org(organisations: Organisations, code: str) -> str:
    """Return the name of an organisation, or the code of an unknown one."""
    return organisations.get(code).name if code in organisations else code

"""One fictional case: person, item, offices, every step and every material with its bytes.

It is sound unless a defect is planted later.
"""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from api.demo import born_digital, scans
from api.demo.people import Invented, invent
from archive.reference.local_time import LOCAL_TIME
from archive.reference.organisations import Organisation, Organisations
from archive.reference.service_items import (
    Catalogue,
    ItemMaterial,
    ServiceItem,
    missing_investigation,
)
from archive.reference.vocabulary import ApprovalLevel, InvestigationKind, Mode, OrgKind, SourceKind
from archive.reference.worktime import due_on, is_workday

_FORMS = {"收件单": "RECEIPT", "审批表": "APPROVAL", "常住人口登记表": "REGISTER"}
_FIRST_DAY = datetime(2026, 1, 5, tzinfo=LOCAL_TIME)
_DAYS = 290
_CITYWIDE_SHARE = 0.4
_ONLINE_SHARE = 0.2
_OVERDUE_SHARE = 0.03


@dataclass(slots=True)
class DemoCase:
    """A case as a bag will hold it.

    `facts` is case.json, `files` is the payload by path below `data/`.
    """

    index: int
    facts: dict[str, Any]
    item: ServiceItem
    person: Invented
    files: dict[str, bytes] = field(default_factory=dict)
    second: "DemoCase | None" = None

    @property
    def scanned(self) -> list[dict[str, Any]]:
        """Return the materials that hold image files."""
        return [
            material
            for material in self.facts["materials"]
            if any(path.endswith((".jpg", ".png")) for path in material.get("files", ()))
        ]


def make_case(
    seed: int,
    index: int,
    catalogue: Catalogue,
    organisations: Organisations,
    *,
    after: DemoCase | None = None,
    code: str = "",
) -> DemoCase:
    """Return the sound case `index`; the same seed and index give the same bytes.

    Items take turns, so that 102 cases meet all of them. With `after` it is a further case of the
    same people, in another station, of the item `code`, and begun within days after that case
    ended.
    """
    random = Random(f"{seed}:{index}{':again' if after else ''}")
    item = (
        next(candidate for candidate in catalogue.demo_items if candidate.code == code)
        if code
        else catalogue.demo_items[index % len(catalogue.demo_items)]
    )
    person = after.person if after else invent(random)
    home = random.choice(_homes(organisations, after))
    receive = _receiver(random, item, home, organisations)
    online = item.online and random.random() < _ONLINE_SHARE
    begin = after.facts["process"][-1]["at"] if after else None
    process = _process(random, item, receive, home, organisations, begin)
    received = datetime.fromisoformat(process[0]["at"])
    case_no = f"{receive.code}-{received:%Y%m%d}-{index:06d}"
    due = due_on(received.date(), item.limit_workdays)
    case = DemoCase(
        index,
        {
            "spec": "case-submission/1",
            "case_no": case_no,
            "item": {"code": item.code, "version": item.version},
            "channel": "ONLINE" if online else "WINDOW",
            "applicant": {key: getattr(person, key) for key in ("name", "id_number", "phone")},
            "subjects": [dict(subject) for subject in after.facts["subjects"]]
            if after
            else _subjects(random, person, item),
            "orgs": {"receive": receive.code, "accept": home.code, "domicile": home.code},
            "due_on": due and due.isoformat(),
            "process": process,
            "materials": [],
        },
        item,
        person,
    )
    if receive.code != home.code:
        case.facts.update(_authorisation(case, receive, home))
    add_materials(random, case, received, receive.name, online=online)
    return case


def _homes(organisations: Organisations, after: DemoCase | None) -> list[Organisation]:
    """Return the stations that may be the domicile: another one than in the case before."""
    return [
        station
        for station in organisations.of_kind(OrgKind.STATION)
        if after is None or station.code != after.facts["orgs"]["domicile"]
    ]


def _authorisation(case: DemoCase, receive: Organisation, home: Organisation) -> dict[str, Any]:
    """Return the grant under which another window received a case, and its use of the seal."""
    facts = case.facts
    approved = next(event["at"] for event in facts["process"] if event["node"] == "APPROVE")
    return {
        "grant": {
            "grantor": home.code,
            "grantee": receive.code,
            "item": case.item.code,
            "valid_until": "2027-12-31",
        },
        "seal_uses": [
            {
                "seal_owner": home.code,
                "caller": receive.code,
                "at": approved,
                "grant_ref": f"{facts['case_no']}-G",
            }
        ],
    }


def _receiver(
    random: Random, item: ServiceItem, home: Organisation, organisations: Organisations
) -> Organisation:
    if item.mode is not Mode.CITYWIDE or random.random() >= _CITYWIDE_SHARE:
        return home
    windows = (*organisations.of_kind(OrgKind.STATION), *organisations.of_kind(OrgKind.HALL))
    return random.choice([window for window in windows if window.code != home.code])


def _subjects(random: Random, person: Invented, item: ServiceItem) -> list[dict[str, Any]]:
    applicant = {"name": person.name, "id_number": person.id_number, "relation": "本人"}
    if item.series.value == "CS":
        child = invent(random, youngest=0, oldest=1)
        return [
            {
                "name": person.name[0] + child.name[-1],
                "id_number": child.id_number,
                "relation": "子女",
            },
            applicant | {"relation": "申报人"},
        ]
    if random.random() < 0.15:
        other = invent(random)
        return [applicant, {"name": other.name, "id_number": other.id_number, "relation": "配偶"}]
    return [applicant]


def _process(
    random: Random,
    item: ServiceItem,
    receive: Organisation,
    home: Organisation,
    organisations: Organisations,
    after: str | None,
) -> list[dict[str, Any]]:
    if after:
        at = datetime.fromisoformat(after).replace(hour=9, minute=0) + timedelta(
            days=random.randint(1, 9), minutes=random.randrange(300)
        )
    else:
        at = _FIRST_DAY + timedelta(
            days=random.randrange(_DAYS), hours=9, minutes=random.randrange(300)
        )
    while not is_workday(at.date()):
        at += timedelta(days=1)
    window, clerk = _officer(random, receive), _officer(random, home)
    steps: list[tuple[str, Organisation, tuple[str, str], str, ApprovalLevel | None]] = [
        ("RECEIVE", receive, window, "材料齐全，予以收件", None)
    ]
    citywide = receive.code != home.code
    if citywide:
        steps.append(("TRANSFER", receive, window, "流转至户籍地派出所", None))
    steps += [
        ("ACCEPT", home, clerk, "符合受理条件", None),
        ("REVIEW", home, clerk, "材料与系统信息一致", None),
    ]
    for approval in item.approval_levels:
        unit = _unit(approval, home, organisations)
        steps.append(("APPROVE", unit, _officer(random, unit), "同意办理", approval))
    if citywide:
        steps.append(("FEEDBACK", home, clerk, "办理结果已反馈受理地", None))
    steps.append(("ISSUE", receive, window, "已出件", None))
    slow = random.random() < _OVERDUE_SHARE
    events = []
    for node, unit, (number, name), opinion, level in steps:
        event = {
            "node": node,
            "org": unit.code,
            "actor_no": number,
            "actor": name,
            "at": at.isoformat(),
            "result": "AGREE",
            "opinion": opinion,
        }
        events.append(event | ({"level": level.value} if level else {}))
        at += (
            timedelta(minutes=random.randint(4, 50))
            if not slow
            else timedelta(days=random.randint(2, 9))
        )
    return events


def _unit(level: ApprovalLevel, home: Organisation, organisations: Organisations) -> Organisation:
    if level is ApprovalLevel.STATION:
        return home
    return (
        organisations.district_of(home.code)
        if level is ApprovalLevel.DISTRICT
        else organisations.of_kind(OrgKind.CITY)[0]
    )


def _officer(random: Random, unit: Organisation) -> tuple[str, str]:
    number = f"{unit.code[2:8]}{random.randint(10, 99)}"
    return number, f"演警{number[-4:]}"


def add_materials(
    random: Random, case: DemoCase, received: datetime, window: str, *, online: bool
) -> None:
    """Add the materials of the item, drawn or scanned, to a case that was received then."""
    for material in case.item.materials:
        if material.condition is not None and random.random() >= 0.3:
            continue
        source = random.choice(material.sources)
        if online and source is SourceKind.SCANNED_PROOF:
            source = SourceKind.ONLINE_APPLICATION
        add_material(random, case, material, source, received, window)
    if online:
        sent = SourceKind.ONLINE_APPLICATION
        listed = ItemMaterial(name="互联网申报表", sources=(sent,))
        add_material(random, case, listed, sent, received, window)
    _add_investigation(random, case, received, window)


def _add_investigation(random: Random, case: DemoCase, received: datetime, window: str) -> None:
    """Add comparison and visit where the item needs them and its list names neither (MPS §9)."""
    titles = [material["type"] for material in case.facts["materials"]]
    for kind in missing_investigation(case.item, titles):
        compared = kind is InvestigationKind.COMPARISON
        source = SourceKind.SYSTEM_FORM if compared else SourceKind.SCANNED_PROOF
        listed = ItemMaterial(name=kind.label, sources=(source,))
        add_material(random, case, listed, source, received, window)


def add_material(
    random: Random,
    case: DemoCase,
    listed: ItemMaterial,
    source: SourceKind,
    received: datetime,
    window: str,
) -> None:
    """Add one material of a case from a source."""
    no = len(case.facts["materials"]) + 1
    material: dict[str, Any] = {"no": no, "type": listed.name, "source": source.value, "pages": 1}
    if source is SourceKind.SYSTEM_FORM:
        material |= {"form": _FORMS.get(listed.name, "OTHER"), "data": _form_data(listed.name)}
    elif source is SourceKind.SHARED_CERT:
        path, data = f"materials/{no:03d}.pdf", _certificate(random, case, listed.name)
        fetched = (received + timedelta(minutes=random.randint(1, 3))).isoformat()
        digest = hashlib.sha256(data).hexdigest()
        evidence = {
            "system": "电子证照库",
            "id": f"1.2.156.3005.2.{case.index}.{no}",
            "fetched_at": fetched,
            "sha256": digest,
        }
        material |= {"files": [path], "source_ref": evidence}
        case.files[path] = data
    else:
        files, pages = _captured(random, case, no, listed.name, source, window)
        material |= {
            "files": list(files),
            "pages": pages,
            "captured_at": (received + timedelta(minutes=2)).isoformat(),
        }
        if source is SourceKind.SCANNED_PROOF:
            material |= {
                "captured_by": case.facts["process"][0]["actor_no"],
                "paper": {"original": True, "pages": pages, "kept": True},
            }
        case.files |= files
    case.facts["materials"].append(material)


def _form_data(name: str) -> dict[str, str]:
    if name == "审批表":
        return {"审批结论": "同意", "审批依据": "符合该事项的办理条件"}
    return (
        {"填表说明": "由业务系统依登记信息自动生成"}
        if name in _FORMS
        else {"内容": f"{name}：经系统核验，信息一致。"}
    )


def stated_lines(random: Random, case: DemoCase, name: str, count: int) -> tuple[str, ...]:
    """Return the text on a page of this case.

    It is the person, the kind of proof, and `count` lines of what such papers say.
    """
    person = case.person
    stock = (
        "以上内容经本人核对无误，如有虚假愿承担法律责任。",
        "兹证明上述人员情况属实，特此出具。",
        f"事项：{case.item.name[:24]}",
        f"办件编号：{case.facts['case_no']}",
        "本件一式两份，办理单位与本人各执一份。",
        f"住址：鄂尔多斯市演示路 {random.randint(1, 400)} 号 {random.randint(1, 30)} 栋",
        f"登记序号：{random.randint(10**7, 10**8 - 1)}",
    )
    return (
        f"姓名：{person.name}",
        f"公民身份号码：{person.id_number}",
        f"证明种类：{name}",
        *(random.choice(stock) for _ in range(count)),
    )


def _certificate(random: Random, case: DemoCase, name: str) -> bytes:
    lines = stated_lines(random, case, name, 8)
    kind = random.random()
    if kind < 0.1:
        return born_digital.without_fonts(name[:20], lines)
    certificate = born_digital.with_fonts(
        json.dumps({"heading": name, "lines": lines, "issuer": "共享证照库"}, ensure_ascii=False)
    )
    if kind < 0.2:
        return born_digital.restricted(certificate)
    return born_digital.with_damaged_xref(certificate) if kind < 0.25 else certificate


def _captured(
    random: Random, case: DemoCase, no: int, name: str, source: SourceKind, window: str
) -> tuple[dict[str, bytes], int]:
    """Return the files of a scanned or uploaded material, and how many pages they hold."""
    if name == "互联网申报表":
        fields = (
            ("申报人证件号码", case.person.id_number),
            ("联系电话", case.person.phone),
            ("申报编号", case.facts["case_no"]),
        )
        return {f"materials/{no:03d}.pdf": born_digital.with_form(name, fields)}, 1
    count = random.choice((1, 1, 2, 2, 3, 4))
    stamp = window[:12] if source is SourceKind.SCANNED_PROOF else ""
    pages = [
        scans.Page(
            name[:18] if page == 1 else f"{name[:14]}（第{page}页）",
            stated_lines(random, case, name, 14),
            stamp,
        )
        for page in range(1, count + 1)
    ]
    stem, kind = f"materials/{no:03d}", random.random()
    # A phone writes into its pictures when they were taken; a scanner of a window does not.
    taken = None
    if source is not SourceKind.SCANNED_PROOF:
        taken = datetime.fromisoformat(case.facts["process"][0]["at"]) - timedelta(days=no)
    if source is SourceKind.SCANNED_PROOF and kind < 0.2:
        return {
            f"{stem}.tif": scans.g4_tiff([scans.gray(page, 300, random) for page in pages], 300)
        }, count
    if kind < 0.35:
        return {
            f"{stem}-{index}.png": scans.png(scans.gray(page, 200, random), 200)
            for index, page in enumerate(pages, 1)
        }, count
    if kind < 0.6:
        return {
            f"{stem}-{index}.jpg": scans.jpeg(scans.gray(page, 300, random), 300, taken=taken)
            for index, page in enumerate(pages, 1)
        }, count
    return {
        f"{stem}-{index}.jpg": scans.jpeg(scans.colour(page, 200, random), 200, taken=taken)
        for index, page in enumerate(pages, 1)
    }, count

"""Sound cases of the second city, as the submission format says.

`tests.bench.field.faults` plants what is wrong.
"""

import hashlib
import io
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pikepdf
from PIL import Image

from archive.reference.citizen_id import check_digit
from archive.reference.local_time import LOCAL_TIME
from archive.reference.organisations import load_organisations
from archive.reference.service_items import (
    load_catalogue,
    missing_investigation,
    required_materials,
    snapshot,
)
from archive.reference.vocabulary import FormKind, Mode, OrgKind
from tests.bench.field import scanner, sheets
from tests.bench.field.sheets import dice

CATALOGUE, ORGANISATIONS = load_catalogue(), load_organisations()
_ITEMS = [item for item in CATALOGUE.demo_items if item.mode is Mode.CITYWIDE]
_STATIONS = [org.code for org in ORGANISATIONS.of_kind(OrgKind.STATION)]
_FORMS = {kind.label: kind.value for kind in FormKind}
_EXTRA = ("邻里询问笔录", "人脸识别核验单")


@dataclass
class FieldCase:
    """A case before it is packed: facts, files, and the pages that it may be copied from."""

    facts: dict[str, Any]
    files: dict[str, bytes] = field(default_factory=dict)
    captures: list[tuple[Image.Image, scanner.Scanner]] = field(default_factory=list)
    person: str = ""
    number: str = ""

    def add(
        self, name: str, files: list[tuple[str, bytes]], pages: int, source: str
    ) -> dict[str, Any]:
        """Add a material of these files (extension, bytes)."""
        no = len(self.facts["materials"]) + 1
        paths = [f"materials/{no:03d}-{at}.{kind}" for at, (kind, _) in enumerate(files, 1)]
        self.files |= {path: data for path, (_, data) in zip(paths, files, strict=True)}
        material = {"no": no, "type": name, "source": source, "files": paths, "pages": pages}
        self.facts["materials"].append(material)
        return material


def id_number(random: Random, year: int) -> str:
    """An ID number of the city, its check digit right."""
    body = f"1506{random.choice(('02', '22', '23'))}{year}{random.randint(1, 12):02d}"
    body += f"{random.randint(1, 28):02d}{random.randint(1, 998):03d}"
    return body + check_digit(body)


def text_pdf(pages: list[list[str]]) -> bytes:
    """A born-digital PDF with a text layer: Helvetica cannot show Chinese, CID fonts can."""
    pdf = pikepdf.new()
    descendant = pikepdf.Dictionary(
        Type=pikepdf.Name.Font,
        Subtype=pikepdf.Name.CIDFontType0,
        BaseFont=pikepdf.Name("/STSong-Light"),
        CIDSystemInfo=pikepdf.Dictionary(Registry=b"Adobe", Ordering=b"GB1", Supplement=4),
        DW=1000,
    )
    font = pikepdf.Dictionary(
        Type=pikepdf.Name.Font,
        Subtype=pikepdf.Name.Type0,
        BaseFont=pikepdf.Name("/STSong-Light"),
        Encoding=pikepdf.Name("/UniGB-UCS2-H"),
        DescendantFonts=pikepdf.Array([descendant]),
    )
    for lines in pages:
        page = pdf.add_blank_page(page_size=(595, 842))
        page.obj.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F0=pdf.make_indirect(font)))
        text = "\n".join(
            f"BT /F0 14 Tf 72 {760 - 30 * at} Td <{line.encode('utf-16-be').hex()}> Tj ET"
            for at, line in enumerate(lines)
        )
        page.obj.Contents = pdf.make_stream(text.encode())
    out = io.BytesIO()
    pdf.save(out)
    return out.getvalue()


def sound(number: int) -> FieldCase:
    """A sound case: an item of the catalogue with its materials, as a window would send it."""
    random = dice(f"field {number}")
    item = random.choice(_ITEMS)
    home, window = random.choice(_STATIONS), random.choice(_STATIONS)
    if random.random() < 0.5:
        window = home
    case = FieldCase({})
    case.person, case.number = sheets.name(random), id_number(random, random.randint(1950, 2005))
    begun = datetime(2026, random.randint(1, 9), random.randint(1, 28), 9, 5, tzinfo=LOCAL_TIME)
    case.facts = {
        "spec": "case-submission/1",
        "case_no": f"{window}-{begun:%Y%m%d}-{number:06d}",
        "item": {"code": item.code, "version": item.version},
        "channel": "WINDOW",
        "applicant": {"name": case.person, "id_number": case.number, "phone": "13900000000"},
        "subjects": [{"name": case.person, "id_number": case.number, "relation": "本人"}],
        "orgs": {"receive": window, "accept": home, "domicile": home},
        "process": _process(window, home, item.approval_levels, begun),
        "materials": [],
    }
    if window != home:
        case.facts["grant"] = {
            "grantor": home,
            "grantee": window,
            "item": item.code,
            "valid_until": "2028-12-31",
        }
    device, look = scanner.scanner(random), sheets.style(random)
    names = [
        (row.name, [str(source) for source in row.sources])
        for row in required_materials(snapshot(item))
    ]
    names += [
        (name, ["SCANNED_PROOF"])
        for name in _EXTRA
        if missing_investigation(item, [n for n, _ in names])
    ]
    for name, sources in names:
        _material(case, random, (name, random.choice(sources)), device, look, begun)
    if random.random() < 0.35:
        _household(case, random, device, look, begun)
    if random.random() < 0.25:
        photo = scanner.jpeg(sheets.portrait(random.randint(0, 1 << 30)), 92, 350)
        _captured(case.add("本人近期免冠照片", [("jpg", photo)], 1, "SCANNED_PROOF"), begun)
    if random.random() < 0.3:
        lines = [["补充说明", words_of(random), f"第 {at} 页 共 3 页"] for at in (1, 2, 3)]
        case.add("补充说明", [("pdf", text_pdf(lines))], 3, "ONLINE_APPLICATION")
    return case


def words_of(random: Random) -> str:
    """A line of print."""
    return sheets.words(random, 24)


def _process(
    window: str, home: str, levels: tuple[Any, ...], begun: datetime
) -> list[dict[str, Any]]:
    away = window != home
    nodes = [
        ("RECEIVE", window, "01"),
        *([("TRANSFER", window, "01")] if away else []),
        ("ACCEPT", home, "11"),
        ("REVIEW", home, "12"),
    ]
    steps = [
        {"node": node, "org": org, "actor_no": f"{org[2:8]}{who}", "actor": f"警{who}"}
        for node, org, who in nodes
    ]
    for level in levels:
        org = {"STATION": home, "DISTRICT": _above(home, 1), "CITY": _above(home, 2)}[str(level)]
        steps.append(
            {
                "node": "APPROVE",
                "org": org,
                "actor_no": f"{org[2:8]}21",
                "actor": "警21",
                "level": str(level),
            }
        )
    if away:
        steps.append(
            {"node": "FEEDBACK", "org": home, "actor_no": f"{home[2:8]}12", "actor": "警12"}
        )
    steps.append({"node": "ISSUE", "org": window, "actor_no": f"{window[2:8]}01", "actor": "警01"})
    return [
        step | {"at": (begun + timedelta(minutes=7 * at)).isoformat(), "result": "AGREE"}
        for at, step in enumerate(steps)
    ]


def _above(org: str, floors: int) -> str:
    return org[:6] + "000000" if floors == 1 else org[:4] + "00000000"


def _captured(material: dict[str, Any], begun: datetime) -> None:
    material["captured_at"] = (begun + timedelta(minutes=2)).isoformat()


def _material(
    case: FieldCase,
    random: Random,
    wanted: tuple[str, str],
    device: scanner.Scanner,
    look: sheets.Style,
    begun: datetime,
) -> None:
    name, source = wanted
    if source == "SYSTEM_FORM":
        no = len(case.facts["materials"]) + 1
        case.facts["materials"].append(
            {
                "no": no,
                "type": name,
                "source": source,
                "form": _FORMS.get(name, "OTHER"),
                "data": {"办理结果": "同意"},
                "pages": 1,
            }
        )
        return
    if source == "SHARED_CERT":
        if random.random() < 0.5:
            data, kind = (
                text_pdf(
                    [
                        [
                            name,
                            f"姓名：{case.person}",
                            f"公民身份号码：{case.number}",
                            words_of(random),
                        ]
                    ]
                ),
                "pdf",
            )
        else:  # a picture of 110 ppi, as the library keeps it
            sheet = sheets.letter(
                look,
                name,
                [f"姓名{case.person}", words_of(random) * 2],
                case.person,
                random.randint(0, 1 << 30),
                "签发机关",
            )
            data, kind = (
                scanner.jpeg(sheet.resize((910, 1287), Image.Resampling.LANCZOS), 80, 110),
                "jpg",
            )
        material = case.add(name, [(kind, data)], 1, source)
        material["source_ref"] = {
            "system": "电子证照库",
            "id": f"1.2.156.{random.randint(1000, 9999)}.{material['no']}",
            "fetched_at": (begun + timedelta(minutes=1)).isoformat(),
            "sha256": hashlib.sha256(data).hexdigest(),
        }
        return
    pages = random.choice((1, 1, 1, 2, 3))
    scans = [_scan(case, random, name, device, look) for _ in range(pages)]
    material = case.add(name, scans, pages, source)
    if source == "SCANNED_PROOF":
        _captured(material, begun)


def _scan(
    case: FieldCase, random: Random, name: str, device: scanner.Scanner, look: sheets.Style
) -> tuple[str, bytes]:
    seed = random.randint(0, 1 << 30)
    kind = random.random()
    if kind < 0.4:
        lines = [
            f"兹有{case.person}，{words_of(random)}" + sheets.words(random, random.randint(30, 140))
            for _ in range(random.randint(2, 5))
        ]
        sheet = sheets.letter(
            look, name[:14], lines, case.person, seed, random.choice(("", "村民委员会"))
        )
    elif kind < 0.75:
        labels = ("姓名", "性别", "民族", "出生日期", "现住址", "联系电话", "申请事由", "备注")
        sheet = sheets.form(
            look,
            f"{name[:10]}登记表",
            [(label, sheets.words(random, random.randint(2, 9))) for label in labels],
            seed,
        )
    else:
        sheet = sheets.card_copy(look, case.person, case.number, seed)
    sheet = scanner.worn(sheet, random)
    case.captures.append((sheet, device))
    return scanner.encoded(scanner.capture(sheet, device, seed), device, random)


def _household(
    case: FieldCase, random: Random, device: scanner.Scanner, look: sheets.Style, begun: datetime
) -> None:
    """Pages of brothers and sisters in one register, each scanned by itself."""
    household, family, files = str(random.randint(10000, 99999)), random.choice(sheets.SURNAMES), []
    place, seed = sheets.words(random, 6), random.randint(0, 1 << 30)
    for number in range(1, random.randint(3, 5)):
        values = {
            "姓名": family + "".join(random.sample(sheets.GIVEN, 2)),
            "民族": "蒙古族",
            "籍贯": place,
            "出生地": place,
            "性别": random.choice("男女"),
            "公民身份号码": id_number(random, random.randint(1990, 2015)),
            "与户主关系": random.choice(("长子", "次子", "长女", "妻")),
        }
        sheet = sheets.register_page(look, values, household, number, seed)
        page = scanner.capture(sheet, device, seed + number)
        case.captures.append((sheet, device))
        files.append(("jpg", scanner.jpeg(page, device.quality)))
    _captured(case.add("全户居民户口簿", files, len(files), "SCANNED_PROOF"), begun)


def pack(case: FieldCase, folder: Path, *, bend: bool = False) -> Path:
    """Write the case as a bag and return it."""
    payload = {"data/case.json": json.dumps(case.facts, ensure_ascii=False).encode()}
    payload |= {f"data/{path}": data for path, data in case.files.items()}
    digests = {path: hashlib.sha256(data).hexdigest() for path, data in payload.items()}
    if bend:
        path = max(digests)
        digests[path] = f"{int(digests[path], 16) ^ 1:064x}"
    tags = {
        "bagit.txt": b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n",
        "bag-info.txt": b"Source-Organization: field\n",
        "manifest-sha256.txt": "".join(
            f"{digest}  {path}\n" for path, digest in digests.items()
        ).encode(),
    }
    tags["tagmanifest-sha256.txt"] = "".join(
        f"{hashlib.sha256(data).hexdigest()}  {path}\n" for path, data in tags.items()
    ).encode()
    for path, data in (payload | tags).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder

"""`metadata.xml` of the package: what the volume is.

UTF-8, elements in English with the Chinese term of DA/T 46 beside each. A person reads it in any
editor; `read_metadata` returns what `yice show` prints.
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from typing import Any

from archive.database.tables_volumes import Volume
from archive.reference.case_facts import CaseFacts
from archive.reference.organisations import Organisations
from archive.reference.service_items import snapshot_materials
from archive.reference.vocabulary import Channel, Mode, Retention, Series, SourceKind

NAMESPACE = "urn:yice:volume-metadata:1"
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NUMBERS = frozenset({"no", "page", "pages"})


def write_metadata(
    volume: Volume,
    version: int,
    title: str,
    facts: CaseFacts,
    snapshot: Mapping[str, Any],
    contents: Sequence[Mapping[str, Any]],
    pages: int,
    organisations: Organisations,
) -> bytes:
    """Return the record of one version as XML; same facts, same bytes."""
    root = ET.Element("volume", {"xmlns": NAMESPACE, "label": "案卷"})
    _add(root, "code", "档号", volume.code)
    _add(root, "version", "版本", version)
    _add(root, "title", "题名", title)
    _add(root, "fonds", "全宗号", volume.fonds)
    _add(root, "series", "类别", volume.series, name=Series(volume.series).label)
    _add(root, "year", "年度", volume.year)
    _add(root, "retention", "保管期限", volume.term, name=Retention(volume.term).label)
    _add(root, "access", "开放标识", "控制")
    _add(root, "pages", "页数", pages)
    _add(root, "late", "补归", "true" if volume.late else "false")
    _add_org(root, "filing_org", "归档单位", volume.filing_org, organisations)
    if volume.cross_fonds and volume.cross_series and volume.cross_org:
        cross = ET.SubElement(root, "cross_reference", {"label": "互见"})
        _add(cross, "fonds", "全宗号", volume.cross_fonds)
        _add(cross, "series", "类别", volume.cross_series, name=Series(volume.cross_series).label)
        _add_org(cross, "org", "单位", volume.cross_org, organisations)
    _case(root, facts, organisations)
    _item(root, snapshot)
    listed = ET.SubElement(root, "contents", {"label": "卷内目录"})
    for entry in contents:
        item = ET.SubElement(listed, "item", {"no": str(entry["no"]), "label": "件"})
        _add(item, "code", "件档号", entry["code"])
        _add(item, "title", "题名", entry["title"])
        _add(item, "source", "来源", entry["source"], name=SourceKind(entry["source"]).label)
        _add(item, "page", "页号", entry["page"])
        _add(item, "pages", "页数", entry["pages"])
    ET.indent(root, " ")
    text = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'.encode()


def _case(root: ET.Element, facts: CaseFacts, organisations: Organisations) -> None:
    case = ET.SubElement(root, "case", {"label": "办件"})
    _add(case, "case_no", "办件编号", facts.case_no)
    _add(case, "channel", "申报渠道", facts.channel, name=Channel(facts.channel).label)
    _add(case, "completed_at", "办结时间", facts.completed_at.isoformat())
    for name, label, code in (
        ("receive_org", "收件单位", facts.orgs.receive),
        ("accept_org", "受理单位", facts.orgs.accept),
        ("domicile_org", "户籍单位", facts.orgs.domicile),
    ):
        _add_org(case, name, label, code, organisations)


def _item(root: ET.Element, snapshot: Mapping[str, Any]) -> None:
    """Add the service item as it stood when the case was taken over (R10)."""
    item = ET.SubElement(root, "service_item", {"label": "事项"})
    _add(item, "code", "事项编码", snapshot["code"])
    _add(item, "version", "事项版本", snapshot["version"])
    _add(item, "name", "事项名称", snapshot["name"])
    _add(item, "mode", "办理方式", snapshot["mode"], name=Mode(snapshot["mode"]).label)
    for material in snapshot_materials(snapshot):
        _add(
            item,
            "material",
            "必交材料" if material.condition is None else "条件材料",
            material.name,
            **({"condition": material.condition} if material.condition else {}),
        )


def _add(parent: ET.Element, tag: str, label: str, value: object, **attributes: str) -> None:
    ET.SubElement(
        parent, tag, {"label": label, **{key: _shown(text) for key, text in attributes.items()}}
    ).text = _shown(str(value))


def _add_org(
    parent: ET.Element, tag: str, label: str, code: str, organisations: Organisations
) -> None:
    _add(parent, tag, label, code, name=organisations.get(code).name)


def _shown(text: str) -> str:
    """Return the text with every character that XML 1.0 can't hold as its code point.

    So nothing vanishes.
    """
    return _NOT_XML.sub(lambda match: f"[U+{ord(match.group()):04X}]", text)


def read_metadata(data: bytes) -> dict[str, Any]:
    """Return contents and cross-reference, as `show --json` prints them.

    The rest is what else a rebuilt row needs. The bytes are our own, verified against the commit
    record.
    """
    spaces = {"m": NAMESPACE}
    root = ET.fromstring(data)  # noqa: S314 - see above

    def fields(parent: ET.Element | None, *names: str) -> dict[str, Any]:
        texts = {
            name: parent.findtext(f"m:{name}", None, spaces) if parent is not None else None
            for name in names
        }
        return {
            name: int(text) if text is not None and name in _NUMBERS else text
            for name, text in texts.items()
        }

    contents = [
        {"no": int(item.get("no", "0")), **fields(item, "code", "title", "source", "page", "pages")}
        for item in root.iterfind("m:contents/m:item", spaces)
    ]
    return {
        "contents": contents,
        "cross_reference": fields(root.find("m:cross_reference", spaces), "fonds", "series", "org"),
        **fields(root, "pages", "filing_org"),
        "late": root.findtext("m:late", "false", spaces) == "true",
    }

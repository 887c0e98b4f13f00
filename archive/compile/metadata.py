"""`metadata.xml` of the package: what the volume is, in UTF-8, elements in English with the Chinese term of DA/T 46 beside each.

A person reads it in any editor; `read_metadata` gives back what `yice show` prints.
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
    """Write the record of one version; same facts, same bytes."""
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
    for one in contents:
        entry = ET.SubElement(listed, "item", {"no": str(one["no"]), "label": "件"})
        _add(entry, "code", "件档号", one["code"])
        _add(entry, "title", "题名", one["title"])
        _add(entry, "source", "来源", one["source"], name=SourceKind(one["source"]).label)
        _add(entry, "page", "页号", one["page"])
        _add(entry, "pages", "页数", one["pages"])
    ET.indent(root, " ")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'.encode()


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
    """The service item as it stood when the case was taken over (R10)."""
    item = ET.SubElement(root, "service_item", {"label": "事项"})
    _add(item, "code", "事项编码", snapshot["code"])
    _add(item, "version", "事项版本", snapshot["version"])
    _add(item, "name", "事项名称", snapshot["name"])
    _add(item, "mode", "办理方式", snapshot["mode"], name=Mode(snapshot["mode"]).label)
    for one in snapshot_materials(snapshot):
        _add(
            item,
            "material",
            "必交材料" if one.condition is None else "条件材料",
            one.name,
            **({"condition": one.condition} if one.condition else {}),
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
    """A character that XML 1.0 can't hold is written as its code point, so that nothing vanishes."""
    return _NOT_XML.sub(lambda found: f"[U+{ord(found.group()):04X}]", text)


def read_metadata(data: bytes) -> dict[str, Any]:
    """Contents and cross-reference, as `show --json` prints them, and what else a rebuilt row needs. The bytes are our own, verified against the commit record."""
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
        {"no": int(one.get("no", "0")), **fields(one, "code", "title", "source", "page", "pages")}
        for one in root.iterfind("m:contents/m:item", spaces)
    ]
    return {
        "contents": contents,
        "cross_reference": fields(root.find("m:cross_reference", spaces), "fonds", "series", "org"),
        **fields(root, "pages", "filing_org"),
        "late": root.findtext("m:late", "false", spaces) == "true",
    }

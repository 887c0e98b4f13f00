"""Reading of OFD files (GB/T 33190-2016): a zip of XML, parsed to know its pages.

An OFD is kept as it is and never rendered. Its zip must be safe, what it points to must be in
it, and files that its signatures list must be as they were signed. This module runs in the child
of `ingest.reading.sandbox`.
"""

import base64
import binascii
import hashlib
import io
import posixpath
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser

from archive.inspection.subject import Look
from archive.reference.vocabulary import ForeignSignature

OFD = "application/ofd"
_MOST_MEMBERS, _SMALL, _RATIO, _MAX_XML = 20_000, 64 << 20, 200, 8 << 20
_DECLARED = re.compile(r"<\?xml[^>]*?encoding\s*=\s*[\"']([A-Za-z0-9._-]+)[\"'][^>]*\?>")
_MARKS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
)
_DIGESTS = {
    "": "md5",
    "md5": "md5",
    "sha1": "sha1",
    "sha256": "sha256",
    "1.2.156.10197.1.401": "sm3",
    "1.2.156.10197.401": "sm3",
    "2.16.840.1.101.3.4.2.1": "sha256",
    "1.3.14.3.2.26": "sha1",
}


class _EntitiesError(Exception):
    """The XML declares a document type, through which it may declare entities."""


class _PointsNowhereError(Exception):
    """The OFD names a part that it does not have; the argument says which kind of part."""


class _Tree(TreeBuilder):
    def doctype(self, *_: object) -> None:
        raise _EntitiesError


def examine_ofd(data: bytes) -> Look:
    """Return the report on an OFD file; its pages are those that it has itself."""
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        unsafe = _unsafe(opened.infolist(), len(data))
        if unsafe:
            return unsafe
        parts = {
            member.filename.replace("\\", "/"): opened.read(member)
            for member in opened.infolist()
            if not member.is_dir()
        }
    try:
        trees = {
            name: _parsed(part) for name, part in parts.items() if name.lower().endswith(".xml")
        }
        documents = list(_documents(trees))
        pages = sum(_pages(name, trees, parts) for name in documents)
    except _EntitiesError:
        return Look(OFD, fault="FILE_UNSAFE", why="XML 含有实体声明")
    except _PointsNowhereError as error:
        return Look(OFD, fault="OFD_INVALID", why=f"{error}不在文件内")
    except (ParseError, UnicodeError, LookupError, ValueError):
        return Look(OFD, fault="OFD_INVALID", why="XML 无法解析")
    if not pages:
        return Look(OFD, fault="OFD_INVALID", why="没有页面")
    return Look(OFD, own_pages=pages, signature=_signature(trees, parts))


def _unsafe(members: Sequence[zipfile.ZipInfo], size: int) -> Look | None:
    """Return the report on a zip that may not be opened, or None."""
    if any(member.flag_bits & 1 for member in members):
        return Look(OFD, fault="ENCRYPTED")
    total = sum(member.file_size for member in members)
    if len(members) > _MOST_MEMBERS or total > max(_SMALL, _RATIO * size):
        return Look(OFD, fault="FILE_UNSAFE", why="压缩比异常")
    return None


def _parsed(part: bytes) -> Element:
    """Return the root of an XML part in whichever encoding it declares; raises _EntitiesError."""
    if len(part) > _MAX_XML:
        raise ValueError
    encoding = next((name for mark, name in _MARKS if part.startswith(mark)), "")
    text = part.decode(encoding) if encoding else part.decode("latin-1")
    declared = _DECLARED.match(text.lstrip("\ufeff"))
    if not encoding:
        text = part.decode(declared[1] if declared else "utf-8")
    text = text.lstrip("\ufeff")
    if declared:
        text = text[declared.end() :]
    parser = XMLParser(target=_Tree())  # noqa: S314 - a document type is refused before it is read
    parser.feed(text)
    root: Element = parser.close()
    return root


def _all(root: Element, name: str) -> Iterator[Element]:
    """Yield every element of this local name, of whichever namespace."""
    return (entry for entry in root.iter() if str(entry.tag).rpartition("}")[2] == name)


def _documents(trees: Mapping[str, Element]) -> Iterator[str]:
    """Yield the path of each document that OFD.xml names; raises _PointsNowhereError."""
    roots = [entry.text or "" for entry in _all(trees["OFD.xml"], "DocRoot")]
    if not roots:
        raise _PointsNowhereError("文档（DocRoot）")
    for stated in roots:
        yield _target("OFD.xml", stated, trees, "文档（DocRoot）")


def _pages(document: str, trees: Mapping[str, Element], parts: Mapping[str, bytes]) -> int:
    """Return how many pages a document has; raises _PointsNowhereError.

    Each page and each resource that it names must be there.
    """
    root, count = trees[document], 0
    for group in _all(root, "Pages"):
        for page in _all(group, "Page"):
            _target(document, page.get("BaseLoc", ""), trees, f"第 {count + 1} 页")
            count += 1
    for kind in ("PublicRes", "DocumentRes"):
        for entry in _all(root, kind):
            _target(document, entry.text or "", parts, "资源")
    return count


def _target(base: str, stated: str, parts: Mapping[str, object], what: str) -> str:
    """Return the path of a part that another names, from the root or beside it.

    Raises _PointsNowhereError.
    """
    plain = stated.strip().replace("\\", "/")
    near = posixpath.normpath(posixpath.join(posixpath.dirname(base), plain.lstrip("/")))
    whole = posixpath.normpath(plain.lstrip("/"))
    for path in (whole, near) if plain.startswith("/") else (near, whole):
        if plain and path in parts:
            return path
    raise _PointsNowhereError(what)


def _signature(trees: Mapping[str, Element], parts: Mapping[str, bytes]) -> str:
    """Return BROKEN when a file differs from its digest in a signature, else UNTRUSTED.

    Empty without a signature. The seal itself is not judged (GB/T 38540).
    """
    listed = [
        (references.get("CheckMethod", ""), reference)
        for name, root in trees.items()
        if name.lower().endswith("signature.xml")
        for references in _all(root, "References")
        for reference in _all(references, "Reference")
    ]
    if not listed:
        return ""
    whole = all(_as_signed(method, reference, parts) for method, reference in listed)
    return str(ForeignSignature.UNTRUSTED if whole else ForeignSignature.BROKEN)


def _as_signed(method: str, reference: Element, parts: Mapping[str, bytes]) -> bool:
    """Return whether a listed file has its digest; True for a method that is not known."""
    path = reference.get("FileRef", "").strip().replace("\\", "/").lstrip("/")
    stated = next((entry.text or "" for entry in _all(reference, "CheckValue")), "")
    name = _DIGESTS.get(method.strip().lower())
    if name is None:
        return True
    if path not in parts:
        return False
    digest = hashlib.new(name, parts[path], usedforsecurity=False)
    try:
        return base64.b64decode(stated) == digest.digest() or stated == digest.hexdigest()
    except binascii.Error:
        return False

"""The tag files of a bag: declaration, manifests and bag-info, as any system writes them.

Line ends are LF, CRLF or CR, a byte order mark is no text, and labels of bag-info are known in
either case (RFC 8493 2.2.2).
"""

import codecs
import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from ingest.package.containers import BadBagError
from ingest.package.payload import PayloadFile

_MAX_TAG_BYTES = 8 << 20
_LINE_END = re.compile(r"\r\n|\r|\n")
_LINE = re.compile(r"^([0-9a-fA-F]+)[ \t]+\*?(\S.*)$")
_MANIFEST = re.compile(r"^(tag)?manifest-([a-z0-9-]+)\.txt$", re.IGNORECASE)
_METHODS = {
    **{name: name for name in ("md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sm3")},
    "sha3256": "sha3_256",
    "sha3384": "sha3_384",
    "sha3512": "sha3_512",
}
_VERSIONS = {"0.93", "0.94", "0.95", "0.96", "0.97", "1.0"}
_UTF8 = frozenset({"utf-8", "ascii"})
_ENCODINGS = _UTF8 | {"gb18030", "gbk", "gb2312", "utf-16", "utf-16-le", "utf-16-be"}
_ESCAPES = re.compile("%(0A|0D|25)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Declaration:
    """What `bagit.txt` declares: whether the bag is of before 1.0, and the encoding of tags."""

    early: bool
    encoding: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest: its method as hashlib names it, and digests by the path as it is listed."""

    name: str
    method: str
    of_tags: bool
    lines: Mapping[str, str]


def declared(files: Mapping[str, PayloadFile]) -> Declaration:
    """Return the declaration of a bag (RFC 8493 2.1.1).

    Raises BadBagError when there is none, or of a version or an encoding that is not read.
    """
    if "bagit.txt" not in files:
        raise BadBagError("BAG_INVALID", "缺少 bagit.txt")
    fields = dict(_fields(tag_text(files["bagit.txt"], "utf-8")))
    version = fields.get("bagit-version", "")
    if version not in _VERSIONS:
        raise BadBagError("BAG_INVALID", "bagit.txt 未写明可读的 BagIt 版本（0.93 至 1.0）")
    try:
        encoding = codecs.lookup(fields.get("tag-file-character-encoding", "UTF-8")).name
    except LookupError:
        encoding = ""
    if encoding not in _ENCODINGS:
        raise BadBagError("BAG_INVALID", "标签文件的编码须为 UTF-8")
    return Declaration(version != "1.0", "utf-8" if encoding in _UTF8 else encoding)


def tag_text(file: PayloadFile, encoding: str) -> str:
    """Return the text of a tag file without its byte order mark.

    Raises BadBagError for one that is too large or in another encoding.
    """
    if file.size > _MAX_TAG_BYTES:
        raise BadBagError("BAG_UNSAFE", "标签文件过大")
    try:
        return file.read().decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError:
        raise BadBagError("BAG_INVALID", f"标签文件不是 {encoding.upper()} 编码") from None


def payload_oxums(text: str) -> list[str]:
    """Return every Payload-Oxum that a bag-info states, as it is written."""
    return [value for label, value in _fields(text) if label == "payload-oxum"]


def _fields(text: str) -> list[tuple[str, str]]:
    """Return label, in lower case, and value of each line; a line that begins blank goes on."""
    fields: list[tuple[str, str]] = []
    for line in _LINE_END.split(text):
        if line[:1] in {" ", "\t"} and fields:
            label, value = fields[-1]
            fields[-1] = (label, f"{value} {line.strip()}")
        elif ":" in line:
            label, _, value = line.partition(":")
            fields.append((label.strip().lower(), value.strip()))
    return fields


def manifest_kind(name: str) -> tuple[str, bool] | None:
    """Return the method of a manifest and whether it is of tags; None for another file.

    The method is as hashlib names it, or empty for one that is not known.
    """
    match = _MANIFEST.match(name)
    if match is None:
        return None
    return _METHODS.get(match[2].lower().replace("-", ""), ""), match[1] is not None


def read_manifest(name: str, text: str, files: Mapping[str, PayloadFile]) -> Manifest:
    """Return a manifest, its paths as the bag's files are named.

    Raises BadBagError for a line that is none, and for a path that stands twice.
    """
    method, of_tags = manifest_kind(name) or ("", False)
    length = hashlib.new(method, usedforsecurity=False).digest_size * 2
    lines: dict[str, str] = {}
    for line in _LINE_END.split(text):
        if not line.strip():
            continue
        match = _LINE.match(line)
        if not match or len(match[1]) != length:
            raise BadBagError("BAG_INVALID", "清单格式有误")
        path = _listed_name(match[2], files)
        if path in lines:
            raise BadBagError("BAG_INVALID", "清单重复列出同一文件")
        lines[path] = match[1].lower()
    return Manifest(name, method, of_tags, lines)


def _listed_name(stated: str, files: Mapping[str, PayloadFile]) -> str:
    """Return the path of a manifest line as the files are named.

    Percent signs are escapes in RFC 8493 and plain in what older makers write: the name that the
    bag has is meant. A backslash, which no name in a bag has, is a slash of Windows.
    """
    plain = unicodedata.normalize("NFC", stated.replace("\\", "/").removeprefix("./"))
    unescaped = _ESCAPES.sub(lambda match: chr(int(match[1], 16)), plain)
    return plain if plain in files and unescaped not in files else unescaped

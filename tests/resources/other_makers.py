"""Sound bags as other systems write them: Windows, macOS, older libraries, streamed zips.

Each takes the files of a sound bag and gives them back changed, sealed anew.
"""

import io
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from tests.resources import bags

Files = dict[str, bytes]
NAMED = "data/materials/Café户口簿_50%.jpg"


def _tags(files: Files) -> Files:
    return {name: data for name, data in files.items() if not name.startswith("data/")}


def _payload(files: Files) -> Files:
    return {name: data for name, data in files.items() if name.startswith("data/")}


def sealed(files: Files, manifests: dict[str, bytes]) -> Files:
    """The bag with these manifests in place of its own, and a tag manifest over all of it."""
    files = {name: data for name, data in files.items() if "manifest-" not in name} | manifests
    return files | {"tagmanifest-sha256.txt": bags.manifest_of(_tags(files))}


def oxum(files: Files) -> bytes:
    """A bag-info that states the size of the payload."""
    payload = _payload(files)
    total = sum(len(data) for data in payload.values())
    return f"Source-Organization: x\nPayload-Oxum: {total}.{len(payload)}\nNote: y\n".encode()


def windows_lines(files: Files) -> Files:
    """Every tag file ends its lines as Windows does, and bag-info states the Payload-Oxum."""
    files = {**files, "bag-info.txt": oxum(files)}
    files = files | {"bagit.txt": files["bagit.txt"].replace(b"\n", b"\r\n")}
    files = files | {"bag-info.txt": files["bag-info.txt"].replace(b"\n", b"\r\n")}
    manifest = bags.manifest_of(_payload(files)).replace(b"\n", b"\r\n")
    return sealed(files, {"manifest-sha256.txt": manifest})


def old_mac_lines(files: Files) -> Files:
    """Lines end with CR alone."""
    files = {**files, "bag-info.txt": oxum(files).replace(b"\n", b"\r")}
    manifest = bags.manifest_of(_payload(files)).replace(b"\n", b"\r")
    return sealed(files, {"manifest-sha256.txt": manifest})


def marked(files: Files) -> Files:
    """Notepad's byte order mark before each tag file."""
    mark = b"\xef\xbb\xbf"
    files = files | {"bagit.txt": mark + files["bagit.txt"], "bag-info.txt": mark + oxum(files)}
    return sealed(files, {"manifest-sha256.txt": mark + bags.manifest_of(_payload(files))})


def in_utf_16(files: Files) -> Files:
    """The declaration says UTF-16, and the manifest and bag-info are."""
    files = files | {
        "bagit.txt": files["bagit.txt"].replace(b"UTF-8", b"UTF-16"),
        "bag-info.txt": oxum(files).decode().encode("utf-16"),
    }
    manifest = bags.manifest_of(_payload(files)).decode().encode("utf-16")
    files = {name: data for name, data in files.items() if "manifest-" not in name}
    files["manifest-sha256.txt"] = manifest
    tags = bags.manifest_of(_tags(files)).decode().encode("utf-16")
    return files | {"tagmanifest-sha256.txt": tags}


def lower_labels(files: Files) -> Files:
    """Labels of bag-info in lower case, a value that goes on in the next line."""
    info = oxum(files).replace(b"Payload-Oxum", b"payload-oxum") + b"External-Description: a\n  b\n"
    return bags.resealed({**files, "bag-info.txt": info})


def shouting(files: Files) -> Files:
    """Digests in capitals, paths with `*./`, the tag manifest with tabs."""
    manifest = b"".join(
        line.split()[0].upper() + b" *./" + line.split(b"  ", 1)[1]
        for line in bags.manifest_of(_payload(files)).splitlines(keepends=True)
    )
    files = sealed(files, {"manifest-sha256.txt": manifest})
    tags = files["tagmanifest-sha256.txt"].replace(b"  ", b"\t")
    return files | {"tagmanifest-sha256.txt": tags}


def backslash_manifest(files: Files) -> Files:
    """The manifest names its files with backslashes."""
    manifest = bags.manifest_of(_payload(files)).replace(b"/", b"\\")
    return sealed(files, {"manifest-sha256.txt": manifest})


def many_digests(files: Files) -> Files:
    """Manifests of six methods, one named in capitals, and a tag manifest of sha512."""
    manifests = {
        f"manifest-{name}.txt": bags.manifest_of(_payload(files), method)
        for name, method in (
            ("sha256", "sha256"),
            ("SHA512", "sha512"),
            ("sha384", "sha384"),
            ("sha3-256", "sha3_256"),
            ("sm3", "sm3"),
            ("md5", "md5"),
        )
    }
    files = sealed(files, manifests)
    del files["tagmanifest-sha256.txt"]
    return files | {"tagmanifest-sha512.txt": bags.manifest_of(_tags(files), "sha512")}


def escaped(files: Files) -> Files:
    """A percent sign in a name, escaped as RFC 8493 asks."""
    return _renamed(files, lambda name: name.replace("%", "%25"))


def unescaped(files: Files) -> Files:
    """The same percent sign plain, as makers of before 1.0 write it."""
    return _renamed(files, lambda name: name, name="data/materials/006_%25.jpg")


def decomposed_payload(files: Files) -> Files:
    """File names decomposed, as macOS keeps them; the manifest composed."""
    files = _renamed(files, lambda name: unicodedata.normalize("NFC", name).replace("%", "%25"))
    files[unicodedata.normalize("NFD", NAMED)] = files.pop(NAMED)
    return files


def decomposed_manifest(files: Files) -> Files:
    """The manifest decomposed; the file names composed."""
    return _renamed(files, lambda name: unicodedata.normalize("NFD", name).replace("%", "%25"))


def _renamed(files: Files, listed: Callable[[str], str], name: str = NAMED) -> Files:
    data = files["data/materials/006.jpg"]
    files = {key: value for key, value in files.items() if key != "data/materials/006.jpg"}
    files["data/case.json"] = files["data/case.json"].replace(
        b"materials/006.jpg", name.removeprefix("data/").encode()
    )
    manifest = bags.manifest_of(_payload(files)) + bags.manifest_of({listed(name): data})
    return sealed(files, {"manifest-sha256.txt": manifest}) | {name: data}


def version(number: str) -> Callable[[Files], Files]:
    """The bag under another version of the specification."""

    def change(files: Files) -> Files:
        declaration = files["bagit.txt"].replace(b"1.0", number.encode())
        return bags.resealed({**files, "bagit.txt": declaration})

    return change


def early_with_partial_md5(files: Files) -> Files:
    """Before 1.0 a file stood in one of several manifests."""
    files = version("0.97")(files)
    case = {"data/case.json": files["data/case.json"]}
    return bags.resealed(files) | {"manifest-md5.txt": bags.manifest_of(case, "md5")}


def left_by_macos(files: Files) -> Files:
    """What the Finder leaves in a folder and in a zip, listed nowhere."""
    return files | {
        ".DS_Store": b"\0\0\0\1Bud1",
        "data/.DS_Store": b"\0\0\0\1Bud1",
        "data/materials/._006.jpg": b"\0\5\x16\7" + bytes(20),
        "__MACOSX/data/._case.json": b"\0\5\x16\7" + bytes(20),
    }


def listed_thumbnails(files: Files) -> Files:
    """The Explorer's thumbnails, bagged with all else and counted."""
    files = files | {"data/materials/Thumbs.db": b"\xd0\xcf\x11\xe0"}
    return bags.resealed({**files, "bag-info.txt": oxum(files)})


def backslashed(path: Path, files: Files) -> Path:
    """A zip of a system that writes backslashes, with entries for its folders."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for folder in ("bag\\", "bag\\data\\", "bag\\data\\materials\\"):
            archive.writestr(_named(folder), b"")
        for name, data in files.items():
            archive.writestr(_named("bag\\" + name.replace("/", "\\")), data)
    return path


def _named(name: str) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo("x")
    member.filename = member.orig_filename = name
    return member


def nested(path: Path, files: Files) -> Path:
    """The bag two folders down, with what macOS adds beside the uppermost."""
    below = {f"export/bag/{name}": data for name, data in files.items()}
    return bags.zip_of(path, below | {"__MACOSX/export/._bag": b"\0\5\x16\7"})


def streamed(path: Path, files: Files) -> Path:
    """A zip written to a pipe: sizes come after the data, in descriptors, and in 64 bits."""

    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.written = bytearray()

        def writable(self) -> bool:
            return True

        def write(self, data: bytes) -> int:  # type: ignore[override]
            self.written += data
            return len(data)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            with archive.open(zipfile.ZipInfo(name), "w", force_zip64=True) as member:
                member.write(data)
    path.write_bytes(pipe.written)
    return path


class _BytesNamed(zipfile.ZipInfo):
    """A member whose name is GB18030, without the flag that says UTF-8."""

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:  # noqa: N802 - zipfile's own
        return self.filename.encode("cp437"), 0


def in_gb18030(path: Path, files: Files) -> Path:
    """A zip whose names are GB18030 without a flag, as the Explorer of a Chinese Windows writes."""
    return _bytes_named(path, files, lambda _name, _text: b"")


def with_unicode_extra(path: Path, files: Files) -> Path:
    """GB18030 names, each with the same in UTF-8 in the field that Info-ZIP adds for it."""

    def extra(name: bytes, text: str) -> bytes:
        field = b"\x01" + struct.pack("<I", zlib.crc32(name)) + text.encode()
        return struct.pack("<HH", 0x7075, len(field)) + field

    return _bytes_named(path, files, extra)


def _bytes_named(path: Path, files: Files, extra: Callable[[bytes, str], bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            member = _BytesNamed("x")
            raw = name.encode("gb18030")
            member.filename, member.extra = raw.decode("cp437"), extra(raw, name)
            archive.writestr(member, data)
    return path

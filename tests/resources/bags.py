"""Packages as they come in, folder and zip, sound and hostile; what each is stands in README.md."""

import hashlib
import io
import stat
import struct
import warnings
import zipfile
from pathlib import Path

from tests.support.factories import make_bag


def members(folder: Path) -> dict[str, bytes]:
    """The files of a bag by path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def sound_members(tmp_path: Path) -> dict[str, bytes]:
    """The files of a sound bag."""
    return members(make_bag(tmp_path / "sound"))


def manifest_of(files: dict[str, bytes], method: str = "sha256") -> bytes:
    """A manifest of these files."""
    return "".join(
        f"{hashlib.new(method, data).hexdigest()}  {name}\n" for name, data in sorted(files.items())
    ).encode()


def resealed(files: dict[str, bytes]) -> dict[str, bytes]:
    """Both manifests made anew, so that what is wrong is not the digests."""
    files = {name: data for name, data in files.items() if "manifest-" not in name}
    files["manifest-sha256.txt"] = manifest_of(
        {name: data for name, data in files.items() if name.startswith("data/")}
    )
    files["tagmanifest-sha256.txt"] = manifest_of(
        {name: data for name, data in files.items() if not name.startswith("data/")}
    )
    return files


def folder_of(root: Path, files: dict[str, bytes]) -> Path:
    """Write these files as a folder."""
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def zip_of(
    path: Path, files: dict[str, bytes], *, method: int = zipfile.ZIP_DEFLATED, top: str = ""
) -> Path:
    """Write these files as a zip."""
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(top + name), data, method)
    return path


def with_member(
    path: Path, files: dict[str, bytes], name: str, *, kind: int = stat.S_IFREG
) -> Path:
    """A sound zip and one member more, of a name and of a kind that zip tools would not write."""
    zip_of(path, files)
    with zipfile.ZipFile(path, "a") as archive:
        member = zipfile.ZipInfo("placeholder")
        member.filename, member.external_attr = name, (kind | 0o644) << 16
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # zipfile warns of a name that is there twice
            archive.writestr(member, b"/etc/passwd")
    return path


def raw_named(path: Path, files: dict[str, bytes], name: bytes) -> Path:
    """A sound zip and a member whose name is these bytes, without the flag for UTF-8."""
    return _patched(with_member(path, files, "N" * len(name)), b"N" * len(name), name)


def encrypted(path: Path, files: dict[str, bytes]) -> Path:
    """A zip whose first member says that it is encrypted."""
    data = bytearray(zip_of(path, files).read_bytes())
    data[6] |= 1
    at = data.index(b"PK\x01\x02")
    data[at + 8] |= 1
    path.write_bytes(data)
    return path


def overlapping(path: Path, files: dict[str, bytes], copies: int = 50) -> Path:
    """A zip whose directory names the same compressed bytes over and over."""
    zip_of(path, {**files, "data/bomb": bytes(1 << 20)})
    data = path.read_bytes()
    end = data.rindex(b"PK\x05\x06")
    start = struct.unpack_from("<I", data, end + 16)[0]
    last = data[data.rindex(b"PK\x01\x02") : end]
    more = b"".join(last.replace(b"data/bomb", b"data/b%03d" % number) for number in range(copies))
    count = struct.unpack_from("<H", data, end + 10)[0] + copies
    tail = struct.pack(
        "<4sHHHHIIH", b"PK\x05\x06", 0, 0, count, count, end - start + len(more), start, 0
    )
    path.write_bytes(data[:end] + more + tail)
    return path


def huge_directory(path: Path) -> Path:
    """A zip that promises a directory of 4 GB."""
    path.write_bytes(
        struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 0xFFFE, 0xFFFE, 0xFFFFFFF0, 0, 0)
    )
    return path


def nested_zip() -> bytes:
    """A zip in a zip in a zip, each ten times the one in it."""
    data = bytes(1 << 20)
    for _ in range(4):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for number in range(10):
                archive.writestr(f"{number}.zip", data)
        data = out.getvalue()
    return data


def _patched(path: Path, old: bytes, new: bytes) -> Path:
    path.write_bytes(path.read_bytes().replace(old, new))
    return path

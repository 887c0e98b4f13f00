"""A bag is read without trusting a name, a size or a link in it."""

import os
import pickle
import socket
import stat
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archive.reference.vocabulary import Outcome
from ingest.errors import PackageChangedError
from ingest.package.bag import read_bag
from tests.resources import bags
from tests.support.factories import make_bag

Files = dict[str, bytes]


def codes_of(path: Path) -> set[str]:
    return {row.code for row in read_bag(path).findings}


def test_a_sound_bag_is_the_same_as_folder_zip_and_zip_with_a_folder_of_its_own(
    tmp_path: Path,
) -> None:
    files = bags.sound_members(tmp_path)
    read = [
        read_bag(tmp_path / "sound"),
        read_bag(bags.zip_of(tmp_path / "a.zip", files)),
        read_bag(bags.zip_of(tmp_path / "b.zip", files, top="deep/")),
    ]
    assert [bag.findings for bag in read] == [(), (), ()]
    assert len({bag.content_digest for bag in read}) == 1
    assert {name: file.read() for name, file in read[2].payload.items()} == {
        name.removeprefix("data/"): data for name, data in files.items() if name.startswith("data/")
    }


def _tag(name: str, data: bytes) -> Callable[[Files], Files]:
    return lambda files: {**files, name: data}


def _without(name: str) -> Callable[[Files], Files]:
    return lambda files: {key: data for key, data in files.items() if key != name}


def _lines(name: str, change: Callable[[bytes], bytes]) -> Callable[[Files], Files]:
    return lambda files: {**files, name: change(files[name])}


def _resealed(change: Callable[[Files], Files]) -> Callable[[Files], Files]:
    return lambda files: bags.resealed(change(files))


@pytest.mark.parametrize(
    ("change", "code", "outcome"),
    [
        (_without("tagmanifest-sha256.txt"), "BAG_UNPROVEN", Outcome.NOTE),
        (_tag("notes.txt", b"x"), "BAG_UNPROVEN", Outcome.NOTE),
        (_without("bagit.txt"), "BAG_INVALID", Outcome.REFUSE),
        (_without("manifest-sha256.txt"), "BAG_INVALID", Outcome.REFUSE),
        (
            _lines("tagmanifest-sha256.txt", lambda text: text + b"0" * 64 + b"  gone.txt\n"),
            "BAG_INVALID",
            Outcome.REFUSE,
        ),
        (
            _lines("manifest-sha256.txt", lambda text: text + b"0" * 64 + b"  data/gone.txt\n"),
            "BAG_INVALID",
            Outcome.REFUSE,
        ),
        (
            _lines("manifest-sha256.txt", lambda text: text + text.splitlines(keepends=True)[0]),
            "BAG_INVALID",
            Outcome.REFUSE,
        ),
        (
            _lines("manifest-sha256.txt", lambda text: text.split(b"\n", 1)[1]),
            "BAG_INVALID",
            Outcome.REFUSE,
        ),
        (
            _lines("manifest-sha256.txt", lambda text: b"abc  data/case.json\n" + text),
            "BAG_INVALID",
            Outcome.REFUSE,
        ),
        (
            _lines("manifest-sha256.txt", lambda text: text + "文件".encode("gb18030")),
            "BAG_INVALID",
            Outcome.REFUSE,
        ),
        (
            _lines("bagit.txt", lambda text: text.replace(b"UTF-8", b"KOI8-R")),
            "BAG_INVALID",
            Outcome.REFUSE,
        ),
        (_lines("bagit.txt", lambda text: text + b"x"), "GD-1-14", Outcome.REFUSE),
        (_lines("data/case.json", lambda text: text + b" "), "GD-1-14", Outcome.REFUSE),
        (_resealed(_tag("bag-info.txt", b"Payload-Oxum: 1.1\n")), "BAG_INVALID", Outcome.REFUSE),
        (_resealed(_tag("bag-info.txt", b"Payload-Oxum: lots\n")), "BAG_INVALID", Outcome.REFUSE),
        (
            _resealed(_tag("fetch.txt", b"http://example.invalid/ 1 data/x\n")),
            "BAG_UNSAFE",
            Outcome.REFUSE,
        ),
        (_tag("manifest-md5.txt", b"0" * 32 + b"  data/case.json\n"), "GD-1-14", Outcome.REFUSE),
        (_resealed(_tag("data/materials/\ue000.jpg", b"x")), "NAME_PRIVATE", Outcome.NOTE),
    ],
)
def test_each_fault_of_a_bag_is_found_in_a_folder_and_in_a_zip(
    tmp_path: Path, change: Callable[[Files], Files], code: str, outcome: Outcome
) -> None:
    files = change(bags.sound_members(tmp_path))
    for path in (bags.folder_of(tmp_path / "bag", files), bags.zip_of(tmp_path / "bag.zip", files)):
        assert {(row.code, row.outcome) for row in read_bag(path).findings} >= {(code, outcome)}


def test_a_second_manifest_of_another_method_is_checked_and_a_right_one_is_no_fault(
    tmp_path: Path,
) -> None:
    files = bags.sound_members(tmp_path)
    files["manifest-sha512.txt"] = bags.manifest_of(
        {name: data for name, data in files.items() if name.startswith("data/")}, "sha512"
    )
    files["tagmanifest-sha256.txt"] = bags.manifest_of(
        {name: data for name, data in files.items() if not name.startswith(("data/", "tag"))}
    )
    assert codes_of(bags.folder_of(tmp_path / "bag", files)) == set()


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "data/../../evil",
        "/etc/evil",
        "C:/evil",
        "C:evil",
        "data\\evil",
        "data/．．/evil",
        "data/．．／evil",
        "data/‥/evil",
        "data//evil",
        "data/./evil",
        "data/photo\u202egpj.exe",
        "data/a\u200bb",
        "data/trailing.",
        "data/trailing ",
        "data/case.json/inside",
        "data/CASE.JSON",
        "data/" + "长" * 100,
        "/".join(["data"] * 40),
    ],
)
def test_a_name_that_leads_out_hides_or_deceives_is_unsafe(tmp_path: Path, name: str) -> None:
    bag = read_bag(bags.with_member(tmp_path / "bag.zip", bags.sound_members(tmp_path), name))
    assert {row.code for row in bag.findings} == {"BAG_UNSAFE"}
    assert not bag.payload


def test_names_that_differ_only_in_composition_are_twins(tmp_path: Path) -> None:
    files = {**bags.sound_members(tmp_path), "data/\u00e9": b"1", "data/e\u0301": b"2"}
    assert codes_of(bags.zip_of(tmp_path / "bag.zip", files)) == {"BAG_UNSAFE"}


def test_rare_characters_of_unicode_are_good_names(tmp_path: Path) -> None:
    files = bags.resealed(
        {**bags.sound_members(tmp_path), "data/materials/\U00020000\U0002b740\U00030000.jpg": b"1"}
    )
    for path in (bags.folder_of(tmp_path / "bag", files), bags.zip_of(tmp_path / "bag.zip", files)):
        assert codes_of(path) == set()


def test_a_zip_name_in_gb18030_is_no_utf_8_and_one_in_unflagged_utf_8_is_read(
    tmp_path: Path,
) -> None:
    files = bags.sound_members(tmp_path)
    assert codes_of(
        bags.raw_named(tmp_path / "gb.zip", files, "data/户口簿.jpg".encode("gb18030"))
    ) == {"BAG_INVALID"}
    read = read_bag(bags.raw_named(tmp_path / "utf.zip", files, "data/户口簿.jpg".encode()))
    assert "户口簿.jpg" in read.payload


def test_a_zip_name_that_goes_on_after_a_nul_is_unsafe(tmp_path: Path) -> None:
    assert codes_of(
        bags.raw_named(tmp_path / "bag.zip", bags.sound_members(tmp_path), b"data/a.exe\x00.jpg")
    ) == {"BAG_UNSAFE"}


@pytest.mark.parametrize(
    "kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK]
)
def test_links_and_devices_in_a_zip_are_unsafe(tmp_path: Path, kind: int) -> None:
    assert codes_of(
        bags.with_member(tmp_path / "bag.zip", bags.sound_members(tmp_path), "data/x", kind=kind)
    ) == {"BAG_UNSAFE"}


def lay_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


def test_links_pipes_and_sockets_in_a_folder_are_unsafe(tmp_path: Path) -> None:
    makers: list[Callable[[Path], object]] = [
        lambda path: path.symlink_to("/etc/passwd"),
        lambda path: path.symlink_to("/etc", target_is_directory=True),
        os.mkfifo,
        lay_socket,
    ]
    for number, make in enumerate(makers):
        folder = make_bag(tmp_path / f"bag{number}")
        make(folder / "data" / "x")
        assert codes_of(folder) == {"BAG_UNSAFE"}


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_bomb_is_refused_without_unpacking_it(tmp_path: Path, method: int) -> None:
    path = bags.zip_of(
        tmp_path / "bag.zip",
        {**bags.sound_members(tmp_path), "data/bomb": bytes(64 << 20)},
        method=method,
    )
    tracemalloc.start()
    assert codes_of(path) == {"BAG_UNSAFE"}
    assert tracemalloc.get_traced_memory()[1] < 16 << 20
    tracemalloc.stop()


def test_members_that_share_their_bytes_and_a_directory_without_end_are_refused(
    tmp_path: Path,
) -> None:
    assert codes_of(bags.overlapping(tmp_path / "overlap.zip", bags.sound_members(tmp_path))) == {
        "BAG_UNSAFE"
    }
    assert codes_of(bags.huge_directory(tmp_path / "huge.zip")) == {"BAG_UNSAFE"}


def test_an_encrypted_zip_and_one_with_a_name_twice_are_refused(tmp_path: Path) -> None:
    files = bags.sound_members(tmp_path)
    assert codes_of(bags.encrypted(tmp_path / "locked.zip", files)) == {"BAG_UNSAFE"}
    assert codes_of(bags.with_member(tmp_path / "twice.zip", files, "bagit.txt")) == {"BAG_UNSAFE"}


def test_more_files_than_a_case_can_have_are_refused(tmp_path: Path) -> None:
    files = {**bags.sound_members(tmp_path), **{f"data/{number}": b"" for number in range(5_001)}}
    assert codes_of(bags.zip_of(tmp_path / "bag.zip", files)) == {"BAG_UNSAFE"}


def test_a_large_payload_is_neither_held_in_memory_nor_carried_between_processes(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "bag"
    files = bags.sound_members(tmp_path)
    bags.folder_of(folder, files)
    with (folder / "data" / "large").open("wb") as large:
        large.truncate(300 << 20)
    tracemalloc.start()
    bag = read_bag(folder)
    assert tracemalloc.get_traced_memory()[1] < 16 << 20
    tracemalloc.stop()
    assert bag.payload["large"].size == 300 << 20
    assert len(pickle.dumps(bag)) < 10_000


def test_bytes_that_change_after_the_inspection_are_not_taken_over(tmp_path: Path) -> None:
    folder = make_bag(tmp_path / "bag")
    bag = read_bag(folder)
    path = folder / "data" / "materials" / "004.jpg"
    whole = path.read_bytes()
    for other in (whole[:-1], whole + b"x", whole[:-1] + b"x"):
        path.write_bytes(other)
        with pytest.raises(PackageChangedError):
            bag.payload["materials/004.jpg"].read()
    path.unlink()
    path.symlink_to("/etc/passwd")
    with pytest.raises(PackageChangedError):
        bag.payload["materials/004.jpg"].read()


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    name=st.sampled_from(
        [
            "bagit.txt",
            "bag-info.txt",
            "manifest-sha256.txt",
            "tagmanifest-sha256.txt",
            "data/case.json",
        ]
    ),
    data=st.binary(),
)
def test_any_bytes_as_any_tag_file_give_findings_and_never_an_error(
    tmp_path: Path, name: str, data: bytes
) -> None:
    if not (tmp_path / "bag").exists():
        make_bag(tmp_path / "bag")
    path = tmp_path / "bag" / name
    whole = path.read_bytes() if path.exists() else b""
    path.write_bytes(data)
    assert read_bag(tmp_path / "bag").findings
    path.unlink() if name == "bag-info.txt" else path.write_bytes(whole)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(at=st.integers(0, 1 << 20), junk=st.binary(min_size=1, max_size=30), cut=st.booleans())
def test_a_damaged_zip_gives_findings_or_the_same_payload_and_never_an_error(
    tmp_path: Path,
    at: int,
    junk: bytes,
    cut: bool,
) -> None:
    path, whole_path = tmp_path / "bag.zip", tmp_path / "whole.zip"
    if not whole_path.exists():
        bags.zip_of(whole_path, bags.sound_members(tmp_path))
    whole = whole_path.read_bytes()
    at %= len(whole)
    path.write_bytes(whole[:at] if cut else whole[:at] + junk + whole[at + len(junk) :])
    damaged = read_bag(path)
    assert damaged.findings or damaged.content_digest == read_bag(whole_path).content_digest

"""Sound bags of other makers are taken; where one is not, the finding says why."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from ingest.package.bag import Bag, read_bag
from tests.resources import bags, other_makers

Files = dict[str, bytes]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return bags.sound_members(tmp_path_factory.mktemp("bags"))


def payload(bag: Bag) -> Mapping[str, bytes]:
    return {name: file.read() for name, file in bag.payload.items()}


@pytest.mark.parametrize(
    "change",
    [
        other_makers.windows_lines,
        other_makers.old_mac_lines,
        other_makers.marked,
        other_makers.in_utf_16,
        other_makers.lower_labels,
        other_makers.shouting,
        other_makers.backslash_manifest,
        other_makers.many_digests,
        other_makers.version("0.93"),
        other_makers.version("0.96"),
        other_makers.version("0.97"),
        other_makers.early_with_partial_md5,
    ],
)
def test_a_sound_bag_is_taken_however_its_tag_files_are_written(
    tmp_path: Path, sound: Files, change: Callable[[Files], Files]
) -> None:
    files = change(sound)
    for path in (bags.folder_of(tmp_path / "bag", files), bags.zip_of(tmp_path / "b.zip", files)):
        bag = read_bag(path)
        assert {row.code for row in bag.findings} <= {"BAG_UNPROVEN"}
        assert payload(bag)["case.json"] == sound["data/case.json"]


@pytest.mark.parametrize(
    "change",
    [
        other_makers.escaped,
        other_makers.decomposed_payload,
        other_makers.decomposed_manifest,
    ],
)
def test_a_name_is_known_in_any_composition_and_with_its_percent_sign_escaped(
    tmp_path: Path, sound: Files, change: Callable[[Files], Files]
) -> None:
    files = change(sound)
    for path in (bags.folder_of(tmp_path / "bag", files), bags.zip_of(tmp_path / "b.zip", files)):
        bag = read_bag(path)
        assert bag.findings == ()
        assert other_makers.NAMED.removeprefix("data/") in bag.payload


def test_a_percent_sign_that_no_maker_escaped_names_the_file_that_is_there(
    tmp_path: Path, sound: Files
) -> None:
    bag = read_bag(bags.zip_of(tmp_path / "bag.zip", other_makers.unescaped(sound)))
    assert bag.findings == ()
    assert "materials/006_%25.jpg" in bag.payload


def test_bytes_of_a_name_that_was_decomposed_are_read_from_where_they_lie(
    tmp_path: Path, sound: Files
) -> None:
    files = other_makers.decomposed_payload(sound)
    bag = read_bag(bags.folder_of(tmp_path / "bag", files))
    key = other_makers.NAMED.removeprefix("data/")
    assert bag.payload[key].read() == sound["data/materials/006.jpg"]


@pytest.mark.parametrize("change", [other_makers.left_by_macos, other_makers.listed_thumbnails])
def test_what_a_system_left_is_told_and_is_no_payload(
    tmp_path: Path, sound: Files, change: Callable[[Files], Files]
) -> None:
    files = change(sound)
    for path in (bags.folder_of(tmp_path / "bag", files), bags.zip_of(tmp_path / "b.zip", files)):
        bag = read_bag(path)
        assert [row.code for row in bag.findings] == ["BAG_SYSTEM_FILES"]
        assert set(bag.payload) == {
            name.removeprefix("data/") for name in sound if name.startswith("data/")
        }


@pytest.mark.parametrize(
    "write",
    [
        other_makers.backslashed,
        other_makers.nested,
        other_makers.streamed,
        other_makers.in_gb18030,
        other_makers.with_unicode_extra,
    ],
)
def test_a_zip_of_another_system_holds_the_same_bag(
    tmp_path: Path, sound: Files, write: Callable[[Path, Files], Path]
) -> None:
    files = other_makers.escaped(sound)
    expected = read_bag(bags.folder_of(tmp_path / "bag", files))
    bag = read_bag(write(tmp_path / "bag.zip", files))
    assert {row.code for row in bag.findings} <= {"BAG_SYSTEM_FILES"}
    assert bag.content_digest == expected.content_digest
    assert payload(bag) == payload(expected)


@pytest.mark.parametrize(
    ("members", "why"),
    [
        (lambda files: _below("a/", files) | _below("b/", files), "多个归档信息包"),
        (lambda files: _below("a/", files) | {"说明.txt": b"x"}, "之外另有文件"),
        (lambda files: {**files, "bagit.txt": b"BagIt-Version: 2.0\n"}, "BagIt 版本"),
        (
            lambda files: (
                {name: data for name, data in files.items() if name != "manifest-sha256.txt"}
                | {"manifest-sha512.txt": b"x"}
            ),
            "manifest-sha256.txt",
        ),
    ],
)
def test_what_is_not_taken_is_told_in_words(
    tmp_path: Path, sound: Files, members: Callable[[Files], Files], why: str
) -> None:
    bag = read_bag(bags.zip_of(tmp_path / "bag.zip", members(sound)))
    (row,) = bag.findings
    assert (row.code, bag.payload) == ("BAG_INVALID", {})
    assert why in row.message


def _below(top: str, files: Files) -> Files:
    return {top + name: data for name, data in files.items()}


def test_a_backslash_among_slashes_stays_unsafe(tmp_path: Path, sound: Files) -> None:
    path = bags.with_member(tmp_path / "bag.zip", sound, "data\\..\\evil")
    assert {row.code for row in read_bag(path).findings} == {"BAG_UNSAFE"}

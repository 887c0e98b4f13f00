"""Maps on the disk do as a dictionary does."""

from hypothesis import given, settings
from hypothesis import strategies as st

from archive.preservation.disk_map import DiskMaps

KEYS = st.one_of(st.text(max_size=5), st.tuples(st.text(max_size=5), st.integers(0, 20)))
VALUES = st.one_of(st.none(), st.booleans(), st.integers(), st.text(), st.lists(st.integers()))


@settings(deadline=None)
@given(st.lists(st.tuples(KEYS, VALUES)), st.lists(KEYS))
def test_a_map_on_the_disk_holds_what_a_dictionary_holds(
    puts: list[tuple[str | tuple[str | int, ...], object]],
    removed: list[str | tuple[str | int, ...]],
) -> None:
    maps = DiskMaps()
    on_disk, other = maps.new("map"), maps.new("other")
    other["x"] = "of another map"
    expected: dict[str | tuple[str | int, ...], object] = {}
    for key, value in puts:
        on_disk[key] = expected[key] = value
    for key in removed:
        on_disk.remove(key)
        expected.pop(key, None)
    assert dict(on_disk.items()) == expected
    assert set(on_disk) == expected.keys()
    assert len(on_disk) == len(expected)
    assert all(key in on_disk and on_disk.get(key) == value for key, value in expected.items())
    met = list(expected)[::2]
    assert all(on_disk.see(key) for key in met)
    assert not on_disk.see("a key that nobody put")
    assert set(on_disk.unseen()) == expected.keys() - set(met)
    on_disk.clear()
    assert (len(on_disk), len(other)) == (0, 1)
    maps.close()


def test_more_entries_than_a_page_come_in_order_while_the_map_is_changed() -> None:
    maps = DiskMaps()
    numbers = maps.new("numbers")
    for number in range(1_234):
        numbers[f"{number:06d}"] = number
    for key, number in numbers.items():
        numbers[key] = -number
        if number % 2:
            numbers.remove(key)
    assert [number for _, number in numbers.items()] == [-n for n in range(0, 1_234, 2)]
    maps.close()

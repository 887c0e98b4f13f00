"""The contract of `SearchIndex`: one suite, every engine, held against a scan of all documents."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from search import tree as ask
from search.analysis import fold
from search.documents import Document
from search.errors import BadCursorError
from search.index import FACETS, Request, SearchIndex, Sort
from search.query import parse
from search.tantivy_index import TantivyIndex
from search.whoosh_index import WhooshIndex
from tests.support.brute_force import answers, counts, keys
from tests.support.corpus import CITY, STATIONS, WORDS, document, nodes, parts, scopes, volumes

ENGINES: dict[str, Callable[[Path], SearchIndex]] = {"tantivy": TantivyIndex, "whoosh": WhooshIndex}
ALL = frozenset({CITY})
_SLOW = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(params=sorted(ENGINES))
def engine(request: pytest.FixtureRequest) -> Callable[[Path], SearchIndex]:
    return ENGINES[request.param]


@pytest.fixture
def index(engine: Callable[[Path], SearchIndex], tmp_path: Path) -> Iterator[SearchIndex]:
    index = engine(tmp_path / "index")
    yield index
    index.close()


def fill(index: SearchIndex, *documents: Document, cursor: int = 1) -> None:
    for content in documents:
        index.replace(content.volume_id, content)
    index.commit(cursor)


def find(index: SearchIndex, typed: str) -> list[int]:
    return keys(index.search(Request(parse(typed, WORDS), ALL)).hits)


@_SLOW
@given(by_id=volumes(), data=st.data())
def test_any_query_finds_what_a_scan_finds_in_the_same_order_with_the_same_counts(
    engine: Callable[[Path], SearchIndex], by_id: dict[int, Document], data: st.DataObject
) -> None:
    documents = list(by_id.values())
    with tempfile.TemporaryDirectory() as folder:
        index = engine(Path(folder))
        fill(index, *documents)
        for _ in range(6):
            sort = data.draw(st.sampled_from(Sort))
            request = Request(data.draw(nodes), data.draw(scopes), sort, limit=100, facets=FACETS)
            expected, result = answers(documents, request), index.search(request)
            assert keys(result.hits) == keys(expected)
            assert result.total == len(expected)
            assert {name: dict(rows) for name, rows in result.facets.items()} == {
                name: counts(expected, name) for name in FACETS
            }
        index.close()


@_SLOW
@given(by_id=volumes(), data=st.data())
def test_every_part_of_every_text_is_found_and_nothing_else(
    engine: Callable[[Path], SearchIndex], by_id: dict[int, Document], data: st.DataObject
) -> None:
    documents = list(by_id.values())
    with tempfile.TemporaryDirectory() as folder:
        index = engine(Path(folder))
        fill(index, *documents)
        folded = {
            document.volume_id: [fold(document.head), *(fold(text) for _, text in document.pages)]
            for document in documents
        }
        parted = [text for some in folded.values() for text in some]
        cut = [
            text[at : at + size]
            for text in parted
            for at in range(len(text))
            for size in range(1, 8)
            if text[at : at + size]
        ]
        needles = data.draw(st.lists(st.sampled_from(cut) if cut else parts, max_size=12))
        for needle in needles:
            result = index.search(Request(ask.Text(needle), ALL, limit=100))
            assert set(keys(result.hits)) == {
                volume_id
                for volume_id, some in folded.items()
                if any(needle in text for text in some)
            }
            for hit in result.hits:
                on = [
                    page
                    for page, text in enumerate(folded[hit.volume_id])
                    if page and needle in text
                ]
                assert list(hit.pages) == on
                assert hit.page == (0 if needle in folded[hit.volume_id][0] else on[0])
        index.close()


@_SLOW
@given(by_id=volumes(least=3), later=volumes(first=100), data=st.data())
def test_paging_neither_loses_nor_doubles_while_documents_are_added(
    engine: Callable[[Path], SearchIndex],
    by_id: dict[int, Document],
    later: dict[int, Document],
    data: st.DataObject,
) -> None:
    documents = list(by_id.values())
    query = data.draw(st.just(ask.Everything()) | parts.map(ask.Text))
    sort, limit = data.draw(st.sampled_from(Sort)), data.draw(st.integers(1, 3))
    with tempfile.TemporaryDirectory() as folder:
        index = engine(Path(folder))
        fill(index, *documents)
        waiting, seen, after, cursor = list(later.items()), [], None, 1
        while True:
            page = index.search(Request(query, ALL, sort, limit, after))
            seen += keys(page.hits)
            if page.next is None:
                break
            after = page.next
            if waiting:
                volume_id, document = waiting.pop()
                cursor += 1
                index.replace(volume_id, document)
                index.commit(cursor)
        index.close()
    assert len(seen) == len(set(seen))
    before = keys(answers(documents, Request(query, ALL, sort)))
    assert [volume_id for volume_id in seen if volume_id < 100] == before


@_SLOW
@given(by_id=volumes(), others=volumes(), data=st.data())
def test_after_any_sequence_of_replacements_only_the_last_ones_are_found(
    engine: Callable[[Path], SearchIndex],
    by_id: dict[int, Document],
    others: dict[int, Document],
    data: st.DataObject,
) -> None:
    now: dict[int, Document | None] = {}
    with tempfile.TemporaryDirectory() as folder:
        index = engine(Path(folder))
        for cursor in range(1, data.draw(st.integers(2, 5))):
            for volume_id in data.draw(
                st.lists(st.sampled_from(sorted(by_id | others)), max_size=4)
            ):
                now[volume_id] = data.draw(
                    st.sampled_from([None, by_id.get(volume_id), others.get(volume_id)])
                )
                index.replace(volume_id, now[volume_id])
            index.commit(cursor)
            documents = [document for document in now.values() if document]
            request = Request(ask.Everything(), ALL, Sort.CODE, limit=100)
            assert keys(index.search(request).hits) == keys(answers(documents, request))
            assert (index.stats().cursor, index.stats().documents) == (cursor, len(documents))
            assert {volume.volume_id for volume in index.volumes()} == {
                volume_id for volume_id, document in now.items() if document
            }
        index.close()


def test_a_surname_of_one_character_finds_names_only(index: SearchIndex) -> None:
    fill(
        index,
        document(1, names=("王小明",)),
        document(2, names=("欧阳王",)),
        document(3, names=("李四",), head="王家大院"),
    )
    assert sorted(find(index, "姓名:王")) == [1, 2]


def test_a_rare_character_beyond_the_bmp_is_found_alone_and_in_a_name(index: SearchIndex) -> None:
    fill(
        index, document(1, names=("𠮷田",), head="𠮷田"), document(2, names=("吉田",), head="吉田")
    )
    assert find(index, "𠮷") == find(index, "𠮷田") == find(index, "姓名:𠮷") == [1]


@pytest.mark.parametrize("typed", ["阿依古丽买买提", "阿依古丽·买买提", "阿依古丽•买买提", "丽买"])
def test_a_name_with_a_dot_is_found_with_any_dot_and_without(
    index: SearchIndex, typed: str
) -> None:
    fill(index, document(1, names=("阿依古丽•买买提",)), document(2, names=("阿依古丽",)))
    assert find(index, f"姓名:{typed}") == [1]


def test_a_name_written_in_radicals_is_found_by_its_ideographs(index: SearchIndex) -> None:
    fill(index, document(1, names=("⻢⽟⻰",), head="⻢⽟⻰"))
    assert find(index, "马玉龙") == find(index, "姓名:马玉龙") == [1]


def test_a_word_does_not_reach_across_two_names(index: SearchIndex) -> None:
    fill(index, document(1, names=("王小", "明东")))
    assert find(index, "姓名:小明") == []
    assert find(index, "姓名:明东") == [1]


def test_a_phrase_does_not_reach_across_two_pages_but_words_on_two_pages_are_found_together(
    index: SearchIndex,
) -> None:
    fill(index, document(1, "户口登", "记情况"), document(2, "户口", "登记"))
    assert find(index, "户口登记") == find(index, '"登记情况"') == []
    assert find(index, "户口 AND 登记") == [2]


def test_a_hit_shows_the_page_that_holds_most_of_what_was_typed_and_names_the_others(
    index: SearchIndex,
) -> None:
    fill(index, document(1, "出生", "无", "东胜区出生", "东胜区"))
    (hit,) = index.search(Request(parse("东胜区 出生", WORDS), ALL)).hits
    assert (hit.page, hit.pages, hit.snippet.text) == (3, (1, 3, 4), "东胜区出生")


def test_a_reader_learns_nothing_of_what_is_out_of_scope(index: SearchIndex) -> None:
    mine, foreign = (
        document(1, station=STATIONS[0], head="同一内容"),
        document(2, station=STATIONS[2], head="同一内容"),
    )
    fill(index, mine, foreign)
    result = index.search(Request(ask.Text("同一内容"), frozenset({STATIONS[0]}), facets=FACETS))
    assert keys(result.hits) == [1]
    assert result.total == 1
    assert dict(result.facets["receive_org"]) == {STATIONS[0]: 1}
    assert index.search(Request(ask.Everything(), frozenset(), facets=FACETS)).total == 0
    assert index.search(Request(ask.Not(ask.Text("x")), frozenset({"999999999999"}))).total == 0


def test_numbers_and_names_are_masked_in_what_is_shown(index: SearchIndex) -> None:
    fill(
        index,
        document(
            1, names=("王小明",), title="王小明出生登记", head="申请人王小明，150602********0016"
        ),
    )
    (hit,) = index.search(Request(parse("姓名:王小", WORDS), ALL)).hits
    assert hit.names == ("王*明",)
    assert hit.title == "王*明出生登记"
    assert hit.snippet.text == "申请人王*明，150602********0016"
    assert [hit.snippet.text[start:end] for start, end in hit.snippet.marks] == ["王*"]


def test_an_unanswered_look_up_finds_nothing_and_an_answered_one_its_volumes(
    index: SearchIndex,
) -> None:
    fill(index, document(1), document(2), document(3))
    tree = parse("150602199001010016", WORDS)
    assert index.search(Request(tree, ALL)).total == 0
    assert keys(index.search(Request(ask.resolve(tree, lambda _: [2]), ALL)).hits) == [2]


def test_replacing_a_volume_leaves_nothing_of_the_old_one_even_before_the_commit(
    index: SearchIndex,
) -> None:
    index.replace(1, document(1, "旧页", head="甲"))
    index.replace(1, document(1, head="乙"))
    index.commit(1)
    assert find(index, "旧页") == find(index, "甲") == []
    assert find(index, "乙") == [1]
    index.replace(1, None)
    index.commit(2)
    assert find(index, "") == []
    assert index.stats().documents == 0


def test_nothing_is_seen_before_the_commit_and_another_reader_sees_it_after(
    engine: Callable[[Path], SearchIndex], index: SearchIndex, tmp_path: Path
) -> None:
    fill(index, document(1))
    reader = engine(tmp_path / "index")
    index.replace(2, document(2))
    assert find(reader, "") == [1]
    index.commit(7)
    assert sorted(find(reader, "")) == [1, 2]
    assert reader.stats().cursor == 7
    reader.close()


def test_what_was_not_committed_is_forgotten_on_closing_and_the_next_writer_may_begin(
    engine: Callable[[Path], SearchIndex], tmp_path: Path
) -> None:
    first = engine(tmp_path / "index")
    fill(first, document(1))
    first.replace(2, document(2))
    first.close()
    second = engine(tmp_path / "index")
    fill(second, document(3), cursor=2)
    assert sorted(find(second, "")) == [1, 3]
    second.close()


def test_volumes_are_listed_with_their_versions(index: SearchIndex) -> None:
    fill(index, document(1, "页"), document(2, version=3))
    assert sorted((volume.volume_id, volume.version) for volume in index.volumes()) == [
        (1, 1),
        (2, 3),
    ]


@pytest.mark.parametrize(
    "forged",
    ["", "x", "newest..zz", "relevance..1", "newest.0.1", "relevance.3.1", "newest..1" + "0" * 16],
)
def test_a_forged_page_mark_is_refused(index: SearchIndex, forged: str) -> None:
    fill(index, document(1))
    sort = Sort.NEWEST if forged.startswith("newest") else Sort.RELEVANCE
    with pytest.raises(BadCursorError):
        index.search(Request(ask.Everything(), ALL, sort, after=forged or "."))


_WRITER = """
import sys
from pathlib import Path
from tests.contracts.test_search_index import ENGINES
from tests.support.corpus import document
index = ENGINES[sys.argv[1]](Path(sys.argv[2]))
number = index.stats().cursor
while True:
    number += 1
    index.replace(number, document(number, *[f"第{number}册"] * 3))
    index.commit(number)
    print(number, flush=True)
"""


@pytest.mark.parametrize("name", sorted(ENGINES))
def test_a_writer_killed_at_any_time_leaves_every_commit_whole_with_its_cursor(
    name: str, tmp_path: Path
) -> None:
    folder = tmp_path / "index"
    for kill_after in (1, 2, 4, 7, 9):
        writer = subprocess.Popen(
            [sys.executable, "-c", _WRITER, name, str(folder)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        )
        assert writer.stdout is not None
        announced = 0
        for _ in range(kill_after):
            announced = int(writer.stdout.readline())
        os.kill(writer.pid, signal.SIGKILL)
        announced = max([announced, *(int(line) for line in writer.stdout.read().split())])
        writer.wait()
        writer.stdout.close()
        index = ENGINES[name](folder)
        cursor = index.stats().cursor
        assert cursor >= announced
        assert sorted(volume.volume_id for volume in index.volumes()) == list(range(1, cursor + 1))
        hits = index.search(Request(ask.Text(f"第{cursor}册"), ALL)).hits
        assert [(hit.volume_id, hit.pages) for hit in hits] == [(cursor, (1, 2, 3))]
        index.close()

"""No page says a code word: neither of the archive's rows nor of the journal's details."""

import ast
import json
import re
import subprocess
from pathlib import Path

import pytest
from lxml import html

from api.web.mount import _PAGES
from api.web.shell.journal_words import _labels, detail_words, keys, subject_words
from archive.administration.policy import ADMINISTRATORS, Role
from archive.database.engine import reading
from archive.database.tables_audit import JournalEntry
from tests.support.station import CITY, DISTRICT, HOME, Person, StationClient

ROOT = Path(__file__).parents[3]
PEOPLE = [role for role in Role if role is not Role.STATION_CLIENT]
PLACE = {Role.DISTRICT_SUPERVISOR: DISTRICT, Role.CITY_SUPERVISOR: CITY} | dict.fromkeys(
    ADMINISTRATORS, CITY
)
SNAKE = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b")
PYTHON = re.compile(r"\[\s*'|\['|\{'|'\]|\bNone\b|\bTrue\b|\bFalse\b|datetime\.|<[A-Z]\w+\.")
SETTINGS = re.compile(r"\b(?:YICE_[A-Z0-9_]+|SOFTHSM2_CONF)\b")  # what an operator types
JOURNALLING = {"record", "journal_look", "note_look", "journal_opened", "consult"}


def codes() -> set[str]:
    """Codes that are words of nobody's language: what is spoken of is left out."""
    spoken = {"A", "B-LTA", "B-T", "B-B", "OK", "CSV", "PDF"}
    return {code for code in _labels() if re.fullmatch(r"[A-Z][A-Z_]{3,}", code)} - spoken


def words_of(page: str) -> str:
    """The text of the main part of a page, without code that people are told to type."""
    tree = html.fromstring(page)
    for part in tree.xpath("//script | //style | //pre | //code | //option/@value"):
        if hasattr(part, "drop_tree"):
            part.drop_tree()
    main = tree.xpath("//main")
    return " ".join((main[0] if main else tree).text_content().split())


def is_clean(text: str) -> list[str]:
    text = SETTINGS.sub("", text)
    spoken_words = set(re.findall(r"[A-Z][A-Z_]{3,}", text))
    return [*SNAKE.findall(text), *PYTHON.findall(text), *(spoken_words & codes())]


def addresses(page: str) -> set[str]:
    """Pages of ours that a page links to."""
    links = html.fromstring(page).xpath("//a/@href")
    return {
        link.partition("#")[0]
        for link in links
        if link.startswith("/")
        and not re.search(r"\.(pdf|csv|png|jpg)|format=csv|^/static|^/help/pictures", link)
    }


def crawl(person: Person, most: int = 250) -> dict[str, str]:
    """Every page that is reached by links from the first one, the like of each a few times."""
    todo, pages, alike = ["/"], dict[str, str](), dict[str, int]()
    while todo and len(pages) < most:
        address = todo.pop(0)
        kind = re.sub(r"[0-9][^/?&]*|[A-Z]\d{3}[^/?&]*|=[^&]*", "*", address)
        if address in pages or alike.get(kind, 0) >= 3:
            continue
        alike[kind] = alike.get(kind, 0) + 1
        answer = person.ask(address)
        if "text/html" in answer.headers.get("content-type", ""):
            pages[address] = answer.text
            todo += sorted(addresses(answer.text) - set(pages))
    return pages


@pytest.mark.parametrize("role", PEOPLE)
def test_no_page_of_a_role_says_a_code_word_and_each_has_its_help(
    desk: StationClient, role: Role
) -> None:
    pages = crawl(desk.person(role, PLACE.get(role, HOME)))
    assert len(pages) > 5
    spoken_words = {address: is_clean(words_of(page)) for address, page in pages.items()}
    assert {address: words for address, words in spoken_words.items() if words} == {}
    assert [
        address
        for address, page in pages.items()
        if "<main" in page and 'class="ask"' not in page and 'aria-label="本页说明"' not in page
    ] == []


def journalled_keys() -> set[str]:
    """Every key that the code journals, by the calls that do."""
    names: set[str] = set()
    words = ["git", "ls-files", "-z", "archive", "api", "ingest", "search"]
    listed = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in listed.split("\0"):
        if not name.endswith(".py"):
            continue
        for node in ast.walk(ast.parse((ROOT / name).read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func).rpartition(".")[2]
            if called in JOURNALLING:
                names |= {word.arg for word in node.keywords if word.arg}
    return names - {"act", "session", "number", "version", "limit", "usage", "purpose"}


def test_every_key_that_is_journalled_has_a_word() -> None:
    assert journalled_keys() - set(keys()) == set()


def test_every_entry_of_the_journal_is_in_words(desk: StationClient) -> None:
    web = desk.client.app.state.web  # type: ignore[attr-defined]
    with reading(desk.runtime.engine) as session:
        entries = [(row.act, row.subject, row.detail) for row in session.query(JournalEntry)]
    assert len(entries) > 20
    for act, subject, detail in entries:
        assert set(json.loads(detail)) <= set(keys()), (act, detail)
        line = detail_words(detail, web.org)
        assert is_clean(line) == [], (act, line)
        assert is_clean(subject_words(subject)) == [], subject


@pytest.mark.parametrize(
    ("detail", "words"),
    [
        ({"kind": "WEB", "scopes": []}, "类别 网页"),
        ({"codes": ["PAGE_DIFFERS"], "n": None}, "发现 "),
        ({"ok": True, "pending": False}, "通过 是，待补时间戳 否"),
        (
            {"org": HOME, "reason": "NOT_A_CODE 是他写的"},
            "单位 交通派出所，理由 NOT_A_CODE 是他写的",
        ),
        ({"sha256": "ab" * 32}, "摘要 abababababab…"),
        ({"places": [[HOME, None, False]]}, "归入 交通派出所 否"),
        ({"nothing_known": "SOME_CODE"}, "其他 其他"),
    ],
)
def test_a_detail_is_written_by_names(
    desk: StationClient, detail: dict[str, object], words: str
) -> None:
    web = desk.client.app.state.web  # type: ignore[attr-defined]
    assert detail_words(json.dumps(detail, ensure_ascii=False), web.org).startswith(words)


def test_every_page_that_is_drawn_is_known_to_the_manual() -> None:
    assert len({route.path for pages in _PAGES for route in pages.router.routes}) > 100

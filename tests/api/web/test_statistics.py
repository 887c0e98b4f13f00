"""统计: labels keep what tells them apart, bars lead to rows, spans are checked, figures add up."""

import csv
import io
import re
from datetime import date
from html import unescape

import pypdfium2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.web.shell.charts import Bar, bars, columns, telling, width_of
from archive.administration.policy import Role
from archive.finding_aids.filing_rates import (
    BadSpanError,
    FilingRate,
    by_month,
    by_unit,
    month_span,
)
from tests.support.station import CITY, DISTRICT, HOME, StationClient

TODAY = date(2026, 11, 27)
CODE = "J602-ZY·HJ·QR·2026·Y-000001"
NAMES = st.text(st.sampled_from("鄂尔多斯市公安局东胜区分局交通林荫派出所AB1"), max_size=40)


@given(st.lists(NAMES, max_size=8))
def test_every_label_fits_and_ends_as_the_name_does(names: list[str]) -> None:
    for name, label in zip(names, telling(names), strict=True):
        assert width_of(label) <= 178 + 12.2
        assert name.endswith(label.removeprefix("…"))
        if label != name:
            assert label.startswith("…")
            assert len(label) > 1


def test_units_of_one_bureau_are_told_apart() -> None:
    bureau = "鄂尔多斯市公安局东胜区分局"
    names = [f"{bureau}巴音门克派出所", f"{bureau}诃额伦派出所"]
    assert telling(names) == ["…巴音门克派出所", "…诃额伦派出所"]
    assert telling(["交通派出所", "林荫派出所"]) == ["交通派出所", "林荫派出所"]


def test_a_bar_with_an_address_is_a_link_and_one_of_nothing_is_not() -> None:
    drawn = bars([Bar("甲", 3, href="/volumes?a=1&b=2"), Bar("乙", 0, href="/x")], title="t")
    assert '<a href="/volumes?a=1&amp;b=2"><text' in drawn
    assert 'href="/x"' not in drawn
    assert 'role="group"' in drawn
    assert 'role="img"' in columns([Bar("甲<", 1)])


@given(
    st.dates(date(2000, 1, 1), date(2030, 12, 31)), st.dates(date(2000, 1, 1), date(2030, 12, 31))
)
def test_a_span_of_months_is_refused_in_words_or_holds_its_months(since: date, until: date) -> None:
    first, last = since.strftime("%Y-%m"), until.strftime("%Y-%m")
    now = TODAY.strftime("%Y-%m")
    months = (until.year - since.year) * 12 + until.month - since.month
    bad = first > last or first > now or last > now or months >= 120
    if bad:
        with pytest.raises(BadSpanError, match="。"):
            month_span(first, last, TODAY)
        return
    span = month_span(first, last, TODAY)
    assert span.holds(first)
    assert span.holds(last)
    assert len(span.years(TODAY)) <= 11


@pytest.mark.parametrize("month", ["2026-13", "x", "2026", "2026-1x"])
def test_what_is_no_month_is_refused(month: str) -> None:
    with pytest.raises(BadSpanError):
        month_span(month, "", TODAY)


def test_a_rate_is_never_rounded_up_to_a_hundred_and_sums_are_of_cases() -> None:
    rates = [FilingRate("2026-01", "a", 1000, 999), FilingRate("2026-01", "b", 1, 0)]
    assert rates[0].percent == 99.9
    assert FilingRate("2026-01", "a", 10_000, 9_999).percent == 99.9
    assert FilingRate("", "", 0, 0).percent == 0.0
    assert by_month(rates) == [FilingRate("2026-01", "", 1001, 999)]
    assert [rate.unit for rate in by_unit(rates)] == ["b", "a"]


def test_every_bar_leads_to_a_list_that_opens(desk: StationClient) -> None:
    person = desk.person(Role.DISTRICT_SUPERVISOR, DISTRICT)
    page = person.ask("/statistics").text
    links = {unescape(link) for link in re.findall(r'<a href="(/volumes\?[^"]+)"', page)}
    assert len(links) >= 4
    for link in links:
        listed = person.ask(link)
        assert listed.status_code == 200, link
        assert CODE in listed.text or "HJ·CS" in listed.text, link
    assert CODE not in person.ask(f"/volumes?received={HOME}&item=CS01").text


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("since=2026-09&until=2026-01", "起始月份晚于截止月份"),
        ("since=2199-01", "在本月之后"),
        ("since=2000-01&until=2020-01", "超过十年"),
        ("since=2026-99", "月份无法读取"),
    ],
)
def test_a_wrong_span_is_told_on_the_page_and_refused_as_csv(
    desk: StationClient, query: str, words: str
) -> None:
    person = desk.person(Role.CHIEF)
    page = person.ask(f"/statistics?{query}")
    assert page.status_code == 422
    assert words in page.text
    assert "归档率" in page.text
    assert person.ask(f"/statistics.csv?{query}").status_code == 422


def test_page_csv_and_station_api_state_the_same_rate(desk: StationClient) -> None:
    answer = desk.client.get("/api/v1/statistics", headers=desk.token(Role.CITY_SUPERVISOR, CITY))
    rates = answer.json()["rates"]
    assert [(rate["closed"], rate["archived"], rate["percent"]) for rate in rates] == [
        (2, 2, 100.0)
    ]
    person = desk.person(Role.CITY_SUPERVISOR, CITY)
    lines = list(csv.DictReader(io.StringIO(person.ask("/statistics.csv").text.lstrip("\ufeff"))))
    assert ("归档率", "100.0") in {(line["口径"], line["数量"]) for line in lines}
    bad = desk.client.get(
        "/api/v1/statistics?since=2026-09&until=2026-01",
        headers=desk.token(Role.CITY_SUPERVISOR, CITY),
    )
    assert (bad.status_code, bad.json()["code"]) == (422, "BAD_SPAN")


def test_use_is_counted_by_people_and_by_volumes(desk: StationClient) -> None:
    headers = desk.token()
    before = desk.client.get("/api/v1/statistics", headers=headers).json()["use"]
    for _ in range(2):
        desk.granted(headers, CODE)
    after = desk.client.get("/api/v1/statistics", headers=headers).json()["use"]
    assert after["volumes"] - before["volumes"] == 2
    assert after["visits"] - before["visits"] == 1  # one account on one day


def test_the_yearly_report_says_what_is_not_held(desk: StationClient) -> None:
    pages = desk.client.post(
        "/api/v1/registers/pages",
        json={"kinds": ["year"], "year": 2026},
        headers=desk.token(Role.ARCHIVIST, DISTRICT),
    )
    assert pages.status_code == 200, pages.text
    document = pypdfium2.PdfDocument(pages.content)
    text = "".join(page.get_textpage().get_text_range() for page in document)
    for words in ("室存电子档案", "本年归档", "归档率 100.0%", "利用卷次", "复制证明", "未登记"):
        assert words in text
    none = desk.client.post(
        "/api/v1/registers/pages",
        json={"kinds": ["year"]},
        headers=desk.token(Role.ARCHIVIST, DISTRICT),
    )
    assert (none.status_code, none.json()["code"]) == (422, "BAD_PRINT")

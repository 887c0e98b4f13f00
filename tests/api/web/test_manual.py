"""The manual inside the product: each page has its section, each role its first day."""

import re

import pytest

from api.web.mount import _PAGES
from api.web.shell.manual import _NEEDS, _OF_PAGE, FIRST_DAY, help_of, section_of, sections
from archive.administration.policy import ADMINISTRATORS, Role
from archive.reference.terms import terms
from tests.support.station import CITY, DISTRICT, HOME, StationClient

ORGS = {Role.DISTRICT_SUPERVISOR: DISTRICT, Role.CITY_SUPERVISOR: CITY} | dict.fromkeys(
    ADMINISTRATORS, CITY
)
PEOPLE = [role for role in Role if role is not Role.STATION_CLIENT]


def test_each_page_has_a_section_that_the_manual_has() -> None:
    paths = {route.path for pages in _PAGES for route in pages.router.routes}
    assert {section_of(path) for path in paths} <= set(sections())
    beginnings = [beginning for beginning, _ in _OF_PAGE]
    assert [b for b in beginnings if not any(path.startswith(b) for path in paths)] == []
    titles = {section.title for section in sections().values()}
    assert {title for _, title in _OF_PAGE} | set(_NEEDS) <= titles


@pytest.mark.parametrize("role", PEOPLE)
def test_each_role_has_a_first_day_whose_pages_open(desk: StationClient, role: Role) -> None:
    person = desk.person(role, ORGS.get(role, HOME))
    shown = person.ask("/help").text
    for sentence, place in FIRST_DAY[role]:
        assert sentence in shown
        assert person.ask(place).status_code == 200, place


def test_the_question_mark_of_a_page_leads_to_its_section(desk: StationClient) -> None:
    person = desk.person(Role.ARCHIVIST)
    assert f'href="{help_of("/compile")}"' in person.ask("/compile").text
    shown = person.ask(help_of("/compile")).text
    assert "<h1>组卷</h1>" in shown
    pictures = re.findall(r'src="(/help/pictures/[^"]+)"', shown)
    assert pictures
    assert all(person.ask(address).content.startswith(b"\x89PNG") for address in pictures)


@pytest.mark.parametrize("name", ["../archivists.md", "..%2Farchivists.md", "none.png", "x.svg"])
def test_nothing_but_pictures_of_the_manual_is_given_out(desk: StationClient, name: str) -> None:
    assert desk.person().ask(f"/help/pictures/{name}").status_code == 404


def test_links_of_the_manual_lead_to_what_is_there(desk: StationClient) -> None:
    person = desk.person()
    links = {
        link for part in sections().values() for link in re.findall(r'href="([^"]+)"', part.html)
    }
    assert {person.ask(link).status_code for link in links} <= {200}


def test_a_term_says_what_it_means_under_the_pointer(desk: StationClient) -> None:
    shown = desk.person().ask("/collecting").text
    assert f'<dfn title="{terms()["归集池"]}">归集池</dfn>' in shown

"""A copy of a scanned page is known by its print, another capture is not taken for it, and a
look-up stays fast among very many pages.
"""

import io
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance
from sqlalchemy import event, insert

from api.demo import scans
from archive.accession.page_prints import keep_prints, seen_elsewhere
from archive.database.engine import connect, migrate, reading, writing
from archive.database.tables_cases import Case, PageBand, PagePrint
from archive.reference.prints import NEAR, band_keys, distance
from ingest.reading.likeness import page_print
from tests.support.factories import sound_case

_STOCK = (
    "以上内容经本人核对无误，如有虚假愿承担法律责任。",
    "兹证明上述人员情况属实，特此出具。",
    "本件一式两份，办理单位与本人各执一份。",
)


def scan(seed: int, name: str = "王伟") -> Image.Image:
    """One capture of a page: the same form for everybody, another pose of the sheet each time."""
    return scans.colour(
        scans.Page("证明", (f"姓名：{name}", *_STOCK * 4), "演示派出所"),
        200,
        Random(seed),
    )


def only(prints: dict[tuple[int, int], int]) -> dict[tuple[int, int], list[int]]:
    """Pages that lie in one way only."""
    return {place: [print_] for place, print_ in prints.items()}


def _recompressed(image: Image.Image) -> Image.Image:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=20)
    return Image.open(out)


@pytest.mark.parametrize(
    "copied",
    [
        lambda image: image.resize((827, 1170)),
        lambda image: image.resize((2481, 3508)),
        _recompressed,
        lambda image: ImageEnhance.Brightness(image).enhance(0.85),
        lambda image: image.convert("L"),
        lambda image: (
            image.convert("L").point([255 * (level > 150) for level in range(256)]).convert("1")
        ),
    ],
    ids=["half", "larger", "recompressed", "darker", "grey", "black and white"],
)
@pytest.mark.parametrize("seed", range(3))
def test_a_copy_differs_in_few_bits(
    seed: int, copied: Callable[[Image.Image], Image.Image]
) -> None:
    assert distance(page_print(scan(seed)), page_print(copied(scan(seed)))) <= NEAR


def test_a_copy_in_which_only_the_name_was_changed_is_known_as_a_copy() -> None:
    assert distance(page_print(scan(1)), page_print(scan(1, "李芳"))) <= NEAR


def test_few_other_captures_of_one_form_are_candidates_for_a_second_look() -> None:
    prints = [
        page_print(scan(seed, name))
        for seed, name in enumerate(
            ("王伟", "李芳", "张敏", "王伟", "陈静", "王伟", "杨洋", "赵磊")
        )
    ]
    apart = [
        distance(print_, other) for place, print_ in enumerate(prints) for other in prints[:place]
    ]
    assert sum(bits <= NEAR for bits in apart) <= len(apart) // 10


@settings(max_examples=20, deadline=None)
@given(
    width=st.integers(1, 80),
    height=st.integers(1, 80),
    mode=st.sampled_from(["1", "L", "RGB", "CMYK"]),
)
def test_any_picture_has_a_print_of_512_bits(width: int, height: int, mode: str) -> None:
    assert 0 <= page_print(Image.new(mode, (width, height))) < 1 << 512


def test_a_copy_is_found_among_very_many_pages_in_little_time(tmp_path: Path) -> None:
    engine, random, count = connect(f"sqlite:///{tmp_path / 'yice.db'}"), Random(1), 10_000
    migrate(engine)
    known = [random.getrandbits(512) for _ in range(count)]
    facts = sound_case("A-1")
    with writing(engine) as session:
        case = Case(
            case_no="A-1",
            content_digest="",
            state="ACCEPTED",
            facts=facts,
            snapshot={},
            findings=[],
            item_code="",
            item_version="",
            receive_org="",
            accept_org="",
            domicile_org="",
            completed_at=datetime.now(UTC),
            accepted_at=datetime.now(UTC),
        )
        session.add(case)
        session.flush()
        rows = [
            {
                "id": at,
                "case_id": case.id,
                "material_no": 4,
                "page": at,
                "bits": print_.to_bytes(64),
            }
            for at, print_ in enumerate(known, 1)
        ]
        session.execute(insert(PagePrint), rows)
        session.execute(
            insert(PageBand),
            [
                {"key": key, "print_id": at}
                for at, print_ in enumerate(known, 1)
                for key in band_keys(print_)
            ],
        )
    wanted, asked = {}, list[int]()
    for page in range(100):
        bent = known[page * 7]
        for bit in random.sample(range(512), 20):
            bent ^= 1 << bit
        wanted[4, page] = bent
    with reading(engine) as session:
        event.listen(engine, "before_cursor_execute", lambda *_: asked.append(1))
        matches = list(seen_elsewhere(session, "B-1", only(wanted)))
        rounds = len(asked)
        assert list(seen_elsewhere(session, "A-1", only(wanted))) == []
    assert len(matches) >= 98
    # A look-up by key or two for each page, however many pages are held: no clock is needed.
    assert rounds <= 4 * len(wanted)


def test_a_page_that_very_many_hold_is_read_in_parts_and_the_one_elsewhere_is_still_found(
    tmp_path: Path,
) -> None:
    engine, form = connect(f"sqlite:///{tmp_path / 'yice.db'}"), Random(2).getrandbits(512)
    migrate(engine)
    with writing(engine) as session:
        for case_no, pages in (
            ("A-1", 70),
            ("B-1", 1),
        ):  # many of the case's own first, more than are read at once
            case = Case(
                case_no=case_no,
                content_digest=case_no,
                state="ACCEPTED",
                facts=sound_case(case_no),
                snapshot={},
                findings=[],
                item_code="",
                item_version="",
                receive_org="",
                accept_org="",
                domicile_org="",
                completed_at=datetime.now(UTC),
                accepted_at=datetime.now(UTC),
            )
            session.add(case)
            session.flush()
            keep_prints(session, case.id, {(4, page): form for page in range(1, pages + 1)})
    with reading(engine) as session:
        near = {(4, 1): form, (4, 2): form ^ (1 << 511)}
        matches = list(seen_elsewhere(session, "A-1", only(near)))
        assert [(match.page, match.other_case_no) for match in matches] == [(1, "B-1"), (2, "B-1")]
        assert [
            match.other_case_no for match in seen_elsewhere(session, "C-1", {(1, 1): [form]})
        ] == ["A-1"]
        assert list(seen_elsewhere(session, "A-1", {(4, 1): [form ^ ((1 << 512) - 1)]})) == []

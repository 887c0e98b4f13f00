"""Measure a search engine on generated volumes and page texts of 100 to 600 characters: python -m
tests.bench.search_bench --help.

Prints a table for people on stderr and JSON for scripts on stdout. Each query returns the first 20
hits and the total. A sample of the volumes also carries the scope `sample`; what is found in that
scope is compared with a scan of all its documents.
"""

import argparse
import itertools
import json
import os
import random
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from archive.administration.policy import scope_of
from search.documents import Document
from search.index import FACETS, Request, SearchIndex
from search.index_folder import ENGINES
from search.query import parse
from tests.support.brute_force import answers, keys
from tests.support.corpus import CITY, ORGANISATIONS, WORDS

SAMPLE = "sample"
_SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕"
_GIVEN = (
    "明华丽强伟芳娜静敏磊洋艳勇军杰娟涛超秀霞平刚桂英兰玉梅"
    "建国志文海燕云飞龙凤春秋冬夏天宇浩然子轩梓涵𠮷"
)
_PHRASES = (
    "申请人现申请办理户口登记",
    "出生医学证明编号",
    "经审核材料齐全符合规定",
    "同意办理",
    "现住址鄂尔多斯市东胜区交通街道",
    "伊金霍洛旗阿勒腾席热镇",
    "准格尔旗薛家湾镇",
    "居民户口簿首页与户主页复印件",
    "与户主关系",
    "迁入地派出所",
    "户籍所在地公安机关",
    "结婚证持证人",
    "根据户口登记条例第七条",
    "婴儿出生后一个月以内",
    "非婚生育说明",
    "民族蒙古族",
    "文化程度大学本科",
    "兵役状况未服兵役",
    "服务处所个体经营",
    "何时由何地迁来本市",
    "申报人签字",
    "经办民警",
    "领取人签收",
    "情况属实特此证明",
)
# Clauses as a forms' office writes them: few are on most pages, most are on few (Zipf).
_CLAUSES = (*_PHRASES, *(f"{phrase}{other[-4:]}" for phrase in _PHRASES for other in _PHRASES))
_WEIGHTS = list(itertools.accumulate(1 / rank for rank in range(1, len(_CLAUSES) + 1)))
_SERIES = ("CS", "SW", "QR", "QC", "BG", "LF", "QY", "BZ")


def volumes(
    count: int, pages: int, seed: int, every: int, only: range | None = None
) -> Iterator[Document]:
    """`count` volumes, or `only` some of them, with about `pages` page texts in all; each
    `every`-th is of the sample.
    """
    stations = [org.code for org in ORGANISATIONS if org.parent and not org.fonds_no]
    scopes = {code: scope_of((code,), ORGANISATIONS) for code in stations}
    districts = {code: ORGANISATIONS.district_of(code).code for code in stations}
    for volume_id in only or range(1, count + 1):
        chance = random.Random(f"{seed}-{volume_id}")
        station, series = chance.choice(stations), chance.choice(_SERIES)
        texts = pages * volume_id // count - pages * (volume_id - 1) // count
        name = chance.choice(_SURNAMES) + "".join(
            chance.choices(_GIVEN, k=chance.choice((1, 2, 2)))
        )
        case_no = f"{station}-{2026}0901-{volume_id:06d}"
        about: dict[str, Any] = {
            "volume_id": volume_id,
            "version": 1,
            "code": f"J602-ZY·HJ·{series}·2026·Y-{volume_id:06d}",
            "case_no": case_no,
            "item": f"{series}0{volume_id % 5}",
            "series": series,
            "fonds": "J602",
            "year": 2026,
            "receive_org": station,
            "domicile_org": station,
            "district": districts[station],
            "sources": ("SCANNED_PROOF", "SYSTEM_FORM"),
            "completed_on": date(2021, 1, 1) + timedelta(days=chance.randrange(2000)),
            "names": (name,),
            "title": f"{name}出生登记（{case_no}）",
            "scope": (*scopes[station], SAMPLE) if volume_id % every == 0 else scopes[station],
        }
        head = f"{about['title']}␞{name}␞{about['code']}"
        yield Document(
            head=head,
            pages=tuple((page, _page(chance, name)) for page in range(1, texts + 1)),
            **about,
        )


def _page(chance: random.Random, name: str) -> str:
    parts = chance.choices(_CLAUSES, cum_weights=_WEIGHTS, k=chance.randint(6, 44))
    numbers = [f"{chance.randrange(10**6):06d}号" for _ in range(4)]
    others = [chance.choice(_SURNAMES) + "".join(chance.choices(_GIVEN, k=2)) for _ in range(3)]
    words = [*parts, *numbers, *others, name]
    chance.shuffle(words)
    return "，".join(words)


def classes(chance: random.Random, sample: list[Document]) -> dict[str, Callable[[], str]]:
    """The ten classes of queries, each made of texts that are there."""
    pages = [text for document in sample for _, text in document.pages]

    def cut(size: int) -> str:
        text = chance.choice(pages)
        at = chance.randrange(max(1, len(text) - size))
        return f'"{text[at : at + size]}"'

    return {
        "name": lambda: f"姓名:{chance.choice(sample).names[0]}",
        "one character": lambda: f"姓名:{chance.choice(_SURNAMES)}",
        "code": lambda: chance.choice(sample).code,
        "code prefix": lambda: (
            f"档号:J602-ZY·HJ·{chance.choice(_SERIES)}·2026·Y-00{chance.randrange(100):02d}"
        ),
        "case number": lambda: chance.choice(sample).case_no,
        "frequent word": lambda: chance.choice(("出生", "户口", "登记", "民族")),
        "phrase": lambda: cut(9),
        "frequent phrase": lambda: chance.choice(_PHRASES),
        "phrase, station, dates": lambda: (
            f"{chance.choice(_PHRASES)} 收件:{chance.choice(sample).receive_org} 日期:2023"
        ),
        "boolean": lambda: (
            f"({cut(5)} OR {chance.choice(sample).names[0]}) NOT {chance.choice(_PHRASES)}"
        ),
    }


def timed(work: Callable[[], Any]) -> tuple[float, float]:
    """Milliseconds on the clock, and of this thread's processor: the latter does not grow when
    others keep the machine busy.
    """
    started, began = time.perf_counter(), time.thread_time()
    work()
    return (time.perf_counter() - started) * 1000, (time.thread_time() - began) * 1000


def spread(took: list[tuple[float, float]]) -> dict[str, float]:
    """p50, p95 and p99 on the clock, and p95 of the processor, in milliseconds."""
    cuts = statistics.quantiles([row[0] for row in took], n=100, method="inclusive")
    busy = statistics.quantiles([row[1] for row in took], n=100, method="inclusive")
    return {
        "p50": round(cuts[49], 2),
        "p95": round(cuts[94], 2),
        "p99": round(cuts[98], 2),
        "cpu_p95": round(busy[94], 2),
    }


def build(index: SearchIndex, documents: Iterator[Document]) -> dict[str, float]:
    """Index everything; the time to invent the texts is left out."""
    volumes, texts, inventing, busy = 0, 0, 0.0, time.process_time()
    began = time.thread_time()
    for document in documents:
        inventing += time.thread_time() - began
        index.replace(document.volume_id, document)
        volumes, texts = volumes + 1, texts + len(document.pages)
        if document.volume_id % 2000 == 0:
            index.commit(0)
            rate = texts / (time.process_time() - busy - inventing)
            sys.stderr.write(f"\r{document.volume_id} volumes, {rate:.0f} page texts/s and core")
        began = time.thread_time()
    index.commit(0)
    seconds = time.process_time() - busy - inventing
    figures = {"volumes": volumes, "page_texts": texts, "core_seconds": round(seconds, 1)}
    return {**figures, "page_texts_per_second_and_core": round(texts / seconds)}


def ask_all(
    index: SearchIndex, chance: random.Random, sample: list[Document], count: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Times of each class, and recall and precision within the sample."""
    times: dict[str, Any] = {}
    hits = right = expected = 0
    for name, make in classes(chance, sample).items():
        trees = [parse(make(), WORDS) for _ in range(count)]
        index.search(Request(trees[0], frozenset({CITY})))
        times[name] = spread(
            [
                timed(lambda tree=tree: index.search(Request(tree, frozenset({CITY}))))
                for tree in trees
            ]
        )  # type: ignore[misc]
        for tree in trees[:5]:
            request = Request(tree, frozenset({SAMPLE}), limit=len(sample) + 1)
            got, due = set(keys(index.search(request).hits)), set(keys(answers(sample, request)))
            hits, right, expected = hits + len(got), right + len(got & due), expected + len(due)
    with_facets = [Request(parse("出生", WORDS), frozenset({CITY}), facets=FACETS)] * max(
        5, count // 10
    )
    times["frequent word, 8 facets"] = spread(
        [timed(lambda request=request: index.search(request)) for request in with_facets]
    )  # type: ignore[misc]
    truth = {
        "volumes": len(sample),
        "expected": expected,
        "recall": right / max(expected, 1),
        "precision": right / max(hits, 1),
    }
    return times, truth


def main() -> None:
    """Build, ask, print."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--engine", choices=sorted(ENGINES), default="tantivy")
    words.add_argument("--volumes", type=int, default=50_000)
    words.add_argument("--pages", type=int, default=680_000)
    words.add_argument("--queries", type=int, default=200)
    words.add_argument("--seed", type=int, default=1)
    words.add_argument(
        "--at",
        type=Path,
        help="keep the index in this folder; what is missing of one that is there is added",
    )
    options = words.parse_args()
    every = max(1, options.volumes // 500)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        index = ENGINES[options.engine](options.at or Path(folder))
        kept = index.stats().documents
        rest = range(kept + 1, options.volumes + 1)
        built = (
            build(index, volumes(options.volumes, options.pages, options.seed, every, rest))
            if rest
            else {}
        )
        sample = list(
            volumes(
                options.volumes,
                options.pages,
                options.seed,
                every,
                range(every, options.volumes + 1, every),
            )
        )
        size = sum(
            path.stat().st_size
            for path in (options.at or Path(folder)).rglob("*")
            if path.is_file()
        )
        times, truth = ask_all(index, random.Random(options.seed), sample, options.queries)
        adding = spread(
            [
                timed(
                    lambda document=document: (
                        index.replace(document.volume_id, document),
                        index.commit(0),
                    )
                )
                for document in sample[:30]
            ]
        )  # type: ignore[misc]
        index.close()
    peak, loads = (
        round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        [round(load, 1) for load in os.getloadavg()],
    )
    result = {
        "engine": options.engine,
        **built,
        "index_mb": round(size / 1e6),
        "peak_mb": peak,
        "load": loads,
        "ms": times,
        "add_one_and_commit_ms": adding,
        "sample": truth,
    }
    sys.stderr.write(f"\n{'class':<26}{'p50':>9}{'p95':>9}{'p99':>9}{'cpu p95':>9} ms\n")
    for name, row in {**times, "add one volume and commit": adding}.items():
        sys.stderr.write(
            f"{name:<26}{row['p50']:>9}{row['p95']:>9}{row['p99']:>9}{row['cpu_p95']:>9}\n"
        )
    sys.stdout.write(json.dumps(result, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()

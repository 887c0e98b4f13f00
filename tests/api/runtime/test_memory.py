"""What a process that makes volumes does about its memory."""

import gc
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from api.runtime.memory import tune_garbage_collector


def _before_and_after() -> tuple[int, int, int]:
    before = len(gc.get_objects())
    tune_garbage_collector()
    return before, len(gc.get_objects()), gc.get_freeze_count()


def test_what_stays_for_ever_is_out_of_the_garbage_collectors_sight() -> None:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as child:
        before, after, frozen = child.submit(_before_and_after).result()
    assert frozen > before / 2
    assert after < before / 10

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.reference.lifecycle import CHAIN, MOVES, IllegalMove, may_move, move
from archive.reference.vocabulary import VolumeState

ASIDE = {VolumeState.FAILED, VolumeState.QUARANTINED}


def test_every_state_has_its_moves_and_every_state_is_reached() -> None:
    assert set(MOVES) == set(VolumeState)
    assert set().union(*MOVES.values()) == set(VolumeState) - {VolumeState.COLLECTING}


def test_the_straight_way_is_open_from_end_to_end() -> None:
    for old, new in pairwise(CHAIN):
        assert move(old, new) is new


@given(st.sampled_from(VolumeState), st.sampled_from(VolumeState))
def test_a_move_happens_or_raises_with_both_states(old: VolumeState, new: VolumeState) -> None:
    if may_move(old, new):
        assert move(old, new) is new
    else:
        with pytest.raises(IllegalMove) as fault:
            move(old, new)
        assert (fault.value.old, fault.value.new, fault.value.code) == (old, new, "ILLEGAL_MOVE")


@given(st.sampled_from(CHAIN), st.sampled_from(CHAIN))
def test_on_the_straight_way_no_step_is_skipped_or_taken_back(
    old: VolumeState, new: VolumeState
) -> None:
    assert may_move(old, new) == (CHAIN.index(new) == CHAIN.index(old) + 1)


def test_a_void_number_stays_void_and_a_committed_volume_is_never_voided() -> None:
    assert MOVES[VolumeState.VOID] == frozenset()
    assert not may_move(VolumeState.COMMITTED, VolumeState.VOID)


def test_a_failed_version_can_go_on_from_any_later_step_but_not_give_its_number_back() -> None:
    assert all(may_move(VolumeState.FAILED, state) for state in CHAIN[1:])
    assert not any(may_move(state, VolumeState.COLLECTING) for state in VolumeState)


def test_without_a_number_there_is_nothing_to_void() -> None:
    assert MOVES[VolumeState.COLLECTING] == {VolumeState.FROZEN}
    assert all(aside in MOVES[state] for state in CHAIN[1:-1] for aside in ASIDE)

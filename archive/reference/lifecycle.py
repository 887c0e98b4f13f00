"""The transitions of one version of a volume between its states (volume.md, States).

Every other transition is a defect.
"""

from collections.abc import Mapping
from itertools import pairwise
from types import MappingProxyType

from archive.reference.errors import ArchiveError
from archive.reference.vocabulary import VolumeState

CHAIN = (
    VolumeState.COLLECTING,
    VolumeState.FROZEN,
    VolumeState.COMPILED,
    VolumeState.SIGNED,
    VolumeState.PROVED,
    VolumeState.STORED,
    VolumeState.COMMITTED,
)
"""The states of a version that meets no obstacle, in order; none is skipped."""

_ASIDE = frozenset({VolumeState.QUARANTINED, VolumeState.FAILED, VolumeState.VOID})


def _moves() -> dict[VolumeState, frozenset[VolumeState]]:
    # A version that collects has no number yet: there is nothing to void or to quarantine, and
    # a refused package is handled by ingest.
    moves = {VolumeState.COLLECTING: frozenset({VolumeState.FROZEN})}
    moves |= {state: _ASIDE | {after} for state, after in pairwise(CHAIN[1:])}
    # A committed version stays, or is quarantined when its bytes fail verification; it is never
    # voided.
    moves[VolumeState.COMMITTED] = frozenset({VolumeState.QUARANTINED})
    # A retry continues from the last recorded step, which the steps table knows and this state
    # does not.
    moves[VolumeState.FAILED] = frozenset({*CHAIN[1:], VolumeState.QUARANTINED, VolumeState.VOID})
    # A quarantined version is made again from its inputs, or, once committed, becomes committed
    # again after its bytes were restored and verified against the inventory.
    moves[VolumeState.QUARANTINED] = frozenset(
        {VolumeState.FROZEN, VolumeState.COMMITTED, VolumeState.VOID}
    )
    moves[VolumeState.VOID] = frozenset()
    return moves


MOVES: Mapping[VolumeState, frozenset[VolumeState]] = MappingProxyType(_moves())
"""From each state, the states that may follow."""


class IllegalMove(ArchiveError):  # noqa: N818 - a move, not a fault of input
    """A transition that the life of a volume does not allow; keeps both states."""

    code = "ILLEGAL_MOVE"

    def __init__(self, old: VolumeState, new: VolumeState) -> None:
        super().__init__(
            f"册不能从“{old.label}”变为“{new.label}”。", "请刷新后查看该册的当前状态。"
        )
        self.old = old
        self.new = new


def may_move(old: VolumeState, new: VolumeState) -> bool:
    """Return whether `new` may follow `old`; staying in a state is no transition."""
    return new in MOVES[old]


def move(old: VolumeState, new: VolumeState) -> VolumeState:
    """Return the new state; raises IllegalMove when it may not follow the old one."""
    if not may_move(old, new):
        raise IllegalMove(old, new)
    return new

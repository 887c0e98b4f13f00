"""Merkle trees as RFC 6962 §2.1 defines them, over lines of bytes with SHA-256: a head for any size, and the path that proves one line in it."""

import hashlib
from collections.abc import Sequence


def leaf_hash(data: bytes) -> bytes:
    """The hash of one line; its prefix keeps a leaf from passing as a node."""
    return hashlib.sha256(b"\x00" + data).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """A tree that grows by one line at a time and keeps only the heads of its full subtrees: log2(n) hashes for n lines."""

    def __init__(self) -> None:
        """Begin empty."""
        self.size = 0
        self._heads: list[bytes] = []

    def add(self, data: bytes) -> None:
        """Append one line."""
        head, size = leaf_hash(data), self.size
        while size & 1:
            head, size = _node(self._heads.pop(), head), size >> 1
        self._heads.append(head)
        self.size += 1

    def root(self) -> bytes:
        """The head of the tree so far."""
        if not self._heads:
            return hashlib.sha256().digest()
        found = self._heads[-1]
        for head in reversed(self._heads[:-1]):
            found = _node(head, found)
        return found


def _split(count: int) -> int:
    return 1 << (count - 1).bit_length() - 1


def _root(leaves: Sequence[bytes]) -> bytes:
    if len(leaves) == 1:
        return leaves[0]
    half = _split(len(leaves))
    return _node(_root(leaves[:half]), _root(leaves[half:]))


def inclusion_path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The hashes beside the way from leaf `index` (from 0) to the root, lowest first."""
    if len(leaves) == 1:
        return []
    half = _split(len(leaves))
    if index < half:
        return [*inclusion_path(leaves[:half], index), _root(leaves[half:])]
    return [*inclusion_path(leaves[half:], index - half), _root(leaves[:half])]


def root_by_path(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The root that a path leads to (RFC 9162 §2.1.3.2); None when the path can't be one of a tree of that size."""
    if not 0 <= index < size:
        return None
    at, last, found = index, size - 1, leaf
    for one in path:
        if last == 0:
            return None
        if at & 1 or at == last:
            found = _node(one, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = _node(found, one)
        at, last = at >> 1, last >> 1
    return found if last == 0 else None

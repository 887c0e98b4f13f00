"""Merkle trees as RFC 6962 §2.1 defines them, over lines of bytes with SHA-256.

They give a head for any size, and the path that proves one line in it.
"""

import hashlib
from collections.abc import Sequence


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of one line; its prefix keeps a leaf from passing as a node."""
    return hashlib.sha256(b"\x00" + data).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """A tree that grows by one line at a time.

    It keeps only the heads of its full subtrees: log2(n) hashes for n lines.
    """

    def __init__(self) -> None:
        """Begin with an empty tree."""
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
        """Return the head of the tree so far."""
        if not self._heads:
            return hashlib.sha256().digest()
        root = self._heads[-1]
        for head in reversed(self._heads[:-1]):
            root = _node(head, root)
        return root


def _split(count: int) -> int:
    return 1 << (count - 1).bit_length() - 1


def _root(leaves: Sequence[bytes]) -> bytes:
    if len(leaves) == 1:
        return leaves[0]
    half = _split(len(leaves))
    return _node(_root(leaves[:half]), _root(leaves[half:]))


def inclusion_path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Return the audit path of leaf `index` (from 0), lowest hash first.

    It holds the sibling hashes on the way to the root.
    """
    if len(leaves) == 1:
        return []
    half = _split(len(leaves))
    if index < half:
        return [*inclusion_path(leaves[:half], index), _root(leaves[half:])]
    return [*inclusion_path(leaves[half:], index - half), _root(leaves[:half])]

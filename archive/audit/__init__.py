"""The journal: a chain of entries, its Merkle tree, and the anchors outside."""

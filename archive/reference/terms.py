"""The terms of the field in a sentence each, for whoever meets one on a page."""

import json
from collections.abc import Mapping
from functools import cache

from archive.reference import DATA


@cache
def terms() -> Mapping[str, str]:
    """Return what each term means, in Chinese, by the term (standards.md §7)."""
    meanings: dict[str, str] = json.loads((DATA / "terms.json").read_text("utf-8"))
    return meanings

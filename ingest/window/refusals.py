"""Why an act is refused: a code, a Chinese sentence and what to do, from data."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from archive.reference.errors import ArchiveError

_DATA = Path(__file__).with_name("data") / "refusals.json"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an act is not done, and the next step; names no person.

    `field` is the field of a form that it is about, by its name.
    """

    code: str
    message: str
    action: str
    field: str = ""


class RefusedActError(ArchiveError):
    """An act at the window that the rules do not allow; nothing was changed."""

    def __init__(self, why: Refusal) -> None:
        """Take over what the rules say."""
        super().__init__(why.message, why.action)
        self.code, self.field = why.code, why.field


@cache
def _texts() -> Mapping[str, tuple[str, str]]:
    texts = json.loads(_DATA.read_text("utf-8"))
    return {code: (message, action) for code, (message, action) in texts.items()}


def codes() -> tuple[str, ...]:
    """Return the codes of all refusals."""
    return tuple(_texts())


def refusal(code: str, **words: object) -> Refusal:
    """Return a refusal; raises KeyError for a code or a word that the data lacks."""
    message, action = _texts()[code]
    field = str(words.get("field", ""))
    return Refusal(code, message.format(**words), action.format(**words), field)

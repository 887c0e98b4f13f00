"""What the pages of paper share: who acts, and the panel that scans."""

from dataclasses import dataclass

from api.web.shell.page import BadFormError, User, WebApp
from archive.paper.access import Keeper
from archive.reference.paper_terms import ScanFlow


def keeper_of(web: WebApp, user: User) -> Keeper:
    """Return who acts on paper at this page."""
    return Keeper(user.reader, web.runtime.organisations)


@dataclass(frozen=True, slots=True)
class ScanPanel:
    """The one input of a page that scans: its flow and what it is about.

    `live` is the address of the part of the page that is drawn again after each scan.
    """

    flow: ScanFlow
    hint: str
    live: str = ""
    stocktake: int | None = None
    handover: int | None = None
    may: bool = True


def whole(form: dict[str, str], name: str, label: str) -> int:
    """Return a number of a form. Raises BadFormError."""
    text = form.get(name, "").strip()
    if not text.isascii() or not text.isdigit() or len(text) > 9:  # noqa: PLR2004 - of a column
        raise BadFormError(f"{label}应为数字。", "请返回上一页填写后重新提交。")
    return int(text)

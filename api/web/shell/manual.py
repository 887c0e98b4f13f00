"""The manual inside the product: the sections of docs/archivists.md, by page and by role.

The file is written once and read at both places: on the web, and beside each page of the desk.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import unquote

from markdown_it import MarkdownIt

from archive.administration.policy import Act, Role

_HERE = Path(__file__).parents[1]
_PICTURE = re.compile(r"[a-z0-9-]+\.png")
_NOT_IN_ADDRESS = re.compile(r"[^\w\- ]")


def _folder() -> Path:
    """Return the folder of the manual, in a wheel or beside a checkout."""
    carried = _HERE / "manual"
    return carried if carried.is_dir() else _HERE.parents[1] / "docs"


@dataclass(frozen=True, slots=True)
class Section:
    """One task of the manual: its address, its title and its HTML."""

    key: str
    title: str
    html: str


_OF_PAGE = (
    ("/window", "户籍窗口：收件、办理、出件"),
    ("/collecting", "收材料"),
    ("/checks", "核对待核对的办件"),
    ("/compile", "组卷"),
    ("/jobs", "组卷"),
    ("/search", "查找"),
    ("/people", "查找"),
    ("/volumes", "阅览一册"),
    ("/series", "打印目录和清册"),
    ("/citywide", "打印目录和清册"),
    ("/print", "打印目录和清册"),
    ("/usage", "利用：申请、审批、证明件"),
    ("/approvals", "利用：申请、审批、证明件"),
    ("/uses", "利用：申请、审批、证明件"),
    ("/paper/labels", "纸质：标签、台账、登记簿"),
    ("/paper/ledgers", "纸质：标签、台账、登记簿"),
    ("/paper/registers", "纸质：标签、台账、登记簿"),
    ("/paper", "纸质：登记、库房、借阅、盘点、交接"),
    ("/statistics", "统计"),
    ("/system", "系统管理（三员）"),
    ("/journal", "系统管理（三员）"),
    ("/password", "系统管理（三员）"),
    ("/", "登录，看今天的工作"),
)
"""The section of each page, the longest beginning first."""

_NEEDS: Mapping[str, frozenset[Act]] = {
    "户籍窗口：收件、办理、出件": frozenset({Act.HANDLE}),
    "收材料": frozenset({Act.SUBMIT}),
    "核对待核对的办件": frozenset({Act.CONFIRM}),
    "组卷": frozenset({Act.COMPILE}),
    "查找": frozenset({Act.SEARCH}),
    "阅览一册": frozenset({Act.VIEW}),
    "打印目录和清册": frozenset({Act.VIEW}),
    "利用：申请、审批、证明件": frozenset({Act.REQUEST_USE, Act.DECIDE_USE}),
    "纸质：登记、库房、借阅、盘点、交接": frozenset({Act.VIEW_PAPER}),
    "纸质：标签、台账、登记簿": frozenset({Act.KEEP_PAPER}),
    "统计": frozenset({Act.VIEW}),
    "系统管理（三员）": frozenset({Act.OPERATE, Act.APPROVE_ACCOUNT, Act.READ_JOURNAL}),
}
"""The acts of which a role has one to be shown a section first; others stand below."""

FIRST_DAY: Mapping[Role, tuple[tuple[str, str], ...]] = {
    Role.OFFICER: (
        ("看今天等您办的事", "/"),
        ("在窗口收一件：事项、办理人、材料、签名", "/window/new"),
        ("把窗口收到的扫描件传上来，归到办件", "/collecting"),
        ("按姓名、号码或档号查一册", "/search"),
        ("需要他单位的档案时，提交利用申请", "/usage/new"),
    ),
    Role.AUXILIARY: (
        ("看今天等您办的事", "/"),
        ("上传扫描件，按页归入办件", "/collecting"),
        ("登记本所的纸质材料", "/paper"),
    ),
    Role.ARCHIVIST: (
        ("看今天等您办的事，先办超期的", "/"),
        ("核对一件：表单、扫描件和证照并排看，逐件勾选", "/checks"),
        ("选好要组的卷，预览档号，确认组卷", "/compile"),
        ("打开一册，看签章和四性检测", "/volumes"),
        ("登记纸质，盘点一个架", "/paper"),
    ),
    Role.CHIEF: (
        ("看窗口在办的办件，审批轮到您的", "/window"),
        ("看待您审批的利用申请和借阅", "/approvals"),
        ("看本所超期和临期的办件", "/"),
        ("看本所的归档进度", "/statistics"),
    ),
    Role.DISTRICT_SUPERVISOR: (
        ("看本旗区各所等办的事", "/"),
        ("审批跨所的利用申请", "/approvals"),
        ("比较各所的归档进度", "/statistics"),
    ),
    Role.CITY_SUPERVISOR: (
        ("看全市等办的事", "/"),
        ("翻看全域通办卷", "/citywide"),
        ("比较各旗区的归档进度", "/statistics"),
    ),
    Role.SYSTEM_ADMIN: (
        ("看运行状态，处理告警", "/system/status"),
        ("提交一个账号", "/system/accounts/new"),
        ("看各项设置的含义", "/system/settings"),
    ),
    Role.SECURITY_ADMIN: (
        ("批准或退回账号", "/system/accounts"),
        ("看当日查阅是否异常", "/system/daily"),
    ),
    Role.AUDIT_ADMIN: (
        ("验证审计日志", "/journal"),
        ("看账号的变更", "/system/accounts"),
    ),
}
"""What to do on a first day, in order, by role: a sentence and the page."""


@cache
def sections() -> Mapping[str, Section]:
    """Return the sections by address, in the order of the manual; none where it is missing."""
    path = _folder() / "archivists.md"
    if not path.is_file():
        return {}
    _, *parts = re.split(r"^## ", path.read_text("utf-8"), flags=re.MULTILINE)
    tasks = {title: body for title, _, body in (part.partition("\n") for part in parts)}
    keys = {_anchor(title): title for title in tasks}
    markdown = MarkdownIt("commonmark").enable("table")
    return {
        key: Section(key, title, _linked(markdown.render(tasks[title]), keys))
        for key, title in keys.items()
    }


def _anchor(title: str) -> str:
    """Return the address that a web page of the file gives a heading."""
    return _NOT_IN_ADDRESS.sub("", title).replace(" ", "-").lower()


def _linked(html: str, keys: Mapping[str, str]) -> str:
    """Return a section with its pictures and links inside the product.

    A link to another document stays as its words: that document is not here.
    """
    html = re.sub(r'src="pictures/', 'loading="lazy" src="/help/pictures/', html)
    html = html.replace("<pre>", '<pre tabindex="0">')  # what scrolls is reached by keys

    def link(match: re.Match[str]) -> str:
        target = unquote(match[1].removeprefix("#"))
        return f'<a href="/help/{target}">{match[2]}</a>' if target in keys else match[2]

    return re.sub(r'<a href="([^"]*)">(.*?)</a>', link, html)


def section_of(path: str) -> str:
    """Return the address of the section that explains a page."""
    title = next(title for beginning, title in _OF_PAGE if path.startswith(beginning))
    return _anchor(title)


def help_of(path: str) -> str:
    """Return the address of what explains a page; it says nothing of what the page shows."""
    key = section_of(path)
    return f"/help/{key}" if key in sections() else "/help"


def concerns(section: Section, acts: frozenset[Act]) -> bool:
    """Return whether a section is about something that a role does."""
    needed = _NEEDS.get(section.title)
    return needed is None or bool(needed & acts)


def picture(name: str) -> bytes | None:
    """Return a picture of the manual."""
    path = _folder() / "pictures" / name
    return path.read_bytes() if _PICTURE.fullmatch(name) and path.is_file() else None

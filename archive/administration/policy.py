"""The access policy: which reader may do what on which record; deny by default.

It is one pure function over data (guard.md; table of standards.md §3.6). Pages, API, search,
exports and jobs ask `decide` and nothing else. `data/access.json` says which role may do which act,
and which capacity may use a record with which papers to which extent. Whose records they are
follows from the tree of organisations alone: a reader sees what their organisation, or one below
it, received, accepted or keeps; both sides of a citywide case see it (R27, R28).
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from archive.reference import DATA
from archive.reference.organisations import Organisations
from archive.reference.vocabulary import LabelledEnum, OrgKind

_DATA = DATA / "access.json"


class Role(LabelledEnum):
    """The role of a person or a client in the archive; an account has exactly one."""

    OFFICER = "OFFICER", "户籍民警"
    AUXILIARY = "AUXILIARY", "辅警"
    ARCHIVIST = "ARCHIVIST", "档案员"
    CHIEF = "CHIEF", "所领导"
    DISTRICT_SUPERVISOR = "DISTRICT_SUPERVISOR", "旗区监督"
    CITY_SUPERVISOR = "CITY_SUPERVISOR", "市局监督"
    STATION_CLIENT = "STATION_CLIENT", "派出所系统接口"
    SYSTEM_ADMIN = "SYSTEM_ADMIN", "系统管理员"
    SECURITY_ADMIN = "SECURITY_ADMIN", "安全保密管理员"
    AUDIT_ADMIN = "AUDIT_ADMIN", "安全审计员"


ADMINISTRATORS = frozenset({Role.SYSTEM_ADMIN, Role.SECURITY_ADMIN, Role.AUDIT_ADMIN})
"""The 三员: their roles exclude each other, and none of them sees content."""


class Act(LabelledEnum):
    """An act that the policy decides on."""

    SEARCH = "SEARCH", "检索"
    VIEW = "VIEW", "查看（脱敏）"
    VIEW_PAGES = "VIEW_PAGES", "查看页面图像"
    DOWNLOAD = "DOWNLOAD", "下载"
    VIEW_PLAIN = "VIEW_PLAIN", "查看明文"
    CERTIFY = "CERTIFY", "出具证明件"
    SUBMIT = "SUBMIT", "送交归档信息包"
    FOLLOW = "FOLLOW", "查询送交结果"
    CONFIRM = "CONFIRM", "核对确认"
    CHECK = "CHECK", "核对办理"
    COMPILE = "COMPILE", "组卷"
    VERIFY = "VERIFY", "验证"
    PRINT = "PRINT", "打印目录"
    NAME_PLAIN = "NAME_PLAIN", "目录印明文姓名"
    VOID = "VOID", "作废档号"
    REQUEST_USE = "REQUEST_USE", "申请利用"
    DECIDE_USE = "DECIDE_USE", "审批利用"
    SUPERVISE = "SUPERVISE", "监督"
    WATCH = "WATCH", "订阅归档通知"
    VIEW_PAPER = "VIEW_PAPER", "查看纸质档案账"
    KEEP_PAPER = "KEEP_PAPER", "保管纸质档案"
    DECIDE_LOAN = "DECIDE_LOAN", "审批纸质借阅"
    HANDLE = "HANDLE", "窗口办理"
    OPERATE = "OPERATE", "系统运维"
    PROPOSE_ACCOUNT = "PROPOSE_ACCOUNT", "提交账号"
    APPROVE_ACCOUNT = "APPROVE_ACCOUNT", "批准账号"
    ROTATE_KEYS = "ROTATE_KEYS", "更换密钥"
    READ_JOURNAL = "READ_JOURNAL", "查阅审计日志"


CONTENT_ACTS = frozenset({Act.VIEW_PAGES, Act.DOWNLOAD, Act.VIEW_PLAIN, Act.CERTIFY})
"""Acts that show what a volume holds in plain.

Of a restricted record they need a grant even in the reader's own organisation.
"""
GRANTED_ACTS = CONTENT_ACTS | {Act.VIEW}
FILING_ACTS = frozenset({Act.CONFIRM, Act.CHECK, Act.COMPILE, Act.VOID})
"""Acts of the unit that files the record, and of those above it: no other can take them back."""
_KEEPER_ACTS = FILING_ACTS | {Act.DECIDE_USE, Act.NAME_PLAIN}
_UNCOMMITTED_ACTS = FILING_ACTS | {Act.VIEW, Act.NAME_PLAIN}


class Scope(LabelledEnum):
    """A scope that a client asked for with a token (OAuth 2)."""

    SEARCH = "search", "检索"
    READ = "read", "查看办件与册"
    CONTENT = "content", "页面图像与文件"
    SUBMIT = "submit", "送交归档信息包"
    USE = "use", "利用申请与证明件"
    CHECK = "check", "核对、退回补正、转请"
    SUPERVISE = "supervise", "监督"
    WEBHOOK = "webhook", "订阅归档通知"
    PAPER = "paper", "纸质档案"
    COMPILE = "compile", "组卷赋号"
    PRINT = "print", "打印与签章目录"
    WINDOW = "window", "窗口办理"


SCOPE_OF: Mapping[Act, Scope] = {
    Act.SEARCH: Scope.SEARCH,
    Act.VIEW: Scope.READ,
    Act.VIEW_PLAIN: Scope.READ,
    Act.VIEW_PAGES: Scope.CONTENT,
    Act.DOWNLOAD: Scope.CONTENT,
    Act.SUBMIT: Scope.SUBMIT,
    Act.FOLLOW: Scope.SUBMIT,
    Act.REQUEST_USE: Scope.USE,
    Act.DECIDE_USE: Scope.USE,
    Act.CERTIFY: Scope.USE,
    Act.CHECK: Scope.CHECK,
    Act.SUPERVISE: Scope.SUPERVISE,
    Act.WATCH: Scope.WEBHOOK,
    Act.VIEW_PAPER: Scope.PAPER,
    Act.KEEP_PAPER: Scope.PAPER,
    Act.DECIDE_LOAN: Scope.PAPER,
    Act.COMPILE: Scope.COMPILE,
    Act.PRINT: Scope.PRINT,
    Act.NAME_PLAIN: Scope.PRINT,
    Act.HANDLE: Scope.WINDOW,
}
"""The scope that an act needs; an act without one is never done with a token of a client."""


class Denial(LabelledEnum):
    """A reason why an act is denied.

    NOT_HERE is the answer for a foreign record and for one that does not exist alike.
    """

    ROLE = "ROLE", "您的角色不能进行此操作"
    SCOPE = "SCOPE", "访问令牌没有此项权限"
    NOT_HERE = "NOT_HERE", "没有这份档案，或您无权查看"
    NOT_FILING = "NOT_FILING", "此卷由其他单位立卷，您的单位不能办理"
    NOT_COLLECTED = "NOT_COLLECTED", "辅警只能查看本单位收件的材料页面"
    NEEDS_GRANT = "NEEDS_GRANT", "此操作须有批准的利用单"
    STATE = "STATE", "档案当前状态不允许此操作"


@dataclass(frozen=True, slots=True)
class Reader:
    """The person or client that asks.

    `scopes` None: a person who logged in; else what the token of a client allows.
    """

    account: str
    role: Role
    org: str
    scopes: frozenset[Scope] | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """The record that is asked for.

    `orgs` are those that received, accepted or keep it, or are its domicile; `keeper` is the unit
    that files it, `collector` the one that took the materials in; `code` is None until it has a
    number. `committed`: a version of it is archived.
    `restricted`: of the highest class (birth files).
    """

    orgs: tuple[str, ...]
    keeper: str
    collector: str
    code: str | None = None
    committed: bool = True
    restricted: bool = False


@dataclass(frozen=True, slots=True)
class UsageGrant:
    """An approved usage request: an account may do acts on a volume until `ends_at`.

    `fields` are those shown in plain; None: all of them.
    """

    number: str
    account: str
    code: str
    acts: frozenset[Act]
    fields: frozenset[str] | None
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer of the policy: `denial` None means allowed.

    `grant` is the grant that it rests on, None when the reader's own organisation was enough.
    """

    denial: Denial | None
    grant: UsageGrant | None = None

    @property
    def allowed(self) -> bool:
        """Return whether the act may be done."""
        return self.denial is None


@dataclass(frozen=True, slots=True)
class UseScope:
    """The extent to which a record may be used.

    `acts` are allowed, `fields` are shown in plain (None: all).
    """

    key: str
    label: str
    acts: frozenset[Act]
    fields: frozenset[str] | None
    needs_paper: str | None


@dataclass(frozen=True, slots=True)
class Capacity:
    """The capacity in which somebody asks (R24).

    One of the sets of `papers` has to be complete; `scopes` are what may then be granted. With
    `visitor` somebody comes to the desk, whom the register names.
    """

    key: str
    label: str
    papers: tuple[tuple[str, ...], ...]
    scopes: tuple[UseScope, ...]
    source: str
    visitor: bool


@dataclass(frozen=True, slots=True)
class _Rules:
    acts: Mapping[Role, frozenset[Act]]
    org_kinds: Mapping[Role, frozenset[OrgKind]]
    restricted_series: frozenset[str]
    capacities: Mapping[str, Capacity]


@cache
def _rules() -> _Rules:
    data = json.loads(_DATA.read_text("utf-8"))
    scopes = {key: _use_scope(key, row) for key, row in data["scopes"].items()}
    return _Rules(
        {
            Role(key): frozenset(Act(act) for act in row["acts"])
            for key, row in data["roles"].items()
        },
        {
            Role(key): frozenset(OrgKind(kind) for kind in row["orgs"])
            for key, row in data["roles"].items()
        },
        frozenset(data["restricted_series"]),
        {
            key: Capacity(
                key,
                row["label"],
                tuple(tuple(papers) for papers in row["papers"]),
                tuple(scopes[scope] for scope in row["scopes"]),
                row["source"],
                row.get("visitor", False),
            )
            for key, row in data["capacities"].items()
        },
    )


def _use_scope(key: str, row: Mapping[str, Any]) -> UseScope:
    fields = None if row["fields"] == "ALL" else frozenset(row["fields"])
    return UseScope(
        key,
        row["label"],
        frozenset(Act(act) for act in row["acts"]),
        fields,
        row.get("needs_paper"),
    )


def acts_of(role: Role) -> frozenset[Act]:
    """Return everything that a role may ever do."""
    return _rules().acts[role]


def org_kinds_of(role: Role) -> frozenset[OrgKind]:
    """Return the kinds of organisation at which a role exists."""
    return _rules().org_kinds[role]


def capacities() -> Mapping[str, Capacity]:
    """Return who may use records with which papers, by key (standards.md §3.6)."""
    return _rules().capacities


def is_restricted(item_series: str) -> bool:
    """Return whether records of items of this series are of the highest class.

    Those are birth files, which are about children.
    """
    return item_series in _rules().restricted_series


def scope_of(orgs: Iterable[str], organisations: Organisations) -> tuple[str, ...]:
    """Return each organisation and all above it.

    Readers at one of these may find the record (R27, R28).
    """
    codes: dict[str, None] = {}
    for code in orgs:
        above: str | None = code
        while above is not None and above not in codes:
            codes[above] = None
            above = organisations.get(above).parent
    return tuple(codes)


def search_scope(reader: Reader) -> frozenset[str]:
    """Return the scope keys under which a reader searches.

    Empty for a reader to whom search shows nothing.
    """
    return frozenset({reader.org}) if may(reader, Act.SEARCH).allowed else frozenset()


def may(reader: Reader, act: Act) -> Decision:
    """Decide whether the reader may do the act on any record at all.

    It is asked before a record is looked up: the answer tells nothing about records.
    """
    if act not in acts_of(reader.role):
        return Decision(Denial.ROLE)
    if reader.scopes is not None and SCOPE_OF.get(act) not in reader.scopes:
        return Decision(Denial.SCOPE)
    return Decision(None)


def decide(
    reader: Reader,
    act: Act,
    record: Record | None,
    organisations: Organisations,
    grants: Iterable[UsageGrant] = (),
    *,
    now: datetime,
) -> Decision:
    """Decide by role, act, scope and state whether a reader may do an act on a record.

    `record` None is one that does not exist; it is denied like a foreign one. A grant widens which
    records a reader may see, never what the role may do.
    """
    general = may(reader, act)
    if not general.allowed:
        return general
    if record is None:
        return Decision(Denial.NOT_HERE)
    at_home = reader.org in scope_of(_sides(act, record), organisations)
    valid = [
        grant
        for grant in grants
        if grant.account == reader.account and grant.code == record.code and now < grant.ends_at
    ]
    if not at_home and not (valid and act in GRANTED_ACTS):
        # Who sees the record is told who acts on it; to all others it is not there.
        sees = act in FILING_ACTS and reader.org in scope_of(record.orgs, organisations)
        return Decision(Denial.NOT_FILING if sees else Denial.NOT_HERE)
    if not record.committed and act not in _UNCOMMITTED_ACTS:
        return Decision(Denial.STATE)
    grant = next((grant for grant in valid if act in grant.acts), None)
    denial: Denial | None = Denial.NOT_COLLECTED
    if (
        reader.role is not Role.AUXILIARY
        or act not in CONTENT_ACTS
        or record.collector == reader.org
    ):
        free = grant is not None or (at_home and not _needs_grant(act, record))
        denial = None if free else Denial.NEEDS_GRANT
    return Decision(denial, None if denial else grant)


def _sides(act: Act, record: Record) -> tuple[str, ...]:
    """Return the organisations that the record belongs to for this act.

    Use is decided, numbers are given, and people are named in registers, by the keeper and those
    above it alone (standards.md §3.7; I15).
    """
    return (record.keeper,) if act in _KEEPER_ACTS else record.orgs


def _needs_grant(act: Act, record: Record) -> bool:
    # Facts in plain can be copied by a machine without a trace on them; page images bear the
    # reader's name.
    return (
        act is Act.VIEW_PLAIN or act is Act.CERTIFY or (record.restricted and act in CONTENT_ACTS)
    )

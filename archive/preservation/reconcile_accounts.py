"""Accounts, logins, grants and configuration held to the journal: who may do what (I12)."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from sqlalchemy import Executable, select
from sqlalchemy.orm import Session

from archive.administration.accounts import verifier_of
from archive.administration.configuration import ITEM, ORGANISATION
from archive.audit import journal
from archive.database.tables_administration import Account, AccountChange, Configured, Login
from archive.database.tables_exchange import Webhook
from archive.database.tables_usage import CertifiedCopy, UsageRequest
from archive.preservation.faults import Fault
from archive.preservation.journalled import Journalled
from storage.blobs import BlobStore
from storage.errors import StorageError

_Query = TypeVar("_Query", bound=Executable)


def _differences(row: Mapping[str, Any], journalled: Mapping[str, Any]) -> str:
    """Return the names of what differs; what the journal does not say is not compared."""
    return "、".join(
        name for name, value in row.items() if name in journalled and journalled[name] != value
    )


def _streamed(query: _Query) -> _Query:
    """Return the query so that its rows come some at a time."""
    return query.execution_options(yield_per=500)


def account_faults(session: Session, state: Journalled) -> Iterator[Fault]:
    """Yield accounts that are not what the journal made them."""
    for account in session.scalars(_streamed(select(Account).order_by(Account.id))):
        if not state.accounts.see(account.login):
            yield Fault("I12", account.login, "日志没有此账号的提交和批准")
            continue
        row = {
            "role": account.role,
            "org": account.org,
            "kind": account.kind,
            "scopes": account.scopes,
            "state": account.state,
            "proposed_by": account.proposed_by,
            "approved_by": account.approved_by,
            "verifier": verifier_of(account.secret_hash),
        }
        if differs := _differences(row, state.accounts.get(account.login)):
            yield Fault("I12", account.login, f"账号与日志不符：{differs}")
    for login in state.accounts.unseen():
        yield Fault("I12", login, "日志记有此账号，数据库没有登记")


def change_faults(session: Session, state: Journalled) -> Iterator[Fault]:
    """Yield changes of accounts that were not submitted or decided as their rows say."""
    query = select(AccountChange, Account.login).outerjoin(
        Account, Account.id == AccountChange.account_id
    )
    for change, login in session.execute(_streamed(query.order_by(AccountChange.id))):
        row = {
            "login": login,
            "kind": change.kind,
            "state": change.state,
            "wanted": {key: change.wanted[key] for key in ("org", "role") if key in change.wanted},
            "proposed_by": change.proposed_by,
            "decided_by": change.decided_by,
        }
        journalled = state.changes.get(str(change.id), {})
        if not state.changes.see(str(change.id)):
            yield Fault("I12", f"account_change:{change.id}", "日志没有此项账号变更")
        elif differs := _differences(row, journalled):
            yield Fault("I12", f"account_change:{change.id}", f"账号变更与日志不符：{differs}")
    for number in state.changes.unseen():
        yield Fault("I12", f"account_change:{number}", "日志记有此项账号变更，数据库没有登记")


def login_faults(session: Session, state: Journalled) -> Iterator[Fault]:
    """Yield logins that nobody made; one that has ended has no row, and that is right."""
    query = select(Login, Account.login).outerjoin(Account, Account.id == Login.account_id)
    for login, name in session.execute(_streamed(query.order_by(Login.id))):
        journalled = state.logins.get(login.digest)
        if journalled is None:
            if name is None or name not in state.unnamed_logins:
                yield Fault("I12", f"login:{login.id}", "日志没有这次登录")
            continue
        row = {"login": name, "kind": login.kind, "scopes": login.scopes}
        if differs := _differences(row, {**journalled, "login": journalled["account"]}):
            yield Fault("I12", f"login:{login.id}", f"登录与日志不符：{differs}")


def request_faults(session: Session, state: Journalled) -> Iterator[Fault]:
    """Yield requests and grants that are not what was requested and decided."""
    for request in session.scalars(_streamed(select(UsageRequest).order_by(UsageRequest.id))):
        name = f"usage:{request.id}"
        journalled = state.requests.get(str(request.id), {})
        if not state.requests.see(str(request.id)):
            yield Fault("I12", name, "日志没有此项利用申请")
            continue
        row = {
            "account": request.account,
            "org": request.org,
            "code": request.code,
            "capacity": request.capacity,
            "scope": request.scope,
            "days": request.days,
            "state": request.state,
            "decided_by": request.decided_by,
            "ends_at": request.ends_at and request.ends_at.isoformat(),
        }
        if differs := _differences(row, journalled):
            yield Fault("I12", name, f"利用申请或授权与日志不符：{differs}")
    for number in state.requests.unseen():
        yield Fault("I12", f"usage:{number}", "日志记有此项利用申请，数据库没有登记")


def copy_faults(session: Session, store: BlobStore, state: Journalled) -> Iterator[Fault]:
    """Yield certified copies without entry, or whose file is not what was issued."""
    for copy in session.scalars(_streamed(select(CertifiedCopy).order_by(CertifiedCopy.id))):
        if not state.copies.see(copy.sha256):
            yield Fault("I12", f"copy:{copy.id}", "日志没有出具此证明件")
        try:
            store.read(f"copies/{copy.sha256}.pdf", sha256=copy.sha256)
        except StorageError as error:
            yield Fault("I16", f"copy:{copy.id}", f"证明件无法读取（{type(error).__name__}）")
    for digest in state.copies.unseen():
        yield Fault("I12", f"copies/{digest}.pdf", "日志记有出具证明件，数据库没有登记")


def configured_faults(session: Session, state: Journalled) -> Iterator[Fault]:
    """Yield changes of the shipped tables that nobody entered, or that are gone."""
    rows: Counter[tuple[str, str]] = Counter()
    for row in session.scalars(select(Configured)):
        switched = row.kind == ORGANISATION
        if row.kind not in {ITEM, ORGANISATION} or switched != ("digitised" in row.body):
            yield Fault("I12", "configured", f"配置的种类与内容不符：{row.key}")
            continue
        name = f"{row.key}={row.body['digitised']}" if switched else row.key
        digest = "" if switched else journal.digest_of(row.body)
        # An item that was entered before entries cited its body is counted without it.
        rows[name, digest if (name, digest) in state.configured else ""] += 1
    for (name, digest), count in state.configured.items():
        if rows.pop((name, digest), 0) != count:
            yield Fault("I12", "configured", f"配置与日志不符：{name}")
    for name, _ in rows:
        yield Fault("I12", "configured", f"日志没有此项配置：{name}")


def webhook_faults(session: Session, state: Journalled) -> Iterator[Fault]:
    """Yield addresses that are notified and that nobody subscribed, and the reverse."""
    for webhook in session.scalars(select(Webhook).order_by(Webhook.id)):
        name = f"webhook:{webhook.id}"
        row = {
            "account": webhook.account,
            "org": webhook.org,
            "url": journal.digest_of(webhook.url),
        }
        if not state.webhooks.see(name):
            yield Fault("I12", name, "日志没有此项订阅")
        elif differs := _differences(row, state.webhooks.get(name)):
            yield Fault("I12", name, f"订阅与日志不符：{differs}")
    for name in state.webhooks.unseen():
        yield Fault("I12", name, "日志记有此项订阅，数据库没有登记")

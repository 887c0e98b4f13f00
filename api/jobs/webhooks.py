"""The sender of webhooks: follows the feed of committed changes for each subscription, in order, and tries again until it is taken.

Any node may send; the row's `next_at` is pushed ahead before sending, so that one sends at a time. A notice may come twice (same id), never be lost.
"""

import hashlib
import hmac
import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event
from urllib.parse import urlsplit

import requests
from sqlalchemy import select, update
from sqlalchemy.exc import SQLAlchemyError

from api.runtime.bootstrap import Runtime
from archive.administration.accounts import AccountState
from archive.administration.policy import scope_of
from archive.database.engine import database_now, reading, writing
from archive.database.tables_administration import Account
from archive.database.tables_cases import Case
from archive.database.tables_exchange import Webhook
from archive.database.tables_volumes import Volume, VolumeVersion
from archive.jobs import feed

POLL_SECONDS = 1.0
_LEASE, _LONGEST_WAIT = timedelta(seconds=60), timedelta(hours=1)
_TIMEOUT, _BATCH, _TAKEN = 10, 50, 300
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Notice:
    """One committed volume; no personal data."""

    id: str
    event: str
    code: str
    case_no: str
    version: int
    at: str

    def body(self) -> bytes:
        """As it is sent and signed."""
        return json.dumps(
            {name: getattr(self, name) for name in self.__slots__},
            ensure_ascii=False,
            sort_keys=True,
        ).encode()


def signature(secret: str, at: int, body: bytes) -> str:
    """`t=<seconds>,v1=<hex>`: HMAC-SHA256 over `<seconds>.<body>`, so that an old notice can't be replayed as a new one."""
    made = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={made}"


def send_due(runtime: Runtime) -> int:
    """One round over all subscriptions that are due; gives how many notices were taken."""
    with reading(runtime.engine) as session:
        due = list(
            session.scalars(
                select(Webhook.id)
                .where(Webhook.next_at <= database_now(session))
                .order_by(Webhook.next_at)
            )
        )
    return sum(_serve(runtime, one) for one in due)


def _serve(runtime: Runtime, hook_id: int) -> int:
    with writing(runtime.engine) as session:
        now = database_now(session)
        claimed = session.execute(
            update(Webhook)
            .where(Webhook.id == hook_id, Webhook.next_at <= now)
            .values(next_at=now + _LEASE)
        )
        hook = session.get(Webhook, hook_id, populate_existing=True)
    if hook is None or claimed.rowcount != 1:  # type: ignore[attr-defined]
        return 0
    sent = 0
    for cursor, notice in _notices(runtime, hook):
        if notice is not None:
            if not _taken(runtime, hook, notice):
                _wait(runtime, hook, failed=True)
                return sent
            sent += 1
        _advance(runtime, hook, cursor)
    _wait(runtime, hook, failed=False)
    return sent


def _notices(runtime: Runtime, hook: Webhook) -> list[tuple[int, Notice | None]]:
    """The next rows of the feed, each with its notice; None where there is nothing to tell this client."""
    with reading(runtime.engine) as session:
        active = (
            session.scalars(select(Account.state).where(Account.login == hook.account)).first()
            == AccountState.ACTIVE
        )
        found: list[tuple[int, Notice | None]] = []
        for row in feed.after(session, hook.cursor, _BATCH):
            one = session.execute(
                select(Volume, Case, VolumeVersion)
                .join(Case, Case.id == Volume.case_id)
                .join(VolumeVersion, VolumeVersion.volume_id == Volume.id)
                .where(
                    Volume.id == row.volume_id,
                    VolumeVersion.state == "COMMITTED",
                    Volume.void_reason.is_(None),
                )
                .order_by(VolumeVersion.version.desc())
                .limit(1)
            ).first()
            notice = None
            if one is not None and active:
                volume, case, version = one
                orgs = (volume.filing_org, case.receive_org, case.accept_org, case.domicile_org)
                if hook.org in scope_of(orgs, runtime.organisations):
                    at = version.committed_at or row.at
                    notice = Notice(
                        f"{hook.id}-{row.id}",
                        "volume.committed",
                        volume.code,
                        case.case_no,
                        version.version,
                        at.isoformat(),
                    )
            found.append((row.id, notice))
        return found


def _taken(runtime: Runtime, hook: Webhook, notice: Notice) -> bool:
    if not allowed(hook.url, runtime.settings.webhook_hosts):
        return False
    body = notice.body()
    headers = {
        "Content-Type": "application/json",
        "Yice-Event": notice.event,
        "Yice-Signature": signature(hook.secret, int(time.time()), body),
    }
    try:
        # No redirects: the host was allowed, where it points to was not.
        answer = requests.post(
            hook.url,
            data=body,
            headers=headers,
            timeout=_TIMEOUT,
            allow_redirects=False,
            stream=True,
        )
        answer.close()
    except requests.RequestException:
        return False
    return answer.status_code < _TAKEN


def _advance(runtime: Runtime, hook: Webhook, cursor: int) -> None:
    with writing(runtime.engine) as session:
        session.execute(
            update(Webhook)
            .where(Webhook.id == hook.id)
            .values(cursor=cursor, failures=0, next_at=_lease(database_now(session)))
        )


def _lease(now: datetime) -> datetime:
    return now + _LEASE


def _wait(runtime: Runtime, hook: Webhook, *, failed: bool) -> None:
    with writing(runtime.engine) as session:
        row = session.get(Webhook, hook.id)
        if row is None:
            return
        row.failures = row.failures + 1 if failed else 0
        pause = (
            min(timedelta(seconds=2) * 2 ** min(row.failures, 12), _LONGEST_WAIT)
            if failed
            else timedelta(0)
        )
        row.next_at = database_now(session) + pause


def send_until(
    runtime: Runtime, stopped: Event, told: Callable[[int], None] = lambda _: None
) -> None:
    """Send until told to stop; a database that is away is waited for."""
    while not stopped.is_set():
        try:
            told(send_due(runtime))
        except SQLAlchemyError as fault:
            _log.warning("webhook sender waits: %s", type(fault).__name__)
        stopped.wait(POLL_SECONDS)


def allowed(url: str, hosts: str) -> bool:
    """Whether the operator lets this address be called: an exact host:port, so that nobody makes the archive call into its own network."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"https": 443, "http": 80}[parts.scheme]
    except (ValueError, KeyError):
        return False
    known = {one.strip().lower() for one in hosts.split(",") if one.strip()}
    return not parts.username and bool(parts.hostname) and f"{parts.hostname}:{port}" in known

"""The sender of webhooks: for each subscription it follows the feed of committed changes.

Notices are sent in order, and again until they are accepted. Any node may send; a lease on the row
lets one send at a time. A notice may come twice (same id), and is never lost.
"""

import hashlib
import hmac
import json
import logging
import time
from dataclasses import dataclass
from threading import Event
from typing import Any
from urllib.parse import urlsplit

import requests
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from api.runtime.bootstrap import Runtime, worker_name
from archive.administration.notices import NoticeKind, NoticeTopic, notices_after
from archive.administration.policy import Reader, scope_of
from archive.database.engine import reading, writing
from archive.database.tables_exchange import Webhook
from archive.database.tables_jobs import IndexFeed
from archive.jobs import feed
from archive.jobs.leases import Lease
from archive.jobs.webhook_delivery import (
    advance_notices,
    advance_webhook,
    due_webhooks,
    lease_webhook,
    newest_committed,
    owner_of,
    returned_case,
    schedule_webhook,
)

POLL_SECONDS = 1.0
_TIMEOUT, _BATCH, _ACCEPTED_BELOW = 10, 50, 300
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CaseNotice:
    """The notice of a committed volume or a returned case; it carries no personal data.

    `version` is that of the volume, or the revision that was returned; a case has no `code` yet.
    """

    id: str
    event: str
    code: str | None
    case_no: str
    version: int
    at: str

    def body(self) -> bytes:
        """Return the bytes that are sent and signed: JSON with sorted keys."""
        return _json({name: getattr(self, name) for name in self.__slots__})


@dataclass(frozen=True, slots=True)
class Told:
    """A notice of 通知 as it is sent: what became of what, by its number."""

    id: str
    event: str
    topic: str
    subject: str
    due_at: str | None
    at: str

    def body(self) -> bytes:
        """Return the bytes that are sent and signed: JSON with sorted keys."""
        return _json({name: getattr(self, name) for name in self.__slots__})


def _json(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, ensure_ascii=False, sort_keys=True).encode()


def signature(secret: str, at: int, body: bytes) -> str:
    """Return the signature of a notice, `t=<seconds>,v1=<hex>`.

    It is HMAC-SHA256 over `<seconds>.<body>`, so that an old notice can't be replayed as a new one.
    """
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def send_due(runtime: Runtime) -> int:
    """Serve all subscriptions that are due; return how many notices were accepted."""
    with reading(runtime.engine) as session:
        due = due_webhooks(session)
    return sum(_serve(runtime, webhook_id) for webhook_id in due)


def _serve(runtime: Runtime, webhook_id: int) -> int:
    with writing(runtime.engine) as session:
        leased = lease_webhook(session, webhook_id, worker_name())
    if leased is None:
        return 0
    webhook, lease = leased
    sent = 0
    with reading(runtime.engine) as session:
        rows = list(feed.after(session, webhook.cursor, _BATCH))
    for row in rows:
        with reading(runtime.engine) as session:
            notice = _notice(session, runtime, webhook, row)
        if notice is not None:
            if not _send(runtime, webhook, notice):
                _schedule(runtime, lease, failed=True)
                return sent
            sent += 1
        with writing(runtime.engine) as session:
            if not advance_webhook(session, lease, row.id):
                return sent
    notices = _tell(runtime, webhook, lease)
    _schedule(runtime, lease, failed=notices is None)
    return sent + (notices or 0)


def _tell(runtime: Runtime, webhook: Webhook, lease: Lease[int]) -> int | None:
    """Send what the owner was told since; return how many, None when the client took one not."""
    with reading(runtime.engine) as session:
        owner = owner_of(session, webhook)
        rows = notices_after(session, owner, webhook.notice_cursor, _BATCH) if owner else ()
    sent = 0
    for row in rows:
        if (row.kind, row.topic) == (NoticeKind.RETURNED, NoticeTopic.CASE):
            # The feed has it already, as case.returned with its revision.
            with writing(runtime.engine) as session:
                advance_notices(session, lease, row.id)
            continue
        sending = Told(
            f"{webhook.id}-n{row.id}",
            f"notice.{row.kind.lower()}",
            row.topic.lower(),
            row.subject,
            row.due_at.isoformat() if row.due_at else None,
            row.at.isoformat(),
        )
        if not _send(runtime, webhook, sending):
            return None
        sent += 1
        with writing(runtime.engine) as session:
            if not advance_notices(session, lease, row.id):
                break
    return sent


def _schedule(runtime: Runtime, lease: Lease[int], *, failed: bool) -> None:
    with writing(runtime.engine) as session:
        schedule_webhook(session, lease, failed=failed)


def _notice(
    session: Session, runtime: Runtime, webhook: Webhook, row: IndexFeed
) -> CaseNotice | None:
    """Return the notice of a row of the feed, by what its owner may see now.

    None when the account is not in use or may not subscribe, or the volume is void, not committed,
    or outside the organisation's scope.
    """
    owner = owner_of(session, webhook)
    if owner is None:
        return None
    if row.check_act_id is not None:
        return _returned(session, runtime, webhook, row, owner)
    newest = newest_committed(session, row.volume_id) if row.volume_id is not None else None
    if newest is None:
        return None
    volume, case, version = newest
    orgs = (volume.filing_org, case.receive_org, case.accept_org, case.domicile_org)
    if owner.org not in scope_of(orgs, runtime.organisations):
        return None
    return CaseNotice(
        f"{webhook.id}-{row.id}",
        "volume.committed",
        volume.code,
        case.case_no,
        version.version,
        (version.committed_at or row.at).isoformat(),
    )


def _returned(
    session: Session, runtime: Runtime, webhook: Webhook, row: IndexFeed, owner: Reader
) -> CaseNotice | None:
    """Return the notice of a case that was returned, for the units that sent it and above."""
    case, act = returned_case(session, row.check_act_id or 0)
    if owner.org not in scope_of((case.receive_org, case.accept_org), runtime.organisations):
        return None
    return CaseNotice(
        f"{webhook.id}-{row.id}",
        "case.returned",
        None,
        case.case_no,
        act.revision,
        act.at.isoformat(),
    )


def _send(runtime: Runtime, webhook: Webhook, notice: CaseNotice | Told) -> bool:
    """Send one notice; True when the client accepted it."""
    if not allowed(webhook.url, runtime.settings.webhook_hosts):
        return False
    body = notice.body()
    headers = {
        "Content-Type": "application/json",
        "Yice-Event": notice.event,
        "Yice-Signature": signature(webhook.secret, int(time.time()), body),
    }
    try:
        # No redirects: the host was allowed, where it points to was not.
        answer = requests.post(
            webhook.url,
            data=body,
            headers=headers,
            timeout=_TIMEOUT,
            allow_redirects=False,
            stream=True,
        )
        answer.close()
    except requests.RequestException:
        return False
    return answer.status_code < _ACCEPTED_BELOW


def send_until(runtime: Runtime, stopped: Event) -> None:
    """Send until `stopped` is set; a database that is away is waited for."""
    while not stopped.is_set():
        try:
            send_due(runtime)
        except SQLAlchemyError as error:
            _log.warning("webhook sender waits: %s", type(error).__name__)
        stopped.wait(POLL_SECONDS)


def allowed(url: str, hosts: str) -> bool:
    """Return whether the operator lets this address be called.

    `hosts` holds exact host:port pairs between commas, so that nobody makes the archive call into
    its own network.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or {"https": 443, "http": 80}[parts.scheme]
    except (ValueError, KeyError):
        return False
    known = {host.strip().lower() for host in hosts.split(",") if host.strip()}
    return not parts.username and bool(parts.hostname) and f"{parts.hostname}:{port}" in known

"""What must be there by the journal's account: its entries, folded into one state (I12).

Rows are held to it by `reconcile`. An entry says what it set; one of an archive from before entries
said so says less, and what it does not say is not compared.
"""

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy.orm import Session

from archive.administration.account_changes import ChangeKind, ChangeState
from archive.administration.accounts import AccountState
from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.tables_audit import JournalEntry
from archive.preservation.disk_map import DiskMaps
from archive.preservation.journalled_checks import enter_check, keep_restored
from archive.preservation.journalled_window import enter_window
from archive.reference.vocabulary import NOT_ACCEPTED, CaseState, VolumeState

STEPS = (
    VolumeState.COMPILED,
    VolumeState.SIGNED,
    VolumeState.PROVED,
    VolumeState.STORED,
    VolumeState.COMMITTED,
)


class Journalled:
    """The state that the journal accounts for; each map is named after what it knows.

    The maps lie on the disk. `steps` are by version and act, `revisions` by case number and
    revision, `requests` and `changes` by number, `logins` and `copies` by digest.
    """

    def __init__(self, maps: DiskMaps) -> None:
        """Begin with nothing journalled."""
        self.size = 0
        self.renewals_unnamed = False
        self.rebuilds = 0
        self.revisions = maps.new("revisions")
        self.checks = maps.new("checks")
        self.check_counts = maps.new("check_counts")
        self.shown = maps.new("shown")
        self.numbers = maps.new("numbers")
        self.places = maps.new("places")
        self.filers = maps.new("filers")
        self.begun = maps.new("begun")
        self.steps = maps.new("steps")
        self.rebuilt = maps.new("rebuilt")
        self.unanchored = maps.new("unanchored")
        self.void = maps.new("void")
        self.alarmed = maps.new("alarmed")
        self.accounts = maps.new("accounts")
        self.changes = maps.new("changes")
        self.logins = maps.new("logins")
        self.unnamed_logins = maps.new("unnamed_logins")
        self.requests = maps.new("requests")
        self.copies = maps.new("copies")
        self.orders = maps.new("orders")
        self.refused = maps.new("refused")
        self.returned = maps.new("returned")
        self.configured = maps.new("configured")
        self.webhooks = maps.new("webhooks")
        self.registers = maps.new("registers")
        self.window = maps.new("window")

    def status(self, case_no: str, revision: int) -> str | None:
        """Return the state that a revision must have now; None for one never taken over."""
        status: str | None = self.revisions.get((case_no, revision), {}).get("state")
        return status

    def inventory(self, name: str) -> str | None:
        """Return the digest of a version's commit record; None when it was not committed."""
        digest: str | None = self.rebuilt.get(name)
        return digest or self.steps.get((name, VolumeState.COMMITTED), {}).get("inventory")


@contextmanager
def folded(session: Session) -> Iterator[Journalled]:
    """Yield the state that the entries account for, read in one pass."""
    maps = DiskMaps()
    try:
        state = Journalled(maps)
        for entry in journal.entries(session):
            state.size = entry.seq
            read = _READERS.get(entry.act)
            if read is not None:
                detail = json.loads(entry.detail)
                if isinstance(detail, dict):
                    read(state, entry, detail)
            session.expunge(entry)
        yield state
    finally:
        maps.close()


Reader = Callable[[Journalled, JournalEntry, dict[str, Any]], None]


def _accession(state: Journalled, entry: JournalEntry, detail: dict[str, Any]) -> None:
    """Add a revision; earlier ones that still waited are superseded by it."""
    case_no, number = entry.subject, int(detail.get("revision", 1))
    for earlier in range(1, number):
        if state.status(case_no, earlier) in NOT_ACCEPTED:
            state.revisions.update((case_no, earlier), state=CaseState.SUPERSEDED)
    status = detail.get("state")
    if (
        status == CaseState.ACCEPTED
        or state.status(case_no, state.shown.get(case_no, 0)) != CaseState.ACCEPTED
    ):
        state.shown[case_no] = number
    state.revisions[case_no, number] = {
        "content": detail.get("content"),
        "state": status,
        "record": detail.get("record"),
    }


def _check(state: Journalled, entry: JournalEntry, detail: dict[str, Any]) -> None:
    enter_check(state.checks, state.check_counts, entry, detail)


def _confirm(state: Journalled, entry: JournalEntry, detail: dict[str, Any]) -> None:
    _check(state, entry, detail)
    number = int(detail.get("revision", 1))
    state.revisions.update((entry.subject, number), state=CaseState.ACCEPTED)
    state.shown[entry.subject] = number


def _return(state: Journalled, entry: JournalEntry, detail: dict[str, Any]) -> None:
    _check(state, entry, detail)
    number = int(detail.get("revision", 1))
    state.revisions.update((entry.subject, number), state=CaseState.RETURNED)


def _page_differs(state: Journalled, entry: JournalEntry, detail: dict[str, Any]) -> None:
    """Let a revision wait again, with more findings."""
    state.revisions.update(
        (entry.subject, int(detail.get("revision", 1))),
        state=CaseState.CONFIRM,
        findings=detail.get("findings", ""),
    )


def _freeze(state: Journalled, entry: JournalEntry, detail: dict[str, Any]) -> None:
    if "numbers" not in detail:
        state.begun[entry.subject] = True
    places = detail.get("places", [])
    for position, (code, case_no) in enumerate(detail.get("numbers", [])):
        state.numbers[code] = case_no
        state.begun[f"{code}/v1"] = True
        if "org" in detail:
            state.filers[code] = detail["org"]
        if position < len(places):
            state.places[code] = places[position]


def _renew(state: Journalled, _entry: JournalEntry, detail: dict[str, Any]) -> None:
    state.renewals_unnamed |= "versions" not in detail
    for name in detail.get("versions", ()):
        state.begun[name] = True


def _step(state: Journalled, entry: JournalEntry, detail: dict[str, Any]) -> None:
    state.steps[entry.subject, entry.act] = detail


def _void(state: Journalled, entry: JournalEntry, detail: dict[str, Any]) -> None:
    """Void a number, and the revisions of its case with it."""
    state.void[entry.subject] = str(detail.get("reason"))
    case_no = state.numbers.get(entry.subject)
    for number in itertools.count(1):
        if (case_no, number) not in state.revisions:
            return
        state.revisions.update((case_no, number), state=CaseState.VOID)


def _alarm(state: Journalled, entry: JournalEntry, _detail: dict[str, Any]) -> None:
    state.alarmed[entry.subject] = True


def _account(state: Journalled, entry: JournalEntry, detail: dict[str, Any]) -> None:
    """Set what an act on an account sets."""
    account = state.accounts.get(entry.subject, {})
    account |= {name: detail[name] for name in ("role", "org", "kind", "scopes") if name in detail}
    act = JournalAct(entry.act)
    if act is JournalAct.PROPOSE_ACCOUNT:
        account |= {
            "state": AccountState.PROPOSED,
            "proposed_by": entry.actor,
            "approved_by": None,
            "verifier": None,
        }
    elif act is JournalAct.APPROVE_ACCOUNT:
        account |= {"state": AccountState.ACTIVE, "approved_by": entry.actor}
    elif act in (JournalAct.REFUSE_ACCOUNT, JournalAct.DISABLE_ACCOUNT):
        account["state"] = AccountState.DISABLED
    elif "verifier" in detail:
        account["verifier"] = detail["verifier"]
    else:  # a secret set before entries said which
        account.pop("verifier", None)
    state.accounts[entry.subject] = account


def _change(state: Journalled, entry: JournalEntry, detail: dict[str, Any]) -> None:
    """Set what a change of an account, submitted or decided, sets."""
    number = str(detail.get("number", 0))
    change = state.changes.get(number, {})
    if entry.act == JournalAct.PROPOSE_CHANGE:
        change |= {
            "login": entry.subject,
            "kind": detail.get("kind"),
            "state": ChangeState.PROPOSED,
        }
        change |= {"wanted": {key: detail[key] for key in ("org", "role") if key in detail}}
        change["proposed_by"] = entry.actor
    else:
        change |= {"state": detail.get("state"), "decided_by": entry.actor}
    state.changes[number] = change
    if entry.act != JournalAct.PROPOSE_CHANGE and detail.get("state") == ChangeState.APPROVED:
        account = state.accounts.get(entry.subject, {}) | change.get("wanted", {})
        account |= {name: detail[name] for name in ("org", "role") if name in detail}
        by_kind = {
            ChangeKind.ENABLE: AccountState.ACTIVE,
            ChangeKind.DISABLE: AccountState.DISABLED,
        }
        if fresh := detail.get("account_state", by_kind.get(change.get("kind"))):
            account["state"] = fresh
        state.accounts[entry.subject] = account


def _login(state: Journalled, entry: JournalEntry, detail: dict[str, Any]) -> None:
    if "login" in detail:
        state.logins[detail["login"]] = {**detail, "account": entry.subject}
    else:
        state.unnamed_logins[entry.subject] = True


def _request(state: Journalled, entry: JournalEntry, detail: dict[str, Any]) -> None:
    """Set what an act on a request for use sets."""
    number = str(int(str(detail.get("number", "LY-0")).rpartition("-")[2]))
    request = state.requests.get(number, {})
    act = JournalAct(entry.act)
    if act is JournalAct.REQUEST_USE:
        request |= {"account": entry.actor, "code": entry.subject}
    elif act is JournalAct.DECIDE_USE:
        request["decided_by"] = entry.actor
    elif act is JournalAct.END_USE and "ends_at" not in detail:  # ended before entries said when
        request.pop("ends_at", None)
    names = ("org", "scope", "capacity", "days", "state", "ends_at")
    state.requests[number] = request | {name: detail[name] for name in names if name in detail}


def _certify(state: Journalled, _entry: JournalEntry, detail: dict[str, Any]) -> None:
    state.copies[str(detail.get("sha256"))] = True


def _order(state: Journalled, entry: JournalEntry, detail: dict[str, Any]) -> None:
    place = (entry.subject, detail.get("revision", 1), detail.get("material", 0))
    state.orders[place] = [detail.get("edition", 0), detail.get("leaves")]


def _refused(state: Journalled, _entry: JournalEntry, detail: dict[str, Any]) -> None:
    state.refused.add(str(detail.get("content")))


def _returned(state: Journalled, _entry: JournalEntry, detail: dict[str, Any]) -> None:
    state.returned.add(str(detail.get("content")))


def _configured(state: Journalled, entry: JournalEntry, detail: dict[str, Any]) -> None:
    """Count what was entered, by kind, key and digest of the body where the entry says it."""
    for key in detail.get("items", [f"{entry.subject}={detail.get('digitised')}"]):
        state.configured.add((key, detail.get("bodies", {}).get(key, "")))


def _period(state: Journalled, _entry: JournalEntry, detail: dict[str, Any]) -> None:
    if detail.get("register"):
        state.registers[detail["register"]] = True


def _subscribed(state: Journalled, entry: JournalEntry, detail: dict[str, Any]) -> None:
    if entry.act == JournalAct.UNSUBSCRIBE:
        state.webhooks.remove(entry.subject)
    else:
        state.webhooks[entry.subject] = {**detail, "account": entry.actor}


def _rebuild(state: Journalled, _entry: JournalEntry, detail: dict[str, Any]) -> None:
    """Begin anew where a database was made of the bucket.

    What is in no bucket did not come back; what came back from it alone is named by the entry.
    """
    state.rebuilds += 1
    for gone in (
        state.accounts,
        state.changes,
        state.logins,
        state.requests,
        state.configured,
        state.copies,
        state.webhooks,
        state.window,
        state.refused,
        state.returned,
        state.begun,
    ):
        gone.clear()
    keep_restored(state.checks)
    for key, step in state.steps.items():
        if key[1] == VolumeState.COMMITTED:
            state.rebuilt[key[0]] = str(step.get("inventory"))
        else:
            state.steps.remove(key)
    restored = detail.get("restored", {})
    for case_no, revision, fields in restored.get("revisions", []):
        state.revisions[case_no, revision] = fields
    _show_usable(state)
    for code, case_no, place in restored.get("numbers", []):
        state.numbers[code], state.places[code] = case_no, place
    for name, inventory in restored.get("versions", []):
        state.rebuilt[name] = inventory
        state.unanchored[name] = True
    for name in state.rebuilt:
        state.begun[name] = True
    for code in state.numbers:
        if code not in state.void:
            state.begun[f"{code}/v1"] = True


def _show_usable(state: Journalled) -> None:
    """Let each case read as its newest usable revision, as a rebuilt database does."""
    state.shown.clear()
    ranks: dict[str | None, int] = {CaseState.ACCEPTED: 2, **dict.fromkeys(NOT_ACCEPTED, 1)}
    for (case_no, number), fields in state.revisions.items():
        shown = state.shown.get(case_no, 0)
        rank = ranks.get(state.status(case_no, shown), 0)
        if (ranks.get(fields["state"], 0), number) > (rank, shown):
            state.shown[case_no] = number


_READERS: Mapping[str, Reader] = {
    JournalAct.ACCESSION: _accession,
    JournalAct.SUPPLEMENT: _accession,
    JournalAct.CONFIRM: _confirm,
    JournalAct.RETURN_CASE: _return,
    JournalAct.ASK_CHECK: _check,
    JournalAct.CHECK_REMARK: _check,
    JournalAct.REPLACE_PAGE: _check,
    JournalAct.PAGE_DIFFERS: _page_differs,
    JournalAct.FREEZE: _freeze,
    JournalAct.RENEW: _renew,
    **dict.fromkeys(STEPS, _step),
    JournalAct.VOID: _void,
    JournalAct.ALARM: _alarm,
    JournalAct.PROPOSE_ACCOUNT: _account,
    JournalAct.APPROVE_ACCOUNT: _account,
    JournalAct.REFUSE_ACCOUNT: _account,
    JournalAct.DISABLE_ACCOUNT: _account,
    JournalAct.SET_PASSWORD: _account,
    JournalAct.PROPOSE_CHANGE: _change,
    JournalAct.DECIDE_CHANGE: _change,
    JournalAct.LOGIN: _login,
    JournalAct.REQUEST_USE: _request,
    JournalAct.DECIDE_USE: _request,
    JournalAct.WITHDRAW_USE: _request,
    JournalAct.END_USE: _request,
    JournalAct.CERTIFY: _certify,
    JournalAct.PAGE_ORDER: _order,
    JournalAct.QUARANTINE: _refused,
    JournalAct.QUARANTINE_RETURN: _returned,
    JournalAct.IMPORT_ITEM: _configured,
    JournalAct.SWITCH_ORGANISATION: _configured,
    JournalAct.PERIOD: _period,
    JournalAct.SUBSCRIBE: _subscribed,
    JournalAct.UNSUBSCRIBE: _subscribed,
    JournalAct.WINDOW_ACT: enter_window,
    JournalAct.WINDOW_SEAL: enter_window,
    JournalAct.WINDOW_GRANT: enter_window,
    JournalAct.WINDOW_REGISTER: enter_window,
    JournalAct.WINDOW_GRANT_END: enter_window,
    JournalAct.REBUILD: _rebuild,
}

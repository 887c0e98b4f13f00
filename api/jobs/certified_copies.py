"""Makes the certified copies that were ordered.

`python -m api.jobs.certified_copies` is the process that a page starts: it sends what waits and
watches until it is made. The queue is its own, so that a copy for somebody at the window does not
wait behind a month's volumes.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from sqlalchemy.orm import Session

from api.jobs.orders import make_waiting_orders
from api.runtime import failures
from api.runtime.bootstrap import Runtime, start, worker_name
from api.runtime.broker import CERTIFY
from api.runtime.processes import one_at_a_time, start_module
from api.runtime.seals import open_seals
from api.runtime.settings import Settings
from api.runtime.workshop import demo_pki
from archive.administration.accounts import AccountState, account_by_login
from archive.administration.logins import reader
from archive.compile.prove import PdfAProver
from archive.database.engine import reading, writing
from archive.database.tables_usage import CopyOrder
from archive.jobs.leases import Lease
from archive.reference.errors import LeaseLostError, NotFoundError
from archive.usage.certified_copies import CopyingRoom, CopySealer, WantedCopy, certify_copy
from archive.usage.copy_orders import (
    CopyStep,
    claim_order,
    fail_order,
    finish_order,
    note_step,
    orders_waiting,
    usage_of,
)


def open_copy_sealer(runtime: Runtime) -> CopySealer:
    """Open what certified copies are sealed and proved with.

    Call it after the fork: neither the JVM nor a PKCS#11 session survives one.
    """
    seals = open_seals(runtime.settings, lambda: demo_pki(runtime.settings, runtime.organisations))
    return CopySealer(
        seals.sealer_for,
        seals.trust,
        PdfAProver("2u", scratch=runtime.settings.data / "scratch"),
        seals.demo,
    )


def copying_room(runtime: Runtime, sealer: CopySealer) -> CopyingRoom:
    """Return what certified copies are made from and with in this installation."""
    return CopyingRoom(
        runtime.engine, runtime.store, runtime.reference, sealer, runtime.settings.public_url
    )


def make_order(runtime: Runtime, sealer: CopySealer, order_id: int) -> str | None:
    """Make one copy; return its check code, None when it failed or another worker has it.

    What fails stands on its job.
    """
    with writing(runtime.engine) as session:
        lease = claim_order(session, order_id, worker_name())
    if lease is None:
        return None
    try:
        return _make_claimed(runtime, sealer, lease)
    except LeaseLostError:
        return None
    except Exception as error:  # noqa: BLE001 - whatever it was, the job says so
        code, sentence = failures.explain(error)
        failures.log(error, runtime.settings.data)
        with writing(runtime.engine) as session:
            fail_order(session, lease, code, sentence)
        return None


def _make_claimed(runtime: Runtime, sealer: CopySealer, lease: Lease[int]) -> str:
    """Make the copy of a claimed order and return its check code."""
    with reading(runtime.engine) as session:
        order, number = usage_of(session, lease.key)
        account = account_by_login(session, order.account)
        if account.state != AccountState.ACTIVE:
            raise NotFoundError("申请人的账号已停用。", "请由本人以在用的账号重新申请。")
        applicant = reader(account, account.scopes)
        wanted = WantedCopy(order.code, order.items, number)

    @contextmanager
    def entering() -> Iterator[Session]:
        with writing(runtime.engine) as session:
            note_step(session, lease, CopyStep.ENTERING)
        with writing(runtime.engine) as session:
            yield session

    return certify_copy(
        copying_room(runtime, sealer),
        applicant,
        wanted,
        turn=nullcontext(),
        entering=entering,
        enter=lambda session, opened, copy: (
            finish_order(session, lease, opened, copy, applicant).check_code
        ),
    )


def make_waiting_copies(runtime: Runtime) -> None:
    """Make all copies that wait."""
    make_waiting_orders(runtime, task=CERTIFY, table=CopyOrder, orders_waiting=orders_waiting)


def start_copying(runtime: Runtime) -> None:
    """Start the process that makes copies, and do not wait for it.

    The process outlives the web server, since a copy was promised.
    """
    start_module(runtime, "api.jobs.certified_copies", log="copying", outlives=True)


def main() -> None:
    """Wait for the turn, make all that waits, end."""
    runtime = start(Settings())
    with one_at_a_time(runtime, "copying"):
        make_waiting_copies(runtime)


if __name__ == "__main__":
    main()

"""Makes the sealed registers that were ordered in the print centre.

`python -m api.jobs.printing` is the process that a page starts: it sends what waits and watches
until it is made. The messages go by the queue of the certified copies: both are for people who
wait, and their workers have the seals.
"""

from api.jobs.orders import make_waiting_orders
from api.runtime import failures
from api.runtime.bootstrap import Runtime, start, worker_name
from api.runtime.broker import PRINT
from api.runtime.processes import one_at_a_time, start_module
from api.runtime.settings import Settings
from archive.administration.accounts import AccountState, account_by_login
from archive.administration.logins import reader
from archive.administration.policy import Reader
from archive.administration.signatories import TERMINAL
from archive.compile.context import CompileContext
from archive.database.engine import reading, writing
from archive.database.tables_printing import PrintOrder
from archive.printing.making import make_print
from archive.printing.orders import claim_print, fail_print, orders_waiting
from archive.reference.errors import LeaseLostError, NotFoundError


def make_order(runtime: Runtime, context: CompileContext, order_id: int) -> bool:
    """Make one order; say whether it was made. What fails stands on its row."""
    with writing(runtime.engine) as session:
        lease = claim_print(session, order_id, worker_name())
    if lease is None:
        return False
    try:
        make_print(context, runtime.reference, lease, _who_ordered(runtime, order_id))
    except LeaseLostError:
        return False
    except Exception as error:  # noqa: BLE001 - whatever it was, the order says so
        code, sentence = failures.explain(error)
        failures.log(error, runtime.settings.data)
        with writing(runtime.engine) as session:
            fail_print(session, lease, code, sentence)
        return False
    return True


def _who_ordered(runtime: Runtime, order_id: int) -> Reader:
    """Return who ordered, as they are now. Raises NotFoundError for a disabled account."""
    with reading(runtime.engine) as session:
        order = session.get_one(PrintOrder, order_id)
        if order.account.startswith(TERMINAL):
            return runtime.operator(order.account)
        account = account_by_login(session, order.account)
        if account.state != AccountState.ACTIVE:
            raise NotFoundError("申请人的账号已停用。", "请由本人以在用的账号重新打印。")
        return reader(account, account.scopes)


def make_waiting_prints(runtime: Runtime) -> None:
    """Make all orders that wait."""
    make_waiting_orders(runtime, task=PRINT, table=PrintOrder, orders_waiting=orders_waiting)


def start_printing(runtime: Runtime) -> None:
    """Start the process that makes sealed registers, and do not wait for it."""
    start_module(runtime, "api.jobs.printing", log="printing", outlives=True)


def main() -> None:
    """Wait for the turn, make all that waits, end."""
    runtime = start(Settings())
    with one_at_a_time(runtime, "printing"):
        make_waiting_prints(runtime)


if __name__ == "__main__":
    main()

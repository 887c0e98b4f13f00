"""The budget of a fixity check, and the anchors of the journal."""

import re
from contextlib import suppress
from datetime import timedelta

from api.runtime.bootstrap import Runtime
from api.runtime.workshop import open_compile_context
from archive.audit.anchors import AnchoredElsewhereError, Head, anchor
from archive.preservation.fixity import Budget
from archive.reference.errors import ArchiveError
from archive.reference.vocabulary import OrgKind
from archive.signing.seal import Sealer

_UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "S": 1, "M": 60, "H": 3600}
_TIMES = frozenset("SMH")


class BudgetFaultError(ArchiveError):
    """A budget that is neither an amount of data nor a time."""

    code = "BAD_BUDGET"


def budget(text: str | None) -> Budget:
    """Parse a budget: `20GB` or `500MB` bounds what is read, `30m` or `2h` how long it takes.

    Without a text there is no bound. Raises BudgetFaultError.
    """
    if text is None:
        return Budget()
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?B|[SMH])", text.strip().upper())
    if match is None:
        raise BudgetFaultError(
            "预算写法无效。", "请写数据量（500MB、20GB）或时间（45s、30m、2h）。"
        )
    amount = float(match[1]) * _UNITS[match[2]]
    return Budget(seconds=amount) if match[2] in _TIMES else Budget(bytes=int(amount))


def anchor_journal(runtime: Runtime, actor: str) -> Head | None:
    """Anchor the journal with the city's seal.

    None when there is nothing new to anchor, or another process does it at this moment.
    """
    with suppress(AnchoredElsewhereError):
        return anchor(
            runtime.engine,
            runtime.store,
            journal_sealer(runtime),
            actor,
            retention=timedelta(days=runtime.settings.anchor_retention_days),
        )
    return None


def journal_sealer(runtime: Runtime) -> Sealer:
    """Return the city's sealer: the journal is the city's, and so is its seal."""
    city = next(org for org in runtime.organisations.of_kind(OrgKind.CITY) if org.fonds_no)
    return open_compile_context(runtime).sealer_for(city.fonds_no or "")

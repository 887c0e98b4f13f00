"""What a scrub and an anchor need beside the rows."""

import re

from api.runtime.bootstrap import Runtime, open_workshop
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
    """`20GB` or `500MB` bounds what is read, `30m` or `2h` how long it takes."""
    if text is None:
        return Budget()
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?B|[SMH])", text.strip().upper())
    if found is None:
        raise BudgetFaultError(
            "预算写法无效。", "请写数据量（500MB、20GB）或时间（45s、30m、2h）。"
        )
    amount = float(found[1]) * _UNITS[found[2]]
    return Budget(seconds=amount) if found[2] in _TIMES else Budget(bytes=int(amount))


def journal_sealer(runtime: Runtime) -> Sealer:
    """The journal is the city's, and so is its seal."""
    city = next(one for one in runtime.organisations.of_kind(OrgKind.CITY) if one.fonds_no)
    return open_workshop(runtime).sealer_for(city.fonds_no or "")

"""The terms of the paper of the transition: states, kinds, flows and verdicts (R16, R19)."""

from archive.reference.vocabulary import LabelledEnum


class PaperKind(LabelledEnum):
    """What the paper of a case is; with any original among it, it counts as an original."""

    ORIGINAL = "ORIGINAL", "原件"
    COPY = "COPY", "复印件"
    PRINT = "PRINT", "打印件"


class PaperCondition(LabelledEnum):
    """The condition of the paper when it was registered."""

    GOOD = "GOOD", "完好"
    DAMAGED = "DAMAGED", "破损"
    FADED = "FADED", "字迹褪变"
    INCOMPLETE = "INCOMPLETE", "缺页"


class PaperTaskState(LabelledEnum):
    """How a task of registration stands."""

    PENDING = "PENDING", "待登记"
    REGISTERED = "REGISTERED", "已登记"
    WAIVED = "WAIVED", "免予登记"


class PaperState(LabelledEnum):
    """Where an item or a box is by its last move; an item is in exactly one of the last five."""

    UNSHELVED = "UNSHELVED", "未上架"
    ON_SHELF = "ON_SHELF", "在架"
    IN_BOX = "IN_BOX", "在盒"
    ON_LOAN = "ON_LOAN", "在借"
    IN_TRANSIT = "IN_TRANSIT", "在途"
    TRANSFERRED = "TRANSFERRED", "已移交"
    DESTROYED = "DESTROYED", "已销毁"


ENDED_STATES = frozenset({PaperState.TRANSFERRED, PaperState.DESTROYED})
"""The states that nothing follows."""
NEXT_STATES = {
    PaperState.UNSHELVED: frozenset(
        {PaperState.UNSHELVED, PaperState.ON_SHELF, PaperState.IN_TRANSIT}
    ),
    PaperState.ON_SHELF: frozenset(
        {PaperState.UNSHELVED, PaperState.ON_SHELF, PaperState.IN_TRANSIT}
    ),
    PaperState.IN_BOX: frozenset(set(PaperState) - {PaperState.UNSHELVED, PaperState.ON_SHELF}),
    PaperState.ON_LOAN: frozenset({PaperState.IN_BOX}),
    PaperState.IN_TRANSIT: frozenset(
        {PaperState.IN_BOX, PaperState.UNSHELVED, PaperState.ON_SHELF, PaperState.TRANSFERRED}
    ),
    PaperState.TRANSFERRED: frozenset[PaperState](),
    PaperState.DESTROYED: frozenset[PaperState](),
}
"""Which state may follow which; a thing begins IN_BOX (item) or UNSHELVED (box)."""


class PlaceKind(LabelledEnum):
    """The kinds of places, from the room down; only a shelf bears boxes."""

    ROOM = "ROOM", "库房"
    RACK = "RACK", "列架"
    BAY = "BAY", "节"
    SHELF = "SHELF", "层"


class LoanKind(LabelledEnum):
    """Whether the paper leaves the room: for days, or for hours under eyes (当场查阅)."""

    AWAY = "AWAY", "外借"
    INSIDE = "INSIDE", "当场查阅"


class LoanState(LabelledEnum):
    """How a loan stands; whether it is overdue follows from its due time."""

    REQUESTED = "REQUESTED", "待审批"
    APPROVED = "APPROVED", "已批准待取"
    LENT = "LENT", "在借"
    RETURNED = "RETURNED", "已归还"
    REFUSED = "REFUSED", "不批准"
    WITHDRAWN = "WITHDRAWN", "已撤回"


OPEN_LOANS = (LoanState.REQUESTED, LoanState.APPROVED, LoanState.LENT)
"""The states of a loan that holds an item."""


class StocktakeState(LabelledEnum):
    """How a stocktake stands; it is closed once."""

    OPEN = "OPEN", "盘点中"
    CLOSED = "CLOSED", "已关闭"


class HandoverState(LabelledEnum):
    """How a hand-over stands: the list is scanned, sent, and received with its differences."""

    LISTING = "LISTING", "清点中"
    SENT = "SENT", "已发出"
    CLOSED = "CLOSED", "已交接"


class HandoverDifference(LabelledEnum):
    """In what the two sides of a hand-over differ about an item."""

    MISSING = "MISSING", "单上有、未收到"
    EXTRA = "EXTRA", "收到、单上无"


class ScanFlow(LabelledEnum):
    """What a session of scanning does with what it scans."""

    REGISTER = "REGISTER", "登记入盒"
    FILE = "FILE", "上架移动"
    LEND = "LEND", "借出"
    RETURN = "RETURN", "归还"
    COUNT = "COUNT", "盘点"
    SEND = "SEND", "交接发出"
    RECEIVE = "RECEIVE", "交接接收"


class ScanVerdict(LabelledEnum):
    """What came of one scan; each scan gets exactly one."""

    REGISTERED = "REGISTERED", "已登记"
    SHELVED = "SHELVED", "已上架"
    MOVED = "MOVED", "已移动"
    CHOSEN = "CHOSEN", "已选定"
    LENT = "LENT", "已借出"
    RETURNED = "RETURNED", "已归还"
    LISTED = "LISTED", "已列入"
    RECEIVED = "RECEIVED", "已接收"
    PRESENT = "PRESENT", "在位"
    MISPLACED = "MISPLACED", "错位"
    LENT_ON_SHELF = "LENT_ON_SHELF", "在借却在架"
    UNREGISTERED = "UNREGISTERED", "未登记"
    REPEATED = "REPEATED", "重复"
    ENDED_ON_SHELF = "ENDED_ON_SHELF", "已移交或销毁却在架"
    FOREIGN = "FOREIGN", "别处的"
    REFUSED = "REFUSED", "未办理"


GOOD_VERDICTS = frozenset(
    {
        ScanVerdict.REGISTERED,
        ScanVerdict.SHELVED,
        ScanVerdict.MOVED,
        ScanVerdict.CHOSEN,
        ScanVerdict.LENT,
        ScanVerdict.RETURNED,
        ScanVerdict.LISTED,
        ScanVerdict.RECEIVED,
        ScanVerdict.PRESENT,
    }
)
"""The verdicts after which nobody has to do anything."""


class CountResult(LabelledEnum):
    """How an expected item stands in a stocktake; the last three were not scanned."""

    PRESENT = "PRESENT", "在位"
    MISPLACED = "MISPLACED", "错位"
    LENT_ON_SHELF = "LENT_ON_SHELF", "在借却在架"
    ON_LOAN = "ON_LOAN", "在借"
    MOVED = "MOVED", "移动过"
    ABSENT = "ABSENT", "缺"


class PageDifference(LabelledEnum):
    """In what paper and volume differ (纸电核对), both ways."""

    MORE_PAPER = "MORE_PAPER", "纸质多于电子"
    MORE_ELECTRONIC = "MORE_ELECTRONIC", "电子多于纸质"
    NO_PAPER = "NO_PAPER", "有电子，纸质未登记"
    NO_VOLUME = "NO_VOLUME", "有纸质，电子册已作废"


class PendingChoice(LabelledEnum):
    """What becomes of the waiting tasks of a district that goes 已电子化."""

    KEEP = "KEEP", "照旧登记"
    WAIVE = "WAIVE", "免予登记"


class PaperFault(LabelledEnum):
    """Why an act on paper is refused; the code of the error is `PAPER_` and this."""

    BAD_CODE = "BAD_CODE", "条码不能用"
    UNKNOWN = "UNKNOWN", "账上没有"
    WRONG_KIND = "WRONG_KIND", "条码类别不符"
    BOX_FULL = "BOX_FULL", "盒已满"
    SHELF_FULL = "SHELF_FULL", "架位已满"
    LENT = "LENT", "已借出"
    RESERVED = "RESERVED", "已有借阅"
    NOT_APPROVED = "NOT_APPROVED", "没有批准的借阅"
    OVERDUE = "OVERDUE", "借阅人有逾期"
    ENDED = "ENDED", "已移交或销毁"
    IN_TRANSIT = "IN_TRANSIT", "在途"
    OTHER_ORG = "OTHER_ORG", "不属同一单位"
    NO_BOX = "NO_BOX", "未选定盒"
    NO_TASK = "NO_TASK", "没有登记任务"
    REGISTERED = "REGISTERED", "已登记过"
    PAGES = "PAGES", "页数不符"
    GAP = "GAP", "扫描次序缺号"
    SESSION = "SESSION", "扫描会话不可用"
    CLOSED = "CLOSED", "已关闭"
    STATE = "STATE", "状态不允许"
    VALUE = "VALUE", "内容不合规"

"""The words of the print centre (打印中心): what is printed, and how far an order is."""

from archive.reference.vocabulary import LabelledEnum


class PrintKind(LabelledEnum):
    """A register that can be printed; each kind is a document of its own."""

    REGISTER = "register", "案卷目录"
    CONTENTS = "contents", "卷内目录"
    SPINES = "spines", "脊背"
    TRANSFER = "transfer", "移交清册"
    USES = "uses", "利用登记簿"
    YEAR = "year", "年报"


OF_VOLUMES = frozenset(
    {PrintKind.REGISTER, PrintKind.CONTENTS, PrintKind.SPINES, PrintKind.TRANSFER}
)
"""The kinds that list volumes, for which volumes are chosen."""


class PrintStep(LabelledEnum):
    """Steps of an order of sealed registers."""

    WAITING = "WAITING", "等待出具"
    COLLECTING = "COLLECTING", "取数"
    SEALING = "SEALING", "排版、签章并证明"
    DONE = "DONE", "已出具"
    FAILED = "FAILED", "未成功"

"""What is to be compiled, as the station API and the forms of the desk state it."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from archive.arrangement.choice import Choice
from archive.arrangement.selection import Numbered
from archive.reference.vocabulary import Series

MOST_AT_ONCE = 5000
CASE_NO = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"
PERIOD = r"^[0-9]{4}-(0[1-9]|1[0-2])$"
_CaseNo = Annotated[str, Field(pattern=CASE_NO)]
_CHOICE: JsonDict = {"case_nos": [], "period": "2026-11", "receive_org": "150602010000"}
_NUMBERED: JsonDict = {
    "case_no": "150602010000-20260901-000001",
    "code": "J602-ZY·HJ·QR·2026·Y-000124",
}


class _Stated(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ChoiceWanted(_Stated):
    """Which of the cases that wait: those that fit; of these only the named, where some are."""

    model_config = ConfigDict(
        json_schema_extra={
            "description": "选哪些待组卷办件：符合各条件的；写明 case_nos 的只选其中所列。",
            "examples": [_CHOICE],
        }
    )
    case_nos: list[_CaseNo] = Field(
        default=[], max_length=MOST_AT_ONCE, description="办件编号；空为全部符合条件的"
    )
    period: str | None = Field(default=None, pattern=PERIOD, description="办结月份 YYYY-MM")
    receive_org: str | None = Field(
        default=None, pattern=r"^[0-9]{12}$", description="收件单位代码"
    )
    series: Series | None = Field(default=None, description="归入的卷目代码")
    item: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_-]{1,32}$", description="事项编码")

    def choice(self) -> Choice:
        """Return what the acts take."""
        return Choice(
            frozenset(self.case_nos), self.period, self.receive_org, self.series, self.item
        )


class NumberedCase(_Stated):
    """A case with the 档号 that the preview gave it."""

    model_config = ConfigDict(
        json_schema_extra={
            "description": "一件办件和预览给出的档号。",
            "examples": [_NUMBERED],
        }
    )
    case_no: _CaseNo = Field(description="办件编号")
    code: str = Field(min_length=1, max_length=40, description="档号")


class CompileWanted(_Stated):
    """The choice again, with the numbers that were previewed."""

    model_config = ConfigDict(
        json_schema_extra={
            "description": "与预览相同的选择，和预览给出的各档号；有一处不同即全部不赋。",
            "examples": [{"choice": _CHOICE, "numbers": [_NUMBERED]}],
        }
    )
    choice: ChoiceWanted = Field(description="选哪些办件，与预览相同")
    numbers: list[NumberedCase] = Field(
        min_length=1, max_length=MOST_AT_ONCE, description="预览给出的办件编号和档号"
    )

    def expected(self) -> list[Numbered]:
        """Return the numbers as the act takes them."""
        return [(row.case_no, row.code) for row in self.numbers]

"""The values that `case.json` is made of, and the base of its models."""

from typing import Annotated, Any, ClassVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    StringConstraints,
    model_serializer,
)
from pydantic_core import PydanticCustomError


def _printable(text: str) -> str:
    # PostgreSQL cannot store NUL, and no control character can be displayed.
    # Line breaks and tabs are text.
    if any(char < " " and char not in "\t\n\r" for char in text) or "\x7f" in text:
        raise ValueError("control character")
    return text


CaseNo = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
OrgCode = Annotated[str, StringConstraints(pattern=r"^[0-9]{12}$")]
Text = Annotated[str, StringConstraints(max_length=2000), AfterValidator(_printable)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_printable)]
OfficerNo = Annotated[str, StringConstraints(max_length=64), AfterValidator(_printable)]
FilePath = Annotated[
    str, StringConstraints(min_length=1, max_length=1024), AfterValidator(_printable)
]
Whole = Annotated[int, Field(ge=-(2**53), le=2**53)]
Decimal = Annotated[float, Field(allow_inf_nan=False)]
Pages = Annotated[int, Field(ge=1, le=100_000)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


def _as_number(value: object) -> object:
    # A text of digits or a truth is no number of JSON, though pydantic would take it for one.
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PydanticCustomError("float_type", "须为数字")
    return value


Number = Annotated[float, BeforeValidator(_as_number), Field(allow_inf_nan=False)]
Share = Annotated[Number, Field(ge=0, le=1)]
"""A number from 0 to 1."""
Count = Annotated[int, BeforeValidator(_as_number)]


class FactsModel(BaseModel):
    """The base of what `case.json` states: frozen, and without a field that we do not know.

    `later` are the fields that version 2 added: one that is not set is left out when the facts
    are written, so that a case of version 1 reads as it always did.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", serialize_by_alias=True)
    later: ClassVar[frozenset[str]] = frozenset()

    @model_serializer(mode="wrap")
    def _without_unset(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {
            name: value
            for name, value in write(self).items()
            if name not in self.later or (value is not None and value not in ((), []))
        }

    @property
    def stated_later(self) -> tuple[str, ...]:
        """Return the fields of version 2 that are stated, in their order."""
        stated = self.later & self.model_fields_set
        return tuple(name for name in type(self).model_fields if name in stated)

"""What an act has to say beside its name; shapes only, the rules are in `decide`."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from archive.reference.case_facts import PaperRef, Person, SourceRef
from archive.reference.case_values import Decimal, Name, OrgCode, Pages, Sha256, Text, Whole
from archive.reference.moments import Moment
from archive.reference.submission_terms import (
    IdentityResult,
    PartyRole,
    RatingChannel,
    Trust,
)
from archive.reference.vocabulary import Channel, FormKind, SourceKind
from ingest.window.terms import WindowAct

_Reason = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True,
        min_length=2,
        max_length=500,
        pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$",
    ),
]
_No = Annotated[int, Field(ge=1, le=999)]
_Coordinate = Annotated[float, Field(ge=0, le=1)]
_Point = tuple[_Coordinate, _Coordinate, Annotated[float, Field(ge=0)], _Coordinate]


class Wanted(BaseModel):
    """The base: nothing is taken that is not known."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class OpenWanted(Wanted):
    """A case to open: item, whose household station, who applies and for whom.

    `household` are ID numbers of the household, by which an officer of it is told. `query` names
    what the population system answered before, `facts` are fields of the forms as they were typed.
    """

    item: Name
    version: Name | None = None
    home: OrgCode
    channel: Channel = Channel.WINDOW
    applicant: Person
    subjects: Annotated[tuple[Person, ...], Field(min_length=1, max_length=100)]
    household: Annotated[tuple[Name, ...], Field(max_length=100)] = ()
    query: Name | None = None
    facts: Annotated[dict[Name, Text], Field(max_length=20)] = {}


class StoredFile(Wanted):
    """A file that lies in the store already."""

    sha256: Sha256
    extension: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]{1,4}$")]


class MaterialWanted(Wanted):
    """A material that was taken in; without `no` it is the next one, or that of its name."""

    no: _No | None = None
    type: Name
    source: SourceKind
    files: Annotated[tuple[StoredFile, ...], Field(min_length=1, max_length=500)]
    pages: Pages
    blank_pages: tuple[Pages, ...] = ()
    captured_at: Moment | None = None
    source_ref: SourceRef | None = None
    paper: PaperRef | None = None
    trust: Trust | None = None


class FormWanted(Wanted):
    """What a form of the case states beside the facts."""

    no: _No
    data: Annotated[dict[Text, Text | Whole | Decimal | bool | None], Field(max_length=200)]


class IdentityWanted(Wanted):
    """One comparison of a person with the certificate."""

    person: PartyRole = PartyRole.APPLICANT
    result: IdentityResult
    device: Text | None = None
    score: Annotated[float, Field(ge=0, le=1)] | None = None
    reason: _Reason | None = None


class SignatureWanted(Wanted):
    """A signature on the screen: strokes of (x, y, ms, pressure), and what form was shown."""

    signer: PartyRole = PartyRole.APPLICANT
    form: FormKind
    form_sha256: Sha256
    device: Name
    strokes: Annotated[
        tuple[Annotated[tuple[_Point, ...], Field(min_length=1, max_length=5000)], ...],
        Field(max_length=200),
    ] = ()


class OpinionWanted(Wanted):
    """An opinion, and whether an investigation is wanted."""

    opinion: Text = ""
    investigate: bool = False


class RefusalWanted(Wanted):
    """Why it is refused, upon what, and what the applicant can do about it."""

    reason: _Reason
    basis: _Reason
    remedy: _Reason


class CorrectionWanted(Wanted):
    """What is lacking, all of it at once; a second time also why it was not said the first."""

    reason: _Reason
    materials: Annotated[tuple[Name, ...], Field(min_length=1, max_length=100)]
    again: _Reason | None = None


class ReasonWanted(Wanted):
    """Why."""

    reason: _Reason


class NumbersWanted(Wanted):
    """Numbers of materials."""

    materials: Annotated[tuple[_No, ...], Field(min_length=1, max_length=999)]


class IssueWanted(Wanted):
    """How the result reaches the applicant."""

    opinion: Text = ""
    delivery: Name = "当面领取"


class RatingWanted(Wanted):
    """好差评: once for a case."""

    score: Annotated[int, Field(ge=1, le=5)]
    channel: RatingChannel = RatingChannel.WINDOW


class ExtensionWanted(Wanted):
    """特别程序 A: for how many working days, and why."""

    days: Annotated[int, Field(ge=1, le=60)]
    reason: _Reason


class FlowWanted(Wanted):
    """The digest of the flow to which a case moves, and why."""

    flow: Sha256
    reason: _Reason


class FindingsWanted(Wanted):
    """What the archive answered, and what who returned a case wrote beside."""

    findings: tuple[dict[str, Any], ...] = ()
    note: Text = ""


SHAPES: Mapping[WindowAct, type[Wanted]] = {
    WindowAct.OPEN: OpenWanted,
    WindowAct.ADD_MATERIAL: MaterialWanted,
    WindowAct.FILL_FORM: FormWanted,
    WindowAct.IDENTIFY: IdentityWanted,
    WindowAct.SIGN: SignatureWanted,
    WindowAct.RECEIVE: OpinionWanted,
    WindowAct.TRANSFER: OpinionWanted,
    WindowAct.ACCEPT: OpinionWanted,
    WindowAct.REFUSE_ACCEPT: RefusalWanted,
    WindowAct.CORRECT: CorrectionWanted,
    WindowAct.RESUBMIT: OpinionWanted,
    WindowAct.INVESTIGATE: OpinionWanted,
    WindowAct.SHOW: NumbersWanted,
    WindowAct.TICK: NumbersWanted,
    WindowAct.REVIEW: OpinionWanted,
    WindowAct.STEP_BACK: ReasonWanted,
    WindowAct.APPROVE: OpinionWanted,
    WindowAct.REFUSE_APPROVE: RefusalWanted,
    WindowAct.FEEDBACK: OpinionWanted,
    WindowAct.ISSUE: IssueWanted,
    WindowAct.RATE: RatingWanted,
    WindowAct.WITHDRAW: ReasonWanted,
    WindowAct.EXTEND: ExtensionWanted,
    WindowAct.BEGIN_SPECIAL: ReasonWanted,
    WindowAct.END_SPECIAL: OpinionWanted,
    WindowAct.URGE: ReasonWanted,
    WindowAct.SUPERVISE: ReasonWanted,
    WindowAct.ANSWER: ReasonWanted,
    WindowAct.MIGRATE: FlowWanted,
    WindowAct.CLOSE: OpinionWanted,
    WindowAct.ARCHIVE_REFUSED: FindingsWanted,
    WindowAct.ARCHIVE_TOOK: FindingsWanted,
}
"""The shape of what each act has to say."""


def shaped(act: WindowAct, data: Mapping[str, Any]) -> Wanted | list[str]:
    """Return what an act says, or the places at which it does not fit; no value is quoted."""
    try:
        return SHAPES[act].model_validate(data)
    except ValidationError as fault:
        return sorted(
            {".".join(str(part) for part in error["loc"])[:100] for error in fault.errors()}
        )

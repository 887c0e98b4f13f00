"""The facts of a closed case as `case.json` states them (spec `case-submission/1`).

Only shape and types are checked by these models. Whether the facts agree with the catalogue, the
organisations and the files is checked by `archive.inspection`.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from archive.reference.moments import Day, Moment
from archive.reference.vocabulary import (
    ApprovalLevel,
    Channel,
    ForeignSignature,
    FormKind,
    Node,
    ProcessResult,
    SourceKind,
)


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


class _Facts(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ItemRef(_Facts):
    """A reference to a service item in one version of the catalogue."""

    code: Name
    version: Name


class Person(_Facts):
    """A person named in the case."""

    name: Name
    id_number: Text | None = None
    phone: Text | None = None
    relation: Text | None = None


class CaseOrgs(_Facts):
    """The receiving, accepting and domicile organisations of a case (R6)."""

    receive: OrgCode
    accept: OrgCode
    domicile: OrgCode


class ProcessEvent(_Facts):
    """One step of the process: node, organisation, officer, time, result, opinion (R8, R35)."""

    node: Node
    org: OrgCode
    actor_no: OfficerNo
    actor: Text
    at: Moment
    result: ProcessResult
    opinion: Text = ""
    level: ApprovalLevel | None = None


class CaseGrant(_Facts):
    """The authorisation under which another window acts (R12)."""

    grantor: OrgCode
    grantee: OrgCode
    item: Text
    valid_until: Day


class SealUse(_Facts):
    """One use of another organisation's seal."""

    seal_owner: OrgCode
    caller: OrgCode
    at: Moment
    grant_ref: Text | None = None


class SourceRef(_Facts):
    """The evidence of a fetch from another system (R17)."""

    system: Text
    id: Text
    fetched_at: Moment
    sha256: Sha256 | None = None
    signature: ForeignSignature | None = None


class PaperRef(_Facts):
    """The paper behind a scan (R19)."""

    original: bool
    pages: Annotated[int, Field(ge=0, le=100_000)]
    kept: bool


class Material(_Facts):
    """One material (件): its files, or for a system form the data that the archive renders."""

    no: Annotated[int, Field(ge=1, le=999)]
    type: Name
    source: SourceKind
    files: Annotated[tuple[FilePath, ...], Field(max_length=5000)] = ()
    form: FormKind | None = None
    data: (
        Annotated[dict[Text, Text | Whole | Decimal | bool | None], Field(max_length=500)] | None
    ) = None
    pages: Pages
    blank_pages: Annotated[tuple[Pages, ...], Field(max_length=5000)] = ()
    captured_by: Text | None = None
    captured_at: Moment | None = None
    source_ref: SourceRef | None = None
    paper: PaperRef | None = None


class CaseFacts(_Facts):
    """Everything that `case.json` states of one closed case."""

    spec: Literal["case-submission/1"]
    case_no: CaseNo
    item: ItemRef
    channel: Channel
    applicant: Person
    subjects: Annotated[tuple[Person, ...], Field(min_length=1, max_length=500)]
    orgs: CaseOrgs
    due_on: Day | None = None
    process: Annotated[tuple[ProcessEvent, ...], Field(min_length=1, max_length=1000)]
    grant: CaseGrant | None = None
    seal_uses: Annotated[tuple[SealUse, ...], Field(max_length=1000)] = ()
    materials: Annotated[tuple[Material, ...], Field(min_length=1, max_length=999)]
    supplement: bool = False

    @property
    def citywide(self) -> bool:
        """Return whether another organisation than the domicile's received the case (R20).

        That is 收件单位≠户籍单位.
        """
        return self.orgs.receive != self.orgs.domicile

    @property
    def completed_at(self) -> AwareDatetime:
        """Return when the case was completed (办结).

        That is its last 出件, or its last event when nothing was issued.
        """
        issued = [event.at for event in self.process if event.node is Node.ISSUE]
        return max(issued or [event.at for event in self.process])

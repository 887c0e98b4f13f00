"""The facts of a closed case as `case.json` states them (`case-submission/1`, `/2`).

Only shape and types are checked by these models, what the parts of version 2 must agree on by
`archive.reference.case_rules`. Whether the facts agree with the catalogue, the organisations and
the files is checked by `archive.inspection`.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import AwareDatetime, Field

from archive.reference.case_blocks import (
    CaseReturn,
    Clock,
    FlowRef,
    IdentityCheck,
    Rating,
    Signature,
)
from archive.reference.case_values import (
    CaseNo,
    Decimal,
    FactsModel,
    FilePath,
    Name,
    OfficerNo,
    OrgCode,
    Pages,
    Sha256,
    Text,
    Whole,
)
from archive.reference.moments import Day, Moment
from archive.reference.submission_terms import Ending, Trust
from archive.reference.vocabulary import (
    ApprovalLevel,
    Channel,
    ForeignSignature,
    FormKind,
    Node,
    ProcessResult,
    SourceKind,
)

SPEC_1, SPEC_2 = "case-submission/1", "case-submission/2"


class ItemRef(FactsModel):
    """A reference to a service item in one version of the catalogue."""

    code: Name
    version: Name


class Person(FactsModel):
    """A person named in the case."""

    name: Name
    id_number: Text | None = None
    phone: Text | None = None
    relation: Text | None = None


class CaseOrgs(FactsModel):
    """The receiving, accepting and domicile organisations of a case (R6)."""

    receive: OrgCode
    accept: OrgCode
    domicile: OrgCode


class ProcessEvent(FactsModel):
    """One step of the process: node, organisation, officer, time, result, opinion (R8, R35)."""

    node: Node
    org: OrgCode
    actor_no: OfficerNo
    actor: Text
    at: Moment
    result: ProcessResult
    opinion: Text = ""
    level: ApprovalLevel | None = None


class CaseGrant(FactsModel):
    """The authorisation under which another window acts (R12)."""

    grantor: OrgCode
    grantee: OrgCode
    item: Text
    valid_until: Day


class SealUse(FactsModel):
    """One use of another organisation's seal.

    Version 2 says which seal stands on which form, by the digest of what was sealed.
    """

    later: ClassVar[frozenset[str]] = frozenset(
        {"use_no", "seal", "form", "document_sha256", "purpose"}
    )
    seal_owner: OrgCode
    caller: OrgCode
    at: Moment
    grant_ref: Text | None = None
    use_no: Name | None = None
    seal: Name | None = None
    form: FormKind | None = None
    document_sha256: Sha256 | None = None
    purpose: Text | None = None


class SourceRef(FactsModel):
    """The evidence of a fetch from another system (R17)."""

    system: Text
    id: Text
    fetched_at: Moment
    sha256: Sha256 | None = None
    signature: ForeignSignature | None = None


class PaperRef(FactsModel):
    """The paper behind a scan (R19)."""

    original: bool
    pages: Annotated[int, Field(ge=0, le=100_000)]
    kept: bool


class Material(FactsModel):
    """One material (件): its files, or for a system form the data that the archive renders."""

    later: ClassVar[frozenset[str]] = frozenset({"trust"})
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
    trust: Trust | None = None


class CaseFacts(FactsModel):
    """Everything that `case.json` states of one closed case."""

    later: ClassVar[frozenset[str]] = frozenset(
        {
            "flow",
            "ending",
            "clocks",
            "returns",
            "identity_checks",
            "signatures",
            "rating",
        }
    )
    spec: Literal["case-submission/1", "case-submission/2"]
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
    flow: FlowRef | None = None
    ending: Ending | None = None
    clocks: Annotated[tuple[Clock, ...], Field(max_length=1000)] = ()
    returns: Annotated[tuple[CaseReturn, ...], Field(max_length=1000)] = ()
    identity_checks: Annotated[tuple[IdentityCheck, ...], Field(max_length=1000)] = ()
    signatures: Annotated[tuple[Signature, ...], Field(max_length=100)] = ()
    rating: Rating | None = None

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

"""The table of checks of DA/T 70-2018.

Each row states the item, the phases in which it runs, and the function that does it.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from archive.inspection import authenticity, course, integrity, process, safety, usability, wording
from archive.inspection.subject import Subject
from archive.reference.findings import Finding
from archive.reference.vocabulary import LabelledEnum


class Phase(LabelledEnum):
    """Phases of inspection: at filing, at taking over, in the long run."""

    GD = "GD", "归档"
    YJ = "YJ", "移交接收"
    CQ = "CQ", "长期保存"


_ALWAYS = frozenset(Phase)
_ENTRY = frozenset({Phase.GD, Phase.YJ})
_FILING = frozenset({Phase.GD})


@dataclass(frozen=True, slots=True)
class Check:
    """A check of the table.

    `item` is the number within DA/T 70 (`1-1`: authenticity, first); where the standard's number
    is not known, ours in its part.
    """

    item: str
    name: str
    phases: frozenset[Phase]
    run: Callable[[Subject], Iterator[Finding]]
    codes: frozenset[str]

    def code(self, phase: Phase) -> str:
        """Return the number with its phase, as reports show it."""
        return f"{phase}-{self.item}"


def _check(
    item: str,
    name: str,
    phases: frozenset[Phase],
    run: Callable[[Subject], Iterator[Finding]],
    *codes: str,
) -> Check:
    return Check(item, name, phases, run, frozenset(codes))


CHECKS: tuple[Check, ...] = (
    _check(
        "1-1",
        "固化信息核验",
        _ALWAYS,
        authenticity.fetched_as_proven,
        "GD-1-1",
        "EVIDENCE_PARTIAL",
    ),
    _check("1-1", "调取凭据", _ENTRY, authenticity.fetch_has_evidence, "NO_EVIDENCE"),
    _check("1-1", "证照签名", _ENTRY, authenticity.fetched_is_as_signed, "CERT_SIGNATURE"),
    _check(
        "1-1",
        "申请人签名",
        _ENTRY,
        course.signatures_are_of_their_forms,
        "SIGNATURE_INVALID",
    ),
    _check("1-1", "收件单签名", _FILING, course.receipt_is_signed, "SIGNATURE_MISSING"),
    _check(
        "1-1",
        "人证核验",
        _FILING,
        course.person_was_identified,
        "IDENTITY_MISSING",
        "IDENTITY_MISMATCH",
    ),
    _check("1-4", "公民身份号码值域", _ENTRY, authenticity.id_numbers_hold, "ID_INVALID"),
    _check("1-4", "单位代码值域", _ENTRY, integrity.organisations_are_known, "ORG_UNKNOWN"),
    _check("1-5", "年龄合理性", _ENTRY, authenticity.ages_can_be, "PERSON_AGE", "GD-1-5"),
    _check("1-5", "时间合理性", _ENTRY, authenticity.times_can_be, "GD-1-5"),
    _check("1-5", "退回、核验和签名时间", _ENTRY, course.course_times_can_be, "GD-1-5"),
    _check("1-5", "图像时间", _ENTRY, authenticity.pictures_are_of_their_time, "GD-1-5"),
    _check("1-5", "用章时间", _ENTRY, authenticity.sealed_after_approval, "SEAL_EARLY"),
    _check("1-5", "审批用章", _FILING, course.approval_is_sealed_by_its_unit, "SEAL_OWNER"),
    _check("1-6", "特殊字符", _ENTRY, authenticity.characters_are_common, "GD-1-6"),
    _check("1-6", "字形", _ENTRY, authenticity.characters_can_be_drawn, "GLYPH_MISSING"),
    _check("1-8", "件号和文件不重复", _ALWAYS, integrity.numbers_are_unique, "SCHEMA"),
    _check("1-8", "图像不重复", _ENTRY, authenticity.images_differ, "DUPLICATE_SCAN"),
    _check("1-8", "页面不互为副本", _ENTRY, authenticity.pages_are_no_copies, "NEAR_COPY"),
    _check("1-9", "证照文字与办件相符", _ENTRY, wording.certificates_agree, "CERT_TEXT"),
    _check("1-10", "电子属性一致性", _ALWAYS, authenticity.names_match_content, "FORMAT_MISMATCH"),
    _check("2-1", "总件数相符", _ALWAYS, integrity.files_are_named, "EXTRA_FILE"),
    _check("2-4", "电子表单不附文件", _FILING, integrity.forms_bring_no_files, "SCHEMA"),
    _check(
        "2-4",
        "电子表单与办件相符",
        _ENTRY,
        integrity.forms_state_the_facts,
        "FORM_FACTS",
        "FORM_FACTS_SHOWN",
    ),
    _check("2-5", "环节完整", _ALWAYS, process.no_node_is_skipped, "GD-2-5"),
    _check("2-5", "结局与环节相符", _ENTRY, course.end_agrees_with_process, "GD-2-5"),
    _check("2-5", "调查环节", _FILING, course.investigation_was_a_node, "INVESTIGATION_MISSING"),
    _check("2-5", "环节与办理方式相符", _ENTRY, process.no_node_is_foreign, "GD-2-5"),
    _check("2-5", "环节顺序", _ALWAYS, process.nodes_are_in_order, "GD-2-5"),
    _check("2-5", "环节时间", _ALWAYS, process.times_are_in_order, "GD-2-5"),
    _check("2-5", "办理人", _ALWAYS, process.every_step_names_its_actor, "GD-2-5"),
    _check(
        "2-5",
        "收审分离",
        _ENTRY,
        process.receiver_and_decider_differ,
        "SAME_PERSON",
        "SAME_PERSON_HOME",
        "SAME_UNIT",
    ),
    _check("2-5", "环节单位", _ENTRY, process.steps_are_where_they_belong, "ORG_MISMATCH"),
    _check(
        "2-5", "审批级别", _FILING, process.approval_levels_are_kept, "GD-2-5", "APPROVAL_LEVEL"
    ),
    _check(
        "2-5",
        "承诺期限",
        _FILING,
        process.promised_time_is_kept,
        "OVERDUE",
        "OVERDUE_PROVISIONAL",
    ),
    _check("2-5", "时钟到期日", _FILING, course.clocks_come_to_their_days, "CLOCK_DIFFERS"),
    _check("2-5", "异地用章", _FILING, course.seals_are_used_within_grants, "SEAL_GRANT"),
    _check("2-5", "授权", _FILING, process.window_is_authorised, "NO_GRANT", "GRANT_INVALID"),
    _check("2-7", "内容数据完整", _ALWAYS, integrity.pages_are_as_declared, "GD-2-7"),
    _check(
        "2-7",
        "空白页",
        _ENTRY,
        integrity.blank_pages_are_confirmed,
        "BLANK_PAGE",
        "BLANK_NOT_BLANK",
        "SCHEMA",
    ),
    _check("2-7", "页序", _ENTRY, wording.pages_are_in_order, "PAGE_ORDER"),
    _check(
        "2-8",
        "附件",
        _ENTRY,
        usability.everything_will_be_shown,
        "PDF_XFA",
        "PDF_ATTACHMENT",
        "IMAGE_EXTRA",
        "PAGE_SHRUNK",
        "PDF_PORTFOLIO",
        "PDF_UNDRAWN",
    ),
    _check("2-8", "批注", _ENTRY, usability.notes_are_told, "PDF_REMARK"),
    _check("2-9", "归档范围", _ENTRY, integrity.required_materials_are_there, "GD-2-9"),
    _check(
        "2-9", "比对与走访材料", _FILING, integrity.investigation_is_there, "INVESTIGATION_MISSING"
    ),
    _check("2-9", "系统表单", _ENTRY, integrity.forms_come_from_the_system, "FORM_NOT_SYSTEM"),
    _check("2-9", "材料来源", _FILING, integrity.sources_are_as_listed, "SOURCE_UNUSUAL"),
    _check("2-9", "办理方式", _FILING, integrity.item_may_be_received_here, "MODE_VIOLATION"),
    _check("2-11", "信息包内容数据完整", _ALWAYS, integrity.files_are_there, "FILE_MISSING"),
    _check(
        "3-3", "内容格式合规", _ALWAYS, usability.formats_are_accepted, "FORMAT_UNKNOWN", "GD-3-4"
    ),
    _check("3-3", "版式副本", _ENTRY, usability.ofd_has_a_rendition, "OFD_NO_RENDITION"),
    _check("3-3", "版式副本完整", _ENTRY, usability.rendition_is_whole, "OFD_PAGES"),
    _check("3-4", "内容可读", _ALWAYS, usability.files_open, "GD-3-4", "ENCRYPTED", "OFD_INVALID"),
    _check("3-3", "字体嵌入", _ENTRY, usability.fonts_are_there, "FONT_MISSING"),
    _check("3-4", "可编入册", _ENTRY, usability.pages_can_be_made, "PAGES_LOST"),
    _check("3-4", "分辨率", _ENTRY, usability.pages_are_fine_enough, "LOW_RESOLUTION"),
    _check(
        "3-4", "图像清晰完整", _ENTRY, usability.pages_can_be_read, "TOO_DARK", "BLURRED", "CUT_OFF"
    ),
    _check("3-4", "图像数据完好", _ENTRY, usability.pictures_are_whole, "IMAGE_DAMAGED"),
    _check("4-2", "文件无害", _ALWAYS, safety.files_are_harmless, "FILE_UNSAFE"),
)


@dataclass(frozen=True, slots=True)
class CheckResult:
    """A line of a report: what was checked, when, and what was found."""

    code: str
    name: str
    at: datetime
    findings: tuple[Finding, ...]


def inspect(subject: Subject, phase: Phase) -> tuple[CheckResult, ...]:
    """Run every check of a phase, in the order of the table, and return the results.

    What a finding does depends on what somebody can do about the material
    (`archive.reference.findings`).
    """
    return tuple(
        CheckResult(
            check.code(phase),
            check.name,
            subject.now,
            tuple(map(subject.answered, check.run(subject))),
        )
        for check in CHECKS
        if phase in check.phases
    )


def all_findings(results: Iterable[CheckResult]) -> tuple[Finding, ...]:
    """Return all findings of a report."""
    return tuple(entry for result in results for entry in result.findings)

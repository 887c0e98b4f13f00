"""The steps COMPILED and SIGNED: a volume made, compared with its originals and sealed."""

import hashlib
from collections.abc import Sequence
from typing import Any

from archive.checking.acts import Decision
from archive.compile.build import IMAGE, Built, Filing, Tools, build
from archive.compile.compared import compare_pages, refuse_waiting
from archive.compile.context import CompileContext, CompileOrder, record_result
from archive.compile.inspection_sheet import inspection_sheet
from archive.compile.page_proof import PageResult
from archive.compile.seal_art import seal_pdf
from archive.compile.sheets import SEAL_BOX
from archive.database.engine import reading
from archive.database.tables_volumes import VolumeVersion
from archive.inspection.report import report
from archive.inspection.table import Phase
from archive.jobs.crashpoints import reach
from archive.jobs.version_steps import recorded
from archive.recognition.page_texts import texts_of
from archive.reference.codes import storage_prefix
from archive.reference.compile_errors import NotProvedError
from archive.reference.organisations import fonds_unit
from archive.reference.other_cases import sealed_findings
from archive.reference.vocabulary import Series, VersionOrigin, VolumeState
from archive.signing.seal import Sealed

_BY_SYSTEM, _NOT_ASKED = "系统自动组卷", "系统自动检测（没有须人工核对的发现）"


def signed_volume(context: CompileContext, order: CompileOrder) -> dict[str, Any]:
    """Take the steps COMPILED and SIGNED; return the result of the latter.

    Signing is not deterministic: the first recorded result is the volume, other bytes are staging
    orphans.
    """
    result = order.steps.get(VolumeState.SIGNED)
    if result is not None:
        return result
    if order.version.origin != VersionOrigin.CASE:
        return _timestamped(context, order)
    refuse_waiting(order)
    built = _built(context, order)
    _record_built(context, order, built, compare_pages(context, order, built))
    owner = fonds_unit(context.organisations, order.volume.fonds)
    sealed = context.sealer_for(order.volume.fonds).seal(
        built.pdf,
        appearance_pdf=seal_pdf(owner.name, context.demo),
        page=0,
        box=SEAL_BOX,
        reason="归档",
        at=None,
    )
    return _stage(context, order, sealed)


def _built(context: CompileContext, order: CompileOrder) -> Built:
    """Return the volume as a PDF, not yet sealed."""
    with reading(context.engine) as session:
        # Only what was read when the version was begun: compiled again after a crash it is the
        # same.
        texts = texts_of(
            session,
            context.store,
            (original.sha256 for original in order.objects),
            before=order.version.frozen_at,
        )
    return build(
        context.store,
        order.plan,
        order.facts,
        context.organisations,
        order.version.frozen_at,
        demo=context.demo,
        tools=Tools(context.confined, context.prover.failures),
        filing=_filing(context, order),
        texts=texts,
        # What waited for a person is compiled only after it was confirmed.
        inspection=inspection_sheet(
            report(sealed_findings(order.revision.findings, order.readers), Phase.GD),
            Phase.GD,
            order.revision.accepted_at,
            decisions=order.decisions,
        ),
    )


def _record_built(
    context: CompileContext, order: CompileOrder, built: Built, compared: Sequence[PageResult]
) -> None:
    """Take the step COMPILED with what was built, and how its pages stand to the originals."""
    reach("compiled")
    record_result(
        context,
        order,
        VolumeState.COMPILED,
        {
            "pages": built.pages,
            "compared": [result.public() for result in compared],
            "contents": built.contents,
            "routes": {
                conversion.path: conversion.route
                for conversion in built.conversions
                if conversion.route != IMAGE
            },
            "conversions": [conversion.record() for conversion in built.conversions],
        },
        pages=built.pages,
    )
    reach("compiled-recorded")


def _filing(context: CompileContext, order: CompileOrder) -> Filing:
    volume, cross = order.volume, None
    if volume.cross_fonds and volume.cross_series and volume.cross_org:
        unit = context.organisations.get(volume.cross_org).name
        cross = f"{volume.cross_fonds}·{Series(volume.cross_series).label}（{unit}）"
    number = order.version.version if order.previous else 1
    compiled_by = order.version.compiled_by or _BY_SYSTEM
    return Filing(cross, volume.late, number, compiled_by, _checked_by(order.decisions))


def _checked_by(decisions: Sequence[Decision]) -> str:
    """Return the 检查人: who confirmed, each once; the system where nobody had to."""
    people = dict.fromkeys(decision.signatory for decision in decisions)
    return "、".join(people) or _NOT_ASKED


def _timestamped(context: CompileContext, order: CompileOrder) -> dict[str, Any]:
    """Stage the signed bytes of the previous version with further time-stamps.

    These are the ones it owed, or a renewal. The old bytes stay the beginning of the new ones.
    """
    before = order.previous
    if before is None or before.sha256 is None or before.state != VolumeState.COMMITTED:
        raise NotProvedError("没有可补时间戳的已归档版本。", "请运行 yice verify 并联系管理员。")
    pdf = context.store.read(
        f"{storage_prefix(order.plan.code, before.version)}/volume.pdf", sha256=before.sha256
    )
    with reading(context.engine) as session:
        compiled = recorded(
            session, session.get_one(VolumeVersion, before.id), VolumeState.COMPILED
        )
    if compiled is None:
        raise NotProvedError("已归档版本缺少组卷记录。", "请运行 yice verify 并联系管理员。")
    record_result(context, order, VolumeState.COMPILED, compiled, pages=compiled["pages"])
    reach("compiled-recorded")
    sealer = context.sealer_for(order.volume.fonds)
    sealed = (
        sealer.renew_timestamps(pdf)
        if order.version.origin == VersionOrigin.RENEWAL
        else sealer.complete_timestamps(pdf)
    )
    reach("timestamped")
    return _stage(context, order, sealed)


def _stage(context: CompileContext, order: CompileOrder, sealed: Sealed) -> dict[str, Any]:
    digest = hashlib.sha256(sealed.pdf).hexdigest()
    staged = f"{staging(order.version)}{order.lease.token}-{digest[:16]}/volume.pdf"
    context.store.put_new(staged, sealed.pdf, media_type="application/pdf")
    reach("signed-staged")
    result = {
        "sha256": digest,
        "staged": staged,
        "bytes": len(sealed.pdf),
        "level": str(sealed.level),
        "pending": sealed.pending,
    }
    kept = record_result(
        context,
        order,
        VolumeState.SIGNED,
        result,
        sha256=digest,
        bytes=len(sealed.pdf),
        signature_level=str(sealed.level),
        lta_pending=sealed.pending,
    )
    reach("signed-recorded")
    return kept


def staging(version: VolumeVersion) -> str:
    """Return the beginning of the keys under which signed bytes of a version wait."""
    return f"staging/{version.id}-"

"""Small cases of `case-submission/2`, as a window of ours would close them."""

from datetime import datetime
from typing import Any

from archive.reference.case_facts import SPEC_2, CaseFacts
from archive.reference.form_digest import form_digest, form_facts
from archive.reference.vocabulary import FormKind
from tests.support.factories import HOME, sound_case

CASE_NO = "150602010000-20260901-000001"
SIGNED_AT = "2026-09-01T09:05:00+08:00"
STROKES = [
    [[0.10, 0.20, 0, 0.3], [0.30, 0.22, 30, 0.6], [0.48, 0.18, 65, 0.8], [0.55, 0.21, 90, 0.4]],
    [[0.33, 0.05, 300, 0.4], [0.32, 0.40, 340, 0.7], [0.22, 0.85, 410, 0.9]],
    [[0.35, 0.40, 700, 0.5], [0.52, 0.70, 760, 0.8], [0.66, 0.88, 830, 0.5]],
    [[0.72, 0.15, 1200, 0.5], [0.78, 0.55, 1260, 0.9], [0.80, 0.90, 1330, 0.6]],
]


def window_case(case_no: str = CASE_NO, *, receive: str = HOME) -> dict[str, Any]:
    """A sound birth registration with every block of version 2: paused, signed, rated."""
    case = sound_case(case_no, receive=receive) | {
        "spec": SPEC_2,
        "flow": {"version": "2026-1", "digest": "5f" * 32},
        "ending": "ISSUED",
        "due_on": "2026-09-08",
        "clocks": [clock()],
        "returns": [
            {
                "kind": "CORRECTION",
                "node": "ACCEPT",
                "at": "2026-09-01T09:20:00+08:00",
                "org": HOME,
                "actor_no": "2",
                "actor": "警2",
                "reason": "非婚生育说明未写明生父情况",
                "basis": "本所一次性告知书",
                "remedy": "五日内补正",
                "materials": ["非婚生育说明"],
            }
        ],
        "identity_checks": [
            {
                "at": "2026-09-01T09:02:00+08:00",
                "person": "APPLICANT",
                "device": "人证核验一体机 A1",
                "score": 0.93,
                "result": "MATCH",
                "reason": None,
                "actor_no": "1",
            }
        ],
        "rating": {"score": 5, "channel": "WINDOW", "at": "2026-09-01T13:05:00+08:00"},
    }
    case["seal_uses"] = [seal_use(case, receive)]
    for material in case["materials"]:
        material["trust"] = {"SHARED_CERT": "A", "SCANNED_PROOF": "B"}.get(material["source"])
    case["signatures"] = [signature(case)]
    return case


def clock() -> dict[str, Any]:
    """The clock of the promised time, stopped once for a correction."""
    return {
        "kind": "PROMISE",
        "unit": "WORKING_DAY",
        "budget": 5,
        "calendar": "2026-1",
        "started_at": "2026-09-01T09:00:00+08:00",
        "ended_at": "2026-09-01T13:00:00+08:00",
        "due_on": "2026-09-08",
        "spans": [
            {
                "from": "2026-09-01T09:20:00+08:00",
                "to": "2026-09-01T09:40:00+08:00",
                "reason": "CORRECTION",
            }
        ],
        "alerts": [{"rung": "YELLOW", "at": "2026-09-01T12:30:00+08:00"}],
    }


def seal_use(case: dict[str, Any], caller: str) -> dict[str, Any]:
    """The use of the home station's seal on the 审批表, when it was approved."""
    approved = next(event["at"] for event in case["process"] if event["node"] == "APPROVE")
    return {
        "seal_owner": HOME,
        "caller": caller,
        "at": approved,
        "grant_ref": "SQ-1",
        "use_no": "YZ-20260901-0001",
        "seal": "户口专用章",
        "form": "APPROVAL",
        "document_sha256": "a7" * 32,
        "purpose": "审批表用章",
    }


def signature(case: dict[str, Any], form: str = "RECEIPT", at: str = SIGNED_AT) -> dict[str, Any]:
    """The applicant's signature on a form of the case, bound to what the form shows."""
    material = next(row for row in case["materials"] if row.get("form") == form)
    return {
        "signer": "APPLICANT",
        "form": form,
        "material": material["no"],
        "at": at,
        "form_sha256": digest(case, form, at),
        "device": "手写屏 S1",
        "strokes": STROKES,
        "fingerprint": None,
    }


def digest(case: dict[str, Any], form: str, at: str) -> str:
    """The digest of a form of the case as it was shown at a time."""
    facts = CaseFacts.model_validate({**case, "signatures": []})
    material = next(row for row in facts.materials if row.form == form)
    shown = form_facts(facts, datetime.fromisoformat(at))
    return form_digest(FormKind(form), shown, material.data)

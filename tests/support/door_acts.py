"""What the doors offer, what they answer, and a reader's visit; see `tests.support.doors`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

CLI, API, DESK = "command line", "station API", "desk"
BIRTH_CODE, MOVE_CODE = "J602-ZY·HJ·CS·2026·Y-000001", "J602-ZY·HJ·QR·2026·Y-000001"
OFFICER_IN_TEXT, PERSON_IN_TEXT = "王警官", "测某"
OPINION = f"{OFFICER_IN_TEXT}已核，{PERSON_IN_TEXT}属实"

ACTS: Mapping[str, Mapping[str, str]] = {
    "show": {CLI: "show", API: "/api/v1/volumes/{name}", DESK: "/volumes/{code}"},
    "plain": {API: "/api/v1/volumes/{name}/facts", DESK: "/volumes/{code}/plain"},
    "page_image": {
        API: "/api/v1/volumes/{name}/pages/{page}",
        DESK: "/volumes/{code}/v{number}/pages/{page}.jpg",
    },
    "original": {DESK: "/volumes/{code}/originals/{component}/{page}.jpg"},
    "file": {API: "/api/v1/volumes/{name}/file"},
    "signature": {
        API: "/api/v1/volumes/{name}/signature",
        DESK: "/volumes/{code}/v{number}/signature",
    },
    "search": {CLI: "search", API: "/api/v1/search", DESK: "/search"},
    "todo": {CLI: "todo", API: "/api/v1/todo", DESK: "/"},
    "notices": {CLI: "notices", API: "/api/v1/notices", DESK: "/notices"},
    # `yice saved add` is a command of a group, which `test_doors_todo` plays.
    "save_search": {API: "/api/v1/saved-searches", DESK: "/searches"},
    "request_use": {API: "/api/v1/usage-requests", DESK: "/usage"},
    "decide_use": {
        API: "/api/v1/usage-requests/{number}/decision",
        DESK: "/usage/{number}/decision",
    },
    # The desk orders a copy that a worker makes, the API makes it at once: `certify` is both.
    "certify": {API: "/api/v1/copies", DESK: "/usage/{number}/copies"},
    "fetch_copy": {API: "/api/v1/copies/{check_code}/file", DESK: "/copies/{check_code}.pdf"},
    "inspection": {CLI: "inspect", DESK: "/volumes/{code}/inspection.pdf"},
    "export": {CLI: "export"},
    "preview_numbers": {
        CLI: "compile",
        API: "/api/v1/compilations/preview",
        DESK: "/compile/preview",
    },
    "give_numbers": {CLI: "compile", API: "/api/v1/compilations", DESK: "/compile"},
    "refused": {CLI: "refused", API: "/api/v1/refused", DESK: "/collecting"},
    "send_back": {
        CLI: "refused",
        API: "/api/v1/refused/{id_}/return",
        DESK: "/collecting/quarantine/{delivery}/return",
    },
    "place_pages": {
        CLI: "capture",
        API: "/api/v1/uploads/place",
        DESK: "/collecting/pool/place",
    },
    "set_aside": {
        CLI: "capture",
        API: "/api/v1/uploads/covers",
        DESK: "/collecting/pool/covers",
    },
    "take_back": {
        CLI: "capture",
        API: "/api/v1/uploads/{id_}/take-back",
        DESK: "/collecting/pool/{id_}/take-back",
    },
    # Played in `tests.support.intake_doors`, for packages also come without a reader.
    "take": {CLI: "ingest", API: "/api/v1/submissions"},
    "send_part": {
        API: "/api/v1/uploads/{id_}/parts/{part}",
        DESK: "/collecting/uploads/{id_}/parts/{part}",
    },
    "log_in": {API: "/api/v1/token", DESK: "/login"},
}
"""Every act, and as what each door offers it; a door that is not named does not offer it."""


class NotOfferedError(AssertionError):
    """A door was asked for an act that it does not offer."""


@dataclass(frozen=True)
class Answer:
    """What a door answered: "OK" or the code of the refusal, and what it gave."""

    code: str
    value: Any = None
    text: str = field(default="", repr=False)
    status: int = 200

    @property
    def allowed(self) -> bool:
        return self.code == "OK"


@dataclass(frozen=True)
class Entry:
    """A journal entry: `kind` is the kind of its actor, TERMINAL for the command line."""

    act: str
    subject: str
    kind: str
    at: datetime
    detail: Mapping[str, Any]

    @property
    def purpose(self) -> str | None:
        purpose: str | None = self.detail.get("purpose")
        return purpose


class Visit:
    """A reader at a door, as `account`; the methods of acts that a door lacks raise."""

    door: str
    account: str

    def __getattr__(self, act: str) -> Any:
        if act in ACTS:
            raise NotOfferedError(f"{self.door}: {act}")
        raise AttributeError(act)

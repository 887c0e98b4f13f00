"""The station API, version 1: routers, and the OpenAPI that describes them."""

from typing import Any

from fastapi import FastAPI

from api.http.page_cache import PageImages
from api.http.problems import PROBLEMS, Problem, install
from api.runtime.bootstrap import Runtime
from api.v1 import (
    checks,
    compilations,
    content,
    copies,
    paper,
    refused,
    registers,
    saved_searches,
    search,
    statistics,
    submissions,
    supervision,
    todo,
    uploads,
    usage,
    volumes,
    webhooks,
    window,
)
from api.v1.station import StationApi
from api.v1.token import token_router
from archive.administration.notices import NoticeKind, NoticeTopic
from archive.finding_aids.todo_terms import TodoKind
from archive.reference.check_terms import ReturnReason
from archive.reference.paper_terms import PaperState, ScanFlow
from archive.reference.print_terms import PrintKind
from archive.reference.window_steps import Step
from archive.usage.looks import Purpose
from archive.usage.visitors import DocumentKind
from ingest.window.terms import WindowAct

_PUBLIC: dict[int | str, dict[str, Any]] = {key: PROBLEMS[key] for key in (404, 422, 429, 503)}
_ENUMS = {
    "Desk": "范围：空为全部、mine 转给本账号的、unit 本单位手上的",
    "ReturnReason": "退回理由：" + "、".join(f"{reason} {reason.label}" for reason in ReturnReason),
    "ScanFlow": f"扫描用途：{'、'.join(f'{flow} {flow.label}' for flow in ScanFlow)}",
    "PaperState": f"现状：{'、'.join(f'{state} {state.label}' for state in PaperState)}",
    "Purpose": f"查阅目的：{'、'.join(f'{purpose} {purpose.label}' for purpose in Purpose)}",
    "DocumentKind": f"利用人的证件：{'、'.join(f'{kind} {kind.label}' for kind in DocumentKind)}",
    "TodoKind": f"要办的事：{'、'.join(f'{kind} {kind.label}' for kind in TodoKind)}",
    "NoticeKind": f"结果：{'、'.join(f'{kind} {kind.label}' for kind in NoticeKind)}",
    "NoticeTopic": f"事项：{'、'.join(f'{topic} {topic.label}' for topic in NoticeTopic)}",
    "PrintKind": f"目录种类：{'、'.join(f'{kind} {kind.label}' for kind in PrintKind)}",
    "WindowAct": f"办理：{'、'.join(f'{act} {act.label}' for act in WindowAct)}",
    "Step": f"环节：{'、'.join(f'{step} {step.label}' for step in Step)}",
    "Whose": "mine 等我办的、unit 本单位全部",
    "Sort": "排序：relevance 相关度、newest 最近办结在先、oldest 最早办结在先、code 档号",
}


def mount(app: FastAPI, runtime: Runtime, images: PageImages) -> None:
    """Add the station API to an app, under `/api/v1`."""
    app.state.station = StationApi(runtime, images)
    install(app, runtime.settings)
    app.include_router(token_router)
    for router in (
        search.router,
        saved_searches.router,
        todo.router,
        volumes.router,
        content.router,
        submissions.router,
        checks.router,
        usage.router,
        copies.router,
        webhooks.router,
        uploads.router,
        paper.router,
        compilations.router,
        refused.router,
        registers.router,
        window.router,
    ):
        app.include_router(router, prefix="/api/v1", responses=PROBLEMS)
    app.include_router(statistics.router, prefix="/api/v1", responses=PROBLEMS)
    app.include_router(supervision.router, prefix="/api/v1", responses=PROBLEMS)
    app.include_router(copies.public_router, prefix="/api/v1", responses=_PUBLIC)
    described = app.openapi

    def openapi() -> dict[str, Any]:
        schema = described()
        models = schema["components"]["schemas"]
        # The problem is named by every response and by no route, so nobody else adds it.
        models["Problem"] = Problem.model_json_schema()
        # Enums of the archive and the search show the English docstrings of their classes.
        for name, description in _ENUMS.items():
            models[name]["description"] = description
        return schema

    app.openapi = openapi  # type: ignore[method-assign]

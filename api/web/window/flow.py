"""流程: a picture of the flow with its limits, and the same as BPMN 2.0 for documents."""

from fastapi import APIRouter, Request, Response

from api.web.shell.page import LoggedIn, PageRoute, Web
from api.web.shell.served import HEADERS
from archive.administration.policy import Act
from archive.reference.window_steps import Step
from ingest.window.flow import current_flow
from ingest.window.flow_drawing import flow_bpmn, flow_svg
from ingest.window.terms import WindowAct

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/window/flow")
def flow_page(request: Request, web: Web, user: LoggedIn) -> Response:
    """Draw the flow of new cases: its picture, its limits, and who may do which act where."""
    user.require(Act.HANDLE)
    flow = current_flow()
    order = list(Step)
    rows = [
        {
            "act": rule.act,
            "steps": [step.label for step in sorted(rule.steps, key=order.index)],
            "side": rule.side,
            "roles": sorted(role.label for role in rule.roles),
        }
        for act in WindowAct
        for rule in flow.acts
        if rule.act is act
    ]
    return web.page(request, user, "window_flow.html", flow=flow, svg=flow_svg(flow), rows=rows)


@router.get("/window/flow.bpmn")
def bpmn(user: LoggedIn) -> Response:
    """Return the flow of new cases as BPMN 2.0."""
    user.require(Act.HANDLE)
    flow = current_flow()
    headers = {
        **HEADERS,
        "Content-Disposition": f'attachment; filename="flow-{flow.version}.bpmn"',
    }
    return Response(flow_bpmn(flow), media_type="application/xml", headers=headers)

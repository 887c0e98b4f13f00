"""Pictures of a flow: SVG for the page, BPMN 2.0 for documents. Pure."""

from collections.abc import Mapping
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from archive.reference.window_steps import Step
from ingest.window.flow import Flow

_WIDTH, _HEIGHT = 108, 44
_AT: Mapping[Step, tuple[int, int]] = {
    Step.RECEIVE: (0, 0),
    Step.TRANSFER: (1, 1),
    Step.ACCEPT: (2, 0),
    Step.INVESTIGATE: (3, 1),
    Step.REVIEW: (4, 0),
    Step.APPROVE: (5, 0),
    Step.FEEDBACK: (6, 1),
    Step.ISSUE: (7, 0),
    Step.CLOSING: (7, 2),
    Step.CLOSED: (6, 3),
    Step.AMENDING: (5, 2),
    Step.ARCHIVED: (7, 4),
    Step.CORRECTION: (3, 2),
    Step.SPECIAL: (1, 3),
}
"""Column and row of each step in the picture."""
_COLUMN, _ROW, _MARGIN = 138, 92, 24
_BPMN = "http://www.omg.org/spec/BPMN/20100524/MODEL"
_DI = "http://www.omg.org/spec/BPMN/20100524/DI"
_DC = "http://www.omg.org/spec/DD/20100524/DC"
_DD = "http://www.omg.org/spec/DD/20100524/DI"


def _steps(flow: Flow) -> list[Step]:
    """Return the steps that edges of the flow touch, in the order of the steps."""
    used = {step for first, last, _ in flow.edges for step in (first, last)}
    return [step for step in Step if step in used]


def _corner(step: Step) -> tuple[int, int]:
    column, row = _AT[step]
    return _MARGIN + column * _COLUMN, _MARGIN + row * _ROW


def flow_svg(flow: Flow) -> str:
    """Return the flow as SVG; colours come from the page, by class."""
    right = _MARGIN + 7 * _COLUMN + _WIDTH + _MARGIN
    bottom = _MARGIN + 4 * _ROW + _HEIGHT + _MARGIN
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="flow" viewBox="0 0 {right} {bottom}" '
            f'role="img" aria-label="办理流程 {escape(flow.version)}">'
        ),
        (
            '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
            'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z"/></marker></defs>'
        ),
    ]
    parts += [_edge(first, last) for first, last, _ in flow.edges if first is not last]
    for step in _steps(flow):
        x, y = _corner(step)
        parts.append(
            f'<g><rect x="{x}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}" rx="6"/>'
            f'<text x="{x + _WIDTH // 2}" y="{y + _HEIGHT // 2 + 5}" text-anchor="middle">'
            f"{escape(step.label)}</text></g>"
        )
    return "".join([*parts, "</svg>"])


def _edge(first: Step, last: Step) -> str:
    """Return an arrow from the nearer side of one step to that of another."""
    (x, y), (to_x, to_y) = _corner(first), _corner(last)
    if x == to_x:
        down = to_y > y
        begin = (x + _WIDTH // 2, y + _HEIGHT * down)
        end = (to_x + _WIDTH // 2, to_y + _HEIGHT * (not down))
    elif to_x > x:
        begin, end = (x + _WIDTH, y + _HEIGHT // 2), (to_x, to_y + _HEIGHT // 2)
        if y == to_y and to_x - x > _COLUMN:
            # Over what stands between.
            top = y - 14
            return (
                f'<path class="edge" d="M{x + _WIDTH // 2} {y}C{x + _WIDTH} {top - 12} '
                f'{to_x} {top - 12} {to_x + _WIDTH // 2} {to_y}" marker-end="url(#arrow)"/>'
            )
    else:
        begin, end = (x, y + _HEIGHT // 2), (to_x + _WIDTH, to_y + _HEIGHT // 2)
    middle = (begin[0] + end[0]) // 2
    return (
        f'<path class="edge" d="M{begin[0]} {begin[1]}C{middle} {begin[1]} {middle} {end[1]} '
        f'{end[0]} {end[1]}" marker-end="url(#arrow)"/>'
        if x != to_x
        else f'<path class="edge" d="M{begin[0]} {begin[1]}L{end[0]} {end[1]}" '
        'marker-end="url(#arrow)"/>'
    )


def flow_bpmn(flow: Flow) -> bytes:
    """Return the flow as a BPMN 2.0 process with its diagram; the same flow, the same bytes."""
    for prefix, name in (("bpmn", _BPMN), ("bpmndi", _DI), ("dc", _DC), ("di", _DD)):
        ET.register_namespace(prefix, name)
    root = ET.Element(f"{{{_BPMN}}}definitions", targetNamespace="urn:yice:window", id="flow")
    process = ET.SubElement(
        root,
        f"{{{_BPMN}}}process",
        id="window",
        name=f"户籍窗口办理流程 {flow.version}",
        isExecutable="false",
    )
    plane = ET.SubElement(
        ET.SubElement(root, f"{{{_DI}}}BPMNDiagram", id="diagram"),
        f"{{{_DI}}}BPMNPlane",
        id="plane",
        bpmnElement="window",
    )
    for step in _steps(flow):
        kind = "endEvent" if step is Step.ARCHIVED else "userTask"
        ET.SubElement(process, f"{{{_BPMN}}}{kind}", id=str(step), name=step.label)
        shape = ET.SubElement(
            plane, f"{{{_DI}}}BPMNShape", id=f"shape-{step}", bpmnElement=str(step)
        )
        x, y = _corner(step)
        size = {"x": str(x), "y": str(y), "width": str(_WIDTH), "height": str(_HEIGHT)}
        ET.SubElement(shape, f"{{{_DC}}}Bounds", size)
    _begin(process, plane)
    for number, (first, last, why) in enumerate(flow.edges, 1):
        _sequence(
            process, plane, f"edge-{number}", (str(first), str(last)), why, _between(first, last)
        )
    ET.indent(root, " ")
    return b"".join(ET.tostringlist(root, encoding="utf-8", xml_declaration=True))


def _begin(process: ET.Element, plane: ET.Element) -> None:
    ET.SubElement(process, f"{{{_BPMN}}}startEvent", id="start", name="申报")
    shape = ET.SubElement(plane, f"{{{_DI}}}BPMNShape", id="shape-start", bpmnElement="start")
    x, y = _corner(Step.RECEIVE)
    place = {"x": str(x - 100), "y": str(y + 4), "width": "36", "height": "36"}
    ET.SubElement(shape, f"{{{_DC}}}Bounds", place)
    ways = ((x - 64, y + 22), (x, y + 22))
    _sequence(process, plane, "edge-0", ("start", str(Step.RECEIVE)), "", ways)


def _between(first: Step, last: Step) -> tuple[tuple[int, int], ...]:
    (x, y), (to_x, to_y) = _corner(first), _corner(last)
    return ((x + _WIDTH // 2, y + _HEIGHT // 2), (to_x + _WIDTH // 2, to_y + _HEIGHT // 2))


def _sequence(
    process: ET.Element,
    plane: ET.Element,
    name: str,
    ends: tuple[str, str],
    why: str,
    points: tuple[tuple[int, int], ...],
) -> None:
    ET.SubElement(
        process,
        f"{{{_BPMN}}}sequenceFlow",
        {"id": name, "sourceRef": ends[0], "targetRef": ends[1]} | ({"name": why} if why else {}),
    )
    edge = ET.SubElement(plane, f"{{{_DI}}}BPMNEdge", id=f"line-{name}", bpmnElement=name)
    for x, y in points:
        ET.SubElement(edge, f"{{{_DD}}}waypoint", x=str(x), y=str(y))

"""Layers of a PDF that are switched off (optional content, ISO 32000-1 8.11).

What they draw is taken out of the pages, so that it is neither drawn nor read; what is on stays,
and is no layer any more.
"""

from collections.abc import Iterator
from typing import Any

import pikepdf
from pikepdf import Array, Dictionary, Name, Operator, Stream

from archive.reference.compile_errors import UnreadableError

_PAINTS_PATH = {"f", "F", "f*", "S", "s", "B", "B*", "b", "b*"}
_CLOSES_PATH = {"s", "b", "b*"}
_SHOWS = {"Tj", "TJ", "Do", "sh", "INLINE IMAGE"}
_NEXT_LINE = {"'", '"'}
_DEEPEST = 40


def take_out_hidden(pdf: pikepdf.Pdf) -> bool:
    """Take what hidden layers draw out of all pages; returns whether the file has layers."""
    properties = pdf.Root.get("/OCProperties")
    if not isinstance(properties, Dictionary):
        return False
    layers = _Layers(properties)
    for page in pdf.pages:
        _annotations(page, layers)
        _Cleaner(pdf, layers).page(page)
    del pdf.Root["/OCProperties"]
    return True


class _Layers:
    """Which layers are seen in the default configuration, as on a screen."""

    def __init__(self, properties: Dictionary) -> None:
        default = properties.get("/D")
        config = default if isinstance(default, Dictionary) else Dictionary()
        groups = list(_members(properties.get("/OCGs")))
        base_off = config.get("/BaseState") == Name.OFF
        self._off = {group.objgen for group in groups} if base_off else set()
        self._off -= {group.objgen for group in _members(config.get("/ON"))}
        self._off |= {group.objgen for group in _members(config.get("/OFF"))}
        self._use(config)

    def _use(self, config: Dictionary) -> None:
        """Apply the states that groups ask for where a page is viewed (/AS)."""
        for usage in _members(config.get("/AS")):
            if usage.get("/Event") != Name.View:
                continue
            for group in _members(usage.get("/OCGs")):
                view = group.get("/Usage", Dictionary()).get("/View", Dictionary())
                state = view.get("/ViewState")
                if state == Name.OFF:
                    self._off.add(group.objgen)
                elif state == Name.ON:
                    self._off.discard(group.objgen)

    def hides(self, entry: object) -> bool:
        """Return whether a group or a membership of groups hides what belongs to it."""
        if not isinstance(entry, Dictionary):
            return False
        if entry.get("/Type") != Name.OCMD:
            return entry.objgen in self._off
        expression = entry.get("/VE")
        if isinstance(expression, Array):
            return not self._holds(expression, 0)
        groups = entry.get("/OCGs")
        listed = [groups] if isinstance(groups, Dictionary) else list(_members(groups))
        seen = [group.objgen not in self._off for group in listed]
        if not seen:
            return False
        policy = str(entry.get("/P", Name.AnyOn))
        return not {
            "/AllOn": all(seen),
            "/AnyOff": not all(seen),
            "/AllOff": not any(seen),
        }.get(policy, any(seen))

    def _holds(self, expression: object, depth: int) -> bool:
        if isinstance(expression, Dictionary):
            return expression.objgen not in self._off
        if not isinstance(expression, Array) or not len(expression) or depth > _DEEPEST:
            return True
        parts = [self._holds(part, depth + 1) for part in list(expression)[1:]]
        operator = str(expression[0])
        if operator == "/Not":
            return not all(parts)
        return any(parts) if operator == "/Or" else all(parts)


class _Cleaner:
    """Takes what is hidden out of the content of a page and of the forms that it draws."""

    def __init__(self, pdf: pikepdf.Pdf, layers: _Layers) -> None:
        self._pdf, self._layers = pdf, layers
        self._done: set[tuple[int, int]] = set()

    def page(self, page: pikepdf.Page) -> None:
        resources = page.obj.get("/Resources", Dictionary())
        page.obj.Contents = self._pdf.make_stream(self._cleaned(page, resources))
        self._forms(resources, 0)

    def _forms(self, resources: object, depth: int) -> None:
        if depth > _DEEPEST:
            raise UnreadableError("文件的图层嵌套过深。")
        for kind in ("/XObject", "/Pattern"):
            entries = resources.get(kind) if isinstance(resources, Dictionary) else None
            for form in dict(entries).values() if isinstance(entries, Dictionary) else ():
                self._form(form, resources, depth)

    def _form(self, form: object, outer: object, depth: int) -> None:
        if not isinstance(form, Stream) or form.objgen in self._done:
            return
        self._done.add(form.objgen)
        if form.get("/Subtype") == Name.Form or form.get("/PatternType") == 1:
            resources = form.get("/Resources", outer)
            form.write(self._cleaned(form, resources))
            self._forms(resources, depth + 1)

    def _cleaned(self, content: pikepdf.Page | Stream, resources: object) -> bytes:
        names: Any = resources if isinstance(resources, Dictionary) else Dictionary()
        return pikepdf.unparse_content_stream(list(self._visible(content, names)))

    def _visible(
        self,
        content: Any,  # noqa: ANN401 - pikepdf's types are partial
        resources: Any,  # noqa: ANN401 - as above
    ) -> Iterator[tuple[list[Any], Operator]]:
        """Yield the instructions; of a hidden stretch those that draw nothing."""
        properties = resources.get("/Properties", Dictionary())
        objects = resources.get("/XObject", Dictionary())
        hidden: list[bool] = []
        instructions: Any = pikepdf.parse_content_stream(content)
        for operands, operator in instructions:
            word = str(operator)
            if word in {"BDC", "BMC"}:
                layer = word == "BDC" and operands[:1] == [Name.OC] and len(operands) > 1
                entry = properties.get(str(operands[1])) if layer else None
                hidden.append(self._layers.hides(entry))
                if not layer:
                    yield list(operands), operator
                else:
                    yield [Name.Span], Operator("BMC")
            elif word == "EMC":
                if hidden:
                    hidden.pop()
                    yield list(operands), operator
            elif word == "Do" and operands and self._drawn_off(objects, operands[0]):
                continue
            elif any(hidden):
                yield from _without_ink(list(operands), operator)
            else:
                yield list(operands), operator

    def _drawn_off(self, objects: Any, name: object) -> bool:  # noqa: ANN401 - as above
        drawn = objects.get(str(name))
        return isinstance(drawn, Stream) and self._layers.hides(drawn.get("/OC"))


def _without_ink(operands: list[Any], operator: Operator) -> Iterator[tuple[list[Any], Operator]]:
    """Yield what an instruction does beside drawing: a clip, a new line."""
    word = str(operator)
    if word in _PAINTS_PATH:
        if word in _CLOSES_PATH:
            yield [], Operator("h")
        yield [], Operator("n")
    elif word in _NEXT_LINE:
        if word == '"' and len(operands) > 1:
            yield [operands[0]], Operator("Tw")
            yield [operands[1]], Operator("Tc")
        yield [], Operator("T*")
    elif word not in _SHOWS:
        yield operands, operator


def _annotations(page: pikepdf.Page, layers: _Layers) -> None:
    annotations = page.obj.get("/Annots")
    if isinstance(annotations, Array):
        page.obj.Annots = Array(
            [
                entry
                for entry in annotations
                if not (isinstance(entry, Dictionary) and layers.hides(entry.get("/OC")))
            ]
        )


def _members(entries: object) -> Iterator[Dictionary]:
    """Yield the dictionaries of an array, which may nest further arrays."""
    if isinstance(entries, Array):
        for entry in entries:
            if isinstance(entry, Dictionary):
                yield entry

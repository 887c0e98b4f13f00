"""A page whose form is filled again with what was typed, with the fault at its field.

The page is drawn as ever and the values are put into its text: so no page needs to know of it, and
none can forget it. What a person chose stays chosen, whatever the page proposes.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from html.parser import HTMLParser

_TICKED = frozenset(("checkbox", "radio"))
_LEFT = frozenset(("hidden", "submit", "button", "file", "password", "image", "reset"))
_BANNER = '<div class="notice {kind}" role="alert" id="fault">{message}</div>'


@dataclass(frozen=True, slots=True)
class Refill:
    """What to put where: the action of the form, its fields, a message, and the faulty field."""

    action: str
    fields: Mapping[str, str]
    message: str = ""
    field: str = ""
    kind: str = "bad"


def refilled(page: str, refill: Refill) -> str:
    """Return the text of a page with the form of this action filled again."""
    offers = _Offers(refill.action)
    offers.feed(page)
    writer = _Writer(refill, offers.values)
    writer.feed(page)
    writer.close()
    return "".join(writer.parts)


class _Offers(HTMLParser):
    """Reads what the form offers to choose from: the values of each group of radio buttons."""

    def __init__(self, action: str) -> None:
        super().__init__()
        self.values: dict[str, set[str]] = {}
        self._action, self._inside = _path(action), False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._inside = _path(values.get("action", "")) == self._action
        elif self._inside and tag == "input" and values.get("type") == "radio":
            self.values.setdefault(values.get("name", ""), set()).add(values.get("value", "on"))


class _Writer(HTMLParser):
    """Writes a page as it reads it, and changes the fields of one form."""

    def __init__(self, refill: Refill, offers: Mapping[str, Collection[str]]) -> None:
        super().__init__(convert_charrefs=False)
        self._offers = offers
        self.parts: list[str] = []
        self._refill = refill
        self._inside = self._filled = self._said = False
        self._select: str | None = None
        self._text: str | None = None

    def handle_decl(self, decl: str) -> None:
        self.parts.append(f"<!{decl}>")

    def handle_comment(self, data: str) -> None:
        self.parts.append(f"<!--{data}-->")

    def handle_data(self, data: str) -> None:
        if self._text is None:
            self.parts.append(data)

    def handle_entityref(self, name: str) -> None:
        self.handle_data(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self.handle_data(f"&#{name};")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        raw = self.get_starttag_text() or ""
        if tag == "form" and not self._filled:
            self._inside = _path(values.get("action", "")) == _path(self._refill.action)
        changed = self._field(tag, values, attrs) if self._inside else None
        self.parts.append(raw if changed is None else changed)
        self._after(tag, values)

    def _after(self, tag: str, values: Mapping[str, str]) -> None:
        """Write the message: at the top of the page, and at the field that it is about."""
        refill = self._refill
        if tag == "main" and refill.message:
            self.parts.append(_BANNER.format(kind=refill.kind, message=escape(refill.message)))
        name = values.get("name", "")
        if self._inside and tag == "textarea" and name in refill.fields:
            self.parts.append(escape(refill.fields[name]))
            self._text = name
        elif self._inside and tag == "input" and name and name == refill.field:
            self._say()

    def _field(
        self, tag: str, values: Mapping[str, str], attrs: Sequence[tuple[str, str | None]]
    ) -> str | None:
        """Return the tag of a field with what was typed; None to leave it as it is."""
        fields, name = self._refill.fields, values.get("name", "")
        if tag == "select":
            self._select = name if name in fields else None
        if tag == "option" and self._select is not None:
            chosen = values.get("value", "") == fields[self._select]
            return _tag(tag, attrs, drop="selected", add="selected" if chosen else "")
        if tag == "input" and values.get("type") in _TICKED:
            return self._ticked(values, attrs)
        if tag == "input" and name in fields and values.get("type", "text") not in _LEFT:
            self._filled = True
            changed = [pair for pair in attrs if pair[0] != "value"]
            return _tag(tag, [*changed, ("value", fields[name]), *self._wrong(name)])
        if tag in ("textarea", "select") and name in fields:
            return _tag(tag, [*attrs, *self._wrong(name)])
        return None

    def _ticked(
        self, values: Mapping[str, str], attrs: Sequence[tuple[str, str | None]]
    ) -> str | None:
        """Return a box or radio button as it was left, one that is not offered any more aside."""
        name, fields = values.get("name", ""), self._refill.fields
        if name in self._offers and fields.get(name) not in self._offers[name]:
            return None  # the page proposes
        on = fields.get(name) == values.get("value", "on")
        self._filled = True
        return _tag("input", attrs, drop="checked", add="checked" if on else "")

    def _wrong(self, name: str) -> list[tuple[str, str | None]]:
        if name != self._refill.field:
            return []
        return [("aria-invalid", "true"), ("aria-describedby", "fault"), ("autofocus", None)]

    def handle_endtag(self, tag: str) -> None:
        self.parts.append(f"</{tag}>")
        if tag == "textarea" and self._text is not None:
            if self._text == self._refill.field:
                self._say()
            self._text = None
        if tag == "select" and self._select is not None:
            if self._select == self._refill.field:
                self._say()
            self._select = None
        if tag == "form":
            self._filled = self._filled or self._inside
            self._inside = False

    def _say(self) -> None:
        if self._said:
            return
        self._said = True
        self.parts.append(f'<small class="fault">{escape(self._refill.message)}</small>')


def _path(address: str) -> str:
    return address.partition("?")[0]


def _tag(
    tag: str, attrs: Sequence[tuple[str, str | None]], *, drop: str = "", add: str = ""
) -> str:
    kept = [pair for pair in attrs if pair[0] != drop]
    if add:
        kept.append((add, None))
    written = "".join(
        f" {name}" if value is None else f' {name}="{escape(value)}"' for name, value in kept
    )
    return f"<{tag}{written}>"

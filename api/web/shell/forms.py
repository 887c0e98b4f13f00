"""Forms read by the models that the station API uses, refused in Chinese by a page."""

from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from api.http.problems import ProblemError
from api.web.shell.page import BadFormError

Model = TypeVar("Model", bound=BaseModel)
_DIGITS = 15
_ACTION = "请返回上一页填写后重新提交。"


def number_of(text: str) -> int | None:
    """Return the number that a field states; None for other text, and beyond 15 digits."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _DIGITS else None


def read_form(model: type[Model], values: Mapping[str, object], labels: Mapping[str, str]) -> Model:
    """Return the model of what a form states.

    `labels` name the fields as the page does, or say in a whole sentence, which ends in 。, what
    is wanted. Raises ProblemError 422 for the first of them that is wrong.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        wrong = {fault["loc"][0] for fault in error.errors() if fault["loc"]}
    first = next((name for name in labels if name in wrong), "")
    sentence = _sentence(model, first, labels.get(first, "提交的内容不合规。"))
    fault = ProblemError(422, BadFormError.code, sentence, _ACTION)
    fault.field = str(first)
    raise fault


def _sentence(model: type[BaseModel], name: str, label: str) -> str:
    """Return what is wanted of a field; for a text with limits, how long it may be."""
    if label.endswith("。"):
        return label
    rules = model.model_fields[name].metadata
    least, most = (
        next((limit for rule in rules if (limit := getattr(rule, name, None)) is not None), 0)
        for name in ("min_length", "max_length")
    )
    return f"{label}应为{least}至{most}字。"


def text_of(form: Mapping[str, str], name: str) -> str:
    """Return what was written into a field, on one line."""
    return " ".join(form.get(name, "").split())

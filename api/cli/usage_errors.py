"""What was mistyped on the command line, said in Chinese with how the command is written.

The parser knows English only, and its own classes of errors are private to it: they are told
apart by name, and what a future version adds falls back to the general sentence.
"""

import re
from collections.abc import Iterable

import typer
from pydantic import ValidationError

from api.cli.command_line import usage

VALUES = {
    "int_parsing": "须是整数",
    "int_from_float": "须是整数",
    "float_parsing": "须是数",
    "bool_parsing": "须是 true 或 false",
    "date_from_datetime_parsing": "须是日期，例如 2026-11-27",
    "datetime_from_date_parsing": "须是日期，例如 2026-11-27",
    "greater_than_equal": "不能小于 {ge}",
    "greater_than": "须大于 {gt}",
    "less_than_equal": "不能大于 {le}",
    "less_than": "须小于 {lt}",
    "literal_error": "只能是 {expected}",
    "enum": "只能是 {expected}",
}
"""The sentence for each kind of a wrong value, as pydantic names the kinds."""


def explain(error: typer.TyperException) -> str:
    """Return what is wrong and how the command is written, in one line."""
    return f"{_fault(error)}{_usage(error)}"


def is_help(error: typer.TyperException) -> bool:
    """Tell whether the "error" is a command without words, which answers with its help."""
    return type(error).__name__ == "NoArgsIsHelpError"


def _fault(error: typer.TyperException) -> str:
    match type(error).__name__:
        case "NoSuchOption":
            similar = getattr(error, "possibilities", None) or ()
            return f"没有选项 {getattr(error, 'option_name', '')}。{_suggest(similar)}"
        case "MissingParameter":
            return f"缺少{_parameter(error).rstrip()}。"
        case "BadOptionUsage":
            name = getattr(error, "option_name", "")
            return f"选项 {name} {'不带值' if 'not take' in error.message else '后面缺少值'}。"
        case "BadParameter":
            return _value_fault(error)
        case _:
            return _other_fault(error.message)


def _value_fault(error: typer.TyperException) -> str:
    """Return what is wrong with a value; a sentence of ours stays as it is."""
    cause, parameter = error.__cause__, getattr(error, "param", None)
    if isinstance(cause, ValidationError):
        fault = cause.errors(include_input=False, include_url=False)[0]
        _, listed, choices = fault["msg"].partition(" is not one of ")
        if listed:
            return f"{_parameter(error)}只能是 {choices.rstrip('.').replace(', ', '、')}。"
        expected = {
            name: str(value).replace(" or ", " 或 ") for name, value in fault.get("ctx", {}).items()
        }
        sentence = VALUES.get(fault["type"], "不是可用的值").format_map(expected)
        return f"{_parameter(error)}的值不对：{sentence}。"
    if "does not exist" in error.message:
        return f"{_parameter(error)}所指的文件或目录不存在。"
    if parameter is not None and error.message.isascii():
        return f"{_parameter(error)}的值不对。"
    return error.message


def _other_fault(message: str) -> str:
    quoted = re.findall(r"'([^']*)'", message)
    if message.startswith("No such command") and quoted:
        return f"没有命令 {quoted[0]}。{_suggest(quoted[1:])}"
    if message.startswith("Missing command"):
        return "缺少命令。"
    if message.startswith("Got unexpected extra"):
        return "多出了不认识的参数；含空格的值请加引号。"
    return "命令写得不对。" if message.isascii() else message


def _parameter(error: typer.TyperException) -> str:
    parameter = getattr(error, "param", None)
    if parameter is None:
        return "参数"
    if parameter.param_type_name == "option":
        return f"选项 {' / '.join(parameter.opts)} "
    return f"参数 {parameter.name} "


def _suggest(names: Iterable[str]) -> str:
    listed = "、".join(names)
    return f"是否想用 {listed}？" if listed else ""


def _usage(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    if context is None:
        return ""
    words = usage(context.command, context)
    return f" 用法：{context.command_path} {words}；说明：{context.command_path} --help"

"""A command line whose help pages are in Chinese throughout.

Typer lets its panels be named, but not the line of usage and not what `--help` says of itself.
"""
# ruff: noqa: ANN401 - Typer keeps the types of its parser private

from collections.abc import Callable
from typing import Any, TypeVar

import typer
from typer import core

_Function = TypeVar("_Function", bound=Callable[..., Any])
_HELP = "显示本说明后退出"
_PIECES = {"[OPTIONS]": "[选项]", "COMMAND [ARGS]...": "命令 …"}


class Command(core.TyperCommand):
    """A command with Chinese help."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help page."""
        _name_panels()
        super().format_help(ctx, formatter)

    def format_usage(self, ctx: Any, formatter: Any) -> None:
        """Write the line of usage."""
        _write_usage(self, ctx, formatter)

    def get_help_option(self, ctx: Any) -> core.TyperOption | None:
        """Return `--help`, which says in Chinese what it does."""
        return _in_chinese(super().get_help_option(ctx))


class Group(core.TyperGroup):
    """A group of commands with Chinese help."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help page."""
        _name_panels()
        super().format_help(ctx, formatter)

    def format_usage(self, ctx: Any, formatter: Any) -> None:
        """Write the line of usage."""
        _write_usage(self, ctx, formatter)

    def get_help_option(self, ctx: Any) -> core.TyperOption | None:
        """Return `--help`, which says in Chinese what it does."""
        return _in_chinese(super().get_help_option(ctx))


class CommandLine(typer.Typer):
    """A Typer application all of whose groups and commands have Chinese help."""

    def __init__(self, *, group: type[Group] = Group, **settings: Any) -> None:
        """Take Typer's settings; a group without a command shows its help."""
        super().__init__(cls=group, rich_markup_mode="rich", add_completion=False, **settings)

    def command(self, name: str | None = None, **settings: Any) -> Callable[[_Function], _Function]:
        """Return the decorator that adds a command, as Typer's."""
        return super().command(name, cls=Command, **settings)


def usage(command: Any, ctx: Any) -> str:
    """Return what may follow the name of a command, in Chinese."""
    words = " ".join(command.collect_usage_pieces(ctx))
    for english, chinese in _PIECES.items():
        words = words.replace(english, chinese)
    return words


def _name_panels() -> None:
    from typer import rich_utils  # noqa: PLC0415 - a Markdown reader, which only help pages need

    (
        rich_utils.ARGUMENTS_PANEL_TITLE,
        rich_utils.OPTIONS_PANEL_TITLE,
        rich_utils.COMMANDS_PANEL_TITLE,
        rich_utils.REQUIRED_LONG_STRING,
        rich_utils.DEFAULT_STRING,
    ) = "参数", "选项", "命令", "[必填]", "[默认 {}]"


def _write_usage(command: Any, ctx: Any, formatter: Any) -> None:
    formatter.write_usage(ctx.command_path, usage(command, ctx), prefix="用法：")


def _in_chinese(option: core.TyperOption | None) -> core.TyperOption | None:
    if option is not None:
        option.help = _HELP
    return option

"""Commands that are loaded when they are asked for.

The whole of `yice` takes seconds to load, and each call runs one command of it.
"""
# ruff: noqa: ANN401 - Typer keeps the types of its parser private

from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.main import get_command

from api.cli.command_line import Command, CommandLine, Group


@dataclass(frozen=True, slots=True)
class Later:
    """Where a command or a group of commands stands, `module:name`, and its help.

    The commands of `joined` stand in the group beside its own.
    """

    where: str
    help: str
    joined: tuple[str, ...] = ()


@cache
def load(later: Later, name: str) -> Any:
    """Return the command that is called `name`, loaded once in a process."""
    given = _named(later.where)
    if isinstance(given, typer.Typer):
        for where in later.joined:
            given.add_typer(_named(where))  # without a name: its commands join
        given.info.help = later.help
        command = get_command(given)
    else:
        single = CommandLine()
        single.command(name, help=later.help)(given)
        command = get_command(single)
    command.name = name
    return command


class LaterCommands(MutableMapping[str, Any]):
    """Commands by name, each loaded at its first use."""

    def __init__(self, later: Mapping[str, Later]) -> None:
        """Take where each of them stands."""
        self._later, self._loaded = dict(later), dict[str, Any]()

    def __getitem__(self, name: str) -> Any:
        """Return a command."""
        if name not in self._loaded:
            self._loaded[name] = load(self._later[name], name)
        return self._loaded[name]

    def __setitem__(self, name: str, command: Any) -> None:
        """Add a command that is loaded already."""
        self._later[name] = Later("", command.help)
        self._loaded[name] = command

    def __delitem__(self, name: str) -> None:
        """Take a command out."""
        del self._later[name]
        self._loaded.pop(name, None)

    def __contains__(self, name: object) -> bool:
        """Return whether there is such a command, without loading it."""
        return name in self._later

    def __iter__(self) -> Iterator[str]:
        """Yield the names, in their order."""
        return iter(self._later)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._later)

    def listed(self) -> dict[str, Any]:
        """Return a line of help for each, without loading any."""
        return {name: Command(name, help=later.help) for name, later in self._later.items()}


class LaterGroup(Group):
    """A group whose commands are those of `later`, loaded when they are asked for."""

    later: ClassVar[Mapping[str, Later]]
    commands: LaterCommands

    def __init__(self, **settings: Any) -> None:
        """Take Typer's settings."""
        super().__init__(**settings)
        self.commands = LaterCommands(self.later)

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - Typer's signature
        """Return the names, in their order."""
        return list(self.commands)

    def get_command(self, ctx: Any, cmd_name: str) -> Any | None:  # noqa: ARG002 - as above
        """Return a command; None when there is none of this name."""
        return self.commands.get(cmd_name)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help, from what is known of each command before it is loaded."""
        listed = Group(name=self.name, help=self.help, commands=self.commands.listed())
        listed.params, listed.rich_markup_mode = self.params, self.rich_markup_mode
        listed.format_help(ctx, formatter)


def _named(where: str) -> Any:
    module, _, name = where.partition(":")
    return getattr(import_module(module), name)

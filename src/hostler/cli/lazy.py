"""The one place where commands are loaded late, so that `--help` costs what help costs.

Knows: how a command's declaration and its work are found by name. Does not know: any command.
"""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import ClassVar, TypeVar

import click

Record = TypeVar("Record")


@dataclass(frozen=True, slots=True)
class Entry:
    """A command that is not loaded yet: `module:name` of its declaration, and its line in the list of commands."""

    target: str
    summary: str


class LazyGroup(click.Group):
    """A group whose commands are imported when one is asked for by name."""

    table: ClassVar[Mapping[str, Entry]] = {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the table."""
        del ctx
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The declaration; None when there is no such command."""
        del ctx
        entry = self.table.get(cmd_name)
        if entry is None:
            return None
        found = find(entry.target)
        assert isinstance(found, click.Command)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, from the table alone."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in self.table.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with the nearest name for a misspelt one."""
        name = args[0]
        if name not in self.table and not name.startswith("-"):
            near = difflib.get_close_matches(name, self.table, 1)
            also = f" Did you mean '{near[0]}'?" if near else " `hostler --help` lists them."
            raise click.UsageError(f"There is no command '{name}'.{also}", ctx)
        return super().resolve_command(ctx, args)


def find(target: str) -> object:
    """What `module:name` leads to."""
    module, _, name = target.partition(":")
    return getattr(import_module(module), name)


def lazily(record: Callable[..., Record], target: str) -> Callable[..., object]:
    """A callback that makes the record of the given options and hands it to `target`, imported only then."""

    def callback(**given: object) -> object:
        work = find(target)
        assert callable(work)
        return work(record(**given))

    return callback


def lazily_alone(record: Callable[..., Record], target: str) -> Callable[..., object]:
    """The same for a group that does something of its own when no command of it is named."""
    callback = lazily(record, target)

    def unless_named(**given: object) -> object:
        return None if click.get_current_context().invoked_subcommand else callback(**given)

    return unless_named

"""`hostler`: the table of commands, and the edge where every way to end becomes an exit status.

Knows: names, summaries, exit statuses. Does not know: what a command does; nothing but click is imported here.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from typing import ClassVar

import click

from hostler.cli.exits import DONE, FAILED, INTERRUPTED, lines_of, status_of
from hostler.cli.lazy import Entry, LazyGroup, find
from hostler.errors import HostlerError


class Commands(LazyGroup):
    """All commands, in the order in which a newcomer meets them."""

    table: ClassVar[Mapping[str, Entry]] = {
        "up": Entry("hostler.cli.up:command", "Start the gateway and print how to reach it."),
        "chat": Entry("hostler.cli.chat:command", "Talk to a model."),
        "models": Entry("hostler.cli.models:command", "List the models that can be asked."),
        "providers": Entry("hostler.cli.providers:command", "Machines and vendors that models are reached through."),
        "keys": Entry("hostler.cli.keys:command", "Keys that clients must show."),
        "engine": Entry("hostler.cli.engine:command", "Engines that run models on this machine."),
        "pull": Entry("hostler.cli.pull:command", "Download a model and make it ready."),
        "usage": Entry("hostler.cli.ledger:usage", "Show what was used: calls, tokens, cost."),
        "logs": Entry("hostler.cli.ledger:logs", "Show the latest calls."),
        "doctor": Entry("hostler.cli.doctor:command", "Check everything, and say what to do."),
        "fake": Entry("hostler.cli.fake:command", "Serve the fake vendor, for tests and demos."),
    }


@click.group(
    "hostler", cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(package_name="hostler", prog_name="hostler")
def hostler() -> None:
    """One door to every language model: hosted vendors and your own machines.

    Data goes to standard output, everything else to standard error. Exit status: 0 done, 1 failed, 2 called wrongly,
    3 not found or not reachable, 130 interrupted.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """The program: run a command and exit with its status."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Run a command; returns its exit status. Raises nothing, but for a bug's own error when the log level is debug."""
    try:
        status = hostler.main(list(arguments), prog_name="hostler", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        return INTERRUPTED
    except HostlerError as error:
        click.echo(lines_of(error), err=True)
        return status_of(error)
    except (BrokenPipeError, SystemExit):  # the second is how click says the first
        _leave_quietly()
        return DONE
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001  # the program's edge: a bug shows as one line, a trace on request
        return _unexpected(error)
    return status if isinstance(status, int) else DONE


def _leave_quietly() -> None:
    """Whoever read our output has read enough; the interpreter's own last flush must not complain either."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())


def _unexpected(error: Exception) -> int:
    if find("hostler.cli.work.settings:is_debugging")():  # pyright: ignore[reportCallIssue]
        raise error
    click.echo(
        f"hostler: an unexpected error, {type(error).__name__}: {error}\n"
        "  With HOSTLER_LOG_LEVEL=debug the same command shows where.",
        err=True,
    )
    return FAILED

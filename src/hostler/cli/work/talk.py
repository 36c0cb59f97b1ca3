"""A conversation on a terminal: reads lines, keeps the history, obeys slash commands.

Knows: what a person types. Does not know: how an answer comes about (answer) and looks (paint).

The loop runs while an answer comes and rests while a person types: so Ctrl-C stops the answer there and empties the
line here, without threads.
"""

import asyncio
import contextlib
import sys
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import click
import uvloop

from hostler.app import open_client
from hostler.cli.chat import ChatOptions
from hostler.cli.exits import DONE, lines_of
from hostler.cli.work.answer import Asking, options_of
from hostler.cli.work.output import say
from hostler.cli.work.paint import painter
from hostler.client.asking import said
from hostler.client.client import Client
from hostler.core.messages import Message
from hostler.errors import HostlerError
from hostler.settings import Settings
from hostler.system.owner import make_private

HISTORY: Final = "chat_history"
MOST_LINES: Final = 1000
QUOTES: Final = '"""'
HELP: Final = f"""\
/model [MODEL]   show or change the model
/system [TEXT]   show or change the instructions; /system - takes them away
/clear           begin anew
/help            this list
/exit            leave, as Ctrl-D does
A line that ends with \\ goes on in the next one; {QUOTES} begins and ends a text of several lines.
Ctrl-C stops an answer."""


@dataclass(slots=True)
class Conversation:
    """What was said so far, and to whom."""

    model: str
    system: str
    messages: list[Message] = field(default_factory=list[Message])


class Leave(Exception):
    """The person wants to go."""


def talk(settings: Settings, model: str, *, options: ChatOptions) -> int:
    """Talk until the person leaves."""
    conversation = Conversation(model, options.system)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner, _history(settings.data_dir):
        opened = open_client(settings)
        client = runner.run(opened.__aenter__())
        try:
            say(f"Talking to {model}. /help lists the commands, Ctrl-D ends.")
            while True:
                line = _read()
                if line is None:
                    continue
                if line.startswith("/"):
                    say(obey(line, conversation))
                elif line.strip():
                    _answer(runner, client, conversation=conversation, line=line, options=options)
        except (EOFError, Leave):
            return DONE
        finally:
            runner.run(opened.__aexit__(None, None, None))


def obey(line: str, conversation: Conversation) -> str:
    """Carry out a slash command; returns what to say. Raises Leave."""
    name, _, rest = line[1:].partition(" ")
    command = COMMANDS.get(name)
    return command(conversation, rest.strip()) if command else f"There is no /{name}. /help lists the commands."


def _model(conversation: Conversation, rest: str) -> str:
    conversation.model = rest or conversation.model
    return f"Talking to {conversation.model}."


def _system(conversation: Conversation, rest: str) -> str:
    conversation.system = "" if rest == "-" else rest or conversation.system
    return f"Instructions: {conversation.system or 'none'}"


def _clear(conversation: Conversation, rest: str) -> str:
    del rest
    conversation.messages.clear()
    return "Forgotten."


def _help(conversation: Conversation, rest: str) -> str:
    del conversation, rest
    return HELP


def _exit(conversation: Conversation, rest: str) -> str:
    raise Leave


COMMANDS: Final[dict[str, Callable[[Conversation, str], str]]] = {
    "model": _model,
    "system": _system,
    "clear": _clear,
    "help": _help,
    "exit": _exit,
    "quit": _exit,
}


def _answer(
    runner: asyncio.Runner, client: Client, *, conversation: Conversation, line: str, options: ChatOptions
) -> None:
    asking = Asking(conversation.model)
    turn = [*conversation.messages, said(line)]
    asked = options_of(options, conversation.system)
    shown = painter(markdown=not options.raw)
    try:
        answer = runner.run(asking.run(client, turn, options=asked, painter=shown))
    except KeyboardInterrupt:
        say("(stopped)")
        answer = asking.so_far()
    except HostlerError as error:
        click.echo(lines_of(error), err=True)
        return
    if answer.reply.parts:
        conversation.messages = [*turn, Message("assistant", answer.reply.parts)]
    if options.verbose:
        say(answer.summary())


def _read() -> str | None:
    """What the person typed; None for a line that Ctrl-C took back. Raises EOFError at the end."""
    try:
        line = _line("> ")
        if line.lstrip().startswith(QUOTES):
            return _quoted(line.lstrip()[len(QUOTES) :])
        while line.endswith("\\"):
            line = f"{line[:-1]}\n{_line('. ')}"
        return line
    except KeyboardInterrupt:
        say("")
        return None


def _quoted(first: str) -> str:
    text = first
    while not text.rstrip().endswith(QUOTES):
        text = f"{text}\n{_line('. ')}"
    return text.rstrip()[: -len(QUOTES)].strip("\n")


def _line(prompt: str) -> str:
    if sys.stdout.isatty():
        return input(prompt)
    click.echo(prompt, nl=False, err=True)
    return input()


@contextlib.contextmanager
def _history(folder: Path) -> Generator[None]:
    """Line editing with what was typed before; without readline, plain lines."""
    try:
        import readline  # lazy: only a conversation needs it, and not every Python has it
    except ImportError:
        yield
        return
    make_private(folder)
    file = folder / HISTORY
    file.touch(mode=0o600)
    with contextlib.suppress(OSError):
        readline.read_history_file(file)
    readline.set_history_length(MOST_LINES)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            readline.write_history_file(file)

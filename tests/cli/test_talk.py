"""`hostler chat` as a conversation, typed on a pseudo-terminal."""

import asyncio
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from select import select

import pytest

from hostler.cli.work.talk import COMMANDS, Conversation, Leave, obey
from hostler.client.asking import said

PATIENCE = 60.0
LOOKS = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


class Person:
    """Somebody at a terminal."""

    def __init__(self, process: "subprocess.Popen[bytes]", screen: int) -> None:
        self.process = process
        self._screen = screen

    def types(self, text: str) -> None:
        """Keys, as they are."""
        os.write(self._screen, text.encode())

    def sees(self, mark: str) -> str:
        """Everything shown until `mark` is there, without colours."""
        shown, deadline = b"", time.monotonic() + PATIENCE
        while mark not in (text := plain(shown)):
            left = deadline - time.monotonic()
            assert left > 0 and select([self._screen], [], [], left)[0], f"never saw {mark!r}, but {text!r}"
            try:
                more = os.read(self._screen, 65536)
            except OSError:  # Linux says so when the other side has closed
                more = b""
            assert more, f"never saw {mark!r}, but {text!r}"
            shown += more
        return text

    def interrupts(self) -> None:
        """Ctrl-C."""
        self.process.send_signal(signal.SIGINT)

    def leaves(self) -> int:
        """Ctrl-D, and the exit status."""
        self.types("\x04")
        return self.process.wait(PATIENCE)


def plain(shown: bytes) -> str:
    """What is to be read on a screen: no colours, no padding."""
    return re.sub(r" +\n", "\n", LOOKS.sub("", shown.decode("utf-8", errors="ignore")).replace("\r", ""))


@contextmanager
def talking(*arguments: str) -> Iterator[Person]:
    """`hostler chat` on a terminal."""
    screen, keyboard = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "hostler", "chat", *arguments],
        stdin=keyboard,
        stdout=keyboard,
        stderr=keyboard,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "80", "LINES": "24"},
    )
    os.close(keyboard)
    try:
        yield Person(process, screen)
    finally:
        process.kill()
        process.wait()
        os.close(screen)


def test_slash_commands() -> None:
    conversation = Conversation("here/demo", "")
    assert obey("/model", conversation) == "Talking to here/demo."
    assert obey("/model a/b", conversation) == "Talking to a/b." and conversation.model == "a/b"
    assert obey("/system Be brief.", conversation) == "Instructions: Be brief." and conversation.system == "Be brief."
    assert obey("/system -", conversation) == "Instructions: none" and conversation.system == ""
    conversation.messages.append(said("x"))
    assert obey("/clear", conversation) == "Forgotten." and conversation.messages == []
    assert obey("/nope", conversation).startswith("There is no /nope.")
    listed = obey("/help", conversation)
    assert all(f"/{name}" in listed for name in COMMANDS if name != "quit")
    for leave in ("/exit", "/quit"):
        with pytest.raises(Leave):
            obey(leave, conversation)


@pytest.mark.slow
async def test_a_conversation_remembers_and_ends_with_ctrl_d(fake: str, own_folders: Path) -> None:
    with talking("fake/echo", "--raw") as person:
        await asyncio.to_thread(converse, person)
    history = own_folders / "data" / "chat_history"
    if history.exists():  # a Python without readline keeps none
        assert "well met" in history.read_text()
        assert history.stat().st_mode & 0o077 == 0


def converse(person: Person) -> None:
    person.sees("Talking to fake/echo. /help lists the commands, Ctrl-D ends.\n> ")
    person.types("well met\n")
    assert person.sees("\n> ").count("well met") == 2  # typed, and said back
    person.types('"""first\nsecond"""\n')
    assert "first\nsecond" in person.sees("second\n> ").replace(". ", "")
    person.types("one \\\ntwo\n")
    assert "one\ntwo" in person.sees("two\n> ").replace(". ", "")
    person.types("/help\n")
    assert "/system [TEXT]" in person.sees("\n> ")
    person.types("/model fake/nothing\n")
    person.sees("Talking to fake/nothing.\n> ")
    person.types("hello\n")
    assert "hostler: " in person.sees("\n> ")
    assert person.leaves() == 0


@pytest.mark.slow
async def test_ctrl_c_stops_the_answer_and_not_the_program(fake: str) -> None:
    with talking("fake/stall") as person:
        await asyncio.to_thread(interrupt, person)


def interrupt(person: Person) -> None:
    person.sees("> ")
    person.types("hello\n")
    person.sees("This")
    person.interrupts()
    person.sees("(stopped)\n> ")
    person.types("/model fake/echo\n")
    person.sees("Talking to fake/echo.\n> ")
    person.types("again\n")
    assert person.sees("again\n> ")
    assert person.leaves() == 0


@pytest.mark.slow
async def test_markdown_gets_its_looks_on_a_terminal(fake: str) -> None:
    with talking("fake/echo") as person:
        await asyncio.to_thread(look, person)


def look(person: Person) -> None:
    person.sees("> ")
    person.types("a **bold** word\n")
    assert "a bold word" in person.sees("a bold word")
    person.types("/exit\n")
    assert person.process.wait(PATIENCE) == 0

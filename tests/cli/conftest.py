"""What the command line's tests share: commands in this process, and a fake vendor in another."""

import io
import json
import logging
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hostler.cli.main import run as run_command
from tests.cli.program import PATIENCE, Ended, Run


class Typed(io.StringIO):
    """A standard input: a terminal, or a pipe with text in it."""

    def __init__(self, text: str | None) -> None:
        super().__init__(text or "")
        self._terminal = text is None

    def isatty(self) -> bool:
        return self._terminal


@pytest.fixture(autouse=True)
def own_logging() -> Iterator[None]:
    """Commands choose where logs go; no other test should feel it."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command in this process."""

    def one(*arguments: str, stdin: str | None = None) -> Ended:
        capsys.readouterr()
        monkeypatch.setattr(sys, "stdin", Typed(stdin))
        status = run_command(arguments)
        said = capsys.readouterr()
        return Ended(status, said.out, said.err)

    return one


@pytest.fixture(scope="session")
def vendor(session_folders: Path) -> Iterator[str]:
    """The address of a fake vendor: `hostler fake` as a process."""
    del session_folders
    command = [sys.executable, "-m", "hostler", "fake", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            ready, _, _ = select.select([process.stdout], [], [], PATIENCE)
            assert ready
            text = b""
            while not text.endswith(b"}\n"):
                text += process.stdout.readline()
            yield json.loads(text)["address"]
        finally:
            process.terminate()
            assert process.wait(PATIENCE) == 0


@pytest.fixture
def fake(vendor: str, own_folders: Path) -> str:
    """The id of a provider that leads to the fake vendor; it is the default one."""
    file = own_folders / "config" / "hostler" / "llama-providers.json"
    file.parent.mkdir(parents=True)
    entry = {"id": "fake", "kind": "openai-compatible", "baseUrl": vendor}
    file.write_text(json.dumps({"defaultProvider": "fake", "providers": [entry]}))
    return "fake"

"""The command line for tests: in this process where that is honest, else as a process of its own."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

PATIENCE = 60.0


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Ended]
"""`run("models", "--json", stdin="text")`; without text, standard input is a terminal that nobody types on."""


class Program:
    """A command that runs."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None and process.stderr is not None and process.stdin is not None
        self.process = process
        self.out, self.err, self.input = process.stdout, process.stderr, process.stdin

    async def until(self, mark: str, stream: asyncio.StreamReader | None = None) -> str:
        """What it prints up to the line that holds `mark`; AssertionError when it ends without."""
        lines: list[str] = []
        async with asyncio.timeout(PATIENCE):
            while line := (await (stream or self.out).readline()).decode():
                lines.append(line)
                if mark in line:
                    return "".join(lines)
        raise AssertionError("".join(lines) + (await self.err.read()).decode())

    async def object(self) -> Any:
        """The JSON object that it prints next."""
        return json.loads(await self.until("}\n"))

    def interrupt(self) -> None:
        """Ctrl-C."""
        self.process.send_signal(signal.SIGINT)

    async def ended(self) -> Ended:
        """Wait for its end."""
        async with asyncio.timeout(PATIENCE):
            out, err = await self.process.communicate()
        assert self.process.returncode is not None
        return Ended(self.process.returncode, out.decode(), err.decode())


@asynccontextmanager
async def started(*arguments: str, environment: Mapping[str, str] | None = None) -> AsyncIterator[Program]:
    """`hostler ...` as a process; killed if the test leaves it running."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "hostler",
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **(environment or {})},
    )
    program = Program(process)
    try:
        yield program
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def ran(*arguments: str, stdin: str = "", environment: Mapping[str, str] | None = None) -> Ended:
    """`hostler ...` as a process, from start to end."""
    async with started(*arguments, environment=environment) as program:
        program.input.write(stdin.encode())
        program.input.close()
        return await program.ended()

"""`hostler engine` without a hostler that runs; with one, see test_up."""

from pathlib import Path

import pytest

from hostler.engines.leftovers import log_path
from tests.cli.program import Run, started


@pytest.fixture
def log(own_folders: Path) -> Path:
    """The log of an engine that ran once."""
    path = log_path(own_folders / "data" / "engines", "here/demo")
    path.parent.mkdir(parents=True)
    path.write_text("".join(f"line {number}\n" for number in range(100)))
    return path


def test_nothing_runs(run: Run) -> None:
    ended = run("engine", "ps")
    assert (ended.status, ended.out, ended.err) == (0, "", "hostler does not run.\n")
    assert run("engine", "ps", "--json").json == []


def test_stopping_needs_one_that_runs(run: Run) -> None:
    ended = run("engine", "stop", "demo")
    assert (ended.status, ended.out) == (3, "")
    assert "hostler does not run" in ended.err and "hostler up" in ended.err


def test_the_log_stays_after_the_engine(run: Run, log: Path) -> None:
    assert run("engine", "logs", "demo", "-n", "2").out == "line 98\nline 99\n"
    assert run("engine", "logs", "here/demo").out.count("\n") == 50
    assert run("engine", "logs", "here/demo", "-n", "0").out == log.read_text()
    told = {"model": "here/demo", "path": str(log), "lines": ["line 98", "line 99"]}
    assert run("engine", "logs", "demo", "-n", "2", "--json").json == told


def test_an_engine_that_never_ran_has_no_log(run: Run) -> None:
    ended = run("engine", "logs", "here/other")
    assert (ended.status, ended.out) == (3, "")
    assert "No engine of 'here/other' has left a log." in ended.err


@pytest.mark.slow
async def test_a_log_is_followed_until_ctrl_c(log: Path) -> None:
    async with started("engine", "logs", "demo", "-f", "-n", "1") as program:
        assert await program.until("line 99") == "line 99\n"
        with log.open("a") as file:
            file.write("half a ")
        with log.open("a") as file:
            file.write("line\nand one more\n")
        assert await program.until("more") == "half a line\nand one more\n"
        program.interrupt()
        assert (await program.ended()).status == 130


@pytest.mark.slow
async def test_a_program_follows_a_log_line_by_line(log: Path) -> None:
    async with started("engine", "logs", "demo", "-f", "-n", "1", "--json") as program:
        assert await program.until("99") == '{"line":"line 99"}\n'
        with log.open("a") as file:
            file.write('a "quoted" line\nand one more\n')
        assert await program.until("more") == '{"line":"a \\"quoted\\" line"}\n{"line":"and one more"}\n'
        program.interrupt()
        assert (await program.ended()).status == 130

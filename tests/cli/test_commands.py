"""All commands: their help, their declarations, and how every way to end shows outside."""

import asyncio
import dataclasses
import os
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

from hostler.cli import chat, engine, fake, keys, ledger, models, options, providers, pull, up
from hostler.cli.exits import NotRunning, lines_of, status_of
from hostler.cli.main import Commands, hostler
from hostler.errors import EngineCrashed, ModelNotFound, ProviderNotReady, StorageError, UpstreamRefused
from tests.cli.program import Run, ran

HEAVY = (
    "uvloop",
    "rich",
    "msgspec",
    "httptools",
    "psutil",
    "ssl",
    "sqlite3",
    "asyncio",
    "hostler.app",
    "hostler.settings",
)


def walk(name: tuple[str, ...], command: click.Command) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command with the words that call it."""
    yield name, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            assert found is not None
            yield from walk((*name, child), found)


ALL = list(walk((), hostler))
IDS = [" ".join(name) or "hostler" for name, _ in ALL]


@pytest.mark.parametrize(("name", "command"), ALL, ids=IDS)
def test_help_names_every_option_and_says_what_it_does(name: tuple[str, ...], command: click.Command, run: Run) -> None:
    shown = run(*name, "--help")
    assert shown.status == 0
    assert command.help
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name
            assert all(option in shown.out for option in parameter.opts)


def test_the_summaries_are_those_of_the_commands() -> None:
    for name, entry in Commands.table.items():
        command = hostler.get_command(click.Context(hostler), name)
        assert command is not None and command.name == name
        assert " ".join((command.help or "").split()).startswith(entry.summary)


RECORDS = {
    ("up",): up.UpOptions,
    ("chat",): chat.ChatOptions,
    ("models",): models.ModelsOptions,
    ("models", "show"): models.ShowOptions,
    ("keys", "create"): keys.CreateOptions,
    ("keys", "revoke"): keys.RevokeOptions,
    ("providers", "add"): providers.AddOptions,
    ("providers", "check"): providers.CheckOptions,
    ("providers", "remove"): providers.OneOptions,
    ("engine", "run"): engine.RunOptions,
    ("engine", "stop"): engine.StopOptions,
    ("engine", "logs"): engine.LogOptions,
    ("pull",): pull.PullOptions,
    ("usage",): ledger.UsageOptions,
    ("logs",): ledger.LogsOptions,
    ("fake",): fake.FakeOptions,
    ("doctor",): options.Listing,
}


@pytest.mark.parametrize("name", RECORDS, ids=" ".join)
def test_a_command_fills_its_record(name: tuple[str, ...]) -> None:
    record = {field.name for field in dataclasses.fields(RECORDS[name])}
    given = {parameter.name for parameter in dict(ALL)[name].params}
    assert given == record


@pytest.mark.parametrize("arguments", [("--help",), ("chat", "--help"), ("up", "--help")], ids=" ".join)
def test_help_loads_nothing_heavy(arguments: tuple[str, ...]) -> None:
    program = f"import sys; from hostler.cli.main import run; run({arguments!r}); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert "click" in loaded
    assert not loaded & set(HEAVY)


def test_a_misspelt_command_is_named_with_its_neighbour(run: Run) -> None:
    ended = run("modles")
    assert (ended.status, ended.out) == (2, "")
    assert "There is no command 'modles'. Did you mean 'models'?" in ended.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("up", "--prot", "1"),
        ("up", "--port", "x"),
        ("up", "--port", "70000"),
        ("keys", "create"),
        ("chat", "--max-tokens", "0"),
    ],
    ids=" ".join,
)
def test_wrong_use_is_status_2(arguments: tuple[str, ...], run: Run) -> None:
    ended = run(*arguments)
    assert (ended.status, ended.out) == (2, "")
    assert "Error: " in ended.err


def test_version(run: Run) -> None:
    assert run("--version").out.startswith("hostler, version ")


def test_a_bug_shows_as_one_line_and_as_a_trace_on_request(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> int:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("hostler.cli.work.keys.show_all", broken)
    ended = run("keys", "list")
    assert ended.status == 1
    assert ended.err.startswith("hostler: an unexpected error, ZeroDivisionError: a bug\n")
    assert "Traceback" not in ended.err
    monkeypatch.setenv("HOSTLER_LOG_LEVEL", "debug")
    with pytest.raises(ZeroDivisionError):
        run("keys", "list")


def test_settings_that_are_wrong_are_one_clear_message(run: Run, tmp_path: object) -> None:
    ended = run("models", "--config", f"{tmp_path}/nowhere.toml")
    assert ended.status == 1
    assert ended.err == f"hostler: settings file {tmp_path}/nowhere.toml does not exist\n"


def test_errors_and_their_statuses() -> None:
    assert status_of(ModelNotFound("no")) == 3
    assert status_of(ProviderNotReady("no")) == 3
    assert status_of(NotRunning("no")) == 3
    assert status_of(UpstreamRefused("no", status=404, kind="model_not_found")) == 3
    assert status_of(UpstreamRefused("no", status=500)) == 1
    assert status_of(StorageError("no")) == 1
    crash = EngineCrashed("it died", hint="Try again.", log_tail=("first", "last"))
    assert lines_of(crash) == "hostler: it died\n  Try again.\n  | first\n  | last"


@pytest.mark.slow
async def test_a_reader_that_has_read_enough_is_no_error() -> None:
    read, write = os.pipe()
    os.close(read)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hostler", "providers", "schema", stdout=write, stderr=asyncio.subprocess.PIPE
    )
    os.close(write)
    _, err = await asyncio.wait_for(process.communicate(), 20)
    assert (process.returncode, err) == (0, b"")


@pytest.mark.slow
async def test_it_works_as_a_module_without_a_terminal() -> None:
    ended = await ran("keys", "list")
    assert (ended.status, ended.out) == (0, "")
    assert "There are no keys" in ended.err

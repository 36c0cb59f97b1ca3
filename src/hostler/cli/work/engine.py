"""`hostler engine`: asks the hostler that runs; without one, reads what is on the disk, or becomes it.

Knows: what is printed, and where engines leave traces. Does not know: how engines run (engines).
"""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import quote

import msgspec

from hostler.app import Listening
from hostler.cli.engine import LogOptions, RunOptions, StopOptions
from hostler.cli.exits import DONE, NotRunning, lines_of, status_of
from hostler.cli.options import Listing
from hostler.cli.up import UpOptions
from hostler.cli.work import known
from hostler.cli.work.output import duration, say, show, show_json, show_table, si_bytes
from hostler.cli.work.settings import load
from hostler.cli.work.up import overrides_of, serve_until_stopped
from hostler.cli.work.welcome import facts, welcome
from hostler.client.http import GatewayDoor
from hostler.engines.engine import EngineStatus
from hostler.engines.leftovers import log_path, read_records
from hostler.errors import HostlerError, ModelNotFound
from hostler.settings import Settings
from hostler.system.process import is_alive

LOADING_S: Final = 3600.0
"""Seconds that we wait for a load; the settings bound it earlier."""
FOLLOW_S: Final = 0.2
_BLOCK: Final = 1 << 16


class _Engines(msgspec.Struct):
    engines: list[EngineStatus]


def start(options: RunOptions) -> int:
    """Load a model. Raises EngineError with the last log lines."""
    settings = load(options)
    door = known.running(settings)
    if door is None:
        return _become(options)
    say(f"Loading {options.model} ...")
    door.ask("POST", f"{known.CONTROL}engines/start:{quote(options.model, safe='')}", patience=LOADING_S)
    return show_running(options)


def show_running(options: Listing) -> int:
    """One line per engine; without a running hostler, what a dead one left behind."""
    settings = load(options)
    door = known.running(settings)
    engines = _ask(door) if door else []
    if options.json:
        show_json(engines)
        return DONE
    if engines:
        show_table(("model", "state", "pid", "calls", "memory", "up", "idle"), [_cells(e) for e in engines])
        for failed in (e for e in engines if e.error):
            say(f"{failed.model_id}: {failed.error}")
    elif door is None:
        _tell_leftovers(settings)
    else:
        say("No engine runs: the next call for a model of this machine starts one.")
    return DONE


def stop(options: StopOptions) -> int:
    """Unload. Raises NotRunning without a running hostler."""
    settings = load(options)
    door = known.running(settings)
    if door is None:
        raise NotRunning("hostler does not run, so none of its engines does.", hint="`hostler up` starts it.")
    answer = door.ask("POST", f"{known.CONTROL}engines/stop:{quote(options.model, safe='')}")
    told = msgspec.convert(answer, dict[str, object])
    if options.json:
        show_json(told)
    else:
        say(f"{told['model']} is unloaded." if told["stopped"] else f"{told['model']} was not loaded.")
    return DONE


def show_log(options: LogOptions) -> int:
    """The end of an engine's log. Raises ModelNotFound when there is none."""
    settings = load(options)
    model_id = str(known.local(settings).resolver.model_id(options.model))
    path = log_path(settings.data_dir / "engines", model_id)
    if not path.is_file():
        raise ModelNotFound(f"No engine of '{model_id}' has left a log.", hint=f"It would be {path}.")
    text = path.read_text("utf-8", errors="replace")
    lines = text.splitlines()
    shown = lines[-options.lines :] if options.lines else lines
    if options.json and not options.follow:
        show_json({"model": model_id, "path": str(path), "lines": shown})
        return DONE
    write = _show_line_as_json if options.json else show
    for line in shown:
        write(line)
    if options.follow:
        for fresh in _follow(path, len(text.encode())):
            for line in fresh.rstrip("\n").split("\n"):
                write(line)
    return DONE


def _show_line_as_json(line: str) -> None:
    show(msgspec.json.encode({"line": line}).decode())


def _become(options: RunOptions) -> int:
    """Run the gateway in this process with the model loaded first."""
    settings = load(options, overrides_of(UpOptions(host=options.host, port=options.port)))
    failed: list[HostlerError] = []
    loading: list[asyncio.Task[None]] = []

    async def load_model(listening: Listening) -> None:
        supervisor, resolver = listening.app.supervisor, listening.app.resolver
        try:
            model_id = resolver.resolve(options.model).candidates[0].model_id
            await supervisor.hold(model_id)
        except HostlerError as error:
            failed.append(error)
            say(lines_of(error))
            stopping.set()
            return
        supervisor.release(model_id)
        say(f"{model_id} is loaded.")

    stopping = asyncio.Event()

    def on_ready(listening: Listening) -> None:
        if options.json:
            show_json(facts(listening))
        else:
            show(welcome(facts(listening)))
        loading.append(asyncio.get_running_loop().create_task(load_model(listening)))

    status = serve_until_stopped(settings, on_ready, stop=stopping)
    return status_of(failed[0]) if failed else status


def _ask(door: GatewayDoor) -> list[EngineStatus]:
    return msgspec.convert(door.ask("GET", f"{known.CONTROL}engines"), _Engines).engines


def _cells(engine: EngineStatus) -> tuple[str, ...]:
    return (
        engine.model_id,
        engine.state,
        str(engine.pid or "-"),
        f"{engine.in_flight}/{engine.slots}",
        si_bytes(engine.predicted_bytes),
        duration(engine.uptime_s),
        duration(engine.idle_s),
    )


def _tell_leftovers(settings: Settings) -> None:
    say("hostler does not run.")
    for record in read_records(settings.data_dir / "engines"):
        if is_alive(record.engine) and not is_alive(record.owner):
            say(f"{record.model_id}: pid {record.engine.pid} was left behind; the next `hostler up` ends it.")


def _follow(path: Path, begin: int) -> Iterator[str]:
    """What is appended to a file from byte `begin` on, until Ctrl-C; starts over when the file is begun anew."""
    pause, place = threading.Event(), begin
    with path.open("rb") as file:
        while True:
            size = path.stat().st_size
            place = min(place, size)
            file.seek(place)
            data = file.read(_BLOCK)
            whole, newline, _ = data.rpartition(b"\n")
            if newline:
                place += len(whole) + 1
                yield whole.decode("utf-8", errors="replace")
            else:
                pause.wait(FOLLOW_S)

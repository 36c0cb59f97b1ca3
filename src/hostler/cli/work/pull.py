"""`hostler pull`: a model from the hub into the models folder and the providers file.

Knows: progress for people. Does not know: hubs and downloads (engines), the entry in the file (registry).
"""

import asyncio
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from hostler.cli.exits import DONE
from hostler.cli.pull import PullOptions
from hostler.cli.work.output import duration, say, show, show_json, si_bytes
from hostler.cli.work.providers import tell_running
from hostler.cli.work.settings import load
from hostler.engines.download import Progress, Report
from hostler.registry.fetching import Fetched, fetch_model
from hostler.settings import Settings

LINE_S: Final = 10.0
"""Seconds between two lines of progress where there is no terminal."""


def run(options: PullOptions) -> int:
    """Fetch and register. Raises DownloadError, StorageError, ConfigError."""
    settings = load(options)
    if options.hub:
        settings = replace(settings, hub=options.hub)
    try:
        fetched = asyncio.run(_pull(options.spec, settings, name=options.name or ""))
    except KeyboardInterrupt:
        say("Stopped. The same command goes on where this one stopped.")
        raise
    tell_running(settings)
    pulled = fetched.pulled
    if options.json:
        show_json({"model": fetched.model_id, "path": str(pulled.path), "size": pulled.size, "sha256": pulled.sha256})
        return DONE
    say(f"{pulled.path} ({si_bytes(pulled.size)}) {'is whole and checked' if pulled.fresh else 'was there already'}.")
    say(f"Talk to it with: hostler chat {fetched.model_id}")
    show(fetched.model_id)
    return DONE


async def _pull(spec: str, settings: Settings, *, name: str) -> Fetched:
    with _shown() as report:
        return await fetch_model(settings, spec, progress=report, name=name)


@contextmanager
def _shown() -> Generator[Report]:
    """A bar on a terminal, a line now and then elsewhere; on standard error."""
    if not sys.stderr.isatty():
        yield _Lines().report
        return
    from rich import console, progress  # lazy: rich takes 80 ms, and only a terminal needs it

    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.DownloadColumn(),
        progress.TransferSpeedColumn(),
        progress.TimeRemainingColumn(),
        progress.TextColumn("{task.fields[note]}"),
    )
    with progress.Progress(*columns, console=console.Console(stderr=True)) as bar:
        task = bar.add_task("", total=None, note="")
        yield lambda p: bar.update(task, description=p.file, completed=p.done, total=p.total, note=p.note)


class _Lines:
    """Progress as lines."""

    def __init__(self) -> None:
        self._next = 0.0
        self._note: str = ""

    def report(self, progress: Progress) -> None:
        now = time.monotonic()
        if now < self._next and progress.note == self._note and progress.done < progress.total:
            return
        self._next, self._note = now + LINE_S, progress.note
        left = (progress.total - progress.done) / progress.rate if progress.rate else None
        share = 100 * progress.done // max(progress.total, 1)
        note = f", {progress.note}" if progress.note else ""
        say(
            f"{progress.file}: {share} % of {si_bytes(progress.total)}, {si_bytes(progress.rate)}/s, "
            f"{duration(left)} left{note}"
        )

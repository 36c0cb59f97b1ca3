"""`hostler doctor`: runs every check and prints what each found. Knows nothing of what they look at."""

from collections.abc import Iterator

import click

from hostler.cli.exits import DONE, FAILED
from hostler.cli.options import Listing
from hostler.cli.work.checks import Check, all_checks, check_python
from hostler.cli.work.output import say, show, show_json
from hostler.cli.work.settings import load, log_to_stderr
from hostler.errors import HostlerError

_COLOURS = {"good": "green", "note": "cyan", "warning": "yellow", "broken": "red"}


def run(options: Listing) -> int:
    """Print findings as they come; 1 when something is broken."""
    log_to_stderr("error")
    found: list[Check] = []
    for check in _checks(options):
        found.append(check)
        if not options.json:
            show(f"{click.style(f'{check.state:<8}', fg=_COLOURS[check.state])} {check.what}: {check.text}")
            if check.todo:
                show(f"           {check.todo}")
    broken = sum(check.state == "broken" for check in found)
    if options.json:
        show_json({"good": not broken, "checks": found})
    elif broken:
        say(f"{broken} broken.")
    else:
        say("Nothing is broken.")
    return FAILED if broken else DONE


def _checks(options: Listing) -> Iterator[Check]:
    try:
        settings = load(options)
    except HostlerError as error:
        yield from check_python()
        yield Check("settings", "broken", error.message, error.hint or "")
        return
    try:
        yield from all_checks(settings)
    except HostlerError as error:  # a database that is damaged, for example: the rest cannot be judged
        yield Check("hostler", "broken", error.message, error.hint or "")

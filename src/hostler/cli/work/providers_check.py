"""`hostler providers check`: the file's problems, and one live call per provider.

Knows: what is worth a call, and what is printed. Does not know: the calls and what they mean (registry.live_check).
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

from hostler.cli.exits import DONE, FAILED
from hostler.cli.providers import CheckOptions
from hostler.cli.work import known
from hostler.cli.work.output import say, show, show_json
from hostler.cli.work.providers import Found, examine, state_of
from hostler.cli.work.settings import load, log_to_stderr
from hostler.errors import NotFound
from hostler.providers.provider import Provider
from hostler.providers.vendors import OPEN_LISTS
from hostler.registry.file_format import near_name
from hostler.registry.live_check import NOBODY, Finding, Probe, check_live


@dataclass(frozen=True, slots=True)
class Checked:
    """The file's state, and what each call came to."""

    path: str
    exists: bool
    good: bool
    errors: tuple[str, ...]
    warnings: tuple[str, ...]
    checks: tuple[Finding, ...]


def check_all(options: CheckOptions) -> int:
    """The file's problems with their places, then one line per provider; 1 when anything is wrong."""
    settings = load(options)
    log_to_stderr("error")
    here = known.local(settings, remembered=False)
    found = examine(settings, here=here, ask=False)
    probes = tuple(_probes(here, found, options=options))
    if options.offline:
        refused = ((probe.provider, probe.provider.refusal()) for probe in probes)
        checks = tuple(Finding(p.id, "not ready", r.message, r.hint or "") for p, r in refused if r is not None)
    else:
        checks = asyncio.run(check_live(probes, settings.environment, timeout_s=options.timeout))
    good = not found.errors and all(check.good for check in checks)
    result = Checked(found.path, found.exists, good, found.errors, found.warnings, checks)
    if options.json:
        show_json(result)
    else:
        _tell(result, found, options=options)
    return DONE if good else FAILED


def _tell(result: Checked, found: Found, *, options: CheckOptions) -> None:
    for text in result.errors:
        show(f"error     {result.path}: {text}")
    for text in result.warnings:
        show(f"warning   {result.path}: {text}")
    if not result.exists:
        say(f"There is no {result.path}: the built-in providers hold.")
    for check in result.checks:
        took = f" ({check.seconds:.2f} s)" if check.good else ""
        show(f"{check.state:<9} {check.id}: {check.text}{took}")
        if check.hint:
            show(f"{'':<9}   {check.hint}")
    if options.ids:
        return
    done = {check.id for check in result.checks}
    keyless = [row.id for row in found.providers if row.id not in done and state_of(row) == "not ready"]
    if keyless:
        say(f"Not set up: {', '.join(keyless)}.")


def _probes(here: known.Local, found: Found, *, options: CheckOptions) -> Iterator[Probe]:
    """Those that were named; else all that the file names, and what has a key or needs none."""
    providers = here.file.directory.providers
    for wanted in options.ids:
        if wanted not in providers:
            raise NotFound(f"There is no provider '{wanted}'{near_name(wanted, list(providers))}")
    ids = dict.fromkeys(options.ids or [id_ for id_, p in providers.items() if id_ in found.named or _set_up(p)])
    for id_ in ids:
        if not providers[id_].ours:
            yield _probe(here, providers[id_])


def _set_up(provider: Provider) -> bool:
    return provider.refusal() is None


def _probe(here: known.Local, provider: Provider) -> Probe:
    models = here.catalogue.machine(provider.id).models
    return Probe(provider, models[0].name if models else NOBODY, open_list=provider.id in OPEN_LISTS)

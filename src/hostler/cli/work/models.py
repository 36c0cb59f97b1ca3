"""`hostler models`: lists and shows them. Knows what is printed; does not know how models are found."""

from typing import Final

from hostler.cli.exits import DONE
from hostler.cli.models import ModelsOptions, ShowOptions
from hostler.cli.options import Listing
from hostler.cli.work import known
from hostler.cli.work.known import ModelRow
from hostler.cli.work.output import say, show, show_json, show_table
from hostler.cli.work.settings import load
from hostler.core.capabilities import FIELDS, from_json
from hostler.core.price_tiers import read_tiers
from hostler.core.pricing import FREE, NOT_KNOWN, price_of
from hostler.errors import HostlerError, ModelNotFound
from hostler.settings import Settings

_TOLD: Final = (
    ("tool_calling", "tools"),
    ("vision", "vision"),
    ("audio", "audio"),
    ("video", "video"),
    ("reasoning", "reasoning"),
    ("structured_output", "schema"),
)
"""What tells models apart in a list, and the word for it."""


def show_all(options: ModelsOptions) -> int:
    """One line per model; those of machines that are down only with --all."""
    settings = load(options)
    rows = known.models(settings, refresh=options.refresh)
    able = [row for row in rows if all(_is_yes(row, name) for name in options.capability)]
    shown = [row for row in able if options.all or row.state != "down"]
    if options.json:
        show_json(shown)
        return DONE
    if shown:
        heads = ("id", "state", "context", "price in/out", "can")
        show_table(heads, [(r.id, r.state, str(r.context or "-"), _price(r), _can(r)) for r in shown])
    elif options.capability:
        say(f"No model is known to have {' and '.join(options.capability)}.")
    else:
        say("There are no models. `hostler doctor` says what could be added.")
    if len(shown) < len(able):
        say(f"{len(able) - len(shown)} more are on machines that are down; --all lists them.")
    _complain(settings)
    return DONE


def show_one(options: ShowOptions) -> int:
    """Facts with their sources. Raises ModelNotFound with near ids."""
    settings = load(options)
    row = _find(settings, options.model)
    if options.json:
        show_json(row)
        return DONE
    show(f"{row.id}\n  provider {row.provider}, upstream name {row.model}, {row.state}")
    facts = [(name, *_fact(name, fact)) for name, fact in row.capabilities.items()]
    if facts:
        show_table(("capability", "value", "says", "as of"), facts)
    _complain(settings)
    return DONE


def refresh(options: Listing) -> int:
    """What every machine has now."""
    settings = load(options)
    known.models(settings, refresh=True)
    rows = [row for row in known.providers(settings) if row.ready]
    if options.json:
        show_json(rows)
    else:
        show_table(("provider", "state", "models", "why"), [(r.id, r.state, str(r.models), r.reason) for r in rows])
    return DONE


def _find(settings: Settings, name: str) -> ModelRow:
    """A model that can be asked, or one of a vendor's whose facts are known without asking it."""
    rows = {row.id: row for row in known.models(settings)}
    here = known.local(settings)
    model_id = here.resolver.model_id(name)
    row = rows.get(str(model_id))
    if row is not None:
        return row
    row = known.unlisted(here, model_id)
    try:
        here.resolver.resolve(name)  # says it better, with near ids
    except HostlerError as error:
        if row is None:
            raise
        say(error.text)
    if row is None:
        raise ModelNotFound(
            f"'{name}' is not among the models known at its provider.", hint="It may be served all the same."
        )
    return row


def _complain(settings: Settings) -> None:
    """An overrides file that is not used must not go unnoticed."""
    error = known.local(settings).overrides.status.error
    if error:
        say(f"Your overrides are not used: {error}")


def _is_yes(row: ModelRow, name: str) -> bool:
    return row.capabilities.get(name, {}).get("value") is True


def _can(row: ModelRow) -> str:
    return " ".join(word for name, word in _TOLD if _is_yes(row, name))


def _price(row: ModelRow) -> str:
    """US dollars per million tokens, in and out; `~` where sources differ."""
    if _is_yes(row, "local"):
        return FREE
    price = price_of(from_json(row.capabilities))
    if price is None:
        return NOT_KNOWN
    rates = price.rates
    written = NOT_KNOWN if rates.output is None else f"${rates.output:g}"
    return f"{'~' if price.uncertain else ''}${rates.input:g}/{written}"


def _fact(name: str, fact: known.FactRow) -> tuple[str, str, str]:
    """Value, source and date; a `?` behind what another source contradicts."""
    value, doubt = fact.get("value"), " ?" if fact.get("uncertain") else ""
    source, as_of = str(fact.get("source", "")), str(fact.get("as_of", ""))
    return f"{_words(name, value)}{doubt}", source, as_of


def _words(name: str, value: object) -> str:
    match FIELDS[name].kind if name in FIELDS else "text":
        case "answer":
            return "yes" if value else "no"
        case "tokens":
            return f"{value:,} tokens"
        case "usd_per_million":
            return f"${value:g} per million tokens"
        case "tiers":
            return "; ".join(
                f"above {tier.above:,}: ${tier.rates.input:g} in, {NOT_KNOWN if out is None else f'${out:g}'} out"
                for tier in read_tiers(str(value)) or ()
                for out in (tier.rates.output,)
            )
        case _:
            return str(value)

"""`hostler models`: lists and shows them. Knows what is printed; does not know how models are found."""

from hostler.cli.exits import DONE
from hostler.cli.models import ModelsOptions, ShowOptions
from hostler.cli.work import known
from hostler.cli.work.output import say, show, show_json, show_table
from hostler.cli.work.settings import load
from hostler.errors import ModelNotFound


def show_all(options: ModelsOptions) -> int:
    """One line per model; those of machines that are down only with --all."""
    rows = known.models(load(options), refresh=options.refresh)
    shown = [row for row in rows if options.all or row.state != "down"]
    if options.json:
        show_json(shown)
        return DONE
    if shown:
        show_table(("id", "state", "context"), [(r.id, r.state, str(r.context or "-")) for r in shown])
    else:
        say("There are no models. `hostler doctor` says what could be added.")
    if len(shown) < len(rows):
        say(f"{len(rows) - len(shown)} more are on machines that are down; --all lists them.")
    return DONE


def show_one(options: ShowOptions) -> int:
    """Facts with their sources. Raises ModelNotFound with near ids."""
    settings = load(options)
    rows = {row.id: row for row in known.models(settings)}
    resolver = known.local(settings).resolver
    row = rows.get(str(resolver.model_id(options.model)))
    if row is None:
        resolver.resolve(options.model)  # says it better, with near ids
        raise ModelNotFound(
            f"'{options.model}' is not among the models known at its provider.", hint="It may be served all the same."
        )
    if options.json:
        show_json(row)
        return DONE
    show(f"{row.id}\n  provider {row.provider}, upstream name {row.model}, {row.state}")
    facts = [
        (name, str(fact.get("value")), str(fact.get("source", "")), str(fact.get("as_of", "")))
        for name, fact in row.capabilities.items()
    ]
    if facts:
        show_table(("capability", "value", "says", "as of"), facts)
    return DONE

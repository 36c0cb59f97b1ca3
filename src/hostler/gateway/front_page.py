"""The plain page at `/`: what runs, which models, how to connect each kind of client.

Knows: HTML. Does not know: how anything it shows came about. No script, no request to anywhere.
"""

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Protocol

from hostler import __version__
from hostler.accounts.keys import Keys
from hostler.engines.engine import EngineStatus
from hostler.providers.client_lines import ANY_KEY, ClientLine, client_lines, curl_line
from hostler.providers.kinds import HERE
from hostler.registry.resolver import ModelEntry, ProviderEntry, Resolver

MOST_MODELS = 200
KEY = "YOUR_KEY"

_STYLE = """
:root{color-scheme:light dark;--line:#8884;--soft:#8881;--dim:.72}
*{box-sizing:border-box}
body{font:16px/1.55 system-ui,sans-serif;max-width:58rem;margin:0 auto;padding:1.5rem 1rem 4rem}
h1{font-size:1.6rem;margin:0}h2{font-size:1.15rem;margin:2.2rem 0 .6rem}
p{margin:.4rem 0}.dim{opacity:var(--dim)}
dl{margin:0}dt{font-size:.85rem;opacity:var(--dim);margin-top:.7rem}dd{margin:.15rem 0 0}
code,pre{font:14px/1.5 ui-monospace,monospace;overflow-wrap:anywhere}
pre{background:var(--soft);border:1px solid var(--line);border-radius:6px;padding:.5rem .7rem;margin:0;
 white-space:pre-wrap}
table{border-collapse:collapse;width:100%}
th{font-size:.85rem;font-weight:normal;opacity:var(--dim)}
th,td{text-align:left;padding:.35rem .9rem .35rem 0;border-bottom:1px solid var(--line);vertical-align:top}
"""


class Engines(Protocol):
    """What the page asks of the supervisor."""

    def statistics(self) -> tuple[EngineStatus, ...]: ...


@dataclass(frozen=True, slots=True)
class FrontPageParts:
    """What the page tells about; `address` gives the public base URL once it is known.

    `note` is HTML.
    """

    resolver: Resolver
    engines: Engines
    keys: Keys
    address: Callable[[], str]
    note: str = ""
    """A line for whoever expected another page here."""


class FrontPage:
    """Renders the page for each request anew."""

    def __init__(self, parts: FrontPageParts) -> None:
        self._parts = parts

    def render(self) -> str:
        """The page as HTML. With keys in force it shows how to connect, but neither models nor machines."""
        parts = self._parts
        closed = parts.keys.required(loopback=True)
        models = [entry for entry in parts.resolver.models() if entry.listed]
        first = models[0].id if models and not closed else "PROVIDER/MODEL"
        body = _connect(parts.address(), first, key=KEY if closed else "")
        if closed:
            body += "<p class=dim>A key is needed, so models and machines are not shown: <code>hostler models</code>."
        else:
            body += _models(models, parts.engines.statistics()) + _providers(parts.resolver.providers())
        return (
            "<!doctype html><html lang=en><meta charset=utf-8>"
            "<meta name=viewport content='width=device-width,initial-scale=1'>"
            f"<title>hostler</title><style>{_STYLE}</style><main><h1>hostler {escape(__version__)}</h1>"
            f"<p class=dim>One door to every language model you can reach.</p>{parts.note}{body}</main></html>"
        )


def _connect(base: str, model: str, *, key: str) -> str:
    rows = client_lines(base, model=model, key=key or ANY_KEY)
    rows += (ClientLine("By hand", curl_line(base, model=model, key=key)),)
    listed = "".join(f"<dt>{escape(row.client)}<dd><pre>{escape(row.line)}</pre>{escape(row.note)}" for row in rows)
    return f"<h2>Connect</h2><dl>{listed}</dl>"


def _models(entries: list[ModelEntry], engines: tuple[EngineStatus, ...]) -> str:
    if not entries:
        return "<h2>Models</h2><p>None yet. <code>hostler doctor</code> says what could be added."
    running = {status.model_id: status.state for status in engines}
    rows = "".join(
        f"<tr><td><code>{escape(e.id)}</code><td>{escape(_state(e, running))}<td>{_tokens(e.context)}"
        for e in entries[:MOST_MODELS]
    )
    more = f"<p class=dim>and {len(entries) - MOST_MODELS} more" if len(entries) > MOST_MODELS else ""
    return f"<h2>Models</h2><table><tr><th>id<th>state<th>context{rows}</table>{more}"


def _state(entry: ModelEntry, running: dict[str, str]) -> str:
    if entry.id in running:
        return f"loaded, {running[entry.id]}" if running[entry.id] == "ready" else running[entry.id]
    return "starts on first use" if entry.provider == HERE else entry.state


def _tokens(context: int | None) -> str:
    return "unknown" if context is None else f"{context:,} tokens"


def _providers(entries: tuple[ProviderEntry, ...]) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(e.provider.id)}</code>{' (default)' if e.default else ''}"
        f"<td>{escape(e.provider.kind)}<td>{escape(_condition(e))}"
        for e in entries
    )
    return f"<h2>Providers</h2><table><tr><th>id<th>kind<th>state{rows}</table>"


def _condition(entry: ProviderEntry) -> str:
    if entry.problem:
        return entry.problem
    if entry.provider.ours:
        return "ready"
    return f"{entry.machine.state}: {entry.machine.reason}" if entry.machine.reason else entry.machine.state

"""The plain page at `/`: what runs, which models, how to connect each kind of client.

Knows: HTML. Does not know: how anything it shows came about. No script, no request to anywhere.
"""

from collections.abc import Callable
from html import escape
from typing import Protocol

from hostler import __version__
from hostler.accounts.keys import Keys
from hostler.engines.engine import EngineStatus
from hostler.registry.resolver import Resolver
from hostler.settings import Settings

MOST_MODELS = 200

_STYLE = """
:root{color-scheme:light dark;--line:#8884;--soft:#8881}
*{box-sizing:border-box}
body{font:16px/1.55 system-ui,sans-serif;max-width:56rem;margin:0 auto;padding:1.5rem 1rem 4rem}
h1{font-size:1.5rem;margin:.2rem 0}h2{font-size:1.1rem;margin:2rem 0 .5rem}
table{border-collapse:collapse;width:100%;display:block;overflow-x:auto}
th,td{text-align:left;padding:.35rem .8rem .35rem 0;border-bottom:1px solid var(--line);vertical-align:top}
code,pre{font:14px/1.5 ui-monospace,monospace}
pre{background:var(--soft);border:1px solid var(--line);border-radius:6px;padding:.7rem;overflow-x:auto;margin:.4rem 0}
.muted{opacity:.75}
"""


class Engines(Protocol):
    """What the page asks of the supervisor."""

    def statistics(self) -> tuple[EngineStatus, ...]: ...


class FrontPage:
    """Renders the page for each request anew."""

    def __init__(
        self, resolver: Resolver, engines: Engines, keys: Keys, settings: Settings, *, address: Callable[[], str] = str
    ) -> None:
        """`address` gives the public base URL once it is known."""
        self._resolver = resolver
        self._engines = engines
        self._keys = keys
        self._settings = settings
        self._address = address

    def render(self) -> str:
        """The page as HTML. With keys in force it shows how to connect, but neither models nor machines."""
        from_elsewhere = self._keys.required(loopback=True)
        body = self._connect() if from_elsewhere else self._connect() + self._models() + self._providers()
        note = "<p>Models and machines are shown by <code>hostler models</code>.</p>" if from_elsewhere else ""
        return (
            "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
            f"<title>hostler</title><style>{_STYLE}</style><main><h1>hostler {escape(__version__)}</h1>"
            "<p>One door to every language model you can reach. It is open.</p>"
            f"{body}{note}</main></html>"
        )

    def _connect(self) -> str:
        gateway = self._settings.gateway
        base = self._address() or f"http://{gateway.host}:{gateway.port}"
        key = "YOUR_KEY" if self._keys.required(loopback=True) else "none"
        curl = (
            f"curl {base}/v1/chat/completions -H 'content-type: application/json' \\\n"
            f"  -H 'authorization: Bearer {key}' \\\n"
            '  -d \'{"model": "here/demo", "messages": [{"role": "user", "content": "Who are you?"}]}\''
        )
        rows = (
            ("OpenAI SDKs and tools", f"OPENAI_BASE_URL={base}/v1 OPENAI_API_KEY={key}"),
            ("Anthropic SDKs, Claude Code", f"ANTHROPIC_BASE_URL={base} ANTHROPIC_AUTH_TOKEN={key}"),
            ("aider", f"aider --openai-api-base {base}/v1 --openai-api-key {key} --model openai/here/demo"),
            ("anything with curl", curl),
        )
        listed = "".join(f"<h3>{escape(n)}</h3><pre>{escape(line)}</pre>" for n, line in rows)
        return f"<h2>Connect</h2>{listed}"

    def _models(self) -> str:
        running = {status.model_id: status.state for status in self._engines.statistics()}
        entries = [e for e in self._resolver.models() if e.listed]
        rows = "".join(
            f"<tr><td><code>{escape(e.id)}</code><td>{escape(running.get(e.id, e.state))}<td>{e.context or '-'}</tr>"
            for e in entries[:MOST_MODELS]
        )
        more = f"<p class=muted>and {len(entries) - MOST_MODELS} more</p>" if len(entries) > MOST_MODELS else ""
        if not rows:
            return "<h2>Models</h2><p>None yet. <code>hostler doctor</code> says what could be added.</p>"
        return f"<h2>Models</h2><table><tr><th>id<th>state<th>context</tr>{rows}</table>{more}"

    def _providers(self) -> str:
        rows = "".join(
            f"<tr><td><code>{escape(e.provider.id)}</code>{' (default)' if e.default else ''}<td>{escape(e.provider.kind)}"
            f"<td>{escape(e.problem or e.machine.reason or ('ready' if e.provider.ours else e.machine.state))}</tr>"
            for e in self._resolver.providers()
        )
        return f"<h2>Providers</h2><table><tr><th>id<th>kind<th>state</tr>{rows}</table>"

"""Exchanges through a gateway, read by the official SDKs of the faces, and what of them came through."""

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import anthropic
import httpx
import httpx2
import openai

from tests.end_to_end.gate import Setup, gate
from tests.end_to_end.machine import Machine, machine
from tests.faces.clients import FACES, Face, Refused, Said, face
from tests.translation.answers import TOOLS, Exchange
from tests.translation.serving import Vendor, Visit
from tests.translation.turns import read_history

Mode = Literal["whole", "stream"]
_KINDS = {
    "anthropic-kind": "anthropic",
    "openai-responses": "openai-responses",
    "gemini": "gemini",
    "ollama": "ollama",
    "dashscope": "dashscope",
}
_SERVERS = ("azure", "llama.cpp", "llama-swap", "vllm", "sglang", "lmstudio", "tabbyapi", "mlx", "localai")
_HOSTED = ("deepseek", "openrouter", "groq", "mistral", "together", "fireworks", "cerebras", "nvidia", "huggingface")
_OWN = {
    "chat": "openai-chat",
    "responses": "openai-responses",
    "messages": "anthropic",
    "gemini": "gemini",
    "ollama": "ollama",
}
UNREADABLE = (
    ValueError, TypeError, LookupError, AttributeError, RuntimeError, AssertionError, httpx.HTTPError, httpx2.HTTPError,
    openai.OpenAIError, anthropic.AnthropicError,
)  # fmt: skip
"""What SDKs raise of a reply that they cannot read."""
_NEXT = "And then?"
_ASKED = "What is the weather?"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at; `wrong` says how it differs, empty: it does not."""

    wire: str
    face: str
    mode: Mode
    shape: str
    what: str
    wrong: str = ""


class Bench:
    """A vendor, a gateway before it, and the SDKs that ask both."""

    def __init__(self, vendor: Vendor, through: dict[str, Face], direct: dict[str, Face]) -> None:
        self._vendor = vendor
        self._through = through
        self._direct = direct

    async def judge(self, exchange: Exchange, name: str, mode: Mode) -> list[Check]:
        """All checks of one exchange on one face."""
        wrongs = self._same_wire if _OWN[name] == exchange.wire else self._other_wire
        found = [pair async for pair in wrongs(exchange, name, mode)]
        return [Check(exchange.wire, name, mode, exchange.shape, what, wrong) for what, wrong in found]

    async def _same_wire(self, exchange: Exchange, name: str, mode: Mode) -> AsyncIterator[tuple[str, str]]:
        """Bytes pass through: the SDK reads here what it reads there."""
        outcomes: list[object] = []
        for client, prefix in ((self._direct[name], ""), (self._through[name], f"{exchange.provider}/")):
            model, _ = self._vendor.receive(exchange)
            outcomes.append(await _outcome(client, prefix + model, mode))
        direct, through = outcomes
        yield "as it is read without us", "" if direct == through else f"{through!r} instead of {direct!r}"

    async def _other_wire(self, exchange: Exchange, name: str, mode: Mode) -> AsyncIterator[tuple[str, str]]:
        client = self._through[name]
        model, visit = self._vendor.receive(exchange)
        history = [client.user(_ASKED)]
        try:
            said = await client.ask(f"{exchange.provider}/{model}", history, tools=True, stream=mode == "stream")
        except Refused as error:
            for found in () if visit.elsewhere else _refusal(exchange, error):
                yield found
            return
        except UNREADABLE as error:
            yield "reply", f"unreadable: {error!r}"
            return
        for found in _reply(exchange, name, said=said):
            yield found
        if (
            exchange.fails is None
            and exchange.answer.finish in ("stop", "length", "tool_calls")
            and exchange.answer.parts
        ):
            async for found in self._second(exchange, client, model=model, visit=visit, said=said, mode=mode):
                yield found

    async def _second(
        self, exchange: Exchange, client: Face, *, model: str, visit: Visit, said: Said, mode: Mode
    ) -> AsyncIterator[tuple[str, str]]:
        answers = [f"result {n} of {call.name}" for n, call in enumerate(said.calls)]
        more = client.results(said, answers) if said.calls else [client.user(_NEXT)]
        history = [client.user(_ASKED), *said.turn, *more]
        try:
            again = await client.ask(f"{exchange.provider}/{model}", history, tools=True, stream=mode == "stream")
        except (Refused, *UNREADABLE) as error:
            yield "second turn", f"{error!r}"
            return
        yield "second answer", _differs(again.text, exchange.again_text)
        if len(visit.asked) < 2:
            yield "second turn", "the vendor was not asked"
            return
        for found in _history(exchange, visit.asked[-1], answers=answers):
            yield found


async def _outcome(client: Face, model: str, mode: Mode) -> object:
    """What an SDK makes of a reply; of an error, whether there is one with a status."""
    try:
        said = await client.ask(model, [client.user(_ASKED)], tools=True, stream=mode == "stream")
    except Refused as error:
        return "refused", error.status if error.status < 500 else 0  # of one that broke early we tell with a status
    except UNREADABLE:
        return "refused", 0
    calls = [(call.name, call.arguments) for call in said.calls]
    counts = said.prompt_tokens, said.completion_tokens, said.cached_tokens, said.thought_tokens
    return said.text, said.reasoning, calls, said.finish, counts, said.cites


def _refusal(exchange: Exchange, error: Refused) -> Iterator[tuple[str, str]]:
    if exchange.fails is None:
        yield "end", "" if exchange.answer.finish == "odd" else f"refused: {error}"
        return
    yield "error", ""
    if exchange.fails:
        same = error.status >= 500 if exchange.fails >= 500 else error.status == exchange.fails
        yield "status", "" if same else f"{error.status} instead of {exchange.fails}"
    if exchange.told:
        yield "error's words", "" if _squeezed(exchange.told) in _squeezed(error.message) else repr(error.message)


def _reply(exchange: Exchange, name: str, *, said: Said) -> Iterator[tuple[str, str]]:
    answer, known = exchange.answer, exchange.known
    if exchange.fails is not None:
        yield "error", f"told as a good answer that ended with {said.finish}"
        return
    blank = known.stripped or not answer.text.strip()
    yield "text", _differs(said.text.strip(), answer.text.strip()) if blank else _differs(said.text, answer.text)
    yield "reasoning", _differs(_squeezed(said.reasoning), _squeezed(answer.reasoning))
    called = [(call.name, call.arguments) for call in said.calls]
    yield "calls", _differs(called, [(call.name, call.arguments) for call in answer.calls])
    if name != "ollama" and said.calls:
        yield "ids", "" if len({call.id for call in said.calls} - {""}) == len(said.calls) else "not one for each call"
    ends = ("other", "refusal") if answer.finish == "odd" else (answer.finish,)
    yield "finish", "" if said.finish in ends else f"{said.finish} instead of {answer.finish}"
    yield "prompt tokens", _differs(said.prompt_tokens, answer.counts.prompt)
    yield "completion tokens", _differs(said.completion_tokens, answer.counts.completion)
    if name == "ollama":
        return
    if known.cached:
        yield "cached tokens", _differs(said.cached_tokens or 0, answer.counts.read)
    if known.thought:
        yield "tokens of reasoning", _differs(said.thought_tokens or 0, answer.counts.reasoning)
    if answer.cites:
        yield "citations", _differs(said.cites, answer.cites)


def _history(exchange: Exchange, body: object, *, answers: list[str]) -> Iterator[tuple[str, str]]:
    """What the vendor is told of the first turn in the second request."""
    try:
        seen = read_history(exchange.wire, body)  # type: ignore[arg-type]
    except (KeyError, TypeError, ValueError) as error:
        yield "second request", f"out of shape: {error!r}"
        return
    answer = exchange.answer
    yield "text sent back", _differs(seen.said.strip(), answer.text.strip())
    calls = [(name, arguments) for _, name, arguments in seen.calls]
    yield "calls sent back", _differs(calls, [(call.name, call.arguments) for call in answer.calls])
    if answer.calls:
        ids = [id_ for id_, _, _ in seen.calls]
        yield "results in pairs", _differs([id_ for id_, _ in seen.results], ids)
        told = all(given in text for given, (_, text) in zip(answers, seen.results, strict=False))
        yield "results sent back", "" if told and len(answers) == len(seen.results) else f"{seen.results}"
    else:
        yield "questions sent back", _differs(seen.users, [_ASKED, _NEXT])
    missing = [state for state in exchange.states if state not in seen.blobs]
    if exchange.states:
        yield "opaque state sent back", f"{len(missing)} of {len(exchange.states)} lost" if missing else ""


def _differs(found: object, wanted: object) -> str:
    return "" if found == wanted else f"{found!r} instead of {wanted!r}"


def _squeezed(text: str) -> str:
    """Without blank space: where pieces are joined, faces differ in it."""
    return re.sub(r"\s+", "", text)


@asynccontextmanager
async def bench(folder: Path, seed: int) -> AsyncIterator[Bench]:
    """A gateway over one machine that is every vendor."""
    vendor = Vendor(seed)
    async with machine(Machine(script=vendor, models=())) as upstream, AsyncExitStack() as stack:
        kinds = {**_KINDS, **{name: name for name in _SERVERS}, **dict.fromkeys(_HOSTED, "openai-compatible")}
        kinds["openai-compatible"] = "openai-compatible"
        entries = [
            {"id": name, "kind": kind, "baseUrl": upstream.url, "apiKeyEnv": "FAKE_KEY"} for name, kind in kinds.items()
        ]
        door = await stack.enter_async_context(gate(folder, *entries, setup=Setup(environment={"FAKE_KEY": "sk-fake"})))
        through = {n: await stack.enter_async_context(face(n, door.address, offers=TOOLS)) for n in FACES}
        direct = {n: await stack.enter_async_context(face(n, upstream.url, offers=TOOLS)) for n in FACES}
        yield Bench(vendor, through, direct)

"""The upstream of the exchanges: it answers each visit with what its exchange has, cut into pieces at random."""

import random
from dataclasses import dataclass, field
from typing import Any

from tests.end_to_end.machine import Asked, Line
from tests.translation.answers import Exchange, Served

_KINDS = {"ollama": "application/x-ndjson"}


@dataclass
class Visit:
    """One client that reads one exchange; `asked` is what the vendor got of it."""

    exchange: Exchange
    asked: list[Any] = field(default_factory=list)
    elsewhere: bool = False
    """It was asked on another wire, which that vendor speaks as well: nothing was translated."""


class Vendor:
    """Answers by the name of the model: each visit has one of its own."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)
        self._visits: dict[str, Visit] = {}

    def receive(self, exchange: Exchange) -> tuple[str, Visit]:
        """A model's name for a new visit."""
        name = f"{exchange.model}-v{len(self._visits)}"
        visit = self._visits[name] = Visit(exchange)
        return name, visit

    async def __call__(self, asked: Asked, line: Line) -> None:
        """Serve one request."""
        body = asked.json
        path = asked.path.partition("?")[0]
        model = body.get("model") or path.rpartition("/")[2].partition(":")[0]
        visit = self._visits.get(model)
        if visit is None or not path.endswith(_ENDS[visit.exchange.wire]):
            if visit is not None:
                visit.elsewhere = True
            await line.whole({"error": "there is no such page"}, status=404)
            return
        visit.asked.append(body)
        first = len(visit.asked) == 1
        served = visit.exchange.served if first else visit.exchange.again
        if served.status != 200 or not _streams(visit.exchange.wire, asked, body):
            headers = {name.replace("-", "_"): value for name, value in served.headers}
            await line.whole(served.whole, status=served.status, **headers)
        else:
            await self._stream(served, line, _KINDS.get(visit.exchange.wire, "text/event-stream"))

    async def _stream(self, served: Served, line: Line, kind: str) -> None:
        await line.begin(kind)
        data = b"".join(served.frames)
        at = 0
        while at < len(data):
            size = self._dice.choice((1, 7, 60, 300, 2000, 20000))
            await line.chunk(data[at : at + size])
            at += size
        if served.cut:
            line.reset()
        else:
            await line.end()


_ENDS = {
    "openai-chat": "/chat/completions",
    "openai-responses": "/responses",
    "anthropic": "/messages",
    "gemini": "Content",
    "ollama": "/api/chat",
    "dashscope": "/generation",
}


def _streams(wire: str, asked: Asked, body: Any) -> bool:
    match wire:
        case "gemini":
            return ":streamGenerateContent" in asked.path
        case "ollama":
            return body.get("stream", True)
        case "dashscope":
            return asked.header("x-dashscope-sse") == "enable" or asked.header("accept") == "text/event-stream"
        case _:
            return bool(body.get("stream"))

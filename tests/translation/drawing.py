"""The exchanges of all wires: as many as wanted, new with each seed."""

import random
from collections.abc import Iterator

from tests.translation.answers import Draw, Exchange
from tests.translation.chat import each_chat
from tests.translation.dashscope import each_dashscope
from tests.translation.faults import Source, each_fault
from tests.translation.gemini import each_gemini
from tests.translation.messages import each_messages
from tests.translation.ollama import each_ollama
from tests.translation.responses import each_responses

SOURCES: dict[str, list[Source]] = {
    "openai-chat": each_chat(),
    "openai-responses": each_responses(),
    "anthropic": each_messages(),
    "gemini": each_gemini(),
    "ollama": each_ollama(),
    "dashscope": each_dashscope(),
}


def exchanges(wire: str, seed: int, count: int) -> Iterator[Exchange]:
    """So many exchanges of a wire; every vendor has its turn, in an order by chance."""
    draw = Draw(random.Random(f"{wire} {seed}"))
    waiting: list[Source] = []
    for _ in range(count):
        if not waiting:
            waiting = [*SOURCES[wire], *each_fault(wire, SOURCES[wire])]
            draw.dice.shuffle(waiting)
        yield waiting.pop()(draw)

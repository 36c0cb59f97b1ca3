#!/usr/bin/env python3
"""How many chunks of a stream per second go through a decoder of one wire and an encoder of the other, in process.

    python bench/translate.py [--seconds 2] [--short] [--folder FOLDER]

Both directions, with one chunk per read (a paced stream) and with 16 KiB per read (a fast one). CPU time counts.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from kept import FOLDER, keep, median

from hostler.core.requests import Asked
from hostler.wire import anthropic, openai_chat

CHUNKS = 1000
READ = 16384
ROUNDS = 5


def chat_stream() -> Iterator[bytes]:
    """A chat completion of `CHUNKS` pieces, event by event."""
    head = {"id": "chatcmpl-bench", "object": "chat.completion.chunk", "created": 1700000000, "model": "mock"}

    def event(choices: list[object], **more: object) -> bytes:
        return b"data: " + json.dumps({**head, "choices": choices, **more}, separators=(",", ":")).encode() + b"\n\n"

    yield event([{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}])
    for number in range(CHUNKS):
        yield event([{"index": 0, "delta": {"content": f" word{number}"}, "finish_reason": None}])
    yield event([{"index": 0, "delta": {}, "finish_reason": "stop"}])
    yield event([], usage={"prompt_tokens": 10, "completion_tokens": CHUNKS, "total_tokens": CHUNKS + 10})
    yield b"data: [DONE]\n\n"


def messages_stream() -> Iterator[bytes]:
    """A message of `CHUNKS` pieces, event by event."""

    def event(kind: str, **more: object) -> bytes:
        return f"event: {kind}\ndata: {json.dumps({'type': kind, **more}, separators=(',', ':'))}\n\n".encode()

    usage = {"input_tokens": 10, "output_tokens": 1}
    message = {
        "id": "msg_bench",
        "type": "message",
        "role": "assistant",
        "model": "mock",
        "content": [],
        "usage": usage,
    }
    yield event("message_start", message={**message, "stop_reason": None, "stop_sequence": None})
    yield event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    for number in range(CHUNKS):
        yield event("content_block_delta", index=0, delta={"type": "text_delta", "text": f" word{number}"})
    yield event("content_block_stop", index=0)
    delta = {"stop_reason": "end_turn", "stop_sequence": None}
    yield event("message_delta", delta=delta, usage={"output_tokens": CHUNKS})
    yield event("message_stop")


def reads(events: Iterable[bytes], size: int) -> list[bytes]:
    """The stream as a socket would give it: event by event for 0, else `size` bytes at a time."""
    if not size:
        return list(events)
    data = b"".join(events)
    return [data[at : at + size] for at in range(0, len(data), size)]


def to_messages(parts: list[bytes]) -> int:
    """Chat in, messages out; bytes written."""
    asked = Asked(model="mock", id="msg_bench", created=1700000000, include_usage=True)
    return relay(openai_chat.stream_decoder(), anthropic.stream_encoder(asked), parts=parts)


def to_chat(parts: list[bytes]) -> int:
    """Messages in, chat out; bytes written."""
    asked = Asked(model="mock", id="chatcmpl-bench", created=1700000000, include_usage=True)
    return relay(anthropic.stream_decoder(), openai_chat.stream_encoder(asked), parts=parts)


def relay(decoder: object, encoder: object, *, parts: list[bytes]) -> int:
    """What the gateway does with each read."""
    size = 0
    for part in parts:
        if batch := decoder.feed(part):
            size += len(encoder.encode(batch))
    if batch := decoder.flush():
        size += len(encoder.encode(batch))
    return size + len(encoder.finish())


def rate(job: Callable[[list[bytes]], int], parts: list[bytes], *, seconds: float) -> float:
    """Chunks per second of CPU time."""
    done, began = 0, time.process_time()
    while (spent := time.process_time() - began) < seconds:
        if job(parts) < CHUNKS * len(" word0"):
            raise SystemExit("the translation lost text")
        done += CHUNKS
    return round(done / spent)


def measure(seconds: float) -> dict[str, list[float]]:
    """Every case in turn, `ROUNDS` times; `seconds` in all for each."""
    cases = {
        f"{name}, {'16 KiB' if size else 'one chunk'} per read": (job, reads(source(), size))
        for name, job, source in (
            ("chat to messages", to_messages, chat_stream),
            ("messages to chat", to_chat, messages_stream),
        )
        for size in (0, READ)
    }
    rates: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(ROUNDS):
        for name, (job, parts) in cases.items():
            rates[name].append(rate(job, parts, seconds=seconds / ROUNDS))
    return rates


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, help="for each case (default 2)")
    parser.add_argument("--short", action="store_true", help="0.2 s for each case: a check, no measurement")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    asked = parser.parse_args()
    rates = measure(asked.seconds or (0.2 if asked.short else 2.0))
    for name, told in rates.items():
        print(f"{name}: {median(told):,.0f} chunks/s")
    print(keep("translate", rates, folder=asked.folder, short=asked.short))


if __name__ == "__main__":
    main()

"""In which order the events of a stream may come, as the vendor's guide to its events has it. Knows no code of ours.

Each `check` raises AssertionError for what is out of place.
"""

from collections.abc import Sequence
from typing import Any

Json = dict[str, Any]
ENDS = ("response.completed", "response.incomplete", "response.failed")
_GROWTH = {
    "response.output_text": ("text", "content_index", "content"),
    "response.refusal": ("refusal", "content_index", "content"),
    "response.reasoning_summary_text": ("text", "summary_index", "summary"),
    "response.reasoning_text": ("text", "content_index", "content"),
    "response.function_call_arguments": ("arguments", "", ""),
    "response.custom_tool_call_input": ("input", "", ""),
}
"""What grows by deltas, the field that holds the whole, and the number and the list of the part that it is in."""


def check_responses(events: Sequence[tuple[str, Json]]) -> None:
    """A whole stream of the Responses wire: (name of the frame, its data) each. It may have failed."""
    data = [event for _, event in events]
    assert [name for name, _ in events] == [event["type"] for event in data], "a frame is named like its event"
    assert [event["sequence_number"] for event in data] == list(range(len(data)))
    kinds = [event["type"] for event in data]
    failed = kinds[-1] == "response.failed"
    middle = data[2:-2] if failed and kinds[-2] == "error" else data[2:-1]
    if kinds[0] != "response.created":
        assert failed and not middle, kinds
        return
    assert kinds[1] == "response.in_progress" and kinds[-1] in ENDS, kinds
    assert all(event["response"]["status"] == "in_progress" and not event["response"]["output"] for event in data[:2])
    last = data[-1]["response"]
    assert f"response.{last['status']}" == kinds[-1]
    if not failed:  # who tells of a failure may know nothing of the response but that it failed
        assert all(event["response"][key] == last[key] for event in data[:2] for key in ("id", "created_at", "model"))
    items = _Items()
    for event in middle:
        items.take(event)
    if not failed:
        items.end(last["output"])


class _Items:
    """The output as its events build it."""

    def __init__(self) -> None:
        self.done: list[Json] = []
        self.open: Json | None = None
        self.parts: dict[tuple[str, int], Json] = {}
        self.part: tuple[str, int] | None = None
        self.grown: dict[tuple[str, int], str] = {}
        self.whole: set[tuple[str, int]] = set()
        self.notes: list[Json] = []

    def take(self, event: Json) -> None:
        kind: str = event["type"]
        if kind == "response.output_item.added":
            assert self.open is None and event["output_index"] == len(self.done), event
            self.open, self.parts, self.grown, self.whole = event["item"], {}, {}, set()
            return
        assert self.open is not None and event["output_index"] == len(self.done), event
        if kind == "response.output_item.done":
            self._end_item(event["item"])
            return
        assert event["item_id"] == self.open["id"], event
        thing, state = kind.rpartition(".")[::2]
        if thing == "response.output_text.annotation":
            assert self.part == self._place(event) and event["annotation_index"] == len(self.notes), event
            self.notes.append(event["annotation"])
        elif thing in ("response.content_part", "response.reasoning_summary_part"):
            self._take_part(event, added=state == "added")
        else:
            self._take_text(event, thing, whole=state == "done")

    def end(self, output: list[Json]) -> None:
        """What the last event says was all the output, is what came."""
        assert output == self.done
        assert self.open is None, self.open

    def _take_part(self, event: Json, *, added: bool) -> None:
        place = self._place(event)
        if added:
            held = sum(1 for each, _ in self.parts if each == place[0])
            assert self.part is None and place[1] == held, event
            self.part, self.notes = place, []
        else:
            assert self.part == place, event
            self.part, self.parts[place] = None, event["part"]
            assert event["part"].get("annotations", []) == self.notes, event
            text = next((event["part"][key] for key in ("text", "refusal") if key in event["part"]), "")
            assert text == self.grown.get(place) and place in self.whole, event

    def _take_text(self, event: Json, thing: str, *, whole: bool) -> None:
        field, number, held_in = _GROWTH[thing]
        place = (held_in, event[number]) if number else ("", 0)
        assert not number or self.part == place, event
        assert place not in self.whole, event
        if whole:
            self.whole.add(place)
            assert event[field] == self.grown.get(place, ""), event
            self.grown[place] = event[field]
        else:
            self.grown[place] = self.grown.get(place, "") + event["delta"]

    def _end_item(self, item: Json) -> None:
        opened = self.open or {}
        assert self.part is None and all(item.get(key) == opened.get(key) for key in ("id", "type", "call_id", "name"))
        for (held_in, number), part in self.parts.items():
            assert item[held_in][number] == part, item
        for place, text in self.grown.items():
            assert place in self.whole and (place[0] in item or text == item.get("arguments", item.get("input"))), item
        self.open = None
        self.done.append(item)

    def _place(self, event: Json) -> tuple[str, int]:
        return ("summary", event["summary_index"]) if "summary_index" in event else ("content", event["content_index"])


def check_chat(chunks: Sequence[Json | None]) -> None:
    """A whole stream of chunks, None for the end mark: one role, one reason to finish, then counts, then the end."""
    *data, end = chunks
    assert end is None and None not in data
    told = [chunk for chunk in data if chunk]
    assert len({(chunk["id"], chunk["created"], chunk["model"]) for chunk in told}) == 1
    choices = [choice for chunk in told for choice in chunk["choices"]]
    assert [choice["delta"].get("role") for choice in choices].count("assistant") == 1
    assert choices[0]["delta"]["role"] == "assistant"
    assert [bool(choice["finish_reason"]) for choice in choices] == [False] * (len(choices) - 1) + [True]
    assert [bool(chunk.get("usage")) for chunk in told].count(True) <= 1
    assert all(not chunk["choices"] for chunk in told if chunk.get("usage"))
    opened: set[int] = set()
    for choice in choices:
        for call in choice["delta"].get("tool_calls", ()):
            assert ("id" in call) == (call["index"] not in opened), call
            opened.add(call["index"])
    assert opened == set(range(len(opened)))

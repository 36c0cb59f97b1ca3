"""Knows earlier responses by their id, so that a request may go on from one. Does not know how they were made.

Bounded, and forgotten when the fake is reset.
"""

from collections import OrderedDict
from typing import Final

from hostler.providers.fake.asked import Asked, Fault
from hostler.providers.fake.json_values import Json, is_array, is_object
from hostler.providers.fake.openai_faults import KIND

KEPT: Final = 1000
"""Responses that are remembered."""


class KeptResponses:
    """The conversation up to each response that was not asked to be forgotten."""

    def __init__(self) -> None:
        self._items: OrderedDict[str, list[object]] = OrderedDict()

    def clear(self) -> None:
        """Forget all."""
        self._items.clear()

    def continued(self, body: object) -> object:
        """The request with what stood before it in its input. Raises Fault for a response that is not known."""
        before = body.get("previous_response_id") if is_object(body) else None
        if not isinstance(before, str) or not is_object(body):
            return body
        if before not in self._items:
            text = f"Previous response with id '{before}' not found."
            raise Fault(text, kind=KIND, param="previous_response_id", code="previous_response_not_found")
        return {**body, "input": [*self._items[before], *_listed(body.get("input", []))]}

    def keep(self, asked: Asked, response_id: str, *, output: list[Json]) -> None:
        """Remember a response, unless its request says `store: false`."""
        if asked.body.get("store") is False:
            return
        self._items[response_id] = [*_listed(asked.body.get("input", [])), *output]
        while len(self._items) > KEPT:
            self._items.popitem(last=False)


def _listed(given: object) -> list[object]:
    return given if is_array(given) else [{"type": "message", "role": "user", "content": given}]

"""Follows a server's events beside the browser, and holds each of them to the schema that this server publishes.

Knows: the stream's frames, the OpenAPI document. Does not know: what any test does.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx2
from jsonschema import Draft202012Validator

from hostler.workbench.event_schema import validate
from tests.workbench.events import Frame, Reader

DOCUMENT = "/hostler/api/openapi.json"
PATIENCE_S = 30.0
MOST_COMPLAINTS = 20


class Schemas:
    """What the server's document says of events, snapshots and gaps."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._components = document["components"]
        self.kinds: dict[str, str] = self._components["schemas"]["Event"]["discriminator"]["mapping"]
        self._validators: dict[str, Draft202012Validator] = {}

    def complaints(self, reference: str, value: object) -> list[str]:
        """What is wrong with a value that should be what the reference names."""
        if reference not in self._validators:
            self._validators[reference] = Draft202012Validator({"$ref": reference, "components": self._components})
        found = self._validators[reference].iter_errors(value)
        return [f"{reference.rpartition('/')[2]}: {error.json_path}: {error.message[:300]}" for error in found]

    def of_frame(self, frame: Frame) -> list[str]:
        """What is wrong with a frame."""
        if frame.name != "events":
            return self.complaints(f"#/components/schemas/{frame.name.capitalize()}", frame.data)
        return [line for event in frame.events for line in self.of_event(event)]

    def of_event(self, event: dict[str, Any]) -> list[str]:
        """What is wrong with an event: by the schema, and by what no schema can say (what no browser may see)."""
        kind = event["kind"]
        if kind not in self.kinds:
            return [f"the published schema has no kind '{kind}'"]
        told = self.complaints(self.kinds[kind], event)
        try:
            validate(kind, event["data"])
        except ValueError as error:
            told.append(str(error))
        return told


@dataclass
class Judge:
    """Of one server, over all its restarts. `kinds` counts what came, `complaints` is what is wrong with it."""

    kinds: Counter[str] = field(default_factory=Counter[str])
    complaints: list[str] = field(default_factory=list[str])
    snapshots: int = 0
    last: int = 0

    async def follow(self, address: str, token: str) -> None:
        """Until the server ends. The stream begins where the last one ended, as a tab's does."""
        headers = {"authorization": f"Bearer {token}"}
        async with httpx2.AsyncClient(base_url=address, headers=headers, timeout=PATIENCE_S) as client:
            schemas = Schemas((await client.get(DOCUMENT)).json())
        port = int(address.rpartition(":")[2])
        reader = await Reader.open(
            port, since=self.last or None, host="localhost", extra=f"Authorization: Bearer {token}\r\n"
        )
        try:
            assert reader.status == 200, reader.status
            while (frame := await reader.next(patience=None)) is not None:
                reader.frames.clear()
                self._take(frame, schemas)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # killed
        finally:
            await reader.close()

    def _take(self, frame: Frame, schemas: Schemas) -> None:
        told = schemas.of_frame(frame)
        if frame.name == "events":
            self.kinds.update(str(event["kind"]) for event in frame.events)
            told += [f"event {seq} came after {self.last}" for seq in frame.seqs if seq <= self.last]
        self.snapshots += frame.name == "snapshot"
        if frame.id < self.last:
            told.append(f"a {frame.name} of {frame.id} came after {self.last}")
        self.last = frame.id
        if len(self.complaints) < MOST_COMPLAINTS:
            self.complaints += told

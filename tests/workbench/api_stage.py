"""The workbench's API in this process over the real parts, with a fake vendor as `far`; calls without a network."""

import os
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import msgspec

from hostler.app import open_app
from hostler.owned import App
from hostler.providers.fake import FakeVendor
from hostler.rooms import OpenRooms, open_rooms
from hostler.settings import load
from hostler.system.event_log import Event
from hostler.workbench.event_schema import Data, validate
from hostler.workbench.parts import WorkbenchParts
from tests.fakes import serving
from tests.waiting import wait_until

PREFIX = "/hostler/api"
SCRIPT: Mapping[str, object] = {
    "models": [
        {"id": "echo", "replies": [{"echo": True}]},
        {"id": "think", "replies": [{"reasoning": "Let me see.", "text": "Yes."}]},
        {"id": "held", "replies": [{"text": "one two three four", "hold_after": 2}]},
        {"id": "drop", "replies": [{"text": "one two three four", "broken": {"how": "reset", "after_chunks": 2}}]},
        {"id": "down", "replies": [{"failure": {"status": 400, "message": "Not like this."}}]},
        {"id": 'org/name:it\'s "8b"', "replies": [{"text": "Quoted."}]},
        {"id": "*", "replies": [{"echo": True}]},
    ]
}


@dataclass
class ApiStage:
    """The API and what stands behind it."""

    app: App
    rooms: OpenRooms
    http: httpx2.AsyncClient
    fake: FakeVendor
    refusals: list[Any] = field(default_factory=list[Any])

    @property
    def parts(self) -> WorkbenchParts:
        return self.rooms._parts

    async def call(self, method: str, path: str, body: object = None, *, status: int = 200) -> Any:
        """The answer's JSON; the status must be this one. An error must have its whole shape."""
        data = b"" if body is None else body if isinstance(body, bytes) else msgspec.json.encode(body)
        reply = await self.http.request(method, PREFIX + path, content=data)
        assert reply.status_code == status, reply.text
        answer = msgspec.json.decode(reply.content)
        if status >= 400:
            assert set(answer) == {"error"} and set(answer["error"]) == {"code", "message", "hint"}, answer
            return answer["error"]
        return answer

    async def session(self, **fields: object) -> str:
        return (await self.call("POST", "/sessions", fields, status=201))["id"]

    async def turn(self, session: str, text: str, *models: str, parent: str | None = None) -> Any:
        body = {"parent": parent, "parts": [{"type": "text", "text": text}], "models": list(models)}
        return await self.call("POST", f"/sessions/{session}/turns", body, status=202)

    async def messages(self, session: str) -> dict[str, Any]:
        """By id."""
        return {message["id"]: message for message in (await self.call("GET", f"/sessions/{session}"))["messages"]}

    async def ended(self, session: str, message: str) -> Any:
        """The message once it does not run any more."""
        turns = self.rooms._parts.turns
        await wait_until(lambda: all(running.id != message for running in turns.running()))
        return (await self.messages(session))[message]

    async def seen(self, requests: int, model: str = "held") -> None:
        """Once the vendor has had so many requests for this model, and the last one stands where it waits."""
        record = self.fake.record

        def stands() -> bool:
            found = [request for request in record.requests if request.model == model]
            return len(found) == requests and found[-1].chunks == 2

        await record.wait_for(stands, 20.0)

    def told(self, *kinds: str) -> list[Data]:
        """Events so far of these kinds; every event must follow its schema."""
        events = [event for event in self.app.events.tail() if isinstance(event, Event)]
        records = [(event.kind, validate(event.kind, event.data)) for event in events]
        return [record for kind, record in records if not kinds or kind in kinds]


def providers_file(address: str) -> None:
    """Where `far` is."""
    path = Path(os.environ["LLAMA_PROVIDERS_PATH"])
    path.parent.mkdir(parents=True, exist_ok=True)
    entry = {"id": "far", "kind": "openai-compatible", "baseUrl": address}
    path.write_bytes(msgspec.json.encode({"defaultProvider": "far", "providers": [entry]}))


@asynccontextmanager
async def api_stage(script: Mapping[str, object] = SCRIPT) -> AsyncGenerator[ApiStage]:
    """Everything, in the test's own folders."""
    async with serving(script) as fake:
        providers_file(fake.address)
        async with open_app(load()) as app:
            rooms = await open_rooms(app, time.time_ns() // 1_000_000)
            try:
                transport = httpx2.ASGITransport(rooms.make_api(), raise_app_exceptions=False)
                async with httpx2.AsyncClient(transport=transport, base_url="http://workbench") as http:
                    stage = ApiStage(app, rooms, http, fake)
                    yield stage
                    stage.told()
            finally:
                await rooms.close()

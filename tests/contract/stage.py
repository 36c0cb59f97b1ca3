"""What a module of the contract runs on: one strict fake vendor, and one process that reaches it by each wire.

Knows: which providers there are, and how a script is made of cases. Does not know: what a case expects.
"""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from hostler.app import App, open_app
from hostler.client.client import Client
from hostler.core.wires import WIRES, Wire
from hostler.providers.fake import FakeVendor, Script
from hostler.providers.fake.script import Model
from hostler.routing.call import Call, Plan
from hostler.routing.outlets import Take
from tests.contract.case import FORMS, Case, Form
from tests.end_to_end.gate import Setup, settings_of
from tests.fakes import serving

KINDS: Final[dict[Wire, str]] = {
    "openai-chat": "openai-compatible",
    "openai-responses": "openai-responses",
    "anthropic": "anthropic",
    "gemini": "gemini",
    "ollama": "ollama",
    "dashscope": "dashscope",
}
"""The kind of provider that speaks a wire; a provider of the wire's name is of it."""
VENDORS: Final = {
    "deepseek": "openai-compatible",
    "mistral": "openai-compatible",
    "openrouter": "openai-compatible",
    "vllm": "vllm",
    "openai": "openai-responses",
    "xai": "openai-responses",
}
"""Vendors and servers whose rows say how they depart from their wire, by the kind that leads to it."""
HASTY: Final = "hasty-"
"""Before a wire's name: the same, with next to no patience."""
HASTE_S: Final = 0.04


@dataclass(frozen=True)
class Stage:
    """The fake and the process in front of it."""

    fake: FakeVendor
    app: App

    def client(self, form: Form) -> Client:
        """The Python client, that has its replies in this form from the vendor."""
        client = self.app.client()
        if form == "streamed":
            return client
        return Client(self._whole, self.app.resolver.resolve, models=client.models)

    async def _whole(self, call: Call, take: Take) -> None:
        plan = Plan(call.plan.route, call.plan.face, operation="chat", stream=False)
        await self.app.dispatch.feed(Call(call.id, plan, request=call.request), take)


@asynccontextmanager
async def staged(folder: Path, rows: Iterable[Case]) -> AsyncIterator[Stage]:
    """A stage for these cases while the block runs."""
    async with serving(Script(models=tuple(_models(rows)), strict=True)) as fake:
        setup = Setup(environment={"FAKE_KEY": "sk-fake"})
        async with open_app(settings_of(folder, list(_providers(fake.address)), setup)) as app:
            yield Stage(fake, app)


def _models(rows: Iterable[Case]) -> Iterable[Model]:
    """A model for each run of a case: what one run asks moves no other's script on."""
    for row in rows:
        for wire in WIRES:
            for form in FORMS:
                yield Model(id=row.model(wire, form), replies=row.replies, dialect=row.place(wire).dialect)


def _providers(address: str) -> Iterable[dict[str, Any]]:
    for wire, kind in KINDS.items():
        entry = {"id": wire, "kind": kind, "baseUrl": address, "apiKeyEnv": "FAKE_KEY"}
        yield entry
        yield entry | {"id": HASTY + wire, "timeouts": {"firstByte": HASTE_S, "idle": HASTE_S}}
    for vendor, kind in VENDORS.items():
        yield {"id": vendor, "kind": kind, "baseUrl": address, "apiKeyEnv": "FAKE_KEY"}

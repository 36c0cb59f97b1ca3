"""A conversation as a case holds it: in core's words, over one wire, in one form.

Knows: how a reply becomes a history, and what the vendor received of it. Does not know: any wire's JSON.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, replace
from typing import Unpack

from hostler.accounts.ledger_queries import RequestRow, recent
from hostler.client.asking import Options, Prompt
from hostler.core.deltas import Delta
from hostler.core.messages import Message, Part, Reasoning, Text, ToolResult
from hostler.core.requests import Reply
from hostler.core.wires import Wire
from hostler.providers.fake.record import Received
from tests.contract.case import Case, Form
from tests.contract.stage import Stage

PATIENCE_S = 30.0


@dataclass(frozen=True)
class Talk:
    """Asks the case's model."""

    stage: Stage
    case: Case
    wire: Wire
    form: Form

    @property
    def streamed(self) -> bool:
        """Whether the vendor is asked for streams."""
        return self.form == "streamed"

    @property
    def model(self) -> str:
        """The id of the case's model."""
        return f"{self.case.place(self.wire).provider or self.wire}/{self.case.model(self.wire, self.form)}"

    async def ask(self, prompt: Prompt, **options: Unpack[Options]) -> Reply:
        """The whole reply, by the client's own door."""
        async with asyncio.timeout(PATIENCE_S):
            return await self.stage.client(self.form).ask(self.model, prompt, **options)

    def deltas(self, prompt: Prompt, **options: Unpack[Options]) -> AsyncGenerator[Delta]:
        """The reply as it comes."""
        return self.stage.client(self.form).stream(self.model, prompt, **options)

    @property
    def received(self) -> list[Received]:
        """What the vendor got, oldest first."""
        name = self.case.model(self.wire, self.form)
        return [received for received in self.stage.fake.requests if received.model == name]

    @property
    def sent(self) -> str:
        """The last request's JSON, as text that a word can be looked for in."""
        return json.dumps(self.received[-1].json, ensure_ascii=False)

    async def row(self) -> RequestRow:
        """The ledger's row of the last request."""
        app = self.stage.app
        await asyncio.to_thread(app.fold.flush)
        return next(row for row in recent(app.store, 20) if row.model == self.model)

    async def dropped(self) -> set[str]:
        """What that row says that the wire could not express."""
        return set(((await self.row()).dropped or "").split(",")) - {""}


def user(*parts: str | Part) -> Message:
    """What the user says."""
    return Message("user", tuple(Text(text=part) if isinstance(part, str) else part for part in parts))


def answered(reply: Reply, *results: str) -> list[Message]:
    """A reply as it goes back, and behind it what its calls gave."""
    return [Message("assistant", reply.parts), *_results(reply, results)]


def answered_plainly(reply: Reply, *results: str) -> list[Message]:
    """The same of a client that carries nothing but text and calls."""
    parts = (replace(part, opaque=None, origin=None) for part in reply.parts if not isinstance(part, Reasoning))  # type: ignore[call-arg]
    return [Message("assistant", tuple(parts)), *_results(reply, results)]


def _results(reply: Reply, results: Sequence[str]) -> list[Message]:
    parts = tuple(
        ToolResult(call_id=call.id, name=call.name, content=(Text(text=text),))
        for call, text in zip(reply.tool_calls, results, strict=True)
    )
    return [Message("tool", parts)] if parts else []


def thoughts(reply: Reply) -> str:
    """The readable reasoning of a reply."""
    return "".join(part.text for part in reply.parts if isinstance(part, Reasoning))


def called(reply: Reply) -> list[tuple[str, object]]:
    """The calls of a reply: names and arguments."""
    return [(call.name, json.loads(call.arguments or "{}")) for call in reply.tool_calls]


def opaque(reply: Reply) -> list[bytes]:
    """The opaque blocks of a reply, in order."""
    return [found for part in reply.parts if (found := getattr(part, "opaque", None)) is not None]

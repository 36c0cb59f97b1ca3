"""One cheap live call per provider, and what it came to in plain words.

Knows: which call tells whether address and key are right, and what each failure means for a person. Does not know:
which providers are worth a check, how results are shown.
"""

import asyncio
import socket
import ssl
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, cast

import msgspec

from hostler.core.messages import Message, Text
from hostler.core.requests import ChatRequest
from hostler.errors import HostlerError, UpstreamError, UpstreamTimeout, UpstreamUnreachable
from hostler.providers.model_lists import Answer, Ask
from hostler.providers.provider import Provider
from hostler.registry.http_asker import HttpAsker
from hostler.registry.questions import Asker, target_of
from hostler.system.program import Program, ProgramDoor
from hostler.system.upstream import Headers, Patience, Receiver

State = Literal["up", "down", "refused", "wrong", "not ready"]
AT_ONCE: Final = 8
TIMEOUT_S: Final = 15.0
NOBODY: Final = "hostler-check"
"""A model that no vendor has: the refusal of its name comes after that of a key, and costs nothing."""
_NO_LIST: Final = (404, 405, 501)
_OPENING: Final = 200
"""Characters of a vendor's own words that are shown."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check came to. `text` says it, `hint` what to do; `models` is how many were listed, None: no list."""

    id: str
    state: State
    text: str
    hint: str = ""
    models: int | None = None
    seconds: float = 0.0

    @property
    def good(self) -> bool:
        """Whether calls can be expected to work."""
        return self.state == "up"


@dataclass(frozen=True, slots=True)
class Probe:
    """A provider and what else is known of it: one of its models, and whether anybody may read its list."""

    provider: Provider
    model: str = NOBODY
    open_list: bool = False


async def check_live(
    probes: Iterable[Probe],
    environment: Mapping[str, str],
    *,
    timeout_s: float = TIMEOUT_S,
    at_once: int = AT_ONCE,
    asker: Asker | None = None,
) -> tuple[Finding, ...]:
    """Check all, so many at once, in the order given. Raises nothing."""
    room = asyncio.Semaphore(at_once)
    own = asker or HttpAsker(environment, connect_s=timeout_s, timeout_s=timeout_s)

    async def one(probe: Probe) -> Finding:
        async with room:
            return await _timed(probe, own, timeout_s=timeout_s)

    try:
        return tuple(await asyncio.gather(*map(one, probes)))
    finally:
        await own.close()


async def _timed(probe: Probe, asker: Asker, *, timeout_s: float) -> Finding:
    provider, begun = probe.provider, time.monotonic()
    refusal = provider.refusal()
    if refusal is not None:
        return Finding(provider.id, "not ready", refusal.message, refusal.hint or "")
    try:
        if provider.program is not None:
            finding = await _run(provider, timeout_s)
        else:
            finding = await _call(probe, asker)
    except HostlerError as error:
        finding = _unreachable(provider, error)
    return Finding(
        finding.id, finding.state, finding.text, finding.hint, finding.models, round(time.monotonic() - begun, 3)
    )


async def _call(probe: Probe, asker: Asker) -> Finding:
    provider = probe.provider
    listing = next((side for side in (provider, *provider.sides) if side.path("models")), None)
    models: int | None = None
    if listing is not None and provider.version != "":
        answer = await asker.ask(target_of(listing), Ask(listing.path("models") or ""))
        models = _listed(answer)
        if models is not None and not probe.open_list:
            return Finding(provider.id, "up", f"{models} models", models=models)
        if models is None and answer.status not in _NO_LIST:
            return _refused(listing, answer)
    return await _one_token(probe, asker, models=models)


async def _one_token(probe: Probe, asker: Asker, *, models: int | None) -> Finding:
    provider = probe.provider
    request = ChatRequest(
        model=probe.model, messages=(Message("user", (Text(text="hi"),)),), max_tokens=1, stream=False
    )
    path = provider.call_path("chat", probe.model, stream=False)
    body = provider.codec.encode_request(request, provider.dialect).body
    answer = await asker.ask(target_of(provider), Ask(path, body))
    page = answer.json()
    named = page is not None and (
        answer.status < 300 or (answer.status in (400, 404, 422) and _speaks_of_the_model(answer))
    )
    if named:
        told = "answers and takes the key" if provider.auth else "answers"
        return Finding(provider.id, "up", told if models is None else f"{models} models", models=models)
    return _refused(provider, answer)


def _speaks_of_the_model(answer: Answer) -> bool:
    """Whether a refusal is of the model's name, which proves that address and key were good."""
    words = answer.body[:4096].decode("utf-8", "replace").lower()
    return "model" in words or NOBODY in words or "deployment" in words


def _listed(answer: Answer) -> int | None:
    """How many models a good answer lists; None when it is no list."""
    page = answer.json() if answer.status < 300 else None
    if page is None:
        return None
    lists = [page.get(name) for name in ("data", "models")]
    return next((len(cast("list[object]", items)) for items in lists if isinstance(items, list)), None)


# ---------------------------------------------------------------- failures in words


def _unreachable(provider: Provider, error: HostlerError) -> Finding:
    if provider.program is not None:
        return Finding(provider.id, "down", error.message, f"Try `{provider.program.name} --version` in a terminal.")
    cause, address = error.__context__, provider.address
    where = f"{address.host}:{address.port}"
    if isinstance(error, UpstreamTimeout):
        return Finding(provider.id, "down", f"{where} did not answer in time.", "It may be loading, or out of reach.")
    if not isinstance(error, UpstreamUnreachable):
        hint = "Check the port, and whether the base URL should begin with http:// or https://."
        return Finding(provider.id, "wrong", f"{where} is no such API: {error.message}", hint)
    if isinstance(cause, socket.gaierror):
        hint = "Check the host's name in the base URL, and this machine's network."
        return Finding(provider.id, "down", f"There is no host '{address.host}' (DNS).", hint)
    if isinstance(cause, ssl.SSLError):
        hint = "Check the host's name and the port; SSL_CERT_FILE names further certificates to trust."
        return Finding(provider.id, "down", error.message, hint)
    if isinstance(cause, ConnectionRefusedError):
        return Finding(provider.id, "down", f"Nothing listens at {where}.", "Start it, or check the port.")
    return Finding(provider.id, "down", error.message)


def _refused(provider: Provider, answer: Answer) -> Finding:
    """An answer that is no good one."""
    status, words = answer.status, _own_words(provider, answer)
    key = provider.key_from or "no key"
    match status:
        case 401:
            what = f"The key ({key}) is not accepted." if provider.auth else "It wants a key, and there is none."
            return Finding(provider.id, "refused", f"{what}{words}", _key_hint(provider))
        case 402:
            return Finding(provider.id, "refused", f"The account has no credit left.{words}", "See to its billing.")
        case 403:
            hint = "The key may lack a right, or the account may not be used from here."
            return Finding(provider.id, "refused", f"The key ({key}) may not do this.{words}", hint)
        case 429:
            hint = "Wait, or see the account's limits and quota."
            return Finding(provider.id, "refused", f"Too many requests, or the quota is used up.{words}", hint)
        case 404 | 405 | 501:
            text = f"There is no such API at {provider.address.url}{provider.prefix}: it answered {status}.{words}"
            return Finding(provider.id, "wrong", text, _path_hint(provider))
        case _ if 300 <= status < 400:
            elsewhere = answer.headers.get("location", "")[:_OPENING]
            text = (
                f"It sends us elsewhere ({status}{': ' + elsewhere if elsewhere.isprintable() and elsewhere else ''})."
            )
            return Finding(provider.id, "wrong", text, "Make that the base URL, if it is yours.")
        case _ if status >= 500:
            return Finding(provider.id, "down", f"It is in trouble itself: it answered {status}.{words}", "Try later.")
        case _ if status >= 300:
            return Finding(provider.id, "wrong", f"It answered {status}.{words}", _path_hint(provider))
        case _:
            kind = answer.headers.get("content-type", "").partition(";")[0] or "no content type"
            text = f"{provider.address.url}{provider.prefix} answers, but is no such API ({kind[:80]})."
            return Finding(provider.id, "wrong", text, _path_hint(provider))


def _own_words(provider: Provider, answer: Answer) -> str:
    """What it says itself, without the key should it repeat it."""
    if answer.json() is None:
        return ""
    try:
        said = provider.codec.decode_error(answer.status, answer.headers, answer.body).message
    except (HostlerError, msgspec.DecodeError):
        return ""
    if provider.auth is not None:
        said = said.replace(provider.auth[1].removeprefix(b"Bearer ").decode("ascii"), "...")
    said = " ".join(said.split())[:_OPENING]
    return f' It says: "{said}"' if said else ""


def _key_hint(provider: Provider) -> str:
    if not provider.auth:
        return f"Name the key's variable in apiKeyEnv, or store it: hostler providers login {provider.id}"
    return f"Check {provider.key_from or 'the key'}; keys of other regions and of other vendors do not fit."


def _path_hint(provider: Provider) -> str:
    version = provider.other_path("").removeprefix(provider.prefix).partition("?")[0]
    if not version:
        return "Check the base URL."
    return f"Check the base URL: it is what stands before {version} in the API's addresses."


# ---------------------------------------------------------------- programs


async def _run(provider: Provider, timeout_s: float) -> Finding:
    """Ask a program for its version: that it starts; whether it is logged in, only a call that costs could tell."""
    run = provider.run(NOBODY)
    door = ProgramDoor(Program((provider.program_path, "--version"), run.environment, run.kind, run.explain))
    connection = await door.connect()
    words = _Words()
    try:
        connection.send(b"", words, Patience(first_byte=timeout_s, idle=timeout_s))
        said = await words.done
    finally:
        connection.abort()
    return Finding(provider.id, "up", f"version {said[:40]}", provider.note)


class _Words(Receiver):
    """All that a program says, as text."""

    def __init__(self) -> None:
        self.done: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._data = b""

    def on_head(self, status: int, headers: Headers) -> None:
        del status, headers

    def on_body(self, data: bytes) -> None:
        self._data = (self._data + data)[:4096]

    def on_complete(self) -> None:
        if not self.done.done():
            self.done.set_result(" ".join(self._data.decode("utf-8", "replace").split()))

    def on_failed(self, error: UpstreamError) -> None:
        if not self.done.done():
            self.done.set_exception(error)

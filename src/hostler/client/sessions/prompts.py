"""Texts that a person keeps for use again. Knows the table `prompts`; does not know where they are used."""

from typing import Final

from msgspec import UNSET, Struct, UnsetType

from hostler.client.sessions.ids import PROMPT, new_id
from hostler.client.sessions.records import Prompt
from hostler.client.sessions.titles import checked
from hostler.errors import NotFound, RequestError
from hostler.system.clock import Clock, SystemClock
from hostler.system.store import Connection, Row, Store

MAX_PROMPTS: Final = 2000
MAX_TEXT: Final = 200_000
"""Characters of one prompt."""
_COLUMNS: Final = "id, name, text, created_ms, updated_ms"


class PromptChange(Struct, frozen=True, kw_only=True):
    """What to change of a prompt; UNSET stays as it is."""

    name: str | UnsetType = UNSET
    text: str | UnsetType = UNSET


class Prompts:
    """The prompts of a data folder. Methods do not keep the event loop; they raise NotFound and RequestError."""

    def __init__(self, store: Store, *, clock: Clock | None = None) -> None:
        self._store = store
        self._clock: Clock = clock or SystemClock()

    async def list(self) -> tuple[Prompt, ...]:
        """All of them, by name."""
        found = await self._store.read(f"SELECT {_COLUMNS} FROM prompts ORDER BY name COLLATE NOCASE, id")
        return tuple(map(_prompt, found))

    async def create(self, name: str, text: str) -> Prompt:
        """A new one. Raises RequestError: no name, too long, too many."""
        now = self._now()
        made = Prompt(id=new_id(PROMPT, self._clock), name=_name(name), text=_text(text), created=now, updated=now)

        def insert(connection: Connection) -> Prompt:
            if connection.execute("SELECT count(*) FROM prompts").fetchone()[0] >= MAX_PROMPTS:
                raise RequestError(f"At most {MAX_PROMPTS} prompts are kept.")
            values = (made.id, made.name, made.text, now, now)
            connection.execute(f"INSERT INTO prompts ({_COLUMNS}) VALUES (?, ?, ?, ?, ?)", values)
            return made

        return await self._store.write(insert)

    async def change(self, id: str, change: PromptChange) -> Prompt:
        """Another name or text. Raises NotFound, RequestError."""
        name = None if change.name is UNSET else _name(change.name)
        text = None if change.text is UNSET else _text(change.text)

        def update(connection: Connection) -> Prompt:
            row = connection.execute(
                "UPDATE prompts SET name = ifnull(?, name), text = ifnull(?, text), updated_ms = ? WHERE id = ? "
                f"RETURNING {_COLUMNS}",
                (name, text, self._now(), id),
            ).fetchone()
            if row is None:
                raise _missing(id)
            return _prompt(row)

        return await self._store.write(update)

    async def delete(self, id: str) -> None:
        """Take one away for good. Raises NotFound."""

        def remove(connection: Connection) -> None:
            if not connection.execute("DELETE FROM prompts WHERE id = ?", (id,)).rowcount:
                raise _missing(id)

        await self._store.write(remove)

    def _now(self) -> int:
        return self._clock.time_ns() // 1_000_000


def _name(name: str) -> str:
    line = checked(name, "prompt's name")
    if not line:
        raise RequestError("A prompt needs a name.")
    return line


def _text(text: str) -> str:
    if len(text) > MAX_TEXT:
        raise RequestError(f"The prompt has {len(text)} characters; at most {MAX_TEXT} are kept.")
    return text


def _missing(id: str) -> NotFound:
    return NotFound(f"There is no prompt {id}.")


def _prompt(row: Row) -> Prompt:
    return Prompt(**dict(zip(Prompt.__struct_fields__, row, strict=True)))  # pyright: ignore[reportArgumentType]  # by column

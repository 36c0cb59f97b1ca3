"""Preferences and prompts: kept, told, bounded."""

import pytest

from hostler.client.sessions.preferences import MAX_KEYS, Preferences
from hostler.client.sessions.prompts import PromptChange, Prompts
from hostler.errors import NotFound, RequestError
from hostler.system.clock import FakeClock
from hostler.system.store import Store
from tests.client.sessions.conftest import Told


async def test_preferences_are_kept_and_told(store: Store, told: Told) -> None:
    preferences = Preferences(store, told.publish)
    assert await preferences.get_all() == {}
    theme = {"mode": "dark", "palettes": {"a/b": {"prior_amount": 0.3}}}
    assert await preferences.change({"theme": theme, "last_model": "a/b"}) == {"last_model": "a/b", "theme": theme}
    assert told == [("preferences.changed", {"keys": ["theme", "last_model"]})]
    assert await preferences.change({"last_model": None, "favorite_models": ["x/y"]}) == {
        "favorite_models": ["x/y"],
        "theme": theme,
    }
    assert await Preferences(store, told.publish).get_all() == {"favorite_models": ["x/y"], "theme": theme}


async def test_preferences_are_bounded_and_change_all_or_nothing(store: Store, told: Told) -> None:
    preferences = Preferences(store, told.publish)
    for changes in ({"a b": 1}, {"": 1}, {"ok": object()}, {"ok": "x" * 300_000}):
        with pytest.raises(RequestError):
            await preferences.change({"first": 1, **changes})
    with pytest.raises(RequestError, match="At most"):
        await preferences.change({f"k{n}": n for n in range(MAX_KEYS + 1)})
    assert await preferences.get_all() == {}
    assert told == []
    await preferences.change({})
    assert told == []


async def test_prompts_are_kept_by_name(store: Store, clock: FakeClock) -> None:
    prompts = Prompts(store, clock=clock)
    two = await prompts.create("zwei / 'x'", "two")
    one = await prompts.create(" Eins ", "one")
    assert await prompts.list() == (one, two)
    clock.advance(1)
    changed = await prompts.change(two.id, PromptChange(text="2"))
    assert (changed.name, changed.text, changed.updated - changed.created) == ("zwei / 'x'", "2", 1000)
    await prompts.delete(one.id)
    assert await prompts.list() == (changed,)
    with pytest.raises(NotFound):
        await prompts.delete(one.id)
    with pytest.raises(NotFound):
        await prompts.change(one.id, PromptChange(name="x"))
    with pytest.raises(RequestError, match="needs a name"):
        await prompts.create(" ", "x")
    with pytest.raises(RequestError, match="at most"):
        await prompts.create("x", "x" * 200_001)

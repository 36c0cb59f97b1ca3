"""Full-text search: what people type never fails, and finds words in any case, accent and script."""

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostler.client.sessions.parts import DocumentPart, ReasoningPart, RefusalPart, TextPart
from hostler.client.sessions.requests import Edit, NewSession, NewTurn, SessionChange
from hostler.client.sessions.searching import cut_out, match_of, search
from hostler.client.sessions.store import Sessions
from hostler.client.sessions.tables import MIGRATIONS
from hostler.system.store import Migrations, Store

TEXTS = (
    "The quick brown fox jumps over the lazy dog",
    "Ein Café in Zürich, naïve Fußgänger",
    "صباح الخير يا عالم",
    "שלום עולם",
    "日本語のテキストを探す",
    "C++ and c# and foo_bar-baz.py",
    "NEAR AND OR NOT words*",
    "e\u0301cole in pieces",
    "Python入門と𠮷野家のか\u3099くせい",
    "서울에서 만나요",
    "ยินดีต้อนรับสู่ประเทศไทย",
)


async def fill(sessions: Sessions, *said: str) -> list[str]:
    session = await sessions.create(NewSession(title="T"))
    ids: list[str] = []
    for each in said:
        begun = await sessions.begin_turn(session.id, NewTurn(parent=None, parts=(TextPart(text=each),)))
        ids.append(begun.user.id)
    return ids


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("quick", 0),
        ("QUI", 0),
        ("dog quick", 0),
        ('"brown fox"', 0),
        ('"brown fox', 0),
        ("jumps ov", 0),
        ("cafe", 1),
        ("CAFÉ zurich", 1),
        ("naive fußg", 1),
        ("صباح", 2),
        ("عالم الخير", 2),
        ("שלו", 3),
        ("日本", 4),
        ("語", 4),
        ("テキスト", 4),
        ("キス 日本", 4),
        ('"本語の"', 4),
        ("を探す", 4),
        ("c++", 5),
        ("foo_bar-baz.py", 5),
        ("NOT words", 6),
        ("near", 6),
        ("école", 7),
        ("ecole", 7),
        ("入門", 8),
        ("pyth", 8),
        ("Python入", 8),
        ("𠮷野", 8),
        ("がくせ", 8),
        ("만나", 9),
        ("울에", 9),
        ("ประเทศ", 10),
    ],
)
async def test_it_finds(sessions: Sessions, typed: str, found: int) -> None:
    ids = await fill(sessions, *TEXTS)
    assert ids[found] in [hit.message for hit in await sessions.search(typed)]


@pytest.mark.parametrize(
    "typed",
    [
        "fox brown nothing",
        "語本",
        '"語 本"',
        "ython",
        "テト",
        '"fox brown"',
        "",
        "  ",
        '"',
        '""',
        '"""',
        "*",
        "()",
        "AND",
        "text:",
        "^",
        "-",
        "😀",
        "\x00",
    ],
)
async def test_it_finds_nothing_and_does_not_fail(sessions: Sessions, typed: str) -> None:
    await fill(sessions, *TEXTS[:6])
    assert [hit.message for hit in await sessions.search(typed) if typed not in ("AND", "\x00")] == []


@given(st.text(max_size=40) | st.lists(st.sampled_from(list("\"*()^:{}+- ANDORNTé日'\\;")), max_size=20).map("".join))
def test_whatever_is_typed_is_no_operator(store_of_texts: Store, typed: str) -> None:
    search(store_of_texts, typed, limit=5)
    assert match_of(typed).count('"') % 2 == 0


@pytest.fixture(scope="module")
def store_of_texts(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = Store.open(tmp_path_factory.mktemp("texts") / "hostler.db", MIGRATIONS)
    store.execute("INSERT INTO sessions (id, title, created_ms, updated_ms) VALUES ('s', 'é and 日', 1, 1)").result()
    return store


async def test_a_hit_says_where_and_marks_what_matched(sessions: Sessions) -> None:
    session = await sessions.create(NewSession(title="Needle work"))
    long = " ".join(["hay"] * 500) + " the néedle is here " + " ".join(["hay"] * 500)
    begun = await sessions.begin_turn(
        session.id, NewTurn(parent=None, parts=(TextPart(text=long), DocumentPart(name="x", text="a needle")))
    )
    title, message = await sessions.search("needle")
    assert (title.message, title.role, title.snippet) == (None, "", "\x02Needle\x03 work")
    assert (message.message, message.role, message.session) == (begun.user.id, "user", session.id)
    assert "\x02néedle\x03 is here" in message.snippet or "a \x02needle\x03" in message.snippet
    assert len(message.snippet) < 300
    assert message.created == begun.user.created
    assert len(await sessions.search("hay", limit=1)) == 1


async def test_the_index_follows_every_change(sessions: Sessions) -> None:
    session = await sessions.create(NewSession(title="before"))
    parts = (ReasoningPart(text="secretthought"), RefusalPart(text="refused"), TextPart(text="visible"))
    message = await sessions.add(session.id, parts, parent=None, role="assistant")
    assert await sessions.search("secretthought") == ()
    assert len(await sessions.search("refused visible")) == 1
    await sessions.change(session.id, SessionChange(title="after"))
    assert await sessions.search("before") == ()
    assert len(await sessions.search("after")) == 1
    edited = await sessions.edit(message.id, Edit(parts=(TextPart(text="otherwise"),)))
    assert [hit.message for hit in await sessions.search("otherwise")] == [edited.message.id]
    await sessions.delete_message(edited.message.id)
    assert await sessions.search("otherwise") == ()
    await sessions.restore_message(edited.message.id)
    assert len(await sessions.search("otherwise")) == 1
    fork = await sessions.fork(session.id, edited.message.id, mode="path")
    assert {hit.session for hit in await sessions.search("otherwise")} == {session.id, fork.id}
    await sessions.delete(session.id)
    assert {hit.session for hit in await sessions.search("otherwise")} == {fork.id}
    assert [hit.session for hit in await sessions.search("after")] == [fork.id]
    await sessions.sweep(-1)
    assert {hit.session for hit in await sessions.search("otherwise")} == {fork.id}


async def test_a_snippet_reads_as_it_was_written(sessions: Sessions) -> None:
    session = await sessions.create(NewSession(title="東京の天気予報"))
    await sessions.add(session.id, (TextPart(text="明日の天気はPythonで調べる。"),), parent=None)
    title, message = await sessions.search("天気")
    assert title.snippet == "東京の\x02天気\x03予報"
    assert message.snippet == "明日の\x02天気\x03はPythonで調べる。"
    await sessions.change(session.id, SessionChange(title="別"))
    assert [hit.message for hit in await sessions.search("天気")] == [message.message]


def test_what_was_kept_before_is_found_in_every_script(tmp_path: Path) -> None:
    """A database of the first version: its index is made anew, but for what still runs."""
    first = tmp_path / "first"
    first.mkdir()
    shutil.copy(MIGRATIONS.folder / "001_sessions.sql", first)
    path = tmp_path / "hostler.db"
    store = Store.open(path, Migrations("sessions", first))
    store.execute("INSERT INTO sessions (id, title, created_ms, updated_ms) VALUES ('s', '東京の天気', 1, 1)").result()
    for id, indexed in (("m", 1), ("runs", 0)):
        parts = '[{"type":"text","text":"明日の天気"}]'
        store.execute(
            "INSERT INTO messages (id, session, position, role, state, created_ms, indexed, parts) "
            "VALUES (?, 's', ?, 'user', 'complete', 1, ?, ?)",
            (id, indexed, indexed, parts),
        ).result()
    store.close()
    store = Store.open(path, MIGRATIONS)
    try:
        assert [hit.message for hit in search(store, "天気", limit=5)] == [None, "m"]
        store.execute("UPDATE messages SET indexed = 1").result()
        assert [hit.message for hit in search(store, "天気", limit=5)] == [None, "m", "runs"]
        store.execute("DELETE FROM sessions").result()
        store.execute("INSERT INTO message_search (message_search) VALUES ('integrity-check')").result()
        store.execute("INSERT INTO title_search (title_search) VALUES ('integrity-check')").result()
    finally:
        store.close()


def test_a_long_text_shows_where_a_word_stands() -> None:
    long = "x" * 200 + " Needle (a) " + "y" * 200
    assert cut_out(long, "none needle") == "…" + "x" * 79 + " \x02Needle\x03 (a) " + "y" * 75 + "…"
    assert cut_out(long, '"(a)"').count("\x02(a)\x03") == 1
    assert cut_out("short", "none") == "short"
    assert cut_out("", "") == ""

"""Export and import: the same tree as JSON and as Markdown, a page that runs nothing."""

import asyncio
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hostler.client.sessions.exported import ExportedMessage, ExportedSession, checked, read
from hostler.client.sessions.markdown_in import session_of
from hostler.client.sessions.markdown_out import markdown
from hostler.client.sessions.page import page
from hostler.client.sessions.parts import OriginRecord, ReasoningPart, TextPart
from hostler.client.sessions.requests import Ending, NewSession, NewTurn
from hostler.client.sessions.store import Sessions
from hostler.client.sessions.tables import MIGRATIONS
from hostler.client.sessions.transfer import (
    export_all,
    export_session,
    file_name,
    import_json,
    import_markdown,
    visible_path,
)
from hostler.errors import RequestError
from hostler.system.clock import FakeClock
from hostler.system.store import Store
from tests.client.sessions import trees
from tests.client.sessions.conftest import Told


def renamed(session: ExportedSession) -> ExportedSession:
    """With ids by place, so that trees can be compared."""
    session = checked(session, "x")
    ids = {message.id: str(n) for n, message in enumerate(session.messages)}
    messages = tuple(
        msgspec.structs.replace(m, id=ids[m.id], parent=ids[m.parent] if m.parent else None) for m in session.messages
    )
    return msgspec.structs.replace(session, id="", messages=messages, leaf=ids[session.leaf] if session.leaf else None)


@pytest.mark.slow
@settings(max_examples=25)
@given(st.lists(trees.sessions(), max_size=3))
def test_json_gives_the_same_trees(tmp_path_factory: pytest.TempPathFactory, wanted: list[ExportedSession]) -> None:
    wanted = [msgspec.structs.replace(session, title=f"t{n}") for n, session in enumerate(wanted)]
    store = Store.open(tmp_path_factory.mktemp("x") / "hostler.db", MIGRATIONS)
    sessions = Sessions(store, Told().publish, started_ms=0, clock=FakeClock())

    async def there_and_back() -> list[ExportedSession]:
        body = msgspec.json.encode({"hostler": "sessions", "version": 1, "sessions": wanted})
        for made in await import_json(sessions, body):
            await sessions.delete((await sessions.session(made.id)).id)
            await sessions.restore(made.id)
        out = b"".join([piece async for piece in export_all(sessions)])
        return list(read(out))

    try:
        found = asyncio.run(there_and_back())
    finally:
        store.close()
    assert sorted(map(renamed, found), key=lambda s: s.title) == [renamed(session) for session in wanted]


@pytest.mark.slow
@given(trees.sessions())
def test_markdown_gives_the_same_tree(session: ExportedSession) -> None:
    if not session.messages:
        return
    session = checked(session, "x")
    found = session_of(markdown(session, visible_path(session)))
    kept = session.title or found.title  # a session without a title is named by what was said in it
    assert renamed(found) == renamed(msgspec.structs.replace(session, title=kept))


def test_branches_stand_behind_what_is_shown() -> None:
    def said(id: str, parent: str | None, text: str, order: int = 0) -> ExportedMessage:
        role = "user" if int(id) % 2 else "assistant"
        return ExportedMessage(id=id, parent=parent, order=order, role=role, parts=(TextPart(text=text),))

    messages = (
        said("1", None, "Why?"),
        said("2", "1", "Old."),
        said("3", "2", "And?"),
        said("4", "1", "<b>Shown.", 1),
        said("5", "4", "Left"),
        said("7", "4", "Right", 1),
        said("9", None, "Else?", 1),
    )
    session = ExportedSession(title="T", leaf="7", messages=messages)
    text = markdown(session, visible_path(session))
    order = ["Why?", "<b>Shown.", "Right", "Old.", "And?", "Left", "Else?"]
    assert sorted(order, key=lambda said: text.index(f"\n{said}\n")) == order
    assert "> **Another branch, after message 1:** Why?" in text
    assert "> **Another branch, after message 2:** &lt;b&gt;Shown." in text
    assert "> **Another beginning:**" in text
    assert renamed(session_of(text)) == renamed(session)


class Seen(HTMLParser):
    """Every tag and attribute, and the text of articles."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


AROUND = frozenset({"html", "head", "meta", "title", "style", "body", "header", "time", "main"})
TAGS = AROUND | {"article", "h1", "h2", "p", "details", "summary", "pre", "code", "img"}
NAMED = frozenset({"lang", "charset", "http-equiv", "content", "name"})
ATTRIBUTES = NAMED | {"dir", "datetime", "class", "tabindex", "alt", "src"}


@pytest.mark.slow
@given(trees.sessions())
def test_the_page_holds_nothing_that_runs_or_loads(session: ExportedSession) -> None:
    seen = Seen()
    text = page(session, visible_path(session))
    seen.feed(text)
    assert seen.tags <= TAGS
    assert seen.attributes <= ATTRIBUTES
    assert all(source.startswith("data:image/") for source in re.findall(r'src="([^"]*)"', text))
    assert "url(" not in text


def test_the_page_shows_code_blocks_and_escapes_the_rest() -> None:
    said = "look: <script>alert(1)</script> and `a<b`\n\n```html\n<b>&amp;</b>\n\n## x\n```\nafter\n````\nopen ```"
    messages = (
        ExportedMessage(id="1", role="user", parts=(TextPart(text=said),)),
        ExportedMessage(id="2", role="assistant", model='a/"b"', parts=(ReasoningPart(text="hm", duration_ms=1200),)),
    )
    text = page(ExportedSession(title="<T> & 'x'", created=1_700_000_000_123), messages)
    assert "<script" not in text
    assert '<pre dir="ltr" tabindex="0"><code>&lt;b&gt;&amp;amp;&lt;/b&gt;\n\n## x</code></pre>' in text
    assert "<code>a&lt;b</code>" in text
    assert "<code>open ```</code></pre>" in text
    assert "<h2>Assistant (a/&quot;b&quot;)</h2>" in text
    assert '<details><summary dir="auto">Reasoning (1.2 s)</summary>' in text
    assert "<title>&lt;T&gt; &amp; &#x27;x&#x27;</title>" in text
    assert "2023-11-14T22:13:20.123Z" in text


def test_markdown_by_hand_is_taken() -> None:
    text = "# Notes\n\nignored\n\n## User\n\n\n Hello\r\n\n## Assistant (m/x)\nHi\n\n\\## User\n"
    session = session_of(text)
    assert session.title == "Notes"
    assert [(m.role, m.model, m.parts) for m in session.messages] == [
        ("user", "", (TextPart(text="Hello"),)),
        ("assistant", "m/x", (TextPart(text="Hi\n\n## User"),)),
    ]


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "Line 1: no section"),
        ("---\ntitle: x\n", "Line 1: the front matter is not closed"),
        ("---\nhostler: session\nversion: 2\n---\n## User\nx", "version 2; this hostler reads version 1"),
        ("## User\n<!-- hostler:part {nope} -->\n", "Line 2: the comment does not hold a JSON object"),
        ('## User\n<!-- hostler:part {"type":"film"} -->\n', "Line 2: Invalid value 'film'"),
        ('## User\n<!-- hostler:part {"type":"image"} -->\nx\n', "Line 2: no image as a data URI"),
        ('## User\n<!-- hostler:part {"type":"reasoning"} -->\n<details>\nx', "Line 2: what this comment announces"),
        ('\n\n## User\n<!-- hostler:message {"created":"x"} -->\n', "Line 3: Expected `int`, got `str`"),
        ('## User\n<!-- hostler:branch {"after":2} -->\n', "Line 2: there is no message 2 before this"),
        ('## User\n<!-- hostler:branch {"after":-1} -->\n', "Line 2: there is no message -1 before this"),
        ("## User\n<!-- hostler:branch {} -->\n", "Line 2: the comment does not say what the branch follows"),
    ],
)
def test_wrong_markdown_is_refused_with_its_line(text: str, wrong: str) -> None:
    with pytest.raises(RequestError, match=re.escape(wrong)):
        session_of(text)


def message(**fields: object) -> dict[str, object]:
    return {"id": "a", "role": "user"} | fields


@pytest.mark.parametrize(
    ("messages", "wrong"),
    [
        ([message(role="robot")], "$.sessions[1].messages[0].role"),
        ([message(parts=[{"type": "text", "text": "x"}, {"type": "film"}])], "$.sessions[1].messages[0].parts[1]"),
        ([message(parent="b")], "sessions[1].messages[0]: there is no message 'b'"),
        ([message(), message()], "sessions[1]: the message a is there twice"),
        ([message(parent="b"), message(id="b", parent="a")], "lead round in a circle"),
        ([message(created=-5)], "sessions[1].messages[0].created: -5 is no time"),
    ],
)
async def test_a_wrong_export_is_refused_whole_with_its_place(
    sessions: Sessions, told: Told, messages: list[object], wrong: str
) -> None:
    good = {"title": "good", "messages": [message()]}
    body = {"hostler": "sessions", "version": 1, "sessions": [good, {"messages": messages}]}
    with pytest.raises(RequestError, match=re.escape(wrong)):
        await import_json(sessions, msgspec.json.encode(body))
    assert (await sessions.list()).sessions == ()
    assert told == []


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        (b"nope", "no JSON export"),
        (b"[]", "no JSON export"),
        (b"{}", 'does not say "hostler": "sessions"'),
        (b'{"hostler":"sessions","version":9}', "version 9; this hostler reads version 1"),
        (b'{"hostler":"sessions","version":1,"sessions":[{"title":"\xff"}]}', "cannot be read"),
        (b'{"hostler":"sessions","version":1,"sessions":[{"title":"' + b"x" * 201 + b'"}]}', "sessions[0].title: 201"),
        (b'{"hostler":"sessions","version":1,"sessions":[{"leaf":"x"}]}', "sessions[0].leaf: there is no message 'x'"),
    ],
)
async def test_what_is_no_export_is_refused(sessions: Sessions, body: bytes, wrong: str) -> None:
    with pytest.raises(RequestError, match=re.escape(wrong)):
        await import_json(sessions, body)


async def test_by_hand_siblings_keep_the_order_of_the_file(sessions: Sessions) -> None:
    messages = [message(id="b", parent="a"), message(id="c", parent="a"), message(), message(id="d", order=-1)]
    body = {"hostler": "sessions", "version": 1, "sessions": [{"messages": messages}]}
    (made,) = await import_json(sessions, msgspec.json.encode(body))
    opened = await sessions.get(made.id)
    assert [m.order for m in opened.messages] == [0, 1, 0, 1]
    assert opened.session.leaf == opened.messages[3].id


@pytest.mark.parametrize("take", [import_json, import_markdown])
async def test_an_exported_session_comes_back(
    sessions: Sessions, told: Told, take: Callable[[Sessions, bytes], object]
) -> None:
    session = await sessions.create(NewSession(folder="f", system="s"))
    begun = await sessions.begin_turn(
        session.id, NewTurn(parent=None, parts=(TextPart(text="Grüße / 'x'"),), models=("p/a/b",))
    )
    opaque = ReasoningPart(text="hm", opaque=b"SECRET", origin=OriginRecord(provider="p", wire="gemini", model="m"))
    ending = Ending(state="complete", parts=(opaque, TextPart(text="## User\nno")))
    await sessions.finish(begun.replies[0].id, ending)
    running = await sessions.regenerate(begun.replies[0].id)
    file = await export_session(sessions, session.id, format="json" if take is import_json else "markdown")
    assert file.name.startswith("Gru")
    assert b"opaque" not in file.body.replace(b"Opaque parts", b"")
    assert b"U0VDUkVU" not in file.body
    told.clear()
    (made,) = await (import_json if take is import_json else import_markdown)(sessions, file.body)
    assert told.take() == ["session.created"]
    assert (made.title, made.folder, made.running) == ("Grüße / 'x'", "f", False)
    copies = (await sessions.get(made.id)).messages
    assert copies[-1].state == "interrupted"
    assert copies[0].parts == (TextPart(text="Grüße / 'x'"),)
    assert {hit.session for hit in await sessions.search("gruße")} == {session.id, made.id}
    assert running[0].id not in {m.id for m in copies}
    html = await export_session(sessions, session.id, format="html")
    assert html.body.startswith(b"<!doctype html>")


async def test_markdown_that_is_no_utf_8_is_refused(sessions: Sessions) -> None:
    with pytest.raises(RequestError, match="byte 8"):
        await import_markdown(sessions, b"## User\n\xff")


def test_file_names_are_plain() -> None:
    assert file_name('../../etc/passwd\r\n"x"', "json") == "etc-passwd-x.json"
    assert file_name("日本語", "html") == "session.html"
    assert len(file_name("x" * 500, "markdown")) == 63


async def test_an_import_that_breaks_off_leaves_nothing(store: Store, sessions: Sessions, tmp_path: Path) -> None:
    await store.write(
        lambda c: c.execute(
            "CREATE TRIGGER full AFTER INSERT ON messages WHEN new.model = 'bad' BEGIN SELECT raise(ABORT, 'no'); END"
        )
    )
    body = {"hostler": "sessions", "version": 1, "sessions": [{"messages": [message()]}] * 3}
    body["sessions"] = [*[{"messages": [message()]}] * 3, {"messages": [message(model="bad")]}]
    with pytest.raises(Exception, match="no"):
        await import_json(sessions, msgspec.json.encode(body))
    assert store.query("SELECT count(*) FROM sessions") == [(0,)]
    assert store.query("SELECT count(*) FROM messages") == [(0,)]

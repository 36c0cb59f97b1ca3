"""Strategies for sessions as files hold them: any tree, any text, all kinds of parts."""

from hypothesis import strategies as st
from msgspec import UNSET

from hostler.client.sessions.exported import ExportedMessage, ExportedSession
from hostler.client.sessions.parts import (
    DocumentPart,
    ImagePart,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from hostler.client.sessions.records import ErrorRecord, Params, UsageRecord
from hostler.client.sessions.requests import Piece

NASTY = (
    "## User", "## Assistant (x)", "\\## User", "\\\\## System", "</details>", "\\</details>", "<details><summary>",
    "<!-- hostler:part {} -->", "-->", "---", "# Title", "```", "~~~", "![x](data:image/png;base64,aGk=)", "", "\r",
    "## User\r", "'; DROP TABLE messages; --", "a\u2028b", "\u202eright to left\u202c", "ÿ́", "日本語", "\x00\x1f",
    "&lt;b>",
)  # fmt: skip


def grown(*texts: str) -> tuple[Piece, ...]:
    """Texts that a reply begins with, a part each."""
    return tuple(Piece(part, text, TextPart()) for part, text in enumerate(texts))


lines = st.one_of(st.sampled_from(NASTY), st.text(st.characters(exclude_categories=["Cs"]), max_size=12))
texts = st.lists(lines, max_size=5).map("\n".join)
names = st.one_of(st.sampled_from(['p/a b/"c"', "x)y (z)", " edge ", "a\nb", "`", "here/qwen3:8b"]), lines)
params = st.builds(
    Params,
    temperature=st.none() | st.floats(0, 2),
    seed=st.none() | st.integers(0, 99),
    stop=st.none() | st.just(("x",)),
)
parts: st.SearchStrategy[Part] = st.one_of(
    st.builds(TextPart, text=texts),
    st.builds(TextPart, text=texts),
    st.builds(ReasoningPart, text=texts, duration_ms=st.none() | st.integers(0, 10**6), redacted=st.booleans()),
    st.builds(ImagePart, media_type=names | st.just("image/png"), data=st.just("aGk=") | lines, name=names),
    st.builds(DocumentPart, name=names, text=texts),
    st.builds(ToolCallPart, id=names, name=names, arguments=texts, custom=st.just(UNSET) | st.just(True)),
    st.builds(ToolResultPart, call_id=names, text=texts, is_error=st.booleans(), name=st.just(UNSET) | names),
    st.builds(RefusalPart, text=texts),
)
counts = st.none() | st.integers(0, 10**9)
errors = st.builds(ErrorRecord, code=lines, message=texts, hint=texts)


@st.composite
def sessions(draw: st.DrawFn, most: int = 8) -> ExportedSession:
    """Any session that can have been exported: messages parents first, orders unique among siblings, a leaf."""
    messages: list[ExportedMessage] = []
    for n in range(draw(st.integers(0, most))):
        parent = draw(st.none() | st.sampled_from(messages)) if messages else None
        above = parent.id if parent else None
        used = [m.order for m in messages if m.parent == above]
        messages.append(
            ExportedMessage(
                id=f"m{n}",
                parent=above,
                order=(max(used) + draw(st.integers(1, 3))) if used else draw(st.integers(0, 2)),
                role=draw(st.sampled_from(["user", "assistant", "system"])),
                state=draw(st.sampled_from(["complete", "failed", "cancelled", "interrupted"])),
                parts=tuple(draw(st.lists(parts, max_size=3))),
                model=draw(st.just("") | names),
                created=draw(st.integers(1, 2 * 10**12)),
                usage=draw(st.none() | st.builds(UsageRecord, counts, counts, counts, counts, counts)),
                cost=draw(st.none() | st.floats(0, 100)),
                cost_state=draw(st.sampled_from(["known", "local", "unknown"])),
                ttft_ms=draw(counts),
                duration_ms=draw(counts),
                finish=draw(st.sampled_from(["", "stop", "length"])),
                error=draw(st.none() | errors),
                edited=draw(st.booleans()),
                params=draw(params),
            )
        )
    parents = {message.parent for message in messages}
    leaves = [message.id for message in messages if message.id not in parents]
    created = draw(st.integers(1, 2 * 10**12))
    return ExportedSession(
        id="s",
        title=draw(st.sampled_from(["", "A title", "## User", 'q "x" / y', "صباح الخير"])),
        created=created,
        updated=created + draw(st.integers(0, 10**9)),
        pinned=draw(st.booleans()),
        folder=draw(st.sampled_from(["", "a/b", "it's"])),
        model=draw(st.just("") | names),
        system=draw(texts),
        params=draw(params),
        leaf=draw(st.sampled_from(leaves)) if leaves else None,
        messages=tuple(messages),
    )

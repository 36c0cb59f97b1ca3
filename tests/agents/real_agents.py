"""Real agents, through hostler, with a vendor of another wire than their own: they write a file and report it.

`make test-agents` runs this; `make test` does not, for what it needs is 2 GB of other people's programs.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.agents.casts import AGENTS, Agent
from tests.agents.stage import KINDS, Ended, Scene, perform

pytestmark = pytest.mark.timeout(300)

PROMPT = "Write the file note.txt and report."
REPORT = "The note lies there, 42 words long."
CONTENT = 'Grüße, 世界: "quoted" and \\back\nIt\'s the second line.\n'
OTHER = "Second file.\n"
THOUGHT = "A file is wanted, so I write it."


def path_of(folder: Path, name: str = "note.txt") -> str:
    return str(folder / "work" / name)


def call_of(agent: Agent, folder: Path, name: str = "note.txt", *, content: str = CONTENT) -> Mapping[str, Any]:
    return {"name": agent.tool, **agent.call(path_of(folder, name), content)}


def turn(agent: Agent, folder: Path, **more: Any) -> dict[str, Any]:
    """The reply that writes the file; no more than three times, so that an agent that does not understand it ends."""
    if not agent.tool:
        return {"when": {"times": 3}, "text": f"{REPORT}\n\nnote.txt\n```\n{CONTENT}```\n", **more}
    when = {"offers": agent.tool, "tool_result": False, "times": 3}
    return {"when": when, "calls": [call_of(agent, folder)], **more}


def once(reply: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """A reply of that kind for the first time only."""
    return {**reply, "when": {**reply["when"], "times": 1}, **more}


def script_of(agent: Agent, wire: str, replies: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The vendor's script: those replies, then the report once there are results; and a title for whoever wants one."""
    report = [{"when": {"tool_result": True}, "text": REPORT}] if agent.tool else []
    model = {"id": "worker", "replies": [*replies, *report, {"text": "A short title"}]}
    return {"models": [model], "dialect": dialect_of(wire, replies)}


def dialect_of(wire: str, replies: Sequence[Mapping[str, Any]]) -> object:
    """The habits of servers of the chat wire; only with an index can calls whose pieces take turns be told apart."""
    if wire != "openai-chat":
        return {}
    return {"fields": ["*"]} if any(reply.get("interleave") for reply in replies) else "compatible"


def run(agent: Agent, wire: str, folder: Path, *replies: Mapping[str, Any]) -> Ended:
    scene = Scene(wire, script_of(agent, wire, replies), agent.settings, agent.knows)
    return perform(folder, scene, lambda place: agent.play(place, PROMPT))


def check_good_end(agent: Agent, ended: Ended, folder: Path, *, refused: int = 0) -> None:
    """The file is there, the report was told, the vendor had nothing to complain of, the ledger has it all."""
    assert ended.status == 0, str(ended)
    assert Path(path_of(folder)).read_text("utf-8") == CONTENT, str(ended)
    assert REPORT in ended.out, str(ended)
    check_vendor(agent, ended, refused=refused)


def check_vendor(agent: Agent, ended: Ended, *, refused: int = 0) -> None:
    assert sum(400 <= request["status"] < 500 for request in ended.requests) == refused, str(ended)
    assert {row.face for row in ended.rows} == {agent.face}, str(ended)
    assert {row.provider for row in ended.rows} == {"up"}, str(ended)


PAIRS = [(agent, wire) for agent in AGENTS for wire in KINDS if wire not in (agent.face, *agent.unlisted)]
FEW = [
    (agent, wire) for place, (agent, wire) in enumerate(PAIRS) if place % 5 in (place // 5 % 5, (place // 5 + 2) % 5)
]


def over(pairs: Sequence[tuple[Agent, str]]) -> pytest.MarkDecorator:
    """A test for each of these agents and wires."""
    return pytest.mark.parametrize(("agent", "wire"), pairs, ids=[f"{agent.name}/{wire}" for agent, wire in pairs])


EVERY, SOME, SOME_WITH_TOOLS = over(PAIRS), over(FEW), over([pair for pair in FEW if pair[0].tool])


@EVERY
def test_it_writes_a_file_and_reports_it(agent: Agent, wire: str, tmp_path: Path) -> None:
    ended = run(agent, wire, tmp_path, turn(agent, tmp_path, reasoning=THOUGHT))
    check_good_end(agent, ended, tmp_path)
    assert all(row.outcome == "ok" for row in ended.rows), str(ended)
    assert len(ended.rows) >= (2 if agent.tool else 1), str(ended)


@SOME_WITH_TOOLS
def test_two_calls_at_once(agent: Agent, wire: str, tmp_path: Path) -> None:
    calls = [call_of(agent, tmp_path), call_of(agent, tmp_path, "other.txt", content=OTHER)]
    ended = run(agent, wire, tmp_path, turn(agent, tmp_path, text="Both.", calls=calls, interleave=True))
    check_good_end(agent, ended, tmp_path)
    assert Path(path_of(tmp_path, "other.txt")).read_text() == OTHER


@SOME
def test_it_comes_back_after_a_refusal(agent: Agent, wire: str, tmp_path: Path) -> None:
    good = turn(agent, tmp_path)
    refusal = once(good, failure={"status": 429, "retry": {"after_s": 1}})
    ended = run(agent, wire, tmp_path, refusal, good)
    if agent.faults.get("refused") == "reports":
        check_vendor(agent, ended, refused=1)
        assert ended.status not in (0, None) and "429" in ended.err, str(ended)
        return
    check_good_end(agent, ended, tmp_path, refused=1)


@SOME
@pytest.mark.parametrize("how", ["reset", "close", "error"])
def test_a_stream_that_breaks_off_is_told(agent: Agent, wire: str, how: str, tmp_path: Path) -> None:
    good = turn(agent, tmp_path)
    broken = once(good, text="Writing " + good.get("text", ""), broken={"how": how, "after_chunks": 2})
    ended = run(agent, wire, tmp_path, broken, good)
    check_vendor(agent, ended)
    assert any(row.outcome != "ok" for row in ended.rows), str(ended)
    if ended.status == 0 and REPORT in ended.out:
        check_good_end(agent, ended, tmp_path)
        return
    assert agent.faults.get(how) == "reports", str(ended)
    assert ended.status not in (0, None), str(ended)


@SOME
def test_a_vendor_that_is_slow_to_begin(agent: Agent, wire: str, tmp_path: Path) -> None:
    ended = run(agent, wire, tmp_path, turn(agent, tmp_path, pace={"head_s": 12}))
    check_good_end(agent, ended, tmp_path)

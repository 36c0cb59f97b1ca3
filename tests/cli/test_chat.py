"""`hostler chat` that answers once: where the prompt comes from, where the answer goes, how it ends."""

import pytest

from tests.cli.program import Run, started


@pytest.mark.slow
def test_the_built_in_model_answers_on_a_real_engine(run: Run) -> None:
    ended = run("chat", "hello", stdin="")
    assert ended.status == 0
    assert ended.out.strip() and ended.out.endswith("\n")
    assert ended.err == ""


def test_prompt_from_arguments(run: Run, fake: str) -> None:
    ended = run("chat", "fake/echo", "well", "met", stdin="")
    assert (ended.status, ended.err) == (0, "")
    assert "well met" in ended.out


def test_prompt_from_a_pipe(run: Run, fake: str) -> None:
    assert "from a pipe" in run("chat", "fake/echo", stdin="from a pipe\n").out


def test_a_pipe_is_the_context_of_the_prompt(run: Run, fake: str) -> None:
    out = run("chat", "fake/echo", "what is it?", stdin="a story\n").out
    assert out.index("a story") < out.index("what is it?")


def test_without_a_model_it_is_the_default_ones_first(run: Run, fake: str) -> None:
    reply = run("chat", "hello", "--json", stdin="").json
    assert reply["model"] == "fake/echo"
    assert "hello" in reply["reply"]


def test_a_known_bare_name_is_a_model_and_another_word_is_not(run: Run, fake: str) -> None:
    run("models")
    assert run("chat", "usage", "hello", "--json", stdin="").json["model"] == "usage"
    assert run("chat", "custom", "hello", "--json", stdin="").json["model"] == "fake/echo"


def test_with_model_every_word_is_prompt(run: Run, fake: str) -> None:
    reply = run("chat", "-m", "fake/echo", "and/or", "what", "--json", stdin="").json
    assert reply["model"] == "fake/echo" and "and/or what" in reply["reply"]


def test_json_holds_reply_usage_and_timing(run: Run, fake: str) -> None:
    reply = run("chat", "fake/usage", "count", "--json", stdin="").json
    assert reply["reply"] == "Counted."
    assert reply["finish"] == "stop"
    assert set(reply["usage"]) == {"input", "cache_read", "cache_write", "output", "reasoning"}
    assert (reply["usage"]["output"], reply["usage"]["reasoning"]) == (3, 2)
    assert 0 <= reply["timing"]["first_token_s"] <= reply["timing"]["total_s"]


def test_reasoning_is_never_on_standard_output(run: Run, fake: str) -> None:
    ended = run("chat", "fake/think", "why", stdin="")
    assert "Let me see" not in ended.out + ended.err
    assert "You said:" in ended.out
    assert "Let me see" in run("chat", "fake/think", "why", "--json", stdin="").json["reasoning"]


def test_verbose_says_tokens_and_speed_on_standard_error(run: Run, fake: str) -> None:
    ended = run("chat", "fake/usage", "count", "-v", stdin="")
    assert ended.out == "Counted.\n"
    assert "fake/usage · " in ended.err and "5 out" in ended.err and "stop" in ended.err


def test_whole_at_once(run: Run, fake: str) -> None:
    assert run("chat", "fake/usage", "count", "--no-stream", stdin="").out == "Counted.\n"


def test_a_refusal_is_shown(run: Run, fake: str) -> None:
    assert "I cannot help with this." in run("chat", "fake/refuse", "x", stdin="").out


def test_there_must_be_something_to_ask(run: Run) -> None:
    for stdin in ("", " \n"):
        ended = run("chat", stdin=stdin)
        assert (ended.status, ended.out) == (2, "")
        assert "There is nothing to ask" in ended.err


def test_an_unknown_model_names_its_neighbours(run: Run) -> None:
    ended = run("chat", "here/demu", "hello", stdin="")
    assert (ended.status, ended.out) == (3, "")
    assert ended.err == "hostler: There is no model 'here/demu' at provider 'here'.\n  Near ids: here/demo.\n"


@pytest.mark.parametrize(
    ("model", "status", "words"),
    [("fail-500", 1, "hostler: "), ("fail-401", 1, "hostler: "), ("drop", 1, "closed"), ("error", 1, "hostler: ")],
)
def test_what_goes_wrong_upstream_is_one_clear_message(
    model: str, status: int, words: str, run: Run, fake: str
) -> None:
    ended = run("chat", f"fake/{model}", "hello", stdin="")
    assert ended.status == status
    assert words in ended.err and "Traceback" not in ended.err


def test_a_machine_that_is_not_there_is_status_3(run: Run) -> None:
    run("providers", "add", "off", "--kind", "ollama", "--url", "http://127.0.0.1:1")
    ended = run("chat", "off/model", "hello", stdin="")
    assert (ended.status, ended.out) == (3, "")
    assert "127.0.0.1:1" in ended.err


@pytest.mark.slow
async def test_ctrl_c_stops_it_with_status_130(fake: str) -> None:
    async with started("chat", "fake/stall", "hello") as program:
        program.input.close()
        first = await program.out.readexactly(4)
        program.interrupt()
        ended = await program.ended()
    assert first == b"This"
    assert (ended.status, ended.err.strip()) == (130, "")


@pytest.mark.slow
async def test_text_comes_as_it_is_written(fake: str) -> None:
    async with started("chat", "fake/stall", "hello") as program:
        program.input.close()
        # the stream never ends, so these words were not held back
        assert await program.out.readexactly(4) == b"This"

"""`hostler up` as a process: the block, the second one, the commands beside it, Ctrl-C."""

import json
import os
import signal
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import trustme

from hostler.system.interfaces import own_addresses
from hostler.system.owner import find_owner
from tests.cli.program import Program, Run, ran, started

pytestmark = pytest.mark.slow
UP = ("up", "--port", "0")


def get(address: str, path: str, key: str = "") -> Any:
    """A GET's JSON."""
    request = urllib.request.Request(address + path, headers={"authorization": f"Bearer {key}"} if key else {})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def lines_with(text: str, words: Sequence[str]) -> Iterator[str]:
    for word in words:
        yield next(line for line in text.splitlines() if word in line)


async def test_the_block_says_where_it_is_and_how_to_reach_it(own_folders: Path) -> None:
    async with started(*UP) as program:
        block = await program.until("Ctrl-C ends it")
        owner = find_owner(own_folders / "data")
        assert owner is not None and owner.address in block
        curl, sdk, other = lines_with(block, ("curl ", "OPENAI_BASE_URL", "ANTHROPIC_BASE_URL"))
        assert f"{owner.address}/v1/chat/completions" in curl and '"model": "here/demo"' in curl
        assert f"OPENAI_BASE_URL={owner.address}/v1" in sdk
        assert f"{owner.address}/?token={(own_folders / 'data' / 'token').read_text().strip()}\n" in block
        assert f"ANTHROPIC_BASE_URL={owner.address} " in other
        assert "here (default)" in block and "llama.cpp" in block and "none needed on this machine" in block
        assert "OPENAI_API_KEY" in next(line for line in block.splitlines() if "missing" in line)
        program.interrupt()
        ended = await program.ended()
    assert (ended.status, ended.err) == (0, "")
    assert find_owner(own_folders / "data") is None


async def test_json_and_what_is_missing() -> None:
    async with started(*UP, "--json", "--no-engine", "--no-workbench", "--no-browser") as program:
        facts = await program.object()
        assert facts["pid"] == program.process.pid
        assert facts["engine"] == "" and facts["models"] == [] and not facts["key_required"]
        assert any("engines are switched off" in line for line in facts["missing"])
        assert facts["link"] == "" and "token" not in str(facts)
        assert get(facts["address"], "/v1/models")["data"] == []


async def test_without_any_model_it_names_none_that_would_not_answer() -> None:
    async with started(*UP, "--no-engine") as program:
        block = await program.until("Ctrl-C ends it")
        assert "here/demo" not in block and '"model": "here/MODEL"' in block
        missing = next(line for line in block.splitlines() if "OPENAI_API_KEY" in line and "missing" in line)
        assert missing.count("OPENAI_API_KEY") == 1


async def test_a_second_one_is_refused_and_names_the_first() -> None:
    async with started(*UP, "--json") as program:
        facts = await program.object()
        second = await ran(*UP)
        assert (second.status, second.out) == (1, "")
        assert f"pid {facts['pid']}" in second.err and facts["address"] in second.err
        assert "choose another folder with --data" in second.err


async def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    async with started(*UP, "--json") as program:
        port = (await program.object())["address"].rpartition(":")[2]
        other = await ran("up", "--port", port, "--data", str(tmp_path / "other"))
        assert (other.status, other.out) == (1, "")
        assert f"cannot listen on 127.0.0.1:{port}" in other.err and "--port" in other.err


async def test_beyond_this_machine_it_wants_a_key() -> None:
    ended = await ran("up", "--host", "0.0.0.0", "--port", "0")
    assert (ended.status, ended.out) == (1, "")
    assert "refusing to listen on 0.0.0.0" in ended.err and "hostler keys create" in ended.err


async def test_beyond_this_machine_it_says_where_others_find_it(own_folders: Path) -> None:
    assert (await ran("keys", "create", "me")).status == 0
    async with started("up", "--host", "0.0.0.0", "--port", "0", "--no-browser") as program:
        block = await program.until("Ctrl-C ends it")
    owner = find_owner(own_folders / "data")
    port = block.split("is open at http://127.0.0.1:")[1].split()[0]
    assert "on all addresses of this machine" in block
    expected = [f"http://{address}:{port}" for address in own_addresses() if ":" not in address]
    (others,) = lines_with(block, ("other machines",))
    assert others.split(maxsplit=2)[2] == (", ".join(expected) or "none: this machine is on no network")
    assert owner is None


async def test_what_is_wrong_with_the_aliases_is_said_at_the_start(own_folders: Path) -> None:
    file = own_folders / "config" / "hostler" / "settings.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text('[aliases]\nfast = "quick"\nquick = "fast"\n')
    async with started(*UP, "--json") as program:
        facts = await program.object()
        assert any("fast -> quick -> fast" in line for line in facts["missing"])
        assert not facts["all_addresses"] and facts["outside"] == []


async def test_other_commands_ask_the_one_that_runs(run: Run) -> None:
    async with started(*UP, "--json") as program:
        await program.object()
        reply = (await ran("chat", "here/demo", "hello", "--json")).json
        assert reply["model"] == "here/demo" and reply["reply"] and reply["usage"]["output"] > 0
        (engine,) = (await ran("engine", "ps", "--json")).json
        assert (engine["model_id"], engine["state"]) == ("here/demo", "ready")
        assert "here/demo" in (await ran("models")).out
        assert "here (default)" in (await ran("providers")).out
        unknown = await ran("chat", "here/demu", "hello")
        assert (unknown.status, unknown.out) == (3, "")
        assert "Near ids: here/demo." in unknown.err
        (row,) = [row for row in (await ran("logs", "--json")).json if row["outcome"] == "ok"]
        assert row["model"] == "here/demo"
        assert "hostler: runs at" in (await ran("doctor")).out


async def test_an_engine_is_loaded_unloaded_and_read(run: Run) -> None:
    async with started(*UP, "--json") as program:
        await program.object()
        loaded = await ran("engine", "run", "demo")
        assert loaded.status == 0 and "here/demo  ready" in loaded.out
        assert "listening" in (await ran("engine", "logs", "demo")).out
        stopped = await ran("engine", "stop", "demo", "--json")
        assert stopped.json == {"model": "here/demo", "stopped": True}
        assert "was not loaded" in (await ran("engine", "stop", "demo")).err
        assert (await ran("engine", "ps")).err.startswith("No engine runs")
        missing = await ran("engine", "run", "here/nope")
        assert (missing.status, missing.out) == (3, "")


async def test_a_machine_that_is_added_counts_at_once(vendor: str) -> None:
    async with started(*UP, "--json") as program:
        address = (await program.object())["address"]
        added = await ran("providers", "add", "desk", "--kind", "openai-compatible", "--url", vendor)
        assert "The hostler that runs has read it." in added.err
        assert (await ran("chat", "desk/usage", "count")).out == "Counted.\n"
        assert (await ran("models", "--refresh")).status == 0
        assert "desk/echo" in {card["id"] for card in get(address, "/v1/models")["data"]}


async def test_chat_goes_on_once_keys_exist() -> None:
    await ran("keys", "create", "somebody")
    async with started(*UP, "--json") as program:
        facts = await program.object()
        assert facts["key_required"] and facts["keys"] == 1
        assert (await ran("chat", "here/demo", "hello")).status == 0


async def test_a_new_token_shuts_the_old_one_out(own_folders: Path) -> None:
    token = own_folders / "data" / "token"
    async with started(*UP, "--json") as program:
        await program.object()
        first = token.read_text()
    async with started(*UP, "--json", "--new-token") as program:
        await program.object()
        assert token.read_text() != first
        assert (await ran("engine", "ps")).status == 0


async def test_engine_run_becomes_the_gateway_when_there_is_none() -> None:
    async with started("engine", "run", "here/demo", "--port", "0", "--json") as program:
        facts = await program.object()
        await program.until("here/demo is loaded.", program.err)
        assert get(facts["address"], "/health")["status"] == "ok"
        program.interrupt()
        assert (await program.ended()).status == 0


async def test_engine_run_of_nothing_ends() -> None:
    ended = await ran("engine", "run", "here/nope", "--port", "0", "--json")
    assert ended.status == 3
    assert "There is no model 'here/nope'" in ended.err


async def test_ctrl_c_lets_calls_end_and_a_second_one_does_not(fake: str) -> None:
    async with started(*UP, "--json") as program:
        await program.object()
        async with started("chat", "fake/stall", "hello") as chat:
            chat.input.close()
            assert await chat.out.readexactly(4) == b"This"
            program.interrupt()
            await draining(program)
            program.interrupt()
            ended = await program.ended()
            assert ended.status == 130
            assert (await chat.ended()).status == 1


async def draining(program: Program) -> None:
    """Until it has heard the first signal: it takes no more connections."""
    owner = find_owner(Path(os.environ["HOSTLER_DATA_DIR"]))
    assert owner is not None
    while True:
        try:
            get(owner.address, "/health")
        except OSError:
            return
        assert program.process.returncode is None


async def test_with_a_certificate_of_another_name_our_own_commands_still_work(tmp_path: Path, run: Run) -> None:
    made = trustme.CA().issue_cert("desk.example")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    made.private_key_pem.write_to_path(key)
    for blob in made.cert_chain_pems:
        blob.write_to_path(cert, append=True)
    async with started(*UP, "--json", "--tls-cert", str(cert), "--tls-key", str(key)) as program:
        facts = await program.object()
        assert facts["address"].startswith("https://127.0.0.1:")
        assert (await ran("chat", "here/demo", "hello")).status == 0
        assert "here/demo" in (await ran("models")).out
        assert "hostler: runs at https://" in (await ran("doctor")).out


async def test_a_certificate_without_its_key_is_refused(tmp_path: Path) -> None:
    ended = await ran(*UP, "--tls-cert", str(tmp_path / "cert.pem"))
    assert (ended.status, ended.out) == (1, "")
    assert "TLS needs both" in ended.err


async def test_sigterm_ends_it_well() -> None:
    async with started(*UP, "--json") as program:
        await program.object()
        program.process.send_signal(signal.SIGTERM)
        assert (await program.ended()).status == 0

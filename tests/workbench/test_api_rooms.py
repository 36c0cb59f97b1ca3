"""The rest of the API: sessions and files, models and machines, downloads, what a person keeps, the document."""

import asyncio
import json
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from hostler.client.sessions.parts import TextPart
from hostler.workbench.event_schema import EngineLog, EngineReady, MachineMemoryTold, PullTold
from tests.engines.hub_server import REPO
from tests.engines.hub_server import serving as hub_serving
from tests.engines.models import Hollow, hollow
from tests.registry.loading_servers import make
from tests.registry.servers import serving as machine_serving
from tests.waiting import wait_until
from tests.workbench.api_stage import ApiStage, api_stage

pytestmark = pytest.mark.slow


@pytest.fixture
async def stage() -> AsyncGenerator[ApiStage]:
    """The API."""
    async with api_stage() as opened:
        yield opened


async def test_sessions_are_listed_changed_forked_and_searched(stage: ApiStage) -> None:
    first = await stage.session(title="Apples", folder="fruit")
    second = await stage.session(params={"temperature": 0.5})
    begun = await stage.turn(second, "Tell me of pears", "far/echo")
    await stage.ended(second, begun["replies"][0]["id"])
    page = await stage.call("GET", "/sessions?limit=1")
    assert [s["id"] for s in page["sessions"]] == [second] and page["more"] is True
    last = page["sessions"][0]
    page = await stage.call("GET", f"/sessions?limit=1&before={last['updated']},{last['id']}")
    assert [s["id"] for s in page["sessions"]] == [first] and page["more"] is False
    assert (await stage.call("GET", "/folders"))["folders"] == [{"name": "fruit", "sessions": 1}]
    changed = await stage.call("PATCH", f"/sessions/{first}", {"pinned": True, "title": "Äpfel"})
    assert (changed["pinned"], changed["title"], changed["folder"]) == (True, "Äpfel", "fruit")
    assert [s["id"] for s in (await stage.call("GET", "/sessions"))["sessions"]] == [first, second]
    fork = await stage.call("POST", f"/sessions/{second}/fork", {"message": begun["user"]["id"]}, status=201)
    assert fork["forked_from"] == {"session": second, "message": begun["user"]["id"]}
    assert fork["params"] == {"temperature": 0.5}
    hits = (await stage.call("GET", "/search?q=pears"))["hits"]
    assert {hit["session"] for hit in hits} == {second, fork["id"]}
    for query in ("before=x", "limit=0", "limit=x"):
        assert (await stage.call("GET", f"/sessions?{query}", status=400 if "before" in query else 422))["message"]


async def test_a_long_session_opens_whole(stage: ApiStage) -> None:
    session = await stage.session()
    parent = None
    for number in range(100):
        message = await stage.parts.sessions.add(session, (TextPart(text=f"{number} " * 200),), parent=parent)
        parent = message.id
    opened = await stage.call("GET", f"/sessions/{session}")
    assert len(opened["messages"]) == 100 and opened["session"]["leaf"] == parent


async def test_files_go_out_and_come_in(stage: ApiStage) -> None:
    session = await stage.session(title='A "title"/with: all')
    begun = await stage.turn(session, "Hello", "far/echo")
    await stage.ended(session, begun["replies"][0]["id"])
    for format, kind in (("json", "application/json"), ("markdown", "text/markdown"), ("html", "text/html")):
        reply = await stage.http.get(f"/hostler/api/sessions/{session}/export?format={format}")
        assert reply.status_code == 200 and reply.headers["content-type"].startswith(kind)
        assert reply.headers["content-disposition"].startswith('attachment; filename="A-title-with-all.')
        if format != "html":
            sent = await stage.http.post(
                "/hostler/api/sessions/import", content=reply.content, headers={"content-type": kind}
            )
            assert sent.status_code == 201, sent.text
            (new,) = sent.json()["sessions"]
            texts = [m["parts"][0]["text"] for m in (await stage.messages(new["id"])).values()]
            assert texts == ["Hello", "Hello"]
    everything = await stage.http.get("/hostler/api/sessions/export")
    assert len(json.loads(everything.content)["sessions"]) == 3
    assert (await stage.call("POST", "/sessions/import", b"{}", status=400))["message"]
    await stage.call("GET", f"/sessions/{session}/export?format=pdf", status=422)


async def test_models_say_where_each_fact_comes_from(stage: ApiStage) -> None:
    await stage.call("PATCH", "/preferences", {"favorite_models": ["here/demo"]})
    await stage.call("POST", "/providers/refresh")
    answer = await stage.call("GET", "/models")
    models = {model["id"]: model for model in answer["models"]}
    demo = models["here/demo"]
    assert demo["local"] and demo["state"] == "ready" and demo["engine"] is None
    assert demo["size"] > 0 and demo["needs"] > demo["size"] // 2
    assert demo["capabilities"]["vision"] == {"value": False, "source": "built-in", "as_of": "2026-11-20"}
    assert models["far/echo"]["provider"] == "far" and models["far/echo"]["size"] is None
    assert answer["favorites"] == ["here/demo"] and answer["default"].startswith("far/")
    providers = await stage.call("GET", "/providers")
    assert providers["exists"] and providers["error"] == "" and providers["default"] == "far"
    far = next(provider for provider in providers["providers"] if provider["id"] == "far")
    assert (far["state"], far["ready"], far["default"]) == ("up", True, True)
    assert {p["id"] for p in providers["providers"] if p["discovers"]} == {"far"}, "vendors have no keys here"


async def test_one_provider_is_asked_alone(stage: ApiStage) -> None:
    await stage.call("POST", "/providers/refresh")
    looks = stage.app.discovery.statistics().looks
    asked = await stage.call("POST", "/providers/refresh?provider=far")
    assert stage.app.discovery.statistics().looks == looks + 1
    assert next(p for p in asked["providers"] if p["id"] == "far")["state"] == "up"
    await stage.call("POST", "/providers/refresh?provider=nobody", status=404)


async def test_a_file_that_is_broken_is_told(stage: ApiStage) -> None:
    stage.app.providers.path.write_text("{nonsense")
    answer = await stage.call("POST", "/providers/refresh")
    assert answer["error"] and answer["default"] == "far", "the last good state holds"


async def test_an_engine_is_loaded_followed_and_unloaded(stage: ApiStage) -> None:
    assert (await stage.call("GET", "/engines"))["engines"] == []
    await stage.call("GET", "/engines/log?model=here%2Fdemo")
    await stage.call("POST", "/engines/load", {"model": "here/demo"}, status=202)
    await wait_until(lambda: bool(stage.told("engine.ready")), within=30)
    (ready,) = stage.told("engine.ready")
    assert isinstance(ready, EngineReady) and ready.model == "here/demo"
    engines = await stage.call("GET", "/engines")
    assert [(e["model"], e["state"]) for e in engines["engines"]] == [("here/demo", "ready")]
    assert engines["memory"]["total"] >= engines["memory"]["available"] > 0
    assert (await stage.call("GET", "/models"))["models"][0]["id"]
    await wait_until(lambda: bool(stage.told("engine.log")))
    (told, *_) = stage.told("engine.log")
    assert isinstance(told, EngineLog) and told.lines
    assert (await stage.call("GET", "/engines/log?model=here/demo&lines=5"))["lines"]
    session = await stage.session()
    (reply,) = (await stage.turn(session, "Hello", "here/demo"))["replies"]
    done = await stage.ended(session, reply["id"])
    assert (done["state"], done["cost"], done["cost_state"]) == ("complete", 0.0, "local"), done["error"]
    assert (await stage.call("POST", "/engines/unload", {"model": "here/demo"}))["stopped"] is True
    assert (await stage.call("POST", "/engines/unload", {"model": "here/demo"}))["stopped"] is False
    await stage.call("POST", "/engines/load", {"model": "far/echo"}, status=400)
    await stage.call("POST", "/engines/load", {"model": "here/none"}, status=404)


async def test_a_model_of_another_machine_is_loaded_and_unloaded(stage: ApiStage) -> None:
    async with machine_serving(make("ollama")) as box:
        entries = [{"id": "far", "kind": "openai-compatible", "baseUrl": stage.fake.address}]
        entries.append({"id": "box", "kind": "ollama", "baseUrl": box.url})
        stage.app.providers.path.write_text(json.dumps({"providers": entries}))
        await stage.call("POST", "/providers/refresh")
        (seen,) = (await stage.call("GET", "/machines/memory"))["machines"]
        assert seen == {"provider": "box", "loads": True, "renews": True, "models": [], "problem": ""}
        loading = await stage.call("POST", "/engines/load", {"model": "box/tiny:latest"}, status=202)
        assert loading == {"model": "box/tiny:latest"}
        await wait_until(lambda: any(m.state == "loaded" for told in memory_told(stage) for m in told.machine.models))
        assert (await stage.call("POST", "/engines/unload", {"model": "box/tiny:latest"}))["stopped"] is True
        assert (await stage.call("POST", "/engines/unload", {"model": "box/tiny:latest"}))["stopped"] is False
        models = {model["id"]: model for model in (await stage.call("GET", "/models"))["models"]}
        assert models["box/tiny:latest"]["size"] == 5_000


def memory_told(stage: ApiStage) -> list[MachineMemoryTold]:
    return [told for told in stage.told("machine.memory") if isinstance(told, MachineMemoryTold)]


async def test_preferences_and_prompts(stage: ApiStage) -> None:
    theme = {"mode": "dark", "palettes": {"a": {"gamma": 1.1}}}
    assert (await stage.call("PATCH", "/preferences", {"theme": theme}))["preferences"] == {"theme": theme}
    assert (await stage.call("PATCH", "/preferences", {"theme": None}))["preferences"] == {}
    await stage.call("PATCH", "/preferences", {"no key": 1}, status=400)
    await stage.call("PATCH", "/preferences", [1], status=422)
    prompt = await stage.call("POST", "/prompts", {"name": "Short", "text": "Be brief."}, status=201)
    changed = await stage.call("PATCH", f"/prompts/{prompt['id']}", {"text": "Be very brief."})
    assert (changed["name"], changed["text"]) == ("Short", "Be very brief.")
    assert (await stage.call("GET", "/prompts"))["prompts"] == [changed]
    assert await stage.call("DELETE", f"/prompts/{prompt['id']}") == {"id": prompt["id"]}
    await stage.call("DELETE", f"/prompts/{prompt['id']}", status=404)


async def test_the_document_names_every_path_and_event(stage: ApiStage) -> None:
    document = await stage.call("GET", "/openapi.json")
    schemas = document["components"]["schemas"]
    assert {"Session", "Message", "Event", "Snapshot", "Refusal"} <= set(schemas)
    assert "message.delta" in json.dumps(schemas["Event"])
    text = json.dumps(document)
    for name in set(text.split("#/components/schemas/")[1:]):
        assert name.partition('"')[0] in schemas
    assert "/hostler/api/messages/{message}/stop" in document["paths"]


# ---------------------------------------------------------------- downloads


async def test_a_download_ends_as_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = hollow(tmp_path, Hollow()).read_bytes() + bytes(200_000)
    async with hub_serving({"model-Q4_K_M.gguf": data}) as hub:
        monkeypatch.setenv("HOSTLER_HUB", hub.address)
        async with api_stage() as stage:
            pull = await stage.call("POST", "/pulls", {"spec": f" {REPO} "}, status=202)
            assert (pull["spec"], pull["state"], pull["error"]) == (REPO, "running", None)
            assert (await stage.call("POST", "/pulls", {"spec": REPO}, status=202))["id"] == pull["id"]
            await wait_until(lambda: bool(stage.told("pull.done")))
            (state,) = (await stage.call("GET", "/pulls"))["pulls"]
            assert (state["state"], state["done"], state["total"], state["model"]) == (
            "done", len(data), len(data), "here/model-q4_k_m",
        )  # fmt: skip
            models = (await stage.call("GET", "/models"))["models"]
            assert next(m for m in models if m["id"] == state["model"])["size"] == len(data)
            await stage.call("DELETE", f"/pulls/{pull['id']}", status=409)


async def test_a_download_is_cancelled_and_goes_on_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = hollow(tmp_path, Hollow()).read_bytes() + bytes(200_000)
    async with hub_serving({"model-Q4_K_M.gguf": data}) as hub:
        monkeypatch.setenv("HOSTLER_HUB", hub.address)
        hub.cuts, hub.hang = [100_000], True
        async with api_stage() as stage:
            pull = await stage.call("POST", "/pulls", {"spec": REPO}, status=202)
            async with asyncio.timeout(10):
                await hub.hanging.wait()
            gone = await stage.call("DELETE", f"/pulls/{pull['id']}")
            assert (gone["id"], gone["state"]) == (pull["id"], "cancelled")
            hub.hang = False
            again = await stage.call("POST", "/pulls", {"spec": REPO}, status=202)
            await wait_until(lambda: bool(stage.told("pull.done")))
            (done,) = stage.told("pull.done")
            assert isinstance(done, PullTold) and done.pull.id == again["id"]


async def test_what_cannot_be_downloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOSTLER_HUB", "http://127.0.0.1:1")
    async with api_stage() as stage:
        await cannot_be_downloaded(stage)


async def cannot_be_downloaded(stage: ApiStage) -> None:
    assert "ORG/NAME" in json.dumps(await stage.call("POST", "/pulls", {"spec": "nonsense"}, status=400))
    await stage.call("POST", "/pulls", {"spec": "org/name"}, status=202)
    await stage.parts.pulls.close()
    (told,) = stage.told("pull.failed")
    assert isinstance(told, PullTold) and told.pull.state in ("failed", "cancelled")

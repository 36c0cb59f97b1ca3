"""The models page: what there is, loading and unloading, logs, memory, machines that go and come, broken files."""

import asyncio
import json
import re
from contextlib import AsyncExitStack
from pathlib import Path

from playwright.async_api import Locator, expect

from hostler.cli.main import run
from hostler.providers.fake.server import FakeVendor
from tests.end_to_end import scripted_llama
from tests.engines.hub_server import REPO, HubServer, serving
from tests.engines.models import Hollow, hollow
from tests.registry.loading_servers import Loading, make
from tests.registry.servers import Machine, models
from tests.registry.servers import serving as machine_serving
from tests.waiting import wait_until
from tests.web.conftest import Open, Start
from tests.web.server import Serve, Server
from tests.web.tab import Tab

DEMO = "here/demo"
SCRIPT = """
models:
  - id: talk
  - id: "qwen/odd 'name' \\"x\\""
"""
LOADING_MS = 40_000


def row(tab: Tab, model: str) -> Locator:
    """A model's row, by its whole id."""
    star = tab.page.get_by_role("button", name=f"Favorite: {model}", exact=True)
    return tab.page.locator(".row").filter(has=star)


def entry(vendor: FakeVendor, name: str = "desk", **more: object) -> dict[str, object]:
    return {"id": name, "label": "Desk", "kind": "openai-compatible", "baseUrl": vendor.address, **more}


async def scripted(start: Start, folder: Path, *names: str, **engine: object) -> Server:
    """A server whose engines are stand-ins, called `here/NAME`."""
    lines = [f'llama_server = "{scripted_llama.executable(folder)}"', *(f"{k} = {v}" for k, v in engine.items())]
    models = [scripted_llama.recipe(folder, name) for name in names]
    here = {"id": "here", "label": "This machine", "kind": "engine", "models": models}
    return await start(Serve(providers=(here,), settings="[engine]\n" + "\n".join(lines)))


async def test_the_demo_is_loaded_watched_and_unloaded(server: Server, tab: Open) -> None:
    page = await tab(server, "/models")
    demo = row(page, DEMO)
    await expect(demo).to_contain_text("not loaded")
    await demo.locator("[data-model]").click()
    await expect(page.page.locator(".verdict")).to_contain_text("It fits")
    await page.shot("models-chosen")
    await demo.get_by_role("button", name=f"Load {DEMO}", exact=True).click()
    await expect(demo.get_by_role("button", name=f"Unload {DEMO}", exact=True)).to_be_visible(timeout=LOADING_MS)
    await expect(demo).to_contain_text("loaded")
    await expect(demo).to_contain_text(re.compile(r"\d (MiB|GiB) held"))
    await expect(page.page.locator(".bar .part.engine")).to_have_attribute("title", re.compile(rf"{DEMO}: \d"))
    lines = page.page.get_by_label("Lines of the log")
    await expect(lines).to_contain_text(re.compile(r"\w+"))
    assert "\x1b" not in await lines.inner_text()
    assert "\x1b" not in await page.copied(page.button("Copy log"))
    await page.shot("models-loaded")
    await demo.get_by_role("button", name=f"Unload {DEMO}", exact=True).click()
    await expect(demo).to_contain_text("not loaded")


async def test_facts_say_who_says_so_and_when(server: Server, tab: Open) -> None:
    page = await tab(server, "/models")
    demo = row(page, DEMO)
    badge = demo.locator(".badge", has_text="tools")
    await expect(badge).to_have_attribute("title", re.compile(r"Calls tools: yes\. Source: .+as of \d{4}-"))
    await demo.locator("[data-model]").click()
    fact = page.page.get_by_role("row", name=re.compile("Calls tools"))
    await expect(fact).to_contain_text("built into hostler")
    await expect(fact).to_contain_text(re.compile(r"\d{4}-\d\d-\d\d"))
    assert await page.copied(page.button("Copy id")) == DEMO


async def test_an_engine_that_fails_says_why_and_what_to_do(start: Start, tab: Open, tmp_path: Path) -> None:
    page = await tab(await scripted(start, tmp_path, "exits", "good"), "/models")
    broken = row(page, "here/exits")
    await broken.get_by_role("button", name="Load here/exits", exact=True).click()
    await expect(broken).to_contain_text("failed")
    await expect(broken).to_contain_text("unknown model architecture")
    good = row(page, "here/good")
    await good.get_by_role("button", name="Load here/good", exact=True).click()
    await expect(good.get_by_role("button", name="Unload here/good", exact=True)).to_be_visible()
    page.problems.excuse(r"/hostler/api/engines/load", "Failed to load resource")


async def test_loading_is_seen_and_can_be_called_off(start: Start, tab: Open, tmp_path: Path) -> None:
    page = await tab(await scripted(start, tmp_path, "never-ready"), "/models")
    slow = row(page, "here/never-ready")
    await slow.get_by_role("button", name="Load here/never-ready", exact=True).click()
    await expect(slow).to_contain_text("loading")
    await expect(slow.get_by_role("progressbar")).to_be_visible()
    await slow.get_by_role("button", name="Cancel loading here/never-ready", exact=True).click()
    await expect(slow).to_contain_text("not loaded")


async def test_a_model_that_does_not_fit_is_told_before_anybody_tries(start: Start, tab: Open, tmp_path: Path) -> None:
    page = await tab(await scripted(start, tmp_path, "good", memory_limit_mb=16), "/models")
    await row(page, "here/good").get_by_role("button", name="good", exact=True).click()
    await expect(page.page.locator(".verdict")).to_have_attribute("data-kind", "refused")
    await expect(page.page.locator(".legend")).to_contain_text("engines take 16 MiB at most")
    await page.shot("models-does-not-fit")


async def test_a_machine_goes_down_and_comes_back(start: Start, tab: Open) -> None:
    vendor = FakeVendor(SCRIPT)
    async with AsyncExitStack() as up:
        await up.enter_async_context(vendor.serving())
        port = int(vendor.address.rpartition(":")[2])
        page = await tab(await start(Serve(providers=(entry(vendor, tags=["gpu"]),))), "/models")
        await expect(row(page, "desk/talk")).to_contain_text("ready")
        await expect(row(page, "desk/qwen/odd 'name' \"x\"")).to_contain_text("ready")
    await page.button("Refresh").click()
    told = page.page.get_by_role("note", name="What is wrong with Desk")
    await expect(told).to_contain_text("What to do:")
    await expect(told).to_contain_text(f"127.0.0.1:{port}")
    await page.shot("models-machine-down")
    async with vendor.serving(port=port):
        await page.button("Refresh").click()
        await expect(told).to_have_count(0)
        await expect(row(page, "desk/talk")).to_contain_text("ready")


async def test_a_broken_providers_file_is_shown_and_the_last_good_state_stays(start: Start, tab: Open) -> None:
    vendor = FakeVendor(SCRIPT)
    async with vendor.serving():
        server = await start(Serve(providers=(entry(vendor),)))
        page = await tab(server, "/models")
        await expect(row(page, "desk/talk")).to_be_visible()
        whole = server.providers_file.read_text()
        server.write_providers(json.dumps({"providers": [{**entry(vendor), "baseURLL": "x", "kind": "olama"}]}))
        file = page.page.get_by_role("region", name="Providers file")
        await expect(file).to_contain_text("the last good state is in use")
        await expect(file).to_contain_text("ollama")
        await expect(file).to_contain_text(str(server.providers_file))
        await expect(row(page, "desk/talk")).to_be_visible()
        await page.shot("models-broken-file")
        server.write_providers(json.dumps({"providers": [{**entry(vendor), "basedUrl": "x"}]}))
        await expect(file).not_to_contain_text("the last good state is in use")
        await expect(file).to_contain_text("basedUrl")
        server.write_providers(whole)
        await expect(file).to_contain_text("Read without complaint")


async def test_a_model_is_pulled_with_progress_and_offered(start: Start, tab: Open, tmp_path: Path) -> None:
    data = hollow(tmp_path, Hollow()).read_bytes() + bytes(400_000)
    async with serving({"model-Q4_K_M.gguf": data}) as hub:
        hub.cuts, hub.hang = [100_000], True
        server = await start(Serve(environment={"HOSTLER_HUB": hub.address}))
        page = await tab(server, "/models")
        await ask_for(page, "nonsense")
        await expect(page.page.get_by_text("Write ORG/NAME, ORG/NAME:QUANT")).to_be_visible()
        await ask_for(page, REPO)
        bar = page.page.get_by_role("progressbar", name=f"Pull of {REPO}")
        await expect(bar).to_be_visible()
        await asyncio.wait_for(hub.hanging.wait(), 20)
        await page.shot("models-pull")
        await page.button(f"Cancel pull of {REPO}").click()
        await expect(page.page.get_by_text("the next pull goes on from there")).to_be_visible()
        hub.hang = False
        await page.button(f"Go on with {REPO}").click()
        await expect(page.page.get_by_text("Whole and checked")).to_be_visible(timeout=30_000)
        assert any("range" in seen.headers for seen in hub.transfers()), "it goes on from what was there"
        await expect(row(page, "here/model-q4_k_m")).to_be_visible()
        await refused(page, hub)
    page.problems.excuse(r"/hostler/api/pulls", "Failed to load resource")


async def ask_for(tab: Tab, spec: str) -> None:
    field = tab.page.get_by_label("Model on the hub")
    if not await field.is_visible():
        await tab.page.get_by_role("button", name="Pull", exact=True).click()
    await field.fill(spec)
    await field.press("Enter")


async def refused(tab: Tab, hub: HubServer) -> None:
    """What the hub does not have is an error with a hint."""
    hub.gated = True
    await ask_for(tab, f"{REPO}:Q8_0")
    await expect(tab.page.locator(".pull")).to_contain_text("Q8_0")
    await expect(tab.page.locator(".pull .error").first).to_contain_text(re.compile("Q4_K_M|has", re.IGNORECASE))


async def test_search_filter_and_favorites(start: Start, tab: Open) -> None:
    vendor = FakeVendor(SCRIPT)
    async with vendor.serving():
        server = await start(Serve(providers=(entry(vendor, tags=["gpu"]),)))
        page = await tab(server, "/models")
        await expect(row(page, "desk/talk")).to_be_visible()
        search = page.page.get_by_label("Search models")
        await search.fill("gpu odd")
        await expect(page.page.locator(".row")).to_have_count(1)
        await search.fill("nothing like it")
        await expect(page.page.get_by_text("No model is like that")).to_be_visible()
        await page.button("Show all").click()
        await page.button("Favorite: desk/talk").click()
        await expect(page.button("Favorite: desk/talk")).to_have_attribute("aria-pressed", "true")
        await page.button("Favorites").click()
        await expect(page.page.locator(".row")).to_have_count(1)
        await server.wait_kept(lambda kept: kept.get("favorite_models") == ["desk/talk"])
        await page.page.reload()
        await expect(page.button("Favorite: desk/talk")).to_have_attribute("aria-pressed", "true")


async def test_by_keyboard_alone(start: Start, tab: Open, tmp_path: Path) -> None:
    page = await tab(await scripted(start, tmp_path, "a", "b"), "/models")
    await expect(row(page, "here/b")).to_be_visible()
    await page.press("j", "j")
    await expect(page.page.get_by_role("button", name="b", exact=True)).to_be_focused()
    await page.press("k")
    await expect(page.page.get_by_role("heading", name="a", exact=True)).to_be_visible()
    await page.press("Enter")
    await expect(page.page.locator("#detail-title")).to_be_focused()
    await page.press("l")
    await expect(page.button("Unload here/a")).to_be_visible()
    await page.press("s")
    await expect(page.button("Favorite: here/a")).to_have_attribute("aria-pressed", "true")
    await page.press("/")
    await expect(page.page.get_by_label("Search models")).to_be_focused()
    await page.press("Escape", "p")


async def test_two_tabs_see_the_same(start: Start, tab: Open, tmp_path: Path) -> None:
    server = await scripted(start, tmp_path, "a")
    one, other = await tab(server, "/models"), await tab(server, "/models")
    await expect(row(other, "here/a")).to_be_visible()
    await row(one, "here/a").get_by_role("button", name="Load here/a", exact=True).click()
    await expect(other.button("Unload here/a")).to_be_visible()
    await one.button("Favorite: here/a").click()
    await expect(other.button("Favorite: here/a")).to_have_attribute("aria-pressed", "true")
    await other.button("Unload here/a").click()
    await expect(one.button("Load here/a")).to_be_visible()


async def test_the_log_follows_and_can_be_held(start: Start, tab: Open, tmp_path: Path) -> None:
    server = await scripted(start, tmp_path, "a")
    page = await tab(server, "/models")
    await row(page, "here/a").locator("[data-model]").click()
    lines = page.page.get_by_label("Lines of the log")
    await row(page, "here/a").get_by_role("button", name="Load here/a", exact=True).click()
    await expect(lines).to_contain_text("server is listening")
    await page.button("Pause").click()
    await page.button("Unload here/a").click()
    await row(page, "here/a").get_by_role("button", name="Load here/a", exact=True).click()
    await expect(page.button(re.compile(r"Go on \(\d+ new\)"))).to_be_visible()
    assert (await lines.inner_text()).count("server is listening") == 1
    await page.button(re.compile("Go on")).click()
    await expect(lines).to_contain_text(re.compile("listening(.|\n)+listening"))


async def test_chat_with_this_model(server: Server, tab: Open) -> None:
    page = await tab(server, "/models")
    await row(page, DEMO).locator("[data-model]").click()
    await page.page.get_by_role("link", name="Chat with this model").click()
    await page.page.wait_for_url(re.compile(r"/chat"))
    await expect(page.page.get_by_text(DEMO).or_(page.page.get_by_text("demo")).first).to_be_visible()


async def test_on_a_phone_models_are_cards(server: Server, tab: Open, narrow: dict[str, object]) -> None:
    page = await tab(server, "/models", **narrow)
    demo = row(page, DEMO)
    await demo.locator("[data-model]").click()
    await expect(page.page.locator("#detail-title")).to_be_visible()
    assert await page.overflow() <= 0
    await page.shot("models-phone", full=True)


async def test_a_server_that_comes_back_is_shown_anew(start: Start, tab: Open, tmp_path: Path) -> None:
    server = await scripted(start, tmp_path, "a")
    page = await tab(server, "/models")
    await row(page, "here/a").get_by_role("button", name="Load here/a", exact=True).click()
    await expect(page.button("Unload here/a")).to_be_visible()
    page.problems.network_down = True
    await server.kill()
    await server.start()
    await expect(page.button("Load here/a")).to_be_visible(timeout=30_000)


async def test_models_of_other_machines_are_loaded_kept_warm_and_unloaded(start: Start, tab: Open) -> None:
    async with machine_serving(make("ollama")) as box:
        box.hold, box.held = asyncio.Event(), ("/api/generate",)
        server = await start(Serve(providers=({"id": "mini", "label": "Mini", "kind": "ollama", "baseUrl": box.url},)))
        one, other = await tab(server, "/models"), await tab(server, "/models")
        model = row(one, "mini/tiny:latest")
        await expect(model).to_contain_text("not loaded")
        await expect(model).to_contain_text("disk")
        await one.button("Load mini/tiny:latest").click()
        for page in (one, other):
            await expect(row(page, "mini/tiny:latest")).to_contain_text("loading")
        box.hold.set()
        for page in (one, other):
            await expect(row(page, "mini/tiny:latest")).to_contain_text("6 GiB held")
        await expect(one.page.get_by_text("1 loaded, 6 GiB held")).to_be_visible()
        await model.locator("[data-model]").click()
        await expect(one.page.get_by_text("4 GiB of it on accelerators")).to_be_visible()
        asked = len([seen for seen in box.seen if seen.target == "/api/generate"])
        await one.button("Keep warm").click()
        await expect(one.button("Unload mini/tiny:latest")).to_be_visible()
        await wait_until(lambda: len([seen for seen in box.seen if seen.target == "/api/generate"]) > asked)
        await one.shot("models-elsewhere")
        assert await one.barriers() == []
        await other.button("Unload mini/tiny:latest").click()
        for page in (one, other):
            await expect(row(page, "mini/tiny:latest")).to_contain_text("not loaded")


async def test_a_machine_that_cannot_load_a_model_says_why(start: Start, tab: Open) -> None:
    async with machine_serving(make("ollama")) as box:
        assert isinstance(box, Loading)
        box.broken = ("tiny:latest",)
        server = await start(Serve(providers=({"id": "mini", "kind": "ollama", "baseUrl": box.url},)))
        page = await tab(server, "/models")
        await page.button("Load mini/tiny:latest").click()
        await expect(row(page, "mini/tiny:latest")).to_contain_text("failed")
        await expect(row(page, "mini/tiny:latest")).to_contain_text("requires more system memory")
        box.broken = ()
        await page.button("Load mini/tiny:latest").click()
        await expect(page.button("Unload mini/tiny:latest")).to_be_visible()


async def test_hundreds_of_models_are_searched_and_walked(start: Start, tab: Open) -> None:
    async with AsyncExitStack() as up:
        entries: list[dict[str, object]] = []
        for number in range(12):
            names = [f"org-{number}/model-{each}-instruct" for each in range(50)]
            box = await up.enter_async_context(machine_serving(Machine({"/v1/models": models(*names)})))
            entries.append({"id": f"box-{number}", "kind": "openai-compatible", "baseUrl": box.url})
        entries.append({"id": "gone", "label": "Gone", "kind": "ollama", "baseUrl": "http://127.0.0.1:9"})
        server = await start(Serve(providers=entries))
        await server.api("/providers/refresh", {})
        page = await tab(server, "/models")
        await expect(page.page.locator(".row")).to_have_count(601)
        search = page.page.get_by_label("Search models")
        await search.fill("box-7 model-4")
        await expect(page.page.locator(".row")).to_have_count(11)
        await search.press("Enter")
        await expect(page.page.locator("[data-model]:focus")).to_contain_text("model-4-instruct")
        await page.press("j")
        await expect(page.page.locator("[data-model]:focus")).to_contain_text("model-40-instruct")
        await page.button("Gone").click()
        await expect(page.page.locator(".row")).to_have_count(601)
        await expect(page.page.get_by_role("heading", name="Gone")).to_be_focused()
        await expect(page.page.get_by_role("note", name="What is wrong with Gone")).to_be_in_viewport(ratio=1)
        chosen = row(page, "box-9/org-9/model-20-instruct").locator("[data-model]")
        await chosen.scroll_into_view_if_needed()
        await chosen.click()
        await expect(page.page.locator("#detail-title")).to_be_in_viewport()
        await expect(chosen).to_be_in_viewport()


async def test_without_a_file_or_a_model_it_says_what_to_do(start: Start, tab: Open) -> None:
    server = await start(Serve(flags=("--no-engine",)))
    server.providers_file.unlink()
    page = await tab(server, "/models")
    await page.button("Refresh").click()
    file = page.page.get_by_role("region", name="Providers file")
    await expect(file).to_contain_text("There is no such file yet")
    await expect(file).to_contain_text(str(server.providers_file))
    told = await file.locator("code", has_text="hostler providers add").inner_text()
    command = told.replace("KIND", "ollama").replace("URL", "http://127.0.0.1:9").split()[1:]
    assert await asyncio.to_thread(run, command) == 0, "what the page says to type works"
    await expect(page.page.get_by_text("No models yet")).to_be_visible()
    await page.shot("models-empty")
    assert await page.barriers() == []


async def test_a_models_file_that_is_damaged_is_named_before_anybody_loads_it(
    start: Start, tab: Open, tmp_path: Path
) -> None:
    whole = hollow(tmp_path, Hollow()).read_bytes()
    damaged = tmp_path / "cut.gguf"
    damaged.write_bytes(whole[: len(whole) // 2])
    recipe = {"path": str(damaged)}
    here = {"id": "here", "kind": "engine", "models": [{"id": "cut", "recipe": recipe}]}
    page = await tab(await start(Serve(providers=(here,))), "/models")
    await expect(row(page, "here/cut")).to_contain_text("broken")
    await expect(row(page, "here/cut")).to_contain_text("cut.gguf")


async def test_a_machine_that_goes_down_while_somebody_looks_is_soon_known(start: Start, tab: Open) -> None:
    async with AsyncExitStack() as up:
        box = await up.enter_async_context(machine_serving(make("ollama")))
        server = await start(Serve(providers=({"id": "mini", "label": "Mini", "kind": "ollama", "baseUrl": box.url},)))
        page = await tab(server, "/models")
        await expect(row(page, "mini/tiny:latest")).to_contain_text("not loaded")
        await up.aclose()
        told = page.page.get_by_role("note", name="What is wrong with Mini")
        await expect(told).to_contain_text("What to do:", timeout=40_000)
        await expect(row(page, "mini/tiny:latest")).to_contain_text("away")
        async with machine_serving(make("ollama"), box.address.port):
            await expect(told).to_have_count(0, timeout=40_000)
            await expect(page.button("Load mini/tiny:latest")).to_be_visible()


async def test_the_matrix_is_a_table_to_filter_sort_and_choose_from(server: Server, tab: Open) -> None:
    page = await tab(server, "/models")
    await page.button("Table").click()
    table = page.page.get_by_role("region", name="Capability matrix")
    demo = table.get_by_role("row").filter(has=page.page.get_by_role("link", name=DEMO, exact=True))
    await expect(demo.get_by_role("cell", name="yes", exact=True).first).to_have_attribute(
        "title", re.compile(r"Source: .+as of \d{4}-|Source: ")
    )
    await expect(demo).to_contain_text("Free (local)")
    await expect(page.page.get_by_role("columnheader", name="MCP", exact=True)).to_have_count(0)
    await page.button("All columns").click()
    await expect(page.page.get_by_role("columnheader", name="MCP", exact=True)).to_be_visible()
    wanted = page.page.get_by_role("group", name="Models that have")
    await wanted.get_by_role("button", name="Tools", exact=True).click()
    await expect(demo).to_be_visible()
    await wanted.get_by_role("button", name="Vision", exact=True).click()
    await expect(demo).to_have_count(0)
    await expect(page.page.get_by_text(re.compile(r"^0 of \d+ models$"))).to_be_visible()
    await wanted.get_by_role("button", name="Vision", exact=True).click()
    star = demo.get_by_role("button", name=f"Favorite: {DEMO}")
    await star.click()
    await expect(star).to_have_attribute("aria-pressed", "true")
    await table.get_by_role("button", name="Context", exact=True).click()
    await expect(page.page.get_by_role("columnheader", name=re.compile("^Context"))).to_have_attribute(
        "aria-sort", "descending"
    )
    assert await page.barriers() == []
    assert await page.overflow() <= 0
    await page.shot("models-table")
    await page.page.reload()
    await expect(row(page, DEMO).get_by_role("button", name=f"Favorite: {DEMO}")).to_have_attribute(
        "aria-pressed", "true"
    )

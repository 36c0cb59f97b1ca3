"""What answers look like: reasoning, code, tables, formulas, diagrams, hostile and huge texts, other scripts."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.waiting import wait_until
from tests.web.chat import PATIENCE_MS, Chat, House, chat, house, script
from tests.web.conftest import Open

CODE = "def f(x):\n    return x + 1  # " + "long " * 60
HOSTILE = """Text <script>window.pwned = 1</script> and <img src=x onerror="window.pwned = 2"> here.

[one](javascript:window.pwned=3) [two](JaVaScRiPt:window.pwned=4) [three](data:text/html,<script>1</script>)
[four](vbscript:x) <a href="javascript:window.pwned=5">five</a> [fine](https://example.com/)

![remote](http://192.0.2.7/x.png) ![also](//192.0.2.8/y.png) <iframe src="http://192.0.2.9/"></iframe>

<svg onload="window.pwned=6"><style>body{display:none}</style></svg> <form action="http://192.0.2.9/"><input></form>

| <b onmouseover=alert(1)>a</b> | b |
|---|---|
| `<script>` | <details open ontoggle="window.pwned=7">x</details> |

```html
<script>window.pwned = 8</script>
```

$$\\href{javascript:window.pwned=9}{x}\\includegraphics{http://192.0.2.7/z.png}$$

```mermaid
graph TD; A["<img src=x onerror=window.pwned=10>"] --> B; click A "javascript:window.pwned=11"
```

The end of it.
"""
RICH = {
    "code": f"Look:\n\n```python\n{CODE}\n```\n",
    "table": "| animal | legs |\n|---|---:|\n| cow | 4 |\n| hen | 2 |\n",
    "formula": "It is $e^{i\\pi} = -1$ and\n\n$$\\int_0^1 x\\,dx$$\n",
    "diagram": "Here:\n\n```mermaid\ngraph TD\n  A[Start] --> B[End]\n```\n",
    "other scripts": "مرحبا بالعالم\n\nשלום\n\nZ͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍a̴̵̜̰͔ͫ͗͢l̠ͨͧͩ͘ģ̴̷͚o!͖ͮ̇ͅ 👩‍👩‍👧‍👦 é\n",
    "hostile": HOSTILE,
}
BIG = "ten chars " * 500_000


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    rich = [
        {"when": {"contains": f"show {name}"}, "text": text, "chunks": {"by": "characters", "size": 7}}
        for name, text in RICH.items()
    ]
    thinks = {"when": {"contains": "think"}, "reasoning": "Let me see, step by step.", "text": "The answer is 4."}
    slow = {**thinks, "when": {"contains": "ponder"}, "hold_after": 3}
    big = {"when": {"contains": "something big"}, "text": BIG, "chunks": {"by": "characters", "size": 100_000}}
    much = {"when": {"contains": "ten chars"}, "text": "A lot."}
    async with house(tmp_path_factory.mktemp("rendering"), script(*rich, thinks, slow, big, much)) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def desk(shared: House) -> House:
    return await shared.fresh()


async def show(desk: House, tab: Open, name: str, end: str) -> Chat:
    room = await chat(tab, desk.server)
    await room.ask(f"show {name}", end)
    return room


async def test_reasoning_is_collapsed_and_says_how_long_it_took(desk: House, tab: Open) -> None:
    room = await chat(tab, desk.server)
    await room.say("ponder it")
    await expect(room.last.get_by_text("Thinking …")).to_be_visible(timeout=PATIENCE_MS)
    await expect(room.last).not_to_contain_text("step by step")
    desk.vendor.release()
    await expect(room.last).to_contain_text("The answer is 4.")
    thought = room.last.get_by_text(re.compile(r"Thought for \d"))
    await expect(thought).to_be_visible()
    await expect(room.last).not_to_contain_text("step by step")
    await thought.click()
    await expect(room.last).to_contain_text("Let me see, step by step.")


async def test_code_is_copied_wrapped_and_downloaded(desk: House, tab: Open, tmp_path: Path) -> None:
    room = await show(desk, tab, "code", "return x + 1")
    figure = room.last.locator("figure")
    await expect(figure).to_contain_text("python")
    await expect(figure.locator("code span").first).to_be_attached()  # colours have come
    assert (await room.tab.copied(figure.get_by_role("button", name="Copy"))).strip() == CODE.strip()
    await expect(figure.get_by_role("button", name="Copied")).to_be_visible()
    wrap = figure.get_by_role("button", name="Wrap")
    code = figure.locator("pre")
    wide = "(pre) => pre.scrollWidth > pre.clientWidth"
    assert await code.evaluate(wide)
    await wrap.click()
    await expect(wrap).to_have_attribute("aria-pressed", "true")
    assert not await code.evaluate(wide)
    async with room.page.expect_download() as waiting:
        await figure.get_by_role("button", name="Download").click()
    download = await waiting.value
    await download.save_as(tmp_path / "code")
    assert download.suggested_filename == "code.py" and (tmp_path / "code").read_text().strip() == CODE.strip()
    assert await room.tab.copied(room.last.get_by_role("button", name="Copy the message")) == RICH["code"]


async def test_a_table(desk: House, tab: Open) -> None:
    room = await show(desk, tab, "table", "hen")
    await expect(room.last.get_by_role("columnheader")).to_have_text(["animal", "legs"])
    await expect(room.last.get_by_role("cell", name="4", exact=True)).to_be_visible()


BLACK = """async (img) => {
  await img.decode();
  const canvas = new OffscreenCanvas(img.naturalWidth, img.naturalHeight).getContext('2d');
  canvas.drawImage(img, 0, 0);
  const { data } = canvas.getImageData(0, 0, img.naturalWidth, img.naturalHeight);
  let dark = 0;
  for (let at = 0; at < data.length; at += 4) dark += data[at + 3] > 200 && data[at] + data[at + 1] + data[at + 2] < 60;
  return dark / (data.length / 4);
}"""
"""The black part of a picture: boxes that lost their styles are filled with it."""


async def test_formulas_and_diagrams_are_loaded_only_where_there_are_some(desk: House, tab: Open) -> None:
    room = await chat(tab, desk.server)
    asked: list[str] = []
    room.page.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))

    def loaded(part: str) -> bool:
        return any(part in name for name in asked)

    await room.ask("plain words")
    assert not loaded("late-") and not loaded("KaTeX") and not loaded("iagram")
    await room.ask("show formula", "It is")
    await expect(room.last.locator(".katex").first).to_be_visible()
    await expect(room.last.locator(".katex-error")).to_have_count(0)
    await wait_until(lambda: loaded("late-math") and loaded("KaTeX"))  # the font comes when the formula is drawn
    assert not loaded("late-diagram")
    await room.ask("show diagram", "Here:")
    picture = room.last.get_by_role("img", name=re.compile("^Diagram: graph TD"))
    await expect(picture).to_be_visible(timeout=PATIENCE_MS)
    assert await picture.evaluate("(img) => img.decode().then(() => img.naturalWidth > 20)")
    assert loaded("late-diagram") and loaded("diagram.html")
    assert 0 < await picture.evaluate(BLACK) < 0.2
    assert await room.tab.barriers() == []
    await room.last.get_by_text("Source").click()
    await expect(room.last.locator("pre")).to_contain_text("A[Start]")
    await room.tab.shot("rich")


async def test_hostile_markdown_does_nothing(desk: House, tab: Open) -> None:
    room = await chat(tab, desk.server)
    dialogs: list[str] = []

    async def dismiss(dialog: object) -> None:
        dialogs.append(str(dialog))

    room.page.on("dialog", dismiss)
    await room.ask("show hostile", "The end of it.")
    await expect(room.last.locator("figure").first).to_be_visible()
    for link in await room.last.get_by_role("link").all():
        address = await link.get_attribute("href") or ""
        assert address.startswith(("https://", "http://")), address  # pictures from elsewhere are links, too
        assert await link.get_attribute("rel") and await link.get_attribute("target") == "_blank"
    assert (
        await room.last.locator("script, iframe, form, input, style:not(svg style), [onerror], [onload]").count() == 0
    )
    for picture in await room.last.locator("img").all():
        assert (await picture.get_attribute("src") or "").startswith("data:")
    assert await room.page.evaluate("window.pwned") is None and dialogs == []
    await room.page.reload()
    await expect(room.last).to_contain_text("The end of it.")
    assert await room.page.evaluate("window.pwned") is None and dialogs == []
    await room.tab.shot("hostile", full=True)


async def test_five_megabytes_are_said_and_read(desk: House, tab: Open) -> None:
    room = await chat(tab, desk.server)
    await room.ask("something big please", "ten chars")
    assert len(await room.last.text_content() or "") > len(BIG)
    await room.page.reload()
    await expect(room.last).to_contain_text("ten chars", timeout=60_000)
    await room.ask("still quick")
    session = await desk.server.api("/sessions", {"title": "Large"})
    await desk.turn(session["id"], BIG)
    await desk.ended(session["id"])
    assert len(desk.vendor.requests[-1].body) > len(BIG)
    await room.tab.go(f"/chat/{session['id']}")
    await expect(room.mine).to_contain_text("ten chars", timeout=60_000)


async def test_right_to_left_and_combining_text(desk: House, tab: Open) -> None:
    room = await show(desk, tab, "other scripts", "שלום")
    arabic = room.last.get_by_text("مرحبا بالعالم")
    assert await arabic.evaluate("(p) => getComputedStyle(p).direction") == "rtl"
    await expect(room.last).to_contain_text("👩‍👩‍👧‍👦")
    await room.ask("مرحبا")
    assert await room.mine.last.get_by_text("مرحبا").evaluate("(p) => getComputedStyle(p).direction") == "rtl"
    assert await room.tab.overflow() <= 0
    sent = desk.vendor.requests[-1].json["messages"]
    assert sent[1]["content"].strip() == RICH["other scripts"].strip()  # type: ignore[index,union-attr,call-overload]

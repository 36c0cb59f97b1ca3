"""Knows what of the workbench's results RESULTS.md tells, and the goals. Does not know how anything is measured."""

import statistics
from collections.abc import Callable, Iterator, Sequence
from typing import Any

Row = tuple[str, str, str]
WITHIN = 0.05
"""By how much a figure of the gateway may be worse with the workbench."""
CPU_TABS = 1


def middle(runs: Sequence[dict[str, Any]], key: str) -> float:
    """The median of one figure of several runs."""
    return statistics.median(run[key] for run in runs)


def span(runs: Sequence[dict[str, Any]], key: str) -> str:
    """Median and worst."""
    return f"{middle(runs, key):.0f} ms (worst of {len(runs)}: {max(run[key] for run in runs):.0f} ms)"


def quiet(runs: Sequence[dict[str, Any]]) -> str:
    """What the machine did to an idle page in the same runs."""
    return f"{middle(runs, 'quiet_worst_gap_ms'):.0f} ms"


def panes(told: list[dict[str, Any]]) -> Iterator[Row]:
    """Eight panes side by side."""
    yield "8 panes at 500 tokens/s: worst frame gap", "<= 50 ms", f"{span(told, 'worst_gap_ms')}; idle {quiet(told)}"
    yield "8 panes: last painted after last sent", "-", span(told, "behind_ms")
    cpu = middle(told, "cpu_s_per_20000")
    yield "server CPU per 20,000 tokens, upstream socket to browser socket", "<= 0.5 s", f"{cpu:.2f} s"


def stream_cpu(told: list[dict[str, Any]]) -> Iterator[Row]:
    """From event log to socket."""
    for row in told:
        if row["tabs"] == CPU_TABS and row["coalesced"]:
            yield "server CPU per 20,000 tokens, event log to socket", "<= 0.1 s", f"{row['log_and_stream']:.3f} s"


def long_answer(told: list[dict[str, Any]]) -> Iterator[Row]:
    """24 KB at 2,000 deltas a second."""
    yield "24 KB of Markdown at 2,000 deltas/s: behind at the end", "keeps pace", span(told, "behind_ms")
    yield "the same: worst frame gap", "<= 40 ms", f"{span(told, 'worst_gap_ms')}; idle {quiet(told)}"


def long_session(told: dict[str, Any]) -> Iterator[Row]:
    """A session of 2,000 messages."""
    first, *again = told["opens"]
    count = f"{told['messages']:,}"
    yield f"session of {count} messages: opened again", "<= 300 ms", span(again, "painted_ms")
    yield "the same, with the code that it needs loaded first", "<= 300 ms", f"{first['painted_ms']:.0f} ms"
    scroll = told["scroll"]
    lost = f"{scroll['fps']} fps, {scroll['late_frames']} of {scroll['frames']} frames late, worst gap"
    empty = f"{scroll['worst_gap_ms']:.0f} ms, {scroll['blank_frames']} with a gap in the view"
    yield "scrolled at 8,000 px/s", "60 fps", f"{lost} {empty}"
    heavy = told["weight_scrolled"]
    whole = f"{heavy['renderer_pss_mb']:.0f} MB (its own alone {heavy['renderer_own_mb']:.0f} MB, heap"
    yield "memory of the page's process, scrolled", "<= 150 MB", f"{whole} {heavy['heap_mb']:.0f} MB)"


def turns(told: dict[str, Any]) -> Iterator[Row]:
    """Stop, join, come back."""
    yield "stop: click to upstream closed", "<= 200 ms", span(told["stop"], "upstream_ms")
    yield "stop: click to page stopped", "<= 200 ms", span(told["stop"], "page_ms")
    for key, what, figure in (("join", "second tab joins", "joined_ms"), ("offline", "back after 5 s", "caught_up_ms")):
        lost = sum(not (run["equal"] and run["kept_whole"]) for run in told[key])
        said = f"{lost} of {len(told[key])} lost text" if lost else "nothing lost"
        yield what, "nothing lost", f"{said}; {span(told[key], figure)}"


def first_paint(told: dict[str, Any]) -> Iterator[Row]:
    """From a cold server."""
    runs = told["runs"]
    bare = f"; a page with one word {middle(runs, 'bare_paint_ms'):.0f} ms"
    yield "cold server: asked for / to first paint", "<= 500 ms", span(runs, "paint_after_ask_ms") + bare
    yield "the same from the start of its process", "-", span(runs, "painted_ms")
    size = (
        f"{middle(runs, 'gzip_kb'):.0f} KB, {middle(runs, 'gzip_kb_before_paint'):.0f} KB of it before the first paint"
    )
    yield "size of the first load, gzip", "<= 150 KB", size


def beside(told: dict[str, Any]) -> Iterator[Row]:
    """The gateway with the workbench and without."""
    figures = {name.replace("_", " "): figure["worse"] for name, figure in told["figures"].items()}
    figures |= {f"start, {key[:-2]}": told["start"]["worse"][key] for key in ("cpu_s", "wall_s")}
    for name, worse in figures.items():
        said = "-" if worse is None else f"{abs(worse):.1%} {'worse' if worse > 0 else 'better'}"
        yield f"gateway with the workbench and a tab: {name}", f"at most {WITHIN:.0%} worse", said
    memory = [told["memory"][name]["rss_idle"] for name in ("hostler_workbench", "hostler")]
    yield "memory with the workbench and a tab", "-", f"{memory[0]:.1f} MB (without: {memory[1]:.1f} MB)"


PARTS: dict[str, Callable[[Any], Iterator[Row]]] = {
    "panes": panes,
    "stream_cpu": stream_cpu,
    "long_answer": long_answer,
    "long_session": long_session,
    "turns": turns,
    "first_paint": first_paint,
    "beside": beside,
}


def rows(data: dict[str, Any]) -> Iterator[Row]:
    """The lines of RESULTS.md for the workbench."""
    for name, part in PARTS.items():
        if name in data["results"]:
            yield from part(data["results"][name]["told"])

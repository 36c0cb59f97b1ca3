"""Every capability has a reader: a field that no code asks and no column shows is worth nothing."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import hostler
from hostler.core.capabilities import FIELDS

SOURCE = Path(hostler.__file__).parent
WEB = SOURCE.parents[1] / "web" / "src" / "lib" / "models" / "matrix.ts"
WRITERS = ("core/capabilities.py", "providers/model_lists.py", "providers/model_data.py", "registry/matrix.py")
"""Where facts come from: naming a field there reads nothing."""
ASKED = re.compile(r"\b(?:facts|capabilities(?:\([^()]*\))?)\.([a-z_]+)")
COLUMN = re.compile(r'\bcolumn\("([a-z_]+)"')


def asked(sources: Mapping[str, str]) -> set[str]:
    """The fields that code asks of facts, by attribute."""
    return {name for file, text in sources.items() if file not in WRITERS for name in ASKED.findall(text)}


def unread(fields: Iterable[str], sources: Mapping[str, str], page: str) -> set[str]:
    """The fields that neither code nor page reads."""
    return set(fields) - asked(sources) - set(COLUMN.findall(page))


def sources() -> dict[str, str]:
    return {str(path.relative_to(SOURCE)): path.read_text("utf-8") for path in SOURCE.rglob("*.py")}


def test_every_field_has_a_reader() -> None:
    assert unread(FIELDS, sources(), WEB.read_text("utf-8")) == set()


def test_a_field_that_nobody_reads_is_found() -> None:
    code = {"a.py": "candidate.facts.vision\nself._models.capabilities(x).reasoning", WRITERS[0]: "facts.telepathy"}
    page = 'column("notes", "Notes", "text"),'
    assert unread(("vision", "reasoning", "notes", "telepathy"), code, page) == {"telepathy"}


def test_what_decides_something_is_read_by_code() -> None:
    deciding = {
        *("vision", "audio", "video", "tool_calling", "reasoning", "context_window", "max_output", "cost_tracking"),
        *("input_price", "output_price", "cache_read_price", "cache_write_price", "price_tiers"),
        *("batch_input_price", "batch_output_price"),
    }
    by_sense = set(re.findall(r'\("(?:image|audio|video)", "([a-z]+)"\)', sources()["core/fitting.py"]))
    assert deciding - asked(sources()) - by_sense == set()


def test_the_page_shows_every_field() -> None:
    assert set(COLUMN.findall(WEB.read_text("utf-8"))) == set(FIELDS)

"""docs/providers.md names every kind, every key of the file and every vendor."""

from pathlib import Path

from hostler.providers.kinds import KINDS
from hostler.providers.vendors import VENDORS
from hostler.registry.file_format import Document, ProviderEntry, TimeoutsEntry, check

PAGE = Path(__file__).parents[2] / "docs" / "providers.md"


def test_the_page_names_everything_that_the_file_may_hold() -> None:
    text = PAGE.read_text("utf-8")
    keys = [key for record in (Document, ProviderEntry, TimeoutsEntry) for key in record.__struct_encode_fields__]
    variables = [name for vendor in VENDORS.values() for name in vendor.env]
    for word in (*keys, *KINDS, *VENDORS, *variables):
        assert f"`{word}`" in text or f'`"{word}"`' in text or f'"{word}"' in text, word


def test_the_pages_example_is_a_good_file() -> None:
    example = PAGE.read_text("utf-8").partition("```json\n")[2].partition("```")[0]
    checked = check(example.encode())
    assert (checked.errors, checked.warnings) == ((), ())

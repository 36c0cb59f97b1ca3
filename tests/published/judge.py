"""Holds bodies and streams to what their vendors publish, strictly. Knows the published schemas; knows no codec.

By the official SDKs' types always; by a vendor's description too, where `tools/published_schemas.py` has brought one.
"""

import json
from collections.abc import Set
from functools import cache

from tests.published.extensions import EXTENSIONS, SDK, Extension, plain
from tests.published.sdks import VENDORS, published
from tests.published.strict import Schemas
from tools.published_schemas import OUT


def complaints(document: str, body: bytes | str) -> list[str]:
    """What is wrong with one document, by all who judge; empty for none."""
    return [
        f"{document} by {judge}: {line}"
        for judge, schemas in judges()
        if document in schemas.documents
        for line in schemas.complaints(document, plain(document, json.loads(body), judge=judge)[0])
    ]


def departures(document: str, body: bytes | str) -> set[Extension]:
    """Which of the excused departures one document holds."""
    return {met for judge, _ in judges() for met in plain(document, json.loads(body), judge=judge)[1]}


def excused(documents: Set[str]) -> set[Extension]:
    """The departures that documents may hold, as far as those who judge here need an excuse for them."""
    names = {"", *(judge for judge, _ in judges())}
    return {each for each in EXTENSIONS if each.document in documents and each.lacking in names}


@cache
def judges() -> tuple[tuple[str, Schemas], ...]:
    """Who judges, and by what."""
    described = [(f"{file.stem}'s description", _described(file.read_bytes())) for file in sorted(OUT.glob("*.json"))]
    return (*((SDK, published(vendor)) for vendor in VENDORS), *described)


def _described(body: bytes) -> Schemas:
    read = json.loads(body)
    return Schemas(read["roots"], read["$defs"])

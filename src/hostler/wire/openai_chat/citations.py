"""Sources of an answer on this wire: `annotations` of a message, and lists beside it. Knows no text, no stream."""

from collections.abc import Sequence
from dataclasses import replace

from hostler.core.messages import Citation, Part, Text
from hostler.wire.fields import Members, as_items, as_members, as_text

Json = dict[str, object]


def cited_in(message: Members) -> list[Citation]:
    """What a message or a delta says that it refers to."""
    found: list[Citation] = []
    for item in as_items(message.get("annotations")):
        note = as_members(item)
        source = as_members(note.get("url_citation")) or note
        if url := as_text(source.get("url")):
            found.append(Citation(url, as_text(source.get("title"))))
    return found


def sources_of(reply: Members) -> list[Citation]:
    """What some vendors list beside the choices: `search_results` with titles, or bare addresses as `citations`."""
    results = [as_members(item) for item in as_items(reply.get("search_results"))]
    found = [Citation(url, as_text(each.get("title"))) for each in results if (url := as_text(each.get("url")))]
    known = {citation.url for citation in found}
    bare = [as_text(item) for item in as_items(reply.get("citations"))]
    return found + [Citation(url) for url in bare if url and url not in known]


def with_citations(parts: tuple[Part, ...], citations: Sequence[Citation]) -> tuple[Part, ...]:
    """The parts of a reply whose last text refers to these."""
    if not citations:
        return parts
    texts = [position for position, part in enumerate(parts) if isinstance(part, Text)]
    last = parts[texts[-1]] if texts else None
    if not isinstance(last, Text):
        return parts
    cited = replace(last, citations=(*last.citations, *citations))
    return (*parts[: texts[-1]], cited, *parts[texts[-1] + 1 :])


def write_citation(citation: Citation, start: int, *, end: int) -> Json:
    """One entry of `annotations`, for the text between two characters."""
    source = {"url": citation.url, "title": citation.title, "start_index": start, "end_index": end}
    return {"type": "url_citation", "url_citation": source}


def write_citations(parts: Sequence[Part]) -> list[Json]:
    """The `annotations` of a whole reply: each is of the part that it came with."""
    written: list[Json] = []
    at = 0
    for part in parts:
        if isinstance(part, Text):
            end = at + len(part.text)
            written += [write_citation(citation, at, end=end) for citation in part.citations]
            at = end
    return written

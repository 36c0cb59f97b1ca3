"""Sources of an answer on this wire: its grounding and its citations. Knows no parts, no frames.

Facts: ai.google.dev/api/generate-content#GroundingMetadata, #CitationMetadata and the types of `google-genai`.
"""

from collections.abc import Iterator, Sequence

from hostler.core.messages import Citation
from hostler.wire.fields import Members, as_items, as_members, as_text


def cited_in(grounding: Members, cited: Members) -> Iterator[Citation]:
    """The addresses that an answer rests on: pages, retrieved documents and places, and what it quotes."""
    for item in as_items(grounding.get("groundingChunks")):
        for source in map(as_members, as_members(item).values()):
            if url := as_text(source.get("uri")):
                yield Citation(url, as_text(source.get("title")))
    for item in as_items(cited.get("citationSources") or cited.get("citations")):
        source = as_members(item)
        if url := as_text(source.get("uri")):
            yield Citation(url, as_text(source.get("title")))


def write_grounding(citations: Sequence[Citation]) -> dict[str, object]:
    """`groundingMetadata`, as of a search: which words each source supports is not known of other wires' answers."""
    return {"groundingChunks": [{"web": {"uri": each.url, "title": each.title}} for each in citations]}

"""Tools: what a model may call. Knows names, schemas and how a Python signature becomes one; runs nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from hostler.core.messages import CacheMark


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A tool as a model sees it. `parameters` is a JSON Schema object; `custom` tools take free text instead.

    `server` holds the raw JSON of a tool that the vendor runs itself (web search, ...); only its own wire knows it.
    """

    name: str
    description: str = ""
    parameters: Mapping[str, object] = field(default_factory=dict[str, object])
    strict: bool | None = None
    custom: bool = False
    cache: CacheMark | None = None
    server: bytes | None = None

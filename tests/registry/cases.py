"""Settings, files and sources for tests of the registry."""

import json
from collections.abc import Mapping
from pathlib import Path

from hostler.registry.directory import Directory, from_document
from hostler.registry.file_format import parse
from hostler.settings import EngineSettings, Settings

DESIGN_FILE = """{"defaultProvider": "desk",
 "providers": [
  {"id": "desk", "label": "Desk 2x3090", "kind": "llama-swap", "baseUrl": "http://desk:8080", "sidecarUrl": "http://desk:8090", "tags": ["gpu"]},
  {"id": "mini", "kind": "ollama", "baseUrl": "http://mini:11434"},
  {"id": "here", "kind": "engine", "models": [{"id": "qwen3-8b", "recipe": {"engine": "llama.cpp", "path": "models/qwen3-8b-q4.gguf", "context": 32768, "slots": 2}}]}]}
"""  # noqa: E501  # the layout is the point


def settings(
    folder: Path,
    *,
    environment: Mapping[str, str] | None = None,
    vendor_keys: Mapping[str, str] | None = None,
    legacy: str = "",
    engines: bool = True,
) -> Settings:
    """Settings whose providers file and data folder lie in `folder`."""
    return Settings(
        engine=EngineSettings(enabled=engines),
        providers_file=folder / "llama-providers.json",
        data_dir=folder / "data",
        legacy_base_url=legacy,
        environment=dict(environment or {}),
        vendor_keys=dict(vendor_keys or {}),
    )


def machine(
    provider_id: str, kind: str = "openai-compatible", url: str = "http://127.0.0.1:9", **more: object
) -> object:
    """One entry."""
    return {"id": provider_id, "kind": kind, "baseUrl": url, **more}


def document(*entries: object, default: str | None = None) -> bytes:
    """A file's bytes."""
    tree: dict[str, object] = {"providers": list(entries)}
    if default is not None:
        tree["defaultProvider"] = default
    return json.dumps(tree).encode()


class Fixed:
    """A source whose directory changes only when the test says so."""

    def __init__(self, directory: Directory) -> None:
        self.directory = directory


def source(data: bytes, at: Settings) -> Fixed:
    """A source that holds what a file's bytes describe."""
    return Fixed(from_document(parse(data, "test"), at))

"""Edits of the providers file, made only when a person asks: one entry is touched, the rest stays byte for byte.

Knows: how an entry is added, replaced or removed, the backup before and the check after. Does not know: commands.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, cast

from hostler.errors import ConfigError, StorageError
from hostler.providers.kinds import ENGINE, HERE, LEGACY_KIND
from hostler.registry.directory import LEGACY_ID
from hostler.registry.file_format import Document, ProviderEntry, check, refusal
from hostler.registry.json_places import JsonText
from hostler.system.files import PRIVATE, backup, storage_errors, write_atomic

_AS_BEFORE: Final = 0o777
"""Mode for files that exist already: write_atomic never widens one."""

Tree = dict[str, object]


def add_provider(path: Path, entry: Mapping[str, object], *, legacy_base_url: str = "") -> Path | None:
    """Add one entry at the end of `providers` and return the backup; None when there was no file yet.

    A new file names the default that held without it, so that bare names go on meaning the same: the old single URL's
    provider where `legacy_base_url` is set, else `here`. Raises ConfigError for an entry that is not valid, an id that
    is taken and a file that is broken; StorageError when it cannot be written.
    """

    def edit(text: str, document: Document) -> str:
        if any(known.id == entry.get("id") for known in document.providers):
            raise ConfigError(f"{path}: there is a provider '{entry.get('id')}' already", hint="Choose another id.")
        if not document.providers and document.default_provider is None:
            # the first entry would become the default
            text = JsonText(text).with_member((), "defaultProvider", value=HERE)
        if "providers" not in _tree(text):
            return JsonText(text).with_member((), "providers", value=[dict(entry)])
        return JsonText(text).with_item(("providers",), dict(entry))

    return _edit(path, edit, legacy_base_url=legacy_base_url)


def add_engine_model(
    path: Path,
    model_id: str,
    *,
    recipe: Mapping[str, object],
    provider_id: str = HERE,
    replace: bool = False,
    legacy_base_url: str = "",
) -> Path | None:
    """Add a model to an engine entry (made if it is missing) and return the backup; None when there was no file yet.

    `replace` puts a new recipe where the model has one. Raises like `add_provider`.
    """
    model: Tree = {"id": model_id, "recipe": dict(recipe)}

    def edit(text: str, document: Document) -> str:
        index = _index(document, provider_id)
        if index is None:
            new: Tree = {"id": provider_id, "kind": ENGINE, "models": [model]}
            if "providers" not in _tree(text):
                return JsonText(text).with_member((), "providers", value=[new])
            if not document.providers and document.default_provider is None and provider_id != HERE:
                text = JsonText(text).with_member((), "defaultProvider", value=HERE)
            return JsonText(text).with_item(("providers",), new)
        entry = document.providers[index]
        return _with_model(path, text, entry=entry, index=index, model=model, replace=replace)

    return _edit(path, edit, legacy_base_url=legacy_base_url)


def remove_provider(path: Path, provider_id: str) -> Path | None:
    """Take one entry out and return the backup. Raises ConfigError when there is none, or when it is the default."""

    def edit(text: str, document: Document) -> str:
        index = _index(document, provider_id)
        if index is None:
            raise ConfigError(f"{path}: there is no provider '{provider_id}'")
        if document.default_provider == provider_id or (document.default_provider is None and index == 0):
            raise ConfigError(
                f"{path}: '{provider_id}' is the default provider", hint="Name another defaultProvider first."
            )
        return JsonText(text).without_item(("providers",), index)

    return _edit(path, edit)


def set_default(path: Path, provider_id: str, *, legacy_base_url: str = "") -> Path | None:
    """Make a provider the default and return the backup. Raises ConfigError when there is no such provider."""

    def edit(text: str, document: Document) -> str:
        if "defaultProvider" in _tree(text):
            return JsonText(text).with_value(("defaultProvider",), provider_id)
        return JsonText(text).with_member((), "defaultProvider", value=provider_id)

    return _edit(path, edit, legacy_base_url=legacy_base_url)


def _with_model(path: Path, text: str, *, entry: ProviderEntry, index: int, model: Tree, replace: bool) -> str:
    if entry.kind != ENGINE:
        raise ConfigError(f"{path}: provider '{entry.id}' is no '{ENGINE}', so its models are not listed in the file")
    at = ("providers", index)
    place = next((j for j, known in enumerate(entry.models) if known.id == model["id"]), None)
    if place is not None:
        if not replace:
            raise ConfigError(f"{path}: '{entry.id}/{model['id']}' is there already", hint="Choose another id.")
        return JsonText(text).with_value((*at, "models", place), model)
    if "models" in cast("list[Tree]", _tree(text)["providers"])[index]:
        return JsonText(text).with_item((*at, "models"), model)
    return JsonText(text).with_member(at, "models", value=[model])


def _index(document: Document, provider_id: str) -> int | None:
    return next((i for i, entry in enumerate(document.providers) if entry.id == provider_id), None)


def _tree(text: str) -> Tree:
    return cast("Tree", json.loads(text))


def _new_file(legacy_base_url: str) -> str:
    """The text that means what having no file meant."""
    tree: Tree = {"defaultProvider": HERE, "providers": []}
    if legacy_base_url:
        old = {"id": LEGACY_ID, "kind": LEGACY_KIND, "label": "LLAMA_BASE_URL", "baseUrl": legacy_base_url}
        tree = {"defaultProvider": LEGACY_ID, "providers": [old]}
    return json.dumps(tree, indent=2, ensure_ascii=False) + "\n"


def _read(path: Path) -> bytes | None:
    with storage_errors(path, "read"):
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None


def _edit(path: Path, edit: Callable[[str, Document], str], *, legacy_base_url: str = "") -> Path | None:
    before = _read(path)
    data = _new_file(legacy_base_url).encode() if before is None else before
    old = check(data)
    if old.document is None:
        raise refusal(old, f"{path} is broken and stays as it is")
    after = edit(data.decode(), old.document).encode()
    new = check(after)
    if new.document is None:
        raise refusal(new, f"{path} stays as it is: with this change it would be wrong")
    return _write(path, after, before=before)


def _write(path: Path, after: bytes, *, before: bytes | None) -> Path | None:
    saved = None
    if before is None:
        with storage_errors(path, "written"):
            path.parent.mkdir(parents=True, exist_ok=True)
    else:
        saved = backup(path)
    if _read(path) != before:
        raise StorageError(f"{path} was changed by another program meanwhile", hint="Nothing was written; try again.")
    write_atomic(path, after, mode=PRIVATE if before is None else _AS_BEFORE)
    if _read(path) != after:
        kept = f" The backup is {saved}." if saved else ""
        raise StorageError(f"{path} does not hold what was written to it.{kept}")
    return saved

"""A recipe: model file, engine and knobs, everything needed to start the same server again.

Knows: the knobs' names, units, defaults and which of them exclude each other. Does not know: how an engine is told
(llama_cpp), whether the file is any good (gguf_header) and what it costs (footprint).
"""

import dataclasses
import difflib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal, get_args

import msgspec

from hostler.errors import ConfigError

KvType = Literal["f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl"]
FlashAttention = Literal["on", "off", "auto"]
Pooling = Literal["none", "mean", "cls", "last", "rank"]

QUANTISED_KV = frozenset(get_args(KvType)) - {"f32", "f16", "bf16"}
DEFAULT_CONTEXT = 8192
"""Tokens per slot when a recipe names no context and the model was trained for more."""
MAX_SLOTS = 256
MIN_SLOT_CONTEXT = 64
DEMO_MODEL = Path(__file__).with_name("demo.gguf")
SAMPLE = 1 << 20
"""Bytes read at each place of a model file for its fingerprint."""

OTHER_NAMES: Mapping[str, str] = {
    "model": "path",
    "file": "path",
    "n_ctx": "context",
    "ctx_size": "context",
    "num_ctx": "context",
    "max_model_len": "context",
    "parallel": "slots",
    "n_parallel": "slots",
    "n_threads": "threads",
    "n_batch": "batch",
    "batch_size": "batch",
    "n_ubatch": "ubatch",
    "ubatch_size": "ubatch",
    "cache_type_k": "kv_type_k",
    "cache_type_v": "kv_type_v",
    "flash_attn": "flash_attention",
    "n_gpu_layers": "gpu_layers",
    "ngl": "gpu_layers",
    "model_draft": "draft",
    "pooling_type": "pooling",
    "embeddings": "embedding",
    "cache_ram": "prompt_cache_mib",
}
"""What the engines themselves call our knobs, for hints."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything needed to start one engine on one model. Paths that are relative start at the data folder."""

    path: str
    """The model file (GGUF); the first part of a split model."""
    engine: Literal["llama.cpp"] = "llama.cpp"
    """What runs it."""
    context: int = 0
    """Tokens over ALL slots together, as llama.cpp counts: each slot gets context / slots, so more slots do not take
    more KV memory, they shrink each slot's window. 0: what the model was trained for, at most 8192 per slot."""
    slots: int = 1
    """Calls served at once."""
    threads: int = 0
    """Threads for generation and prompt; 0: the machine's physical cores."""
    poll: int = 0
    """0 to 100: how eagerly idle threads spin for work; spinning hurts as soon as anything else runs."""
    batch: int = 2048
    """Tokens per logical batch."""
    ubatch: int = 512
    """Tokens per physical batch; with embedding also the longest input."""
    kv_type_k: KvType = "f16"
    """Type of the K cache."""
    kv_type_v: KvType = "f16"
    """Type of the V cache; a quantised one needs flash attention."""
    flash_attention: FlashAttention = "auto"
    """`on`, `off`, or `auto`: the engine's choice for the machine."""
    gpu_layers: int = -1
    """Layers on the GPU; negative: as many as fit."""
    mmap: bool = True
    """Map the file instead of reading it into memory."""
    prompt_cache_mib: int = 256
    """MiB of main memory for prompts that lost their slot; 0: none. The engine's own default would be 8 GiB."""
    draft: str = ""
    """A small model of the same family that drafts tokens for this one."""
    projector: str = ""
    """Multimodal projector file (mmproj), for models that see or hear."""
    chat_template: str = ""
    """Name of a template built into the engine, or the path of a .jinja file; empty: the model's own."""
    embedding: bool = False
    """Serve embeddings (and, with pooling `rank`, reranking) instead of text."""
    pooling: Pooling | Literal[""] = ""
    """How embeddings are pooled; empty: what the model says."""

    @property
    def template_file(self) -> bool:
        """Whether `chat_template` names a file."""
        return "/" in self.chat_template or self.chat_template.endswith((".jinja", ".j2"))


def recipe_from_dict(data: Mapping[str, object], where: str) -> Recipe:
    """Read a recipe, strictly. Raises ConfigError that names the place, the knob and the nearest known name."""
    known = [f.name for f in fields(Recipe)]
    for name in data:
        if name not in known:
            raise ConfigError(f"{where}: unknown knob '{name}'", hint=_hint(name, known))
    if not data.get("path"):
        raise ConfigError(f"{where}: 'path' is missing", hint="It names the model's GGUF file.")
    try:
        recipe = msgspec.convert(dict(data), Recipe)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{where}: {str(error).replace(' - at `$.', ' at `')}") from None
    problem = problem_with(recipe)
    if problem:
        raise ConfigError(f"{where}: {problem}")
    return recipe


def _hint(name: str, known: list[str]) -> str:
    plain = name.strip("-").replace("-", "_").lower()
    near = OTHER_NAMES.get(plain) or next(iter(difflib.get_close_matches(plain, known, 1)), None)
    return f"Did you mean '{near}'?" if near else f"Known knobs: {', '.join(known)}."


def problem_with(recipe: Recipe) -> str | None:
    """The first reason why no engine could run this, as a sentence; None when there is none to be seen."""
    rules: tuple[tuple[bool, str], ...] = (
        (not 1 <= recipe.slots <= MAX_SLOTS, f"'slots' must be 1 to {MAX_SLOTS}"),
        (recipe.context < 0, "'context' must not be negative"),
        (
            0 < recipe.context < recipe.slots * MIN_SLOT_CONTEXT,
            f"'context' is shared by the slots: {recipe.slots} slots need at least {recipe.slots * MIN_SLOT_CONTEXT}",
        ),
        (recipe.threads < 0, "'threads' must not be negative"),
        (not 0 <= recipe.poll <= 100, "'poll' must be 0 to 100"),
        (recipe.batch < 1 or recipe.ubatch < 1, "'batch' and 'ubatch' must be at least 1"),
        (recipe.ubatch > recipe.batch, "'ubatch' must not be above 'batch'"),
        (
            recipe.kv_type_v in QUANTISED_KV and recipe.flash_attention == "off",
            f"'kv_type_v' {recipe.kv_type_v} needs flash attention; set 'flash_attention' to auto or on",
        ),
        (recipe.prompt_cache_mib < 0, "'prompt_cache_mib' must not be negative"),
        (bool(recipe.pooling) and not recipe.embedding, "'pooling' needs 'embedding': true"),
        (bool(recipe.draft) and recipe.embedding, "'draft' makes no sense with 'embedding'"),
    )
    return next((sentence for broken, sentence in rules if broken), None)


def with_paths_from(recipe: Recipe, folder: Path) -> Recipe:
    """The recipe with every relative path made absolute, starting at `folder`."""

    def absolute(path: str) -> str:
        return str(folder / Path(path).expanduser()) if path else ""

    template = absolute(recipe.chat_template) if recipe.template_file else recipe.chat_template
    return dataclasses.replace(
        recipe,
        path=absolute(recipe.path),
        draft=absolute(recipe.draft),
        projector=absolute(recipe.projector),
        chat_template=template,
    )


def with_context(recipe: Recipe, trained: int | None) -> Recipe:
    """The recipe with its context named: what the model was `trained` for, at most 8192 tokens per slot."""
    if recipe.context:
        return recipe
    per_slot = min(trained or DEFAULT_CONTEXT, DEFAULT_CONTEXT)
    return dataclasses.replace(recipe, context=per_slot * recipe.slots)


def recipe_id(recipe: Recipe, *, model_hash: str, engine_build: str) -> str:
    """Hash over model hash, engine build and every knob but the paths, as 64 hex digits.

    The same model under another path is the same recipe. Canonical JSON: sorted keys, no spaces.
    """
    knobs = dataclasses.asdict(recipe)
    knobs.pop("path")
    known = {"model": model_hash, "build": engine_build, "knobs": knobs}
    text = json.dumps(known, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def model_fingerprint(path: Path) -> str:
    """Hash over a model file's size and three samples of 1 MiB (start, middle, end), as 64 hex digits.

    Tells models apart without reading 40 GB at every start; it does not prove that every byte is right.
    Raises OSError.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        size = file.seek(0, 2)
        digest.update(str(size).encode())
        for place in (0, max(0, size // 2 - SAMPLE // 2), max(0, size - SAMPLE)):
            file.seek(place)
            digest.update(file.read(SAMPLE))
    return digest.hexdigest()


def demo_recipe() -> Recipe:
    """The packaged demo model: it proves the plumbing and knows nothing. Ready in a fraction of a second."""
    return Recipe(path=str(DEMO_MODEL), context=4096, slots=4, threads=1, batch=512, ubatch=256, prompt_cache_mib=0)

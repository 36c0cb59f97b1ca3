"""How many bytes an engine will take, from a GGUF header and the knobs alone: an interval, never one number.

Knows: how llama.cpp sizes weights, repacked weights, KV cache, recurrent state and compute buffers.
Does not know: what the machine has (system.hardware), what else runs (supervisor), and nothing is read or started.

The compute-buffer terms were fitted to the buffer sizes that llama.cpp prints for models of many shapes (build
b11549, CPU); tests compare them with the engine itself. A draft model or a projector is a second prediction.
"""

from dataclasses import dataclass
from typing import Final, Literal, Protocol

from hostler.engines.gguf_header import Header, Tensor, row_bytes

MB = 1_000_000

RUNTIME: Final = 40 * MB
"""Resident bytes of an engine process beside weights, KV and compute; 32 to 48 MB were measured in 13 of 15 runs."""
RUNTIME_LOW: Final = 28 * MB
RUNTIME_HIGH: Final = 72 * MB
PAD: Final = 256
"""llama.cpp rounds the cells of a KV cache up to this many."""
CHECKPOINTS: Final = 2
"""Copies of a slot's windowed cache and recurrent state that the server makes per prompt, to go back to."""
CHECKPOINTS_MOST: Final = 32
"""Copies that it keeps per slot in a long conversation, unless it is told otherwise."""
REPACKED: Final = frozenset({"Q4_0", "Q4_K", "IQ4_NL", "MXFP4"})
"""Types that a CPU build copies into another layout at load; the mapped file pages stay resident beside the copy."""
REPACKED_SOMEWHERE: Final = REPACKED | {"Q2_K", "Q5_K", "Q6_K", "Q8_0"}
"""Types that some CPUs (Arm with int8 matrix instructions, AVX-512) repack too; they widen the upper bound."""
NO_CACHE: Final = frozenset(
    {"bert", "modern-bert", "nomic-bert", "nomic-bert-moe", "neo-bert", "jina-bert-v2", "jina-bert-v3", "eurobert"}
)
"""Encoders: they keep no KV cache."""
WINDOW_EVERY: Final = {
    "gemma2": 2,
    "gemma3": 6,
    "gemma3n": 5,
    "gemma-embedding": 6,
    "cohere2": 4,
    "olmo2": 4,
    "olmo3": 4,
    "exaone4": 4,
    "gpt-oss": 2,
    "llama4": 4,
    "smallthinker": 4,
}
"""Architecture: every n-th layer sees the whole context, the others a sliding window. In architectures that are
neither listed nor carry a pattern in their metadata the engine ignores the window."""
LLAMA4_CHUNK: Final = 8192

Gpu = Literal["none", "discrete", "unified"]


class Knobs(Protocol):
    """The knobs of a recipe that memory depends on; any record with these names will do."""

    @property
    def context(self) -> int:
        """Tokens over all slots; 0: what the model was trained for."""
        ...

    @property
    def slots(self) -> int:
        """Calls at once."""
        ...

    @property
    def batch(self) -> int:
        """Tokens per logical batch."""
        ...

    @property
    def ubatch(self) -> int:
        """Tokens per physical batch."""
        ...

    @property
    def kv_type_k(self) -> str:
        """`f16`, `q8_0`, ..."""
        ...

    @property
    def kv_type_v(self) -> str:
        """`f16`, `q8_0`, ..."""
        ...

    @property
    def flash_attention(self) -> str:
        """`on`, `off` or `auto`."""
        ...

    @property
    def gpu_layers(self) -> int:
        """Layers on the GPU; negative: all of them."""
        ...

    @property
    def mmap(self) -> bool:
        """Map the file instead of reading it into memory."""
        ...

    @property
    def embedding(self) -> bool:
        """Serve embeddings."""
        ...


@dataclass(frozen=True, slots=True)
class Footprint:
    """Bytes of main memory after the first long prompt. Refuse when `low` does not fit; be sure when `high` does."""

    low: int
    expected: int
    high: int
    weights: int
    """Tensors, with the copies that are made at load."""
    kv: int
    """KV cache and recurrent state."""
    compute: int
    """Buffers for one physical batch, and outputs."""
    runtime: int
    """The process itself."""
    checkpoints: int = 0
    """Copies of state for models with a sliding window or recurrent layers; they grow with use."""
    device: int = 0
    """Expected bytes on a discrete GPU; they are not part of the others."""


def predict(header: Header, knobs: Knobs, *, gpu: Gpu = "none") -> Footprint:
    """Predict what an engine with this model and these knobs takes.

    `gpu` says where offloaded layers live: `none` keeps all on the CPU whatever `gpu_layers` says, `discrete` moves
    their share to `device`, `unified` (Apple) counts them here. Raises ValueError for an unknown KV type.
    """
    shape = _Shape(header, knobs)
    moved = _moved_share(shape.layers, knobs.gpu_layers, gpu=gpu)
    on_device = moved if gpu == "discrete" else 0.0
    tensors, copies = header.weight_bytes, _repacked(header.tensors, REPACKED)
    kept = round(copies * (1 - moved))
    kv, compute = shape.kv_bytes(), shape.compute_bytes()
    device = round((tensors + kv) * on_device) + (compute if on_device else 0)
    weights = round(tensors * (1 - on_device)) + (kept if knobs.mmap else 0)
    kv_here = round(kv * (1 - on_device))
    checkpoint = shape.state_bytes()
    checkpoints = CHECKPOINTS * checkpoint
    expected = weights + kv_here + compute + RUNTIME + checkpoints
    # a mapped page that was copied into another layout can be evicted, and untouched buffers are never backed
    low = weights - (kept if knobs.mmap else 0) + kv_here + compute // 3 + RUNTIME_LOW
    further = round((_repacked(header.tensors, REPACKED_SOMEWHERE) - copies) * (1 - moved)) if knobs.mmap else 0
    high = (
        expected
        + (CHECKPOINTS_MOST - CHECKPOINTS) * checkpoint
        + further
        + shape.spare_bytes()
        + (RUNTIME_HIGH - RUNTIME)
        + (weights + kv_here) // 50
    )
    return Footprint(low, expected, high, weights, kv_here, compute, RUNTIME, checkpoints, device)


def _moved_share(layers: int, gpu_layers: int, *, gpu: Gpu) -> float:
    """Share of the weights that does not lie in CPU buffers."""
    if gpu == "none" or layers == 0:
        return 0.0
    return 1.0 if gpu_layers < 0 else min(gpu_layers / layers, 1.0)


def _repacked(tensors: tuple[Tensor, ...], kinds: frozenset[str]) -> int:
    """Bytes of the tensors that are copied; the token table is one of them only when it is the output matrix too."""
    tied = all(tensor.name != "output.weight" for tensor in tensors)
    return sum(
        tensor.size
        for tensor in tensors
        if tensor.kind in kinds and len(tensor.shape) > 1 and (tied or tensor.name != "token_embd.weight")
    )


@dataclass(frozen=True, slots=True)
class _Layer:
    """One layer's part in the cache."""

    k: int
    """Elements per cell."""
    v: int
    windowed: bool
    recurrent: bool


class _Shape:
    """What the header says about the model's shape, with the knobs applied."""

    __slots__ = ("_header", "_knobs", "cells", "layers", "rows", "streams", "table")

    def __init__(self, header: Header, knobs: Knobs) -> None:
        self._header = header
        self._knobs = knobs
        self.layers = self._number("block_count")
        context = knobs.context or header.context_length or 4096
        self.streams = max(knobs.slots, 1)
        self.cells = _padded(-(-context // self.streams))
        """KV cells of one slot."""
        self.rows = max(min(knobs.ubatch, knobs.batch, context), 1)
        """Tokens of one physical batch."""
        self.table = tuple(self._layer(index) for index in range(self.layers))

    def _number(self, key: str, default: int = 0) -> int:
        return self._header.number(f"{self._header.architecture}.{key}", default)

    def _per_layer(self, key: str, index: int, *, default: int) -> int:
        values = self._header.numbers(f"{self._header.architecture}.{key}")
        return values[index] if index < len(values) else values[0] if values else default

    def _layer(self, index: int) -> _Layer:
        heads = self._per_layer("attention.head_count", index, default=1)
        kv_heads = self._per_layer("attention.head_count_kv", index, default=heads)
        size = self._number("embedding_length") // max(heads, 1)
        windowed = self.window > 0 and self._is_windowed(index)
        k = self._number("attention.key_length", size)
        v = self._number("attention.value_length", size)
        if windowed:
            k = self._number("attention.key_length_swa", k)
            v = self._number("attention.value_length_swa", v)
        if self._number("attention.key_length_mla"):
            # latent attention: values are read out of the cached keys
            v = 0
        recurrent = self._number("ssm.state_size") > 0 and self._is_recurrent(index, kv_heads)
        mixed = self._header.architecture == "falcon-h1"
        attends = kv_heads > 0 and (not recurrent or mixed) and self._header.architecture not in NO_CACHE
        return _Layer(kv_heads * k if attends else 0, kv_heads * v if attends else 0, windowed, recurrent)

    @property
    def window(self) -> int:
        """Tokens of the sliding window; 0: none, or one that the engine ignores."""
        architecture = self._header.architecture
        if architecture not in WINDOW_EVERY and not self._header.numbers(self._pattern_key):
            return 0
        if architecture == "llama4":
            return self._number("attention.chunk_size", LLAMA4_CHUNK)
        return self._number("attention.sliding_window")

    @property
    def _pattern_key(self) -> str:
        return f"{self._header.architecture}.attention.sliding_window_pattern"

    def _is_windowed(self, index: int) -> bool:
        pattern = self._header.numbers(self._pattern_key)
        if len(pattern) > 1:
            return index < len(pattern) and bool(pattern[index])
        every = pattern[0] if pattern else WINDOW_EVERY.get(self._header.architecture, 1)
        return every > 1 and index % every < every - 1

    def _is_recurrent(self, index: int, kv_heads: int) -> bool:
        if self._header.architecture.startswith(("qwen3next", "qwen35")):
            every = self._number("full_attention_interval", 4)
            return (index + 1) % every != 0
        return kv_heads == 0 or self._header.architecture in ("mamba", "mamba2", "falcon-h1")

    def kv_bytes(self) -> int:
        """Cache of all layers and slots, and the recurrent state of each slot."""
        return self.state_bytes() + self.streams * sum(
            self.cells * self._cell_bytes(layer) for layer in self.table if not layer.windowed
        )

    def state_bytes(self) -> int:
        """The part of it that is overwritten as tokens come: windowed caches and recurrent states of all slots."""
        cells = min(self.cells, _padded(self.window + self.rows))
        windowed = sum(cells * self._cell_bytes(layer) for layer in self.table if layer.windowed)
        recurrent = sum(self._recurrent_bytes() for layer in self.table if layer.recurrent)
        return self.streams * (windowed + recurrent)

    def _cell_bytes(self, layer: _Layer) -> int:
        return row_bytes(self._knobs.kv_type_k, layer.k) + row_bytes(self._knobs.kv_type_v, layer.v)

    def _recurrent_bytes(self) -> int:
        """Recurrent state of one layer and slot, in float32."""
        inner, state = self._number("ssm.inner_size"), self._number("ssm.state_size")
        history = max(self._number("ssm.conv_kernel", 1) - 1, 0)
        return 4 * (history * (inner + 2 * self._number("ssm.group_count") * state) + state * inner)

    def compute_bytes(self) -> int:
        """The larger of the attention and the feed-forward step for one batch, the masks, and the outputs."""
        width = self._number("embedding_length")
        heads = self._number("attention.head_count", 1)
        query = heads * self._number("attention.key_length", width // max(heads, 1))
        cached = max((layer.k for layer in self.table), default=0)
        full = self.rows if self._header.architecture in NO_CACHE else self.cells
        windowed = min(self.cells, _padded(self.window + self.rows)) if self.window else 0
        attention, feed_forward = 2 * query + 2 * cached, 3 * self._feed_forward()
        if self._knobs.flash_attention == "off":
            # scores of every head over every cell, and masks in float32
            per_row = 4 * (full + windowed) + 4 * (5 * width + max(attention + heads * full, feed_forward))
        else:
            per_row = 2 * (full + windowed) + 4 * (5 * width + max(attention, feed_forward))
        return self.rows * per_row + self._output_bytes(self.streams)

    def _feed_forward(self) -> int:
        """Elements per token of a layer's inner activation; with experts, of those that are used."""
        dense = self._number("feed_forward_length")
        used = self._number("expert_used_count")
        experts = used * self._number("expert_feed_forward_length", dense)
        return max(experts, dense if not used else 0)

    def _output_bytes(self, rows: int) -> int:
        outputs = self._vocabulary() if not self._knobs.embedding else self._number("embedding_length")
        return 4 * rows * outputs

    def _vocabulary(self) -> int:
        for tensor in self._header.tensors:
            if tensor.name == "token_embd.weight" and len(tensor.shape) > 1:
                return tensor.shape[1]
        return self._number("vocab_size")

    def spare_bytes(self) -> int:
        """What some builds add: outputs for every token of a batch, and half a compute buffer of rounding."""
        return self._output_bytes(self.rows) + self.compute_bytes() // 4


def _padded(cells: int) -> int:
    return -(-cells // PAD) * PAD

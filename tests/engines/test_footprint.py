"""Predicted memory against what llama.cpp prints (recorded figures), and against the engine itself (slow)."""

import importlib.util
import re
import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from hostler.engines.footprint import MB, RUNTIME, Footprint, predict
from hostler.engines.gguf_header import read_header
from tests.engines.models import Hollow, hollow, make

MIB = 1 << 20
needs_engine = pytest.mark.skipif(importlib.util.find_spec("xllamacpp") is None, reason="needs the engine extra")


@dataclass(frozen=True)
class Knobs:
    context: int = 4096
    slots: int = 1
    batch: int = 2048
    ubatch: int = 512
    kv_type_k: str = "f16"
    kv_type_v: str = "f16"
    flash_attention: str = "auto"
    gpu_layers: int = -1
    mmap: bool = True
    embedding: bool = False


@dataclass(frozen=True)
class Case:
    """MiB that llama.cpp (b11549, CPU) prints for KV and compute buffers."""

    kv: float
    compute: float
    model: Hollow = field(default_factory=Hollow)
    knobs: Knobs = field(default_factory=Knobs)


GEMMA = Hollow("gemma3", layers=12, tied=True, extra={"attention.sliding_window": 512})
GEMMA2 = Hollow("gemma2", tied=True, extra={"attention.sliding_window": 4096})
LONG = Knobs(context=32768)
CASES = {
    "base": Case(8, 18.02),
    "layers": Case(16, 18.02, Hollow(layers=8)),
    "wide": Case(8, 23.02, Hollow(dim=1024, heads=16)),
    "feed-forward": Case(8, 45.02, Hollow(ff=6144)),
    "vocabulary": Case(8, 18.14, Hollow(vocab=32000)),
    "all heads cached": Case(32, 18.02, Hollow(kv_heads=8)),
    "4 slots": Case(8, 15.04, knobs=Knobs(slots=4)),
    "long": Case(64, 46.02, knobs=LONG),
    "long, 4 slots": Case(64, 22.04, knobs=replace(LONG, slots=4)),
    "small ubatch": Case(8, 4.5, knobs=Knobs(ubatch=128)),
    "large ubatch": Case(8, 72.07, knobs=Knobs(ubatch=2048)),
    "ubatch above batch": Case(8, 72.07, knobs=Knobs(ubatch=4096)),
    "no flash attention": Case(8, 78.51, knobs=Knobs(flash_attention="off")),
    "no flash attention, long": Case(64, 582.51, knobs=replace(LONG, flash_attention="off")),
    "no flash attention, long, 4 slots": Case(64, 150.53, knobs=replace(LONG, flash_attention="off", slots=4)),
    "q8_0": Case(4.25, 18.05, knobs=Knobs(kv_type_k="q8_0", kv_type_v="q8_0")),
    "q8_0 keys": Case(6.12, 77.53, knobs=Knobs(kv_type_k="q8_0", flash_attention="off")),
    "q4_0": Case(2.25, 18.05, knobs=Knobs(kv_type_k="q4_0", kv_type_v="q4_0")),
    "odd context": Case(10.5, 15.81, knobs=Knobs(context=5000, slots=3)),
    "tiny context": Case(0.5, 2.79, knobs=Knobs(context=100)),
    "attention outweighs": Case(64, 17.02, Hollow(ff=256, heads=16, head=64, kv_heads=16)),
    "experts": Case(8, 27.02, Hollow(experts=8)),
    "many experts": Case(8, 33.02, Hollow(experts=32, experts_used=8, ff=512)),
    "qwen3": Case(16, 18.02, Hollow("qwen3", head=128)),
    "per layer": Case(8, 18.02, Hollow(extra={"attention.head_count_kv": [2, 2, 2, 2]})),
    "window": Case(37, 47.03, GEMMA, LONG),
    "window, 4 slots": Case(52, 23.05, GEMMA, replace(LONG, slots=4)),
    "window, every other layer": Case(36.5, 50.53, GEMMA2, LONG),
    "window, no flash attention": Case(12.5, 160.02, GEMMA2, Knobs(context=8192, flash_attention="off")),
    "embedding": Case(8, 60.1, knobs=Knobs(slots=4, ubatch=2048, embedding=True)),
}


def predicted(folder: Path, model: Hollow, knobs: Knobs = Knobs()) -> Footprint:
    return predict(read_header(hollow(folder, model)), knobs)


@pytest.mark.parametrize("name", CASES)
def test_buffers_are_those_that_the_engine_prints(tmp_path: Path, name: str) -> None:
    case = CASES[name]
    footprint = predicted(tmp_path, case.model, case.knobs)
    assert footprint.kv / MIB == pytest.approx(case.kv, abs=0.01)
    assert footprint.compute / MIB == pytest.approx(case.compute, rel=0.05)
    assert footprint.low < footprint.expected < footprint.high
    parts = footprint.weights + footprint.kv + footprint.compute + footprint.runtime + footprint.checkpoints
    assert footprint.expected == parts


def test_repacked_types_are_counted_twice_when_mapped(tmp_path: Path) -> None:
    plain, repacked = predicted(tmp_path, Hollow(kind="Q8_0")), predicted(tmp_path, Hollow(kind="Q4_0", tied=True))
    header = read_header(hollow(tmp_path, Hollow(kind="Q4_0", tied=True)))
    vectors = sum(tensor.size for tensor in header.tensors if tensor.kind == "F32")
    assert plain.weights == read_header(hollow(tmp_path, Hollow(kind="Q8_0"))).weight_bytes
    assert repacked.weights == 2 * header.weight_bytes - vectors
    assert predict(header, Knobs(mmap=False)).weights == header.weight_bytes
    assert repacked.low < predict(header, Knobs(mmap=False)).expected


def test_the_token_table_is_repacked_only_as_output_matrix(tmp_path: Path) -> None:
    untied = read_header(hollow(tmp_path, Hollow(kind="Q4_0", vocab=32000)))
    table = next(tensor.size for tensor in untied.tensors if tensor.name == "token_embd.weight")
    vectors = sum(tensor.size for tensor in untied.tensors if tensor.kind == "F32")
    assert predict(untied, Knobs()).weights == 2 * untied.weight_bytes - vectors - table


def test_a_context_of_zero_is_the_trained_one(tmp_path: Path) -> None:
    model = Hollow(context=8192)
    assert predicted(tmp_path, model, Knobs(context=0)) == predicted(tmp_path, model, Knobs(context=8192))


def test_a_discrete_gpu_takes_its_share(tmp_path: Path) -> None:
    header = read_header(hollow(tmp_path, Hollow(kind="Q4_0")))
    cpu, every = predict(header, Knobs()), predict(header, Knobs(), gpu="discrete")
    half = predict(header, Knobs(gpu_layers=2), gpu="discrete")
    shared = predict(header, Knobs(), gpu="unified")
    assert (cpu.device, every.weights, every.kv) == (0, 0, 0)
    assert every.device > half.device > 0
    assert cpu.expected > half.expected > every.expected
    assert (shared.weights, shared.device) == (header.weight_bytes, 0)
    assert predict(header, Knobs(gpu_layers=0), gpu="discrete") == cpu


def test_latent_attention_caches_keys_alone(tmp_path: Path) -> None:
    latent = {"attention.key_length_mla": 192, "attention.key_length": 576, "attention.value_length": 512}
    model = Hollow("deepseek2", kv_heads=1, extra={})
    header = read_header(hollow(tmp_path, model))
    metadata = {**header.metadata, **{f"deepseek2.{key}": value for key, value in latent.items()}}
    footprint = predict(replace(header, metadata=metadata), Knobs())
    assert footprint.kv == 4 * 4096 * 576 * 2


def test_recurrent_layers_keep_a_state_instead_of_a_cache(tmp_path: Path) -> None:
    state = {"ssm.state_size": 16, "ssm.inner_size": 1024, "ssm.conv_kernel": 4, "ssm.group_count": 1}
    hybrid = Hollow("jamba", extra={"attention.head_count_kv": [2, 0, 0, 0], **state})
    one, two = predicted(tmp_path, hybrid), predicted(tmp_path, hybrid, Knobs(slots=2))
    per_layer = 4 * (3 * (1024 + 2 * 16) + 16 * 1024)
    assert one.kv == 4096 * 2 * 64 * 2 * 2 + 3 * per_layer
    assert two.kv == one.kv + 3 * per_layer


def test_qwen_hybrids_attend_in_every_fourth_layer(tmp_path: Path) -> None:
    state = {"ssm.state_size": 128, "ssm.inner_size": 512, "ssm.conv_kernel": 4, "ssm.group_count": 2}
    footprint = predicted(tmp_path, Hollow("qwen3next", layers=8, extra=state))
    assert footprint.kv == 2 * 4096 * 2 * 64 * 2 * 2 + 6 * 4 * (3 * (512 + 4 * 128) + 128 * 512)


def test_a_window_pattern_in_the_file_is_followed(tmp_path: Path) -> None:
    pattern = {"attention.sliding_window": 512, "attention.sliding_window_pattern": [True, True, True, False]}
    footprint = predicted(tmp_path, Hollow("some-new-one", extra=pattern), LONG)
    assert footprint.kv == (3 * 1024 + 32768) * 2 * 64 * 2 * 2


def test_state_that_is_overwritten_is_copied_for_going_back(tmp_path: Path) -> None:
    model = replace(GEMMA, extra={"attention.sliding_window": 1024})
    footprint = predicted(tmp_path, model, LONG)
    window = 10 * 1536 * 2 * 64 * 2 * 2
    assert footprint.checkpoints == 2 * window
    assert footprint.high > footprint.expected + 30 * window
    assert predicted(tmp_path, Hollow(), LONG).checkpoints == 0


def test_encoders_keep_no_cache(tmp_path: Path) -> None:
    footprint = predicted(tmp_path, Hollow("bert"), Knobs(embedding=True))
    assert footprint.kv == 0
    assert footprint.compute < 20 * MIB


def test_an_unknown_cache_type_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="q9_9"):
        predicted(tmp_path, Hollow(), Knobs(kv_type_k="q9_9"))


def test_a_header_without_a_shape_still_gives_an_answer(tmp_path: Path) -> None:
    header = replace(read_header(hollow(tmp_path, Hollow())), metadata={})
    footprint = predict(header, Knobs())
    assert footprint.expected >= footprint.weights + RUNTIME


ENGINE = """
import json, os, sys, urllib.request
import xllamacpp
from pathlib import Path
path, context, slots, use = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "use"
params = xllamacpp.CommonParams()
params.model.path, params.n_ctx, params.n_parallel, params.verbosity = path, context, slots, 4
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
server = xllamacpp.Server(params)
if use:
    body = json.dumps({"prompt": "hello world " * 40, "n_predict": 8}).encode()
    url, head = server.listening_address + "/completion", {"Content-Type": "application/json"}
    request = urllib.request.Request(url, body, head)
    urllib.request.urlopen(request, timeout=50).read()
import psutil
print("RESIDENT", psutil.Process().memory_info().rss, flush=True)
os._exit(0)
"""


def engine_says(path: Path, *, context: int = 4096, slots: int = 1, use: bool = False) -> tuple[str, int]:
    """(what the engine logged, its resident bytes)."""
    command = [sys.executable, "-c", ENGINE, str(path), str(context), str(slots), "use" if use else "load"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=55, check=False)
    resident = re.search(r"RESIDENT (\d+)", done.stdout)
    assert resident, done.stderr[-2000:]
    return done.stderr, int(resident[1])


def logged(log: str, pattern: str) -> float:
    return sum(float(number) for number in re.findall(pattern, log))


@pytest.mark.slow
@needs_engine
@pytest.mark.parametrize("name", ["base", "4 slots", "experts", "window", "vocabulary"])
def test_the_engine_allocates_what_was_predicted(tmp_path: Path, name: str) -> None:
    case = CASES[name]
    path = hollow(tmp_path, case.model)
    footprint = predict(read_header(path), case.knobs)
    log, _ = engine_says(path, context=case.knobs.context, slots=case.knobs.slots)
    assert logged(log, r"KV buffer size =\s+([\d.]+) MiB") == pytest.approx(footprint.kv / MIB, rel=0.01)
    printed = logged(log, r"(?:compute|output) buffer size =\s+([\d.]+) MiB")
    assert printed == pytest.approx(footprint.compute / MIB, rel=0.06)
    whole = logged(log, r"projected to use (\d+) MiB")
    counted = footprint.expected - footprint.runtime - footprint.checkpoints
    assert whole == pytest.approx(counted / MIB, rel=0.05)


@pytest.mark.slow
@needs_engine
@pytest.mark.parametrize("name", ["rand-1m", "rand-10m"])
def test_resident_memory_lies_in_the_interval(tmp_path: Path, name: str) -> None:
    path, _ = make(tmp_path, name)
    footprint = predict(read_header(path), Knobs(slots=4))
    _, resident = engine_says(path, slots=4, use=True)
    assert footprint.low - 10 * MB < resident < footprint.high
    assert resident == pytest.approx(footprint.expected, abs=35 * MB)


@pytest.mark.slow
@needs_engine
def test_a_repacked_model_takes_more_than_its_file(tmp_path: Path) -> None:
    path = hollow(tmp_path, Hollow(kind="Q4_0", layers=8, dim=1024, heads=16, ff=4096))
    footprint = predict(read_header(path), Knobs())
    log, resident = engine_says(path)
    if "REPACK model buffer" not in log:
        pytest.skip("this processor repacks nothing")
    assert footprint.low < resident < footprint.high
    assert resident > 1.3 * read_header(path).file_size

"""The knob table against the recipe and the wheel; what each server is told; what their logs mean."""

import dataclasses
import json
import os
import sys
from pathlib import Path

import pytest

from hostler.engines import llama_child
from hostler.engines.engine import Start
from hostler.engines.engine_log import last_lines
from hostler.engines.leftovers import log_path
from hostler.engines.llama_cpp import (
    KNOBS,
    EmbeddedLlama,
    LlamaServer,
    diagnose,
    engine_environment,
    find_engine,
    progress,
)
from hostler.engines.recipe import Recipe, demo_recipe
from hostler.errors import EngineMissing
from tests.engines.stable import stable

EVERYTHING = Recipe(
    path="/m.gguf",
    context=4096,
    slots=2,
    threads=3,
    poll=50,
    batch=1024,
    ubatch=256,
    kv_type_k="q8_0",
    kv_type_v="q4_0",
    flash_attention="on",
    gpu_layers=7,
    mmap=False,
    prompt_cache_mib=64,
    draft="/d.gguf",
    projector="/p.gguf",
    chat_template="chatml",
    embedding=True,
    pooling="mean",
)
OURS = {
    "PATH": "/bin",
    "HOME": "/h",
    "OPENAI_API_KEY": "sk-secret",
    "LLAMA_ARG_CTX_SIZE": "1",
    "CUDA_VISIBLE_DEVICES": "0",
}


def start(recipe: Recipe, port: int = 0) -> Start:
    return Start("here/m", recipe, api_key="top-secret", port=port)


def test_every_knob_of_a_recipe_is_in_the_table() -> None:
    fields = {f.name for f in dataclasses.fields(Recipe)} - {"engine"}
    assert {knob.field for knob in KNOBS} == fields
    assert all(knob.flag or knob.variable for knob in KNOBS)


def test_every_attribute_exists_in_the_wheel_and_takes_its_value() -> None:
    xllamacpp = pytest.importorskip("xllamacpp")
    parameters = xllamacpp.CommonParams()
    for recipe in (EVERYTHING, demo_recipe()):
        order = json.loads(EmbeddedLlama(OURS, 1).spawn(start(recipe)).stdin)
        for name, value in order["attributes"].items():
            llama_child._set(parameters, name, value=llama_child._value(xllamacpp, value))  # pyright: ignore[reportPrivateUsage]
    with pytest.raises(SystemExit, match="knows no 'n_ctxx'"):
        llama_child._set(parameters, "n_ctxx", value=1)  # pyright: ignore[reportPrivateUsage]


def test_llama_server_gets_flags_and_the_key_by_variable() -> None:
    spawn = LlamaServer("/bin/llama-server", OURS, 8).spawn(start(EVERYTHING, 5000))
    argv = " ".join(spawn.argv)
    for part in (
        "--host 127.0.0.1 --port 5000 --alias here/m",
        "--model /m.gguf",
        "--ctx-size 4096",
        "--parallel 2",
        "--threads 3",
        "--cache-type-v q4_0",
        "--flash-attn on",
        "--n-gpu-layers 7",
        "--model-draft /d.gguf",
        "--mmproj /p.gguf",
        "--chat-template chatml",
        "--embedding --pooling mean",
    ):
        assert part in argv
    assert "top-secret" not in argv
    told = {k: v for k, v in spawn.environment.items() if k.startswith("LLAMA_")}
    assert told["LLAMA_API_KEY"] == "top-secret"
    assert told["LLAMA_ARG_CORS_ORIGINS"] not in ("", "*")
    assert (told["LLAMA_ARG_LOAD_MODE"], told["LLAMA_ARG_NO_MMAP"], told["LLAMA_ARG_CACHE_RAM"]) == ("none", "1", "64")
    assert "LLAMA_ARG_CTX_SIZE" not in told, "ours would override the recipe"
    assert "secret" not in repr(spawn)


def test_defaults_are_left_to_the_engine_and_threads_to_the_machine() -> None:
    argv = LlamaServer("/bin/llama-server", OURS, 8).spawn(start(Recipe("/m.gguf", context=512), 1)).argv
    for flag in ("--n-gpu-layers", "--model-draft", "--embedding", "--pooling", "--chat-template", "--mmproj"):
        assert flag not in argv
    assert argv[argv.index("--threads") + 1] == "8"


def test_the_wheel_gets_attributes_and_the_key_on_stdin() -> None:
    spawn = EmbeddedLlama(OURS, 8).spawn(start(EVERYTHING))
    assert "top-secret" not in " ".join(spawn.argv) + repr(spawn)
    attributes = json.loads(spawn.stdin)["attributes"]
    assert attributes["api_keys"] == ["top-secret"] and attributes["port"] == 0
    assert attributes["cpuparams.n_threads"] == attributes["cpuparams_batch.n_threads"] == 3
    assert attributes["speculative.types"]["members"] == ["COMMON_SPECULATIVE_TYPE_DRAFT_SIMPLE"]
    assert attributes["model_alias"] == {"set": ["here/m"]}


def test_a_template_file_is_told_as_a_file() -> None:
    recipe = Recipe("/m.gguf", context=512, chat_template="/t.jinja")
    assert json.loads(EmbeddedLlama(OURS, 1).spawn(start(recipe)).stdin)["read_files"] == {"chat_template": "/t.jinja"}
    argv = LlamaServer("x", OURS, 1).spawn(start(recipe)).argv
    assert argv[argv.index("--chat-template-file") + 1] == "/t.jinja"


def test_an_engine_gets_no_keys_of_ours() -> None:
    assert engine_environment(OURS) == {"PATH": "/bin", "HOME": "/h", "CUDA_VISIBLE_DEVICES": "0"}


def executable(path: Path) -> Path:
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_a_configured_llama_server_comes_before_path_and_path_before_the_wheel(tmp_path: Path) -> None:
    on_path = executable(tmp_path / "llama-server")
    configured = executable(tmp_path / "mine")
    env = {"PATH": str(tmp_path)}
    assert find_engine(env, llama_server=str(configured)) == LlamaServer(str(configured), env, find_engine(env).threads)  # type: ignore[attr-defined]
    found = find_engine(env, cores=5)
    assert found == LlamaServer(str(on_path), env, 5)
    before = found.build()
    os.utime(on_path, (1, 1))
    assert before != found.build()
    assert isinstance(find_engine({"PATH": "/nowhere"}), EmbeddedLlama)
    with pytest.raises(EngineMissing, match="is not there"):
        find_engine(env, llama_server="/no/such")


def test_the_wheels_build_is_its_version() -> None:
    assert EmbeddedLlama({}, 1).build().startswith("xllamacpp 20")


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("0.00.003.538 E gguf_init_from_reader: invalid magic characters: 'hell', expected 'GGUF'", "model file"),
        ("0.00.003.451 E gguf_init_from_reader: failed to read magic", "model file"),
        (
            "0.00.004.275 E llama_model_load: error loading model: tensor 'blk.1.w' data is not within the file bounds",
            "model file",
        ),
        ("0.05.076.006 E llama_init_from_model: failed to initialize the context: std::bad_alloc", "memory"),
        ("0.00.000.000 E ggml_backend_cuda_buffer_type_alloc_buffer: cudaMalloc failed: out of memory", "memory"),
        ("0.00.002.080 E srv start: couldn't bind HTTP server socket, hostname: 127.0.0.1, port: 18999", "port"),
        ("0.00.008.575 E llama_init_from_model: quantized V cache requires flash_attn to be enabled", "other"),
    ],
)
def test_the_log_says_why(line: str, kind: str) -> None:
    noise = "0.00.003.844 E srv load_model: failed to load model, 'x'"
    failure = diagnose([noise, line, noise])
    assert failure is not None and failure.kind == kind
    assert failure.reason in line and not failure.reason.startswith("0.")


def test_a_log_without_a_reason_gives_none() -> None:
    assert diagnose(["0.00.003.389 I srv load_model: loading model 'x'"]) is None


def test_progress_is_free_of_stamps_and_noise() -> None:
    assert progress("0.00.477.712 I cmn  init: llama threadpool init, n_threads = 2") == (
        "cmn  init: llama threadpool init, n_threads = 2"
    )
    assert progress("0.00.000.281 I srv          init: initializing ...") is None


@pytest.mark.slow
def test_llama_server_knows_the_flags_and_variables() -> None:
    """The wheel carries llama-server's own argument parser, unbound; its strings are the names that it accepts."""
    library = pytest.importorskip("xllamacpp")
    (parser,) = Path(library.__file__).parent.glob("xllamacpp*.so")
    spawn = LlamaServer("x", OURS, 8).spawn(start(EVERYTHING, 1))
    names = {word for word in spawn.argv if word.startswith("--")}
    names |= {name for name in spawn.environment if name.startswith("LLAMA_")}
    names -= {"LLAMA_ARG_NO_MMAP"}  # older builds know this one instead of LLAMA_ARG_LOAD_MODE
    data = parser.read_bytes()
    assert [name for name in sorted(names) if name.encode() + b"\0" not in data] == []


async def test_a_llama_server_on_path_is_run_and_asked(tmp_path: Path) -> None:
    fake = Path(__file__).with_name("fake_engine.py")
    script = executable(tmp_path / "llama-server")
    script.write_text(
        f"#!{sys.executable} -IS\n"
        "import json, os, runpy, sys\n"
        "port = sys.argv[sys.argv.index('--port') + 1]\n"
        "os.write(2, f\"key {len(os.environ['LLAMA_API_KEY'])}\\n\".encode())\n"
        "sys.argv[1:] = [json.dumps({'port': int(port)})]\n"
        f"runpy.run_path({str(fake)!r}, run_name='__main__')\n"
    )
    engine = find_engine({"PATH": str(tmp_path)})
    async with stable(tmp_path, engine) as around:
        endpoint = await around.supervisor.hold("here/m")
        assert endpoint.port
        log = last_lines(log_path(tmp_path / "engines", "here/m"), 5)
    assert log == (f"key {len(endpoint.api_key)}",)

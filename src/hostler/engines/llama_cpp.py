"""llama.cpp behind one recipe, two ways: a llama-server binary, else the server inside the xllamacpp wheel.

Knows: how each knob is told to either, and what their logs mean. Does not know: when to start or stop one (supervisor).

KNOBS is the one table: recipe field, llama-server's flag and environment variable, xllamacpp's attribute. llama-server
gets flags, which an unfit build refuses loudly and which people can read in a process list, except for what must not
be seen there (the API key) and what builds call differently (a variable that a build does not know is ignored).
"""

import importlib.metadata
import importlib.util
import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil

from hostler.engines.engine import LOOPBACK, Engine, Failure, FailureKind, Spawn, Start
from hostler.engines.recipe import Recipe
from hostler.errors import EngineMissing

NAME: Final = "llama.cpp"
CHILD = Path(__file__).with_name("llama_child.py")
INSTALL = "Install it with: pip install 'hostler[engine]', or install llama.cpp."
LOCKED_ORIGIN = "https://hostler.invalid"
"""CORS origin of our engines: a name that can never exist, so no web page may read an engine's answers."""
PASSED_ON = re.compile(
    r"PATH|HOME|USER|TMPDIR|LANG|LC_.*|TZ|LD_LIBRARY_PATH|DYLD_.*|PYTHON.*|VIRTUAL_ENV|XDG_.*|OMP_.*|GOMP_.*|GGML_.*"
    r"|CUDA_.*|NVIDIA_.*|HIP_.*|ROCR_.*|ROCM_.*|HSA_.*|VK_.*|SYCL_.*|ONEAPI_.*|MTL_.*"
)
"""Variables that an engine gets. The rest stays here: vendors' keys, and LLAMA_* that would override a recipe."""

Attribute = object


@dataclass(frozen=True, slots=True)
class Knob:
    """One row: how a recipe's field is told to either server."""

    field: str
    flag: str
    """llama-server's flag; empty: told by `variable` alone."""
    variable: str
    """llama-server's environment variable; empty: there is none."""
    attributes: tuple[str, ...]
    """Attributes of xllamacpp.CommonParams that get the value."""
    as_attribute: Callable[[object], Attribute] = lambda value: value
    as_text: Callable[[object], str] = str
    unset: object = None
    """The value at which nothing is told."""
    switch: bool = False
    """The flag stands alone when the field is true."""


def _ggml_type(value: object) -> Attribute:
    return {"enum": "ggml_type", "member": f"GGML_TYPE_{str(value).upper()}"}


def _flash(value: object) -> Attribute:
    word = {"on": "ENABLED", "off": "DISABLED", "auto": "AUTO"}[str(value)]
    return {"enum": "llama_flash_attn_type", "member": f"LLAMA_FLASH_ATTN_TYPE_{word}"}


def _pooling(value: object) -> Attribute:
    return {"enum": "llama_pooling_type", "member": f"LLAMA_POOLING_TYPE_{str(value).upper()}"}


def _unmapped(_: object) -> Attribute:
    return {"enum": "llama_load_mode", "member": "LLAMA_LOAD_MODE_NONE"}


KNOBS: Final = (
    Knob("path", "--model", "LLAMA_ARG_MODEL", ("model.path",)),
    Knob("context", "--ctx-size", "LLAMA_ARG_CTX_SIZE", ("n_ctx",)),
    Knob("slots", "--parallel", "LLAMA_ARG_N_PARALLEL", ("n_parallel",)),
    Knob("threads", "--threads", "LLAMA_ARG_THREADS", ("cpuparams.n_threads", "cpuparams_batch.n_threads")),
    Knob("poll", "--poll", "", ("cpuparams.poll", "cpuparams_batch.poll")),
    Knob("batch", "--batch-size", "LLAMA_ARG_BATCH", ("n_batch",)),
    Knob("ubatch", "--ubatch-size", "LLAMA_ARG_UBATCH", ("n_ubatch",)),
    Knob("kv_type_k", "--cache-type-k", "LLAMA_ARG_CACHE_TYPE_K", ("cache_type_k",), _ggml_type),
    Knob("kv_type_v", "--cache-type-v", "LLAMA_ARG_CACHE_TYPE_V", ("cache_type_v",), _ggml_type),
    Knob("flash_attention", "--flash-attn", "LLAMA_ARG_FLASH_ATTN", ("flash_attn_type",), _flash),
    Knob("gpu_layers", "--n-gpu-layers", "LLAMA_ARG_N_GPU_LAYERS", ("n_gpu_layers",), unset=-1),
    Knob("mmap", "", "LLAMA_ARG_LOAD_MODE", ("load_mode",), _unmapped, as_text=lambda _: "none", unset=True),
    Knob("mmap", "", "LLAMA_ARG_NO_MMAP", (), as_text=lambda _: "1", unset=True),
    Knob("prompt_cache_mib", "", "LLAMA_ARG_CACHE_RAM", ("cache_ram_mib",)),
    Knob("draft", "--model-draft", "", ("speculative.draft.mparams.path",), unset=""),
    Knob("projector", "--mmproj", "LLAMA_ARG_MMPROJ", ("mmproj.path",), unset=""),
    Knob("chat_template", "--chat-template", "LLAMA_ARG_CHAT_TEMPLATE", ("chat_template",), unset=""),
    Knob("embedding", "--embedding", "LLAMA_ARG_EMBEDDINGS", ("embedding",), unset=False, switch=True),
    Knob("pooling", "--pooling", "LLAMA_ARG_POOLING", ("pooling_type",), _pooling, unset=""),
)
"""How each knob is told; tests hold it against the recipe's fields and against the wheel's attributes."""

TELLING: Final[tuple[tuple[FailureKind, str], ...]] = (
    ("port", r"couldn't bind|address already in use"),
    ("memory", r"bad_alloc|out of memory|failed to allocate|unable to allocate|cannot allocate|alloc\w* failed"),
    (
        "model file",
        r"invalid magic|failed to read magic|failed to open gguf|corrupted or incomplete|unknown model architecture",
    ),
    ("model file", r"not within the file bounds|error loading model|missing tensor|wrong shape"),
    ("other", r"requires flash_attn|invalid argument|error while handling argument|cannot be run:"),
)
"""Lines that say why it ended, by weight."""
_STAMP = re.compile(r"^\d+\.\d+\.\d+\.\d+ +(?P<level>[IWED]) +|^(?P<old>[IWED]) +")
_NOISE = re.compile(r"initializing \.\.\.|build_info|common_params_print_info|security:|^\s*$")


def _physical_cores() -> int:
    """Cores that this process may use, without hyper-threads; at least 1."""
    allowed = len(os.sched_getaffinity(0)) if sys.platform == "linux" else (os.cpu_count() or 1)
    return max(1, min(psutil.cpu_count(logical=False) or allowed, allowed))


def engine_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """What of our own environment an engine gets."""
    return {name: value for name, value in environment.items() if PASSED_ON.fullmatch(name)}


def find_engine(environment: Mapping[str, str], *, llama_server: str = "", cores: int = 0) -> Engine:
    """The llama.cpp to use: `llama_server` if configured, one on PATH, else the xllamacpp wheel.

    `cores` is the thread count of recipes that name none; 0: this machine's physical cores. Raises EngineMissing.
    """
    threads = cores or _physical_cores()
    if llama_server:
        path = shutil.which(str(Path(llama_server).expanduser()))
        if path is None:
            raise EngineMissing(
                f"the configured llama-server {llama_server} is not there or cannot be executed",
                hint="Correct `llama_server` under [engine] in settings.toml.",
            )
        return LlamaServer(path, environment, threads)
    found = shutil.which("llama-server", path=environment.get("PATH", os.defpath))
    if found:
        return LlamaServer(found, environment, threads)
    if importlib.util.find_spec("xllamacpp") is None:
        raise EngineMissing(
            "there is no llama-server on PATH and the `engine` extra is not installed",
            hint=INSTALL,
        )
    return EmbeddedLlama(environment, threads)


def diagnose(log: Sequence[str]) -> Failure | None:
    """The first line of the weightiest kind that says why llama.cpp ended."""
    for kind, pattern in TELLING:
        for line in log:
            if re.search(pattern, line, re.IGNORECASE):
                return Failure(kind, _STAMP.sub("", line).strip())
    return None


def progress(line: str) -> str | None:
    """A log line without its stamp; None for noise."""
    text = _STAMP.sub("", line).strip()
    return None if _NOISE.search(text) else text


def _told(recipe: Recipe, threads: int) -> list[tuple[Knob, object]]:
    """The rows that say something for this recipe, with their values."""
    values: list[tuple[Knob, object]] = []
    for knob in KNOBS:
        value = getattr(recipe, knob.field)
        if knob.field == "threads":
            value = value or threads
        if value != knob.unset:
            values.append((knob, value))
    return values


@dataclass(frozen=True, slots=True)
class LlamaServer:
    """A llama-server binary that somebody else installed."""

    path: str
    environment: Mapping[str, str] = field(repr=False)
    """Ours; what the engine gets of it is `engine_environment`."""
    threads: int

    name = NAME
    health_path = "/health"
    reports_port = False

    def build(self) -> str:
        """Size and time of the binary: they change with every build, and reading them starts nothing."""
        try:
            found = Path(self.path).resolve().stat()
        except OSError as error:
            raise EngineMissing(f"{self.path} is gone: {error.strerror}") from None
        return f"llama-server {found.st_size} {found.st_mtime_ns}"

    def spawn(self, start: Start) -> Spawn:
        """The knobs as flags; key, CORS and endpoints as variables."""
        argv = [self.path, "--host", LOOPBACK, "--port", str(start.port), "--alias", start.model_id, "--jinja"]
        environment = engine_environment(self.environment) | {
            "LLAMA_API_KEY": start.api_key,
            "LLAMA_ARG_CORS_ORIGINS": LOCKED_ORIGIN,
            "LLAMA_ARG_ENDPOINT_METRICS": "1",
            "LLAMA_ARG_ENDPOINT_PROPS": "1",
            "LLAMA_ARG_ENDPOINT_SLOTS": "1",
            "LLAMA_ARG_UI": "0",
            "LLAMA_ARG_LOG_COLORS": "off",
        }
        if start.recipe.draft:
            environment["LLAMA_ARG_SPEC_TYPE"] = "draft-simple"
        for knob, value in _told(start.recipe, self.threads):
            if not knob.flag:
                environment[knob.variable] = knob.as_text(value)
            elif knob.switch:
                argv.append(knob.flag)
            elif knob.field == "chat_template" and start.recipe.template_file:
                argv += ["--chat-template-file", str(value)]
            else:
                argv += [knob.flag, knob.as_text(value)]
        return Spawn(tuple(argv), environment)

    def diagnose(self, log: Sequence[str]) -> Failure | None:
        """See `diagnose`."""
        return diagnose(log)

    def progress(self, line: str) -> str | None:
        """See `progress`."""
        return progress(line)


@dataclass(frozen=True, slots=True)
class EmbeddedLlama:
    """llama.cpp's server from the xllamacpp wheel, in a Python child of ours."""

    environment: Mapping[str, str] = field(repr=False)
    """Ours; what the engine gets of it is `engine_environment`."""
    threads: int

    name = NAME
    health_path = "/health"
    reports_port = True

    def build(self) -> str:
        """The wheel's version; its last field is llama.cpp's build."""
        try:
            return f"xllamacpp {importlib.metadata.version('xllamacpp')}"
        except importlib.metadata.PackageNotFoundError:
            raise EngineMissing("the `engine` extra is gone", hint=INSTALL) from None

    def spawn(self, start: Start) -> Spawn:
        """The knobs as attributes, on stdin."""
        attributes: dict[str, Attribute] = {
            "hostnames": [LOOPBACK],
            "port": start.port,
            "api_keys": [start.api_key],
            "cors_origins": LOCKED_ORIGIN,
            "cors_credentials": False,
            "model_alias": {"set": [start.model_id]},
            "use_jinja": True,
            "ui": False,
            "endpoint_metrics": True,
            "endpoint_props": True,
            "endpoint_slots": True,
        }
        files: dict[str, str] = {}
        for knob, value in _told(start.recipe, self.threads):
            if knob.field == "chat_template" and start.recipe.template_file:
                files["chat_template"] = str(value)
                continue
            for attribute in knob.attributes:
                attributes[attribute] = knob.as_attribute(value)
        if start.recipe.draft:
            # Without a type the draft model is loaded and never used.
            attributes["speculative.types"] = {
                "enum": "common_speculative_type",
                "members": ["COMMON_SPECULATIVE_TYPE_DRAFT_SIMPLE"],
            }
        order = json.dumps({"attributes": attributes, "read_files": files}).encode()
        return Spawn((sys.executable, "-P", str(CHILD)), engine_environment(self.environment), order)

    def diagnose(self, log: Sequence[str]) -> Failure | None:
        """See `diagnose`."""
        return diagnose(log)

    def progress(self, line: str) -> str | None:
        """See `progress`."""
        return progress(line)

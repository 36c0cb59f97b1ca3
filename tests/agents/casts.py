"""The agents that hostler is tried with: one row each, with how it is pointed at an address and asked in one line.

Knows: their commands, variables and settings, the tool that each writes files with. Does not know: what a run shows.
Source: the agents' own documentation, and what each sent in such runs (versions in this folder's pin files).
"""

import json
import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.agents.stage import NOWHERE, ROOT, Place, Play

INSTALLED = ROOT / ".agents"
MODEL = "up/worker"
BREAKS = dict.fromkeys(("reset", "close", "error"), "reports")
Arguments = Callable[[str, str], Mapping[str, Any]]


@dataclass(frozen=True)
class Agent:
    """One agent, asked for one model."""

    name: str
    program: str
    """Below the folder where agents are installed."""
    face: str
    arguments: Callable[[Place, str], Sequence[str]]
    """Its command line for a prompt, from the second word on."""
    variables: Callable[[Place], Mapping[str, str]]
    tool: str = ""
    """The tool that it writes files with; empty: it reads them out of the text."""
    call: Arguments = lambda path, content: {}
    """What that tool is given to write a file."""
    files: Callable[[Place], Mapping[str, str]] = lambda place: {}
    """What lies in its folders at the start, by path."""
    model: str = MODEL
    within: float = 60.0
    faults: Mapping[str, str] = field(default_factory=dict)
    """What it does about a refusal (`refused`) or a stream that breaks off, where it does not try again: `reports`."""
    knows: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What hostler's user says of the model."""
    unlisted: frozenset[str] = frozenset()
    """Wires whose models hostler cannot list, for an agent that takes no others."""

    @property
    def settings(self) -> str:
        """Lines of hostler's settings, so that the model it asks for is there."""
        return "" if self.model == MODEL else f'[aliases]\n"{self.model.partition("-")[0]}-*" = "{MODEL}"\n'

    def play(self, place: Place, prompt: str) -> Play:
        """One run of it. Raises AssertionError where it is not installed."""
        program = INSTALLED / self.program
        assert program.exists(), f"{self.name} is not installed ({program.relative_to(ROOT)}): make test-agents does it"
        for path, text in self.files(place).items():
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).write_text(text, "utf-8")
        command = (str(program), *self.arguments(place, prompt))
        return Play(command, surroundings(place, program) | dict(self.variables(place)), self.within)


def surroundings(place: Place, program: Path) -> dict[str, str]:
    """An environment with nothing of a person's, and no way out of this machine but past a proxy that is not there."""
    kept = {name: os.environ[name] for name in ("LANG", "TMPDIR") if name in os.environ}
    proxies = dict.fromkeys(("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"), NOWHERE)
    here = dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost")
    own = {"HOME": str(place.home), "PATH": f"{program.parent}:{os.environ['PATH']}", "TERM": "dumb"}
    return kept | proxies | here | own


def openai_variables(place: Place) -> Mapping[str, str]:
    """What Qwen Code reads for OpenAI's API."""
    return {"OPENAI_BASE_URL": f"{place.gateway}/v1", "OPENAI_API_KEY": "any", "OPENAI_MODEL": MODEL}


# ---------------------------------------------------------------------------- Claude Code


def claude(name: str, model: str) -> Agent:
    """Claude Code, asked for a model by a name that it does not know, or one that it does."""
    flags = ("--output-format", "json", "--permission-mode", "acceptEdits")
    return Agent(
        name=name,
        program="node/node_modules/.bin/claude",
        face="anthropic",
        arguments=lambda place, prompt: ("--model", model, "-p", prompt, *flags),
        variables=lambda place: {"ANTHROPIC_BASE_URL": place.gateway, "ANTHROPIC_AUTH_TOKEN": "any"},
        tool="Write",
        call=lambda path, content: {"arguments": {"file_path": path, "content": content}},
        model=model,
    )


# ---------------------------------------------------------------------------- Codex


def codex(name: str, model: str, *, tool: str, call: Arguments) -> Agent:
    """Codex; which tool it writes with depends on what it knows of the model."""
    provider = '{{name="hostler",base_url="{}/v1",env_key="HOSTLER_KEY",wire_api="responses"}}'
    return Agent(
        name=name,
        program="node/node_modules/.bin/codex",
        face="openai-responses",
        arguments=lambda place, prompt: (
            *("-m", model, "-c", "model_provider=hostler"),
            *("-c", "model_providers.hostler=" + provider.format(place.gateway)),
            *("exec", "--skip-git-repo-check", "--sandbox", "danger-full-access", prompt),
        ),
        variables=lambda place: {"HOSTLER_KEY": "any"},
        tool=tool,
        call=call,
        model=model,
    )


def shell_call(path: str, content: str) -> Mapping[str, Any]:
    """A command that writes a file."""
    return {"arguments": {"cmd": f"printf %s {shlex.quote(content)} > {shlex.quote(path)}"}}


def patch_call(path: str, content: str) -> Mapping[str, Any]:
    """A patch, as free text, that adds a file."""
    lines = "".join(f"+{line}\n" for line in content.splitlines())
    return {"arguments": {"input": f"*** Begin Patch\n*** Add File: {path}\n{lines}*** End Patch\n"}}


# ---------------------------------------------------------------------------- Gemini CLI and Qwen Code


def file_call(path: str, content: str) -> Mapping[str, Any]:
    """What both of them call a file and its content."""
    return {"arguments": {"file_path": path, "content": content}}


def gemini(name: str, model: str) -> Agent:
    """Gemini CLI; without the setting it takes the address for another way of signing in, and gives up."""
    settings = {"security": {"auth": {"selectedType": "gemini-api-key"}}}
    return Agent(
        name=name,
        program="node/node_modules/.bin/gemini",
        face="gemini",
        arguments=lambda place, prompt: ("-m", model, "--approval-mode", "yolo", "-p", prompt),
        variables=lambda place: {
            "GOOGLE_GEMINI_BASE_URL": place.gateway,
            "GEMINI_API_KEY": "any",
            "GEMINI_CLI_TRUST_WORKSPACE": "true",
        },
        tool="write_file",
        call=file_call,
        files=lambda place: {f"{place.home}/.gemini/settings.json": json.dumps(settings)},
        model=model,
    )


def qwen(name: str, face: str, *, auth: str, variables: Callable[[Place], Mapping[str, str]]) -> Agent:
    """Qwen Code, over one of the faces that it speaks."""
    return Agent(
        name=name,
        program="node/node_modules/.bin/qwen",
        face=face,
        arguments=lambda place, prompt: ("--auth-type", auth, "--approval-mode", "yolo", "-p", prompt),
        variables=variables,
        tool="write_file",
        call=file_call,
        faults=BREAKS if face == "anthropic" else {},
    )


def anthropic_variables(place: Place) -> Mapping[str, str]:
    """What Qwen Code reads for Anthropic's API."""
    return {"ANTHROPIC_BASE_URL": place.gateway, "ANTHROPIC_API_KEY": "any", "ANTHROPIC_MODEL": MODEL}


# ---------------------------------------------------------------------------- opencode


def opencode(name: str, face: str, *, package: str, version: str = "v1") -> Agent:
    """opencode, with hostler as a provider of its settings; the package decides which face it speaks to."""

    def settings(place: Place) -> Mapping[str, str]:
        options = {"baseURL": f"{place.gateway}/{version}", "apiKey": "any"}
        row = {"npm": package, "options": options, "models": {MODEL: {}}}
        return {f"{place.work}/opencode.json": json.dumps({"provider": {"hostler": row}})}

    return Agent(
        name=name,
        program="node/node_modules/.bin/opencode",
        face=face,
        arguments=lambda place, prompt: ("run", "-m", f"hostler/{MODEL}", prompt),
        variables=lambda place: {"OPENCODE_DISABLE_MODELS_FETCH": "1", "OPENCODE_DISABLE_AUTOUPDATE": "1"},
        tool="write",
        call=lambda path, content: {"arguments": {"filePath": path, "content": content}},
        files=settings,
        faults=BREAKS if face == "anthropic" else {},
    )


# ---------------------------------------------------------------------------- aider and llm


def aider() -> Agent:
    """aider, which has no tools: it finds files in the text."""
    quiet = ("--no-git", "--no-check-update", "--no-show-model-warnings", "--analytics-disable", "--no-pretty")
    return Agent(
        name="aider",
        program="aider/venv/bin/aider",
        face="openai-chat",
        arguments=lambda place, prompt: ("--model", f"openai/{MODEL}", "--yes-always", *quiet, "--message", prompt),
        variables=lambda place: {"OPENAI_API_BASE": f"{place.gateway}/v1", "OPENAI_API_KEY": "any"},
        within=120.0,
    )


WRITING = '''
from pathlib import Path


def write_file(path: str, content: str) -> str:
    """Write a file."""
    Path(path).write_text(content)
    return "written"
'''


def llm() -> Agent:
    """llm, with a tool that is a Python function."""

    def files(place: Place) -> Mapping[str, str]:
        model = f"- model_id: {MODEL}\n  model_name: {MODEL}\n  api_base: {place.gateway}/v1\n  supports_tools: true\n"
        return {f"{place.home}/llm/extra-openai-models.yaml": model, f"{place.home}/writing.py": WRITING}

    return Agent(
        name="llm",
        program="llm/venv/bin/llm",
        face="openai-chat",
        arguments=lambda place, prompt: ("-m", MODEL, "--functions", f"{place.home}/writing.py", prompt),
        variables=lambda place: {"LLM_USER_PATH": f"{place.home}/llm", "OPENAI_API_KEY": "any"},
        tool="write_file",
        call=lambda path, content: {"arguments": {"path": path, "content": content}},
        files=files,
        faults=BREAKS,
    )


def llm_ollama() -> Agent:
    """llm with its plugin for Ollama; it offers tools only to a model that is known to take them."""
    plain = llm()
    return replace(
        plain,
        name="llm-ollama",
        face="ollama",
        arguments=lambda place, prompt: ("-m", f"ollama/{MODEL}", *plain.arguments(place, prompt)[2:]),
        variables=lambda place: {"LLM_USER_PATH": f"{place.home}/llm", "OLLAMA_HOST": place.gateway},
        files=lambda place: {f"{place.home}/writing.py": WRITING},
        knows={MODEL: {"tool_calling": True}},
        unlisted=frozenset(("dashscope",)),
        faults=BREAKS | {"refused": "reports"},
    )


AGENTS = (
    claude("claude-code", MODEL),
    claude("claude-code-known", "claude-sonnet-4-6"),
    codex("codex", MODEL, tool="exec_command", call=shell_call),
    codex("codex-known", "gpt-5.5", tool="apply_patch", call=patch_call),
    gemini("gemini-cli", MODEL),
    gemini("gemini-cli-known", "gemini-3-pro-preview"),
    qwen("qwen-code", "openai-chat", auth="openai", variables=openai_variables),
    qwen("qwen-code-anthropic", "anthropic", auth="anthropic", variables=anthropic_variables),
    opencode("opencode", "openai-chat", package="@ai-sdk/openai-compatible"),
    opencode("opencode-responses", "openai-responses", package="@ai-sdk/openai"),
    opencode("opencode-anthropic", "anthropic", package="@ai-sdk/anthropic"),
    opencode("opencode-gemini", "gemini", package="@ai-sdk/google", version="v1beta"),
    aider(),
    llm(),
    llm_ollama(),
)

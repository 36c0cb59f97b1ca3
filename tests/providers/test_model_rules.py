"""What a vendor's row says of its single models, by the models' published names."""

import re
from dataclasses import fields

import pytest

from hostler.core.wires import ANTHROPIC, OPENAI_CHAT
from hostler.providers.kinds import KINDS
from hostler.providers.vendors import VENDORS
from hostler.wire.dialects import Dialect

_CLAUDE = VENDORS["anthropic"].dialect
_SAMPLING = ("temperature", "top_p", "top_k")


@pytest.mark.parametrize(
    ("model", "forms", "efforts", "forced", "mid_system", "prefill", "sampling"),
    [
        ("claude-3-5-haiku-20241022", "enabled disabled", 0, "always", False, "free", True),
        ("claude-opus-4-20250514", "enabled disabled", 0, "always", False, "free", True),
        ("claude-sonnet-4-5-20250929", "enabled disabled", 0, "always", False, "free", True),
        ("claude-haiku-4-5", "enabled disabled", 0, "always", False, "free", True),
        ("claude-opus-4-6", "adaptive enabled disabled", 4, "always", False, "none", True),
        ("claude-sonnet-4-6", "adaptive enabled disabled", 4, "always", False, "none", True),
        ("claude-opus-4-7", "adaptive disabled", 7, "always", False, "none", False),
        ("claude-opus-4-8", "adaptive disabled", 7, "always", True, "none", False),
        ("claude-opus-5", "adaptive disabled", 7, "always", True, "none", False),
        ("claude-opus-5-5", "adaptive", 7, "never", True, "none", False),
        ("claude-sonnet-5", "adaptive disabled", 7, "always", False, "none", False),
        ("claude-sonnet-5-5", "adaptive between_tools", 7, "never", False, "none", False),
        ("claude-haiku-5-5", "adaptive disabled", 7, "always", False, "none", False),
        ("claude-fable-5", "adaptive", 7, "always", True, "none", False),
        ("claude-fable-5-2", "adaptive", 7, "never", True, "none", False),
        ("claude-mythos-5-1", "adaptive", 7, "never", True, "none", False),
    ],
)
def test_claude(  # signature: the table's columns
    model: str, forms: str, efforts: int, forced: str, mid_system: bool, prefill: str, sampling: bool
) -> None:
    dialect = _CLAUDE.of(model)
    assert " ".join(dialect.thinking_forms) == forms
    assert dialect.adaptive_thinking == ("adaptive" in forms)
    assert (len(dialect.efforts), dialect.forced_tool_choice) == (efforts, forced)
    assert (dialect.mid_system, dialect.prefill) == (mid_system, prefill)
    assert all((name in dialect.forbidden) != sampling for name in _SAMPLING)


def test_claude_models_that_know_no_schemas_or_write_little() -> None:
    assert _CLAUDE.of("claude-3-opus-20240229").max_tokens_default == 4096
    assert _CLAUDE.of("claude-opus-4-8").max_tokens_default == 32_000
    told = ("claude-3-7-sonnet-latest", "claude-sonnet-4-20250514", "claude-opus-4-0", "claude-opus-4")
    assert not any(_CLAUDE.of(model).json_schema for model in told)
    assert all(_CLAUDE.of(model).json_schema for model in ("claude-opus-4-1", "claude-sonnet-4-5", "claude-haiku-5-5"))


@pytest.mark.parametrize(
    ("model", "efforts", "sampling", "marks"),
    [
        ("gpt-4o", "", True, "none"),
        ("gpt-4.1-mini", "", True, "none"),
        ("chatgpt-4o-latest", "", True, "none"),
        ("o3-mini", "low medium high", False, "none"),
        ("gpt-5", "minimal low medium high", False, "none"),
        ("gpt-5-mini-2025-08-07", "minimal low medium high", False, "none"),
        ("gpt-5-chat-latest", "", True, "none"),
        ("gpt-5.2", "none low medium high xhigh", True, "none"),
        ("gpt-5.5", "none low medium high xhigh", False, "none"),
        ("gpt-5.6-sol", "none low medium high xhigh", False, "breakpoint"),
        ("gpt-6-astra", "none minimal low medium high xhigh", False, "breakpoint"),
    ],
)
def test_openai(model: str, efforts: str, sampling: bool, marks: str) -> None:
    dialect = VENDORS["openai"].dialect.of(model)
    assert (" ".join(dialect.efforts), dialect.cache_marks) == (efforts, marks)
    assert ("temperature" not in dialect.forbidden) == sampling
    assert "top_k" in dialect.forbidden


def test_others() -> None:
    assert VENDORS["minimax"].dialect.of("MiniMax-M2.5").thinking_forms == ("enabled",)
    assert "disabled" in VENDORS["minimax"].dialect.of("MiniMax-M3").thinking_forms
    chat = next(side.dialect for side in VENDORS["qwen"].also if side.wire == OPENAI_CHAT)
    assert chat.of("qwq-plus").stream_only
    assert not chat.of("qwen-max").stream_only


def test_every_rule_is_one_that_can_be_found() -> None:
    dialects = [row.dialect for row in VENDORS.values()] + [side.dialect for v in VENDORS.values() for side in v.also]
    for dialect in [*dialects, *(kind.dialect for kind in KINDS.values())]:
        for rule in dialect.models:
            re.compile(rule.pattern)
            assert (
                any(getattr(rule, f.name) for f in fields(rule) if f.name != "pattern")
                or rule.efforts == ()
                or (rule.json_schema is False or rule.adaptive_thinking is False)
            )


def test_the_messages_wire_is_never_asked_for_more_than_it_takes_by_default() -> None:
    plain = Dialect()
    for vendor in VENDORS.values():
        if vendor.wire == ANTHROPIC:
            assert vendor.dialect != plain
            assert vendor.dialect.max_tokens_default

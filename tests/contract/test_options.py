"""What a request may ask for beside its words: nothing that a vendor refuses reaches it, nothing goes in silence."""

from hostler.client.asking import Options
from hostler.core.messages import Message, Text, ToolCall, ToolResult
from hostler.core.requests import ReasoningOptions, ToolChoice
from hostler.core.tools import Tool
from hostler.core.wires import ANTHROPIC, DASHSCOPE, GEMINI, OLLAMA, OPENAI_CHAT, OPENAI_RESPONSES
from hostler.providers.fake.script import Dialect, Reply
from tests.contract.case import Case, Place, cases
from tests.contract.talk import Talk, user

STRICTEST = {
    OPENAI_CHAT: Place(provider="deepseek", dialect="deepseek"),
    OPENAI_RESPONSES: Place(provider="openai", model="gpt-5.5", dialect="openai-reasoning"),
    ANTHROPIC: Place(model="claude-opus-5-5", dialect="anthropic-preserved"),
    GEMINI: Place(model="gemini-2.5-pro", dialect="gemini-2.5"),
    OLLAMA: Place(dialect="ollama-old"),
    DASHSCOPE: Place(model="qwq-plus", dialect="dashscope-incremental"),
}
OTHERS = {
    OPENAI_CHAT: Place(provider="mistral", dialect="mistral"),
    OPENAI_RESPONSES: Place(provider="xai", model="grok-4", dialect="xai"),
    ANTHROPIC: Place(model="claude-opus-4-1", dialect=Dialect(thinking=("enabled", "disabled"))),
    GEMINI: Place(model="gemini-3-flash", dialect="gemini"),
}
LOCAL = {
    OPENAI_CHAT: Place(provider="vllm", dialect="vllm"),
    ANTHROPIC: Place(model="claude-opus-4-8", dialect=Dialect(thinking=("adaptive", "disabled"), prefill=False)),
}
COMPATIBLE = {OPENAI_CHAT: Place(dialect="compatible")}
CLOCK = Tool(name="clock", description="The time of day.", parameters={"type": "object", "properties": {}})
ALL = (
    Options(temperature=1.7),
    Options(temperature=0.0, top_p=0.5),
    Options(top_p=1.0, top_k=40, min_p=0.1),
    Options(seed=7, presence_penalty=0.5, frequency_penalty=-0.5),
    Options(stop=["a", "b", "c", "d", "e", "f", " ", ""]),
    Options(max_tokens=1),
    Options(max_tokens=100_000),
    Options(tools=[CLOCK], parallel_tool_calls=False),
    Options(parallel_tool_calls=True),
    Options(tool_choice=ToolChoice("required")),
    Options(tools=[CLOCK], tool_choice=ToolChoice("auto", allowed=("clock",))),
)
ASKED_FOR = {"temperature", "top_p", "top_k", "min_p", "seed", "presence_penalty", "frequency_penalty"}
SENT_AS = {
    "top_p": ("top_p", "topP"),
    "top_k": ("top_k", "topK"),
    "seed": ("seed", "random_seed"),
    "presence_penalty": ("presence_penalty", "presencePenalty"),
    "frequency_penalty": ("frequency_penalty", "frequencyPenalty"),
}
MEASURES = (
    ReasoningOptions(effort="none"), ReasoningOptions(effort="minimal"), ReasoningOptions(effort="low"),
    ReasoningOptions(effort="xhigh"), ReasoningOptions(effort="max"), ReasoningOptions(mode="off"),
    ReasoningOptions(mode="on"), ReasoningOptions(mode="adaptive"), ReasoningOptions(mode="on", budget=100),
    ReasoningOptions(budget=1_000_000), ReasoningOptions(mode="off", effort="high", budget=5000),
    ReasoningOptions(effort="high", hidden=True), ReasoningOptions(hidden=True), ReasoningOptions(),
)  # fmt: skip
SAID = Reply(text="Said.")


def vendors(name: str) -> tuple[Case, ...]:
    """A case with the wire's own maker and with others."""
    kinds = (("", COMPATIBLE), ("-strictest", STRICTEST), ("-others", OTHERS), ("-local", LOCAL))
    return tuple(Case(name + suffix, (), (SAID,), at) for suffix, at in kinds)


@cases(*vendors("sampling"))
async def test_sampling(talk: Talk) -> None:
    """Each parameter is sent or named as lost."""
    for options in ALL:
        assert (await talk.ask("Hello", **options)).text == "Said."
        dropped = await talk.dropped()
        for name in ASKED_FOR & options.keys():
            sent = any(f'"{key}"' in talk.sent for key in SENT_AS.get(name, (name,)))
            neutral = options[name] == 1.0  # type: ignore[literal-required]
            assert sent or name in dropped or neutral, (name, options)


@cases(*vendors("measures"))
async def test_how_much_to_think(talk: Talk) -> None:
    for reasoning in MEASURES:
        for options in (Options(), Options(max_tokens=500), Options(temperature=0.3), Options(tools=[CLOCK])):
            assert (await talk.ask("Hello", reasoning=reasoning, **options)).text == "Said.", (reasoning, options)


@cases(*vendors("forced"))
async def test_a_forced_call_while_thinking(talk: Talk) -> None:
    for choice in (ToolChoice("required"), ToolChoice("named", "clock")):
        for reasoning in (ReasoningOptions(effort="high"), ReasoningOptions(mode="off"), None):
            more = Options(reasoning=reasoning) if reasoning else Options()
            assert (await talk.ask("Hello", tools=[CLOCK], tool_choice=choice, **more)).text == "Said."


@cases(*vendors("histories"))
async def test_histories_of_every_shape(talk: Talk) -> None:
    """Who speaks first, last or twice; results with words behind them; calls of long ago: none is refused."""
    call, asked = ToolCall(id="call_1", name="clock", arguments="{}"), user("Time?")
    result = Message("tool", (ToolResult(call_id="call_1", name="clock", content=(Text(text="Noon."),)),))
    hello, told = Message("assistant", (Text(text="Hello."),)), Message("system", (Text(text="Be brief."),))
    for history in (
        [told],
        [told, told, asked],
        [hello, asked],
        [asked, hello],
        [asked, hello, told],
        [told, asked, told, hello, told, asked],
        [asked, Message("assistant", (call,)), result, asked],
        [asked, Message("assistant", (Text(text="Well."), call)), result, hello, asked],
        [asked, Message("assistant", (call,)), result, asked, asked, hello, asked],
        [asked, Message("assistant", (call,))],
        [asked, Message("assistant", (call,)), told, result],
        [asked, Message("developer", (Text(text="Be kind."),)), asked],
        [Message("user", (Text(text="Hi"),), "ada"), hello, Message("user", (Text(text="Hi"),), "bob")],
    ):
        assert (await talk.ask(history, tools=[CLOCK])).text == "Said.", [m.role for m in history]
        assert (await talk.ask(history, reasoning=ReasoningOptions(effort="low"))).text == "Said."

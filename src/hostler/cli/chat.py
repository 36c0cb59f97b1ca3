"""`hostler chat`: its options. Does not know how a model is asked."""

from dataclasses import dataclass

import click

from hostler.cli.lazy import lazily
from hostler.cli.options import JSON, PLACES, Listing


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatOptions(Listing):
    """`words` is [MODEL] [PROMPT...] as typed."""

    words: tuple[str, ...] = ()
    model: str | None = None
    system: str = ""
    temperature: float | None = None
    max_tokens: int | None = None
    no_stream: bool = False
    raw: bool = False
    verbose: bool = False


command = click.Command(
    "chat",
    params=[
        click.Argument(["words"], nargs=-1, metavar="[MODEL] [PROMPT]..."),
        click.Option(["-m", "--model"], metavar="MODEL", help="The model; then every argument belongs to the prompt."),
        click.Option(["-s", "--system"], default="", metavar="TEXT", help="Instructions that come before the talk."),
        click.Option(["--temperature"], type=click.FloatRange(0, 2), metavar="X", help="From 0 (sober) to 2."),
        click.Option(["--max-tokens"], type=click.IntRange(1), metavar="N", help="Tokens that a reply may have."),
        click.Option(["--no-stream"], is_flag=True, help="Print the reply when it is whole."),
        click.Option(["--raw"], is_flag=True, help="Print text as it comes, without Markdown's looks."),
        click.Option(["-v", "--verbose"], is_flag=True, help="Say tokens and speed on standard error."),
        JSON,
        *PLACES,
    ],
    callback=lazily(ChatOptions, "hostler.cli.work.chat:run"),
    help="""Talk to a model.

    With a prompt, or text on standard input, it answers once; both together make the input the context of the prompt.
    With neither, on a terminal, it is a conversation: /help lists its commands.

    The first argument is the model when it looks like one: it has a slash, or it is the name of a known model or alias.
    Without a model it is the default provider's first one.
    """,
)

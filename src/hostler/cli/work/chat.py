"""`hostler chat`: what is asked of whom, once or in a conversation.

Knows: where the prompt comes from, where the answer goes. Does not know: conversations (talk), looks (paint).
"""

import sys

import click
import uvloop

from hostler.app import open_client
from hostler.cli.chat import ChatOptions
from hostler.cli.exits import DONE
from hostler.cli.work import known
from hostler.cli.work.answer import Answer, Asking, Silent, options_of
from hostler.cli.work.output import say, show, show_json
from hostler.cli.work.paint import painter
from hostler.cli.work.settings import load, log_to_stderr
from hostler.cli.work.talk import talk
from hostler.client.asking import said
from hostler.settings import Settings


def run(options: ChatOptions) -> int:
    """Answer once, or talk. Raises HostlerError."""
    settings = load(options)
    log_to_stderr(settings.log.level, least="warning")
    model, prompt = _split(options, settings)
    if not prompt and sys.stdin.isatty():
        return talk(settings, model or known.default_model(settings), options=options)
    if not prompt.strip():
        raise click.UsageError("There is nothing to ask: give a prompt, or text on standard input.")
    answer = uvloop.run(_once(settings, model or known.default_model(settings), prompt=prompt, options=options))
    if options.json:
        show_json(answer.as_json())
    elif options.no_stream:
        show(answer.text)
    if answer.reply.finish == "length":
        say("(cut off: the limit of tokens was reached)")
    if options.verbose:
        say(answer.summary())
    return DONE


async def _once(settings: Settings, model: str, *, prompt: str, options: ChatOptions) -> Answer:
    quiet = options.json or options.no_stream
    shown = Silent() if quiet else painter(markdown=not options.raw)
    async with open_client(settings) as client:
        asked = options_of(options, options.system)
        return await Asking(model).run(client, [said(prompt)], options=asked, painter=shown)


def _split(options: ChatOptions, settings: Settings) -> tuple[str, str]:
    """Model (empty: the default one) and prompt, from arguments and standard input."""
    words, model = options.words, options.model or ""
    if not model and words and known.names_a_model(settings, words[0]):
        model, words = words[0], words[1:]
    given = "" if sys.stdin.isatty() else sys.stdin.read()
    prompt = " ".join(words)
    return model, f"{given.rstrip()}\n\n{prompt}" if given.strip() and prompt else prompt or given

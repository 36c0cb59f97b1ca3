"""Which engine this machine would start, for people. Knows where engines are looked for; starts none."""

from dataclasses import dataclass

from hostler.engines.llama_cpp import LlamaServer, find_engine
from hostler.errors import EngineMissing
from hostler.settings import Settings


@dataclass(frozen=True, slots=True)
class EngineFound:
    """`name` says what would be started; empty when `problem` says why nothing would, and `hint` what to do."""

    name: str = ""
    problem: str = ""
    hint: str = ""


def find(settings: Settings) -> EngineFound:
    """The engine that a model of ours would be started with now."""
    if not settings.engine.enabled:
        return EngineFound(problem="engines are switched off (--no-engine, or [engine] enabled)")
    try:
        engine = find_engine(settings.environment, llama_server=settings.engine.llama_server)
        if isinstance(engine, LlamaServer):
            return EngineFound(f"{engine.name}, by {engine.path}")
        return EngineFound(f"{engine.name}, by {engine.build()}")
    except EngineMissing as error:
        return EngineFound(problem=error.message, hint=error.hint or "")

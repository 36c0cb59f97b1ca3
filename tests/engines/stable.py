"""A supervisor with everything around it in the test's hands: recipes, sizes, memory, events."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from hostler.engines.engine import Engine, EngineStatus
from hostler.engines.prepare import Prepared
from hostler.engines.recipe import Recipe
from hostler.engines.supervision import SupervisorOptions, Surroundings
from hostler.engines.supervisor import Supervisor
from hostler.errors import HostlerError, ModelNotFound
from hostler.workbench.event_schema import validate
from tests.engines.fake_engine import FakeEngine

OPTIONS = SupervisorOptions(
    Path(), idle_ttl_s=0.0, start_timeout_s=20.0, stop_grace_s=5.0, backoff_base_s=30.0, reserve_bytes=0
)


@dataclass
class Stable:
    """Model ids are `here/<name>`; every recipe's file is its own name."""

    engine: Engine
    supervisor: Supervisor = field(init=False)
    recipes: dict[str, Recipe] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    available: int = 1 << 50
    events: list[tuple[str, dict[str, object]]] = field(default_factory=list)
    broken: HostlerError | None = None
    """What preparing raises."""

    def recipe_of(self, model_id: str) -> Recipe:
        if model_id not in self.recipes and not model_id.startswith("here/"):
            raise ModelNotFound(f"no model {model_id}")
        return self.recipes.setdefault(model_id, Recipe(path=model_id))

    def prepare(self, recipe: Recipe) -> Prepared:
        if self.broken:
            raise self.broken
        return Prepared(recipe, self.sizes.get(recipe.path, 0), "hash")

    def publish(self, kind: str, data: dict[str, object]) -> None:
        validate(kind, data)
        self.events.append((kind, data))

    def kinds(self, model_id: str = "") -> list[str]:
        """Kinds of the events so far, of one model or of all."""
        return [kind.removeprefix("engine.") for kind, data in self.events if model_id in ("", data["model"])]

    def status(self, model_id: str) -> EngineStatus | None:
        return next((s for s in self.supervisor.statistics() if s.model_id == model_id), None)

    def pid(self, model_id: str) -> int:
        status = self.status(model_id)
        assert status is not None and status.pid is not None
        return status.pid


@asynccontextmanager
async def stable(folder: Path, engine: Engine | None = None, **changes: float) -> AsyncIterator[Stable]:
    """A stable that is empty again at the end; `changes` are supervisor options."""
    around = Stable(engine or FakeEngine())
    surroundings = Surroundings(
        around.recipe_of, lambda _: around.engine, around.prepare, lambda: around.available, around.publish
    )
    options = replace(OPTIONS, folder=folder / "engines", **changes)  # type: ignore[arg-type]
    around.supervisor = Supervisor(options, surroundings)
    try:
        yield around
    finally:
        await around.supervisor.close()

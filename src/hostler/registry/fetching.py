"""A model from the hub, ready to be asked: fetched into the models folder and entered into the providers file.

Knows: settings, names, the order of the two. Does not know: how bytes come (engines.pull), who shows the progress.
"""

from dataclasses import dataclass, replace

from hostler.engines.download import Report
from hostler.engines.hub import hub_of
from hostler.engines.pull import Ports, Pulled, pull
from hostler.providers.kinds import HERE
from hostler.registry.file_edit import add_engine_model
from hostler.settings import Settings
from hostler.system.owner import make_private


@dataclass(frozen=True, slots=True)
class Fetched:
    """What is on the disk now, and the model id that it goes by."""

    pulled: Pulled
    model_id: str


async def fetch_model(
    settings: Settings, spec: str, *, progress: Report, name: str = "", ports: Ports | None = None
) -> Fetched:
    """Fetch ORG/NAME[:QUANT] and enter it as `name`, or as repository and quantisation say.

    It reads and writes files: not for a loop that serves. Raises DownloadError, StorageError, ConfigError. After a
    failure or a cancel, the same call goes on where the last one stopped.
    """
    entered: list[str] = []

    def register(pulled: Pulled) -> None:
        model = name or pulled.model_id
        file, old = settings.providers_file, settings.legacy_base_url
        add_engine_model(file, model, recipe=pulled.recipe, replace=True, legacy_base_url=old)
        entered.append(f"{HERE}/{model}")

    make_private(settings.data_dir)
    pulled = await pull(
        spec,
        hub_of(settings),
        folder=settings.data_dir / "models",
        progress=progress,
        ports=replace(ports or Ports(), register=register),
    )
    return Fetched(pulled, entered[0])

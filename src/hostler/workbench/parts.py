"""What the workbench works with. Knows: the parts by name. Does not know: how one is built (app) or asked (api)."""

from dataclasses import dataclass

from hostler.client.sessions.preferences import Preferences
from hostler.client.sessions.prompts import Prompts
from hostler.client.sessions.store import Sessions
from hostler.client.turns import Turns
from hostler.engines.supervisor import Supervisor
from hostler.registry.catalogue import Catalogue
from hostler.registry.discovery import Discovery
from hostler.registry.matrix import Matrix
from hostler.registry.providers_file import ProvidersFile
from hostler.registry.resolver import Resolver
from hostler.settings import Settings
from hostler.system.event_log import EventLog
from hostler.system.owner import OwnerInfo
from hostler.workbench.engine_work import EngineWork
from hostler.workbench.machine_work import MachineWork
from hostler.workbench.pulls import Pulls


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkbenchParts:
    """The parts of the process that owns the data folder, as far as a page may see or steer them."""

    settings: Settings
    token: str
    """The data folder's token. Access is checked before the workbench is asked; it is here for links."""
    sessions: Sessions
    turns: Turns
    preferences: Preferences
    prompts: Prompts
    pulls: Pulls
    engine_work: EngineWork
    machine_work: MachineWork
    resolver: Resolver
    matrix: Matrix
    supervisor: Supervisor
    providers: ProvidersFile
    discovery: Discovery
    catalogue: Catalogue
    events: EventLog
    owner: OwnerInfo
    """As it stood when the workbench was built."""
    started_ms: int
    """When this server process began, unix milliseconds: what is older is a prior session."""

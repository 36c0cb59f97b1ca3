"""What a process has that owns its data folder: the record that the composition roots hand on.

Knows: the parts by name. Does not know: how they are built (app), what is put on top of them.
"""

from dataclasses import dataclass

from hostler.accounts.keys import Keys
from hostler.accounts.ledger import Ledger
from hostler.accounts.ledger_fold import LedgerFold
from hostler.client.client import Client, ModelInfo
from hostler.engines.supervisor import Supervisor
from hostler.registry.catalogue import Catalogue
from hostler.registry.discovery import Discovery
from hostler.registry.matrix import Matrix
from hostler.registry.providers_file import ProvidersFile
from hostler.registry.resolver import Resolver
from hostler.routing.dispatch import Dispatch
from hostler.routing.lanes import LocalLanes
from hostler.routing.opaque import OpaqueStore
from hostler.settings import Settings
from hostler.system.event_log import EventLog
from hostler.system.owner import Owner
from hostler.system.store import Store
from hostler.system.upstream import UpstreamPool


@dataclass(frozen=True, slots=True)
class App:
    """The parts of a process that owns its data folder."""

    settings: Settings
    owner: Owner
    token: str
    store: Store
    keys: Keys
    ledger: Ledger
    fold: LedgerFold
    events: EventLog
    providers: ProvidersFile
    catalogue: Catalogue
    matrix: Matrix
    resolver: Resolver
    discovery: Discovery
    supervisor: Supervisor
    pool: UpstreamPool
    lanes: LocalLanes
    keeper: OpaqueStore
    dispatch: Dispatch

    def client(self) -> Client:
        """A client whose calls are performed in this process."""

        async def models() -> tuple[ModelInfo, ...]:
            return tuple(ModelInfo(entry.id, entry.context) for entry in self.resolver.models() if entry.listed)

        return Client(self.dispatch.feed, self.resolver.resolve, models=models)

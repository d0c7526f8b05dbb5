"""Everything that activities can ask a worker for, by the name of the parameter that asks for it."""

from dataclasses import fields

from temporalio.client import Client

from towpath.assembly.clients import Clients
from towpath.assembly.files import Knowledge
from towpath.assembly.incident import incident_connections
from towpath.config.settings import WorkerSettings
from towpath.config.stores import access_of
from towpath.control.definitions import Definitions
from towpath.control.emitting import Emitter
from towpath.control.outputs import OutputCache
from towpath.control.slots import SlotBook
from towpath.integrations.claude.prices import Prices
from towpath.integrations.storage.artefacts import ArtefactStore
from towpath.pool.dataplane import Dataplane


def connections_of(
    client: Client, settings: WorkerSettings, clients: Clients, knowledge: Knowledge, plane: Dataplane
) -> dict[str, object]:
    """The outside world's, and what activities ask of Temporal. Raises ArtefactStoreError."""
    return {
        **{field.name: getattr(clients, field.name) for field in fields(clients)},
        **incident_connections(client, settings, clients.http, clients.services, knowledge),
        "team_channels": settings.team_channels,
        "prices": Prices(),
        "plane": plane,
        "artefacts": ArtefactStore(settings.artefact_store, access_of(settings)),
        "slots": SlotBook(client),
        "cache": OutputCache(client),
        "definitions": Definitions(client),
        "emitter": Emitter(client),
    }

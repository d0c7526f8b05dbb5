"""The parts of the demo, one for each process, in the order they are shown."""

from collections.abc import Mapping
from dataclasses import dataclass

from towpath.local.demo import etl, incident, onboarding, publishing
from towpath.local.demo.scene import Part


@dataclass(frozen=True, slots=True)
class Entry:
    """A part, and what is announced before it."""

    title: str
    show: Part


PARTS: Mapping[str, Entry] = {
    "onboarding": Entry("Customer onboarding: three customers, each a different way", onboarding.show),
    "publishing": Entry("Content publishing: an answer that is lost, a campaign on hold", publishing.show),
    "incident": Entry("Incident response: a bad deployment, a kill switch", incident.show),
    "etl": Entry("ETL pipeline: the airports of the world, with dirt, into DuckDB and PostgreSQL", etl.show),
}
"""By the name of the process's command."""

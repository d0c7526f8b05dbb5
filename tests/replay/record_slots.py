"""Records histories of posting-slots on a stack: `python -m tests.replay.record_slots`. A file that exists is kept."""

import json
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.integration.conftest import open_house
from towpath.cli.history import without_hosts
from towpath.contracts.core.wire import EffectKey
from towpath.contracts.publishing.posting import POSTING_SLOTS, ReleaseSlot, ReserveSlot
from towpath.control.slots import SlotBook
from towpath.control.temporal import run_to_end

FOLDER = Path(__file__).with_name("histories")
NOON = datetime(2030, 6, 3, 12, 0, tzinfo=UTC)


async def main(version: str) -> None:
    """Reserved, asked again, moved, given up."""
    flags = ("--dynamic-config-value", "limit.historyCount.suggestContinueAsNew=20")
    with tempfile.TemporaryDirectory() as folder:
        async with open_house(Path(folder), flags) as house, house.worker(log=Path(folder) / "worker.log"):
            book = SlotBook(house.client)
            for key, hours in (("a", 0), ("b", 0), ("a", 0), ("a", 2), ("c", 0), ("d", 0), ("e", 0)):
                at, spacing = NOON + timedelta(hours=hours), timedelta(minutes=30)
                await book.reserve(
                    ReserveSlot(place="x/recorded", at=at, not_after=None, spacing=spacing, key=EffectKey(key))
                )
                await book.release(ReleaseSlot(place="x/recorded", key=EffectKey("c")))
            runs = [run async for run in house.client.list_workflows(f"WorkflowType='{POSTING_SLOTS}'")]
            for number, run in enumerate(sorted(runs, key=lambda each: each.start_time), 1):
                handle = house.client.get_workflow_handle(run.id, run_id=run.run_id)
                history = await handle.fetch_history()
                file = FOLDER / f"posting-slots-{number}-{version}.json"
                if not file.exists():
                    written = {"workflow_id": run.id, "history": without_hosts(history.to_json_dict())}
                    file.write_text(json.dumps(written, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
                sys.stdout.write(f"{file.name}: {len(history.events)} events\n")


if __name__ == "__main__":
    run_to_end(main(*(sys.argv[1:] or ["v1"])))

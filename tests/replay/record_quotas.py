"""Records histories of records of turns: `python -m tests.replay.record_quotas`. A file that exists is kept."""

import json
import sys
import tempfile
from pathlib import Path

from tests.integration.conftest import open_house
from tests.integration.quotas import call, calling, limited, receiving
from towpath.cli.history import without_hosts
from towpath.contracts.core.quota import QUOTA
from towpath.contracts.declared.run import DECLARED
from towpath.control.temporal import run_to_end

FOLDER = Path(__file__).with_name("histories")


async def main(version: str) -> None:
    """Calls in line, turns that are told, and a record that goes on in a new history; the runs that made the calls."""
    flags = ("--dynamic-config-value", "limit.historyCount.suggestContinueAsNew=60")
    with tempfile.TemporaryDirectory() as folder:
        async with open_house(Path(folder), flags) as house, receiving(0.1) as receiver:
            log = Path(folder) / "worker.log"
            async with limited(house, {"narrow": {"rps": 50, "concurrent": 2}}, log):
                run = await call(house, calling(receiver, "narrow"), 5)
                await run.result()
            for kind, name in ((QUOTA, "quota"), (DECLARED, "declared-quota")):
                runs = [each async for each in house.client.list_workflows(f"WorkflowType='{kind}'")]
                for number, each in enumerate(sorted(runs, key=lambda each: each.start_time), 1):
                    handle = house.client.get_workflow_handle(each.id, run_id=each.run_id)
                    history = await handle.fetch_history()
                    file = FOLDER / f"{name}-{number}-{version}.json"
                    if not file.exists():
                        written = {"workflow_id": each.id, "history": without_hosts(history.to_json_dict())}
                        file.write_text(json.dumps(written, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
                    sys.stdout.write(f"{file.name}: {len(history.events)} events\n")


if __name__ == "__main__":
    run_to_end(main(*(sys.argv[1:] or ["v1"])))

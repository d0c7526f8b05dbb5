"""The shortest workflow for the calls of a process: stages of lanes of requests, each an activity, with SDK defaults.

The requests are those that the process itself sent, recorded at the stand-ins, so both do the same outside work. What
the process spends on making and reading them is left out here: that favours this side.
`python -m bench.replayed TEMPORAL STANDINS` is its worker.
"""

import asyncio
import sys
from dataclasses import dataclass
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import Worker

with workflow.unsafe.imports_passed_through():
    import httpx

QUEUE = "replayed"
READY = "replaying worker ready"
LIMIT = timedelta(seconds=60)


@dataclass
class Sent:
    """One request as it goes out. `path` has its query."""

    method: str
    path: str
    headers: dict[str, str]
    body: str


@dataclass
class Script:
    """Stages one after the other; the lanes of a stage together; the requests of a lane one after the other."""

    stages: list[list[list[Sent]]]


class Sender:
    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    @activity.defn
    async def send(self, request: Sent) -> int:
        answer = await self._http.request(
            request.method, request.path, headers=request.headers, content=request.body.encode() or None
        )
        return answer.status_code


@workflow.defn
class Replayed:
    @workflow.run
    async def run(self, script: Script) -> int:
        done = 0
        for stage in script.stages:
            done += sum(await asyncio.gather(*(_lane(lane) for lane in stage)))
        return done


async def _lane(requests: list[Sent]) -> int:
    for request in requests:
        await workflow.execute_activity_method(Sender.send, request, start_to_close_timeout=LIMIT)
    return len(requests)


async def main(temporal: str, standins: str) -> None:
    client = await Client.connect(temporal)
    async with httpx.AsyncClient(base_url=standins, timeout=60) as http:
        worker = Worker(client, task_queue=QUEUE, workflows=[Replayed], activities=[Sender(http).send])
        async with worker:
            sys.stdout.write(READY + "\n")
            sys.stdout.flush()
            await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))

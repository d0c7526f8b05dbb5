"""Writes down what Alertmanager and Prometheus of Debian send: `python -m tests.recorded.record`.

Files that exist are kept. What differs each time is the times and the fingerprints of alerts.
"""

import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.waiting import until
from towpath.control.temporal import run_to_end
from towpath.local.processes import spawn
from towpath.local.server import LOOPBACK, free_port
from towpath.local.stack import answers

FOLDER = Path(__file__).parent
OUTSIDE = "http://monitoring.example"
Bodies = dict[str, list[str]]
SLO = {"alertname": "SloBurn", "severity": "critical"}


def alert(labels: Mapping[str, str], annotations: Mapping[str, str] | None = None, *, over: bool = False) -> Any:
    began = datetime.now(UTC) - timedelta(minutes=5)
    ends = {"endsAt": (began + timedelta(minutes=4)).isoformat()} if over else {}
    return {"labels": labels, "annotations": annotations or {}, "startsAt": began.isoformat(), **ends}


def many(count: int, **last: str) -> list[Any]:
    labels = [
        {"alertname": "Slow", "service": "search", "severity": "warning", "instance": f"i{n:03}"} for n in range(count)
    ]
    return [alert(one) for one in [*labels[:-1], labels[-1] | last]]


SCENES: Mapping[str, tuple[str, str, Sequence[Any]]] = {
    "alertmanager-firing": ("all", "one alert of a service", [alert(SLO | {"service": "checkout"})]),
    "alertmanager-mixed-services": (
        "all",
        "one group with alerts of two services, as with group_by: [alertname]",
        [alert(SLO | {"service": "checkout"}), alert(SLO | {"service": "search"})],
    ),
    "alertmanager-truncated": ("two", "five alerts and max_alerts: 2", many(5)),
    "alertmanager-sixty": ("all", "sixty alerts, the last one critical", many(60, severity="critical")),
    "alertmanager-many-labels": (
        "all",
        "nineteen labels, of which severity comes late in the order of the alphabet",
        [
            alert(
                {"alertname": "Wide", "service": "search", "severity": "critical"}
                | {f"label{n:02}": "x" for n in range(16)}
            )
        ],
    ),
    "alertmanager-long-annotation": (
        "all",
        "an annotation of 3,000 characters",
        [alert(SLO | {"service": "search"}, {"description": "x" * 3000})],
    ),
    "alertmanager-control-characters": (
        "all",
        "a label with an escape and a line break",
        [alert(SLO | {"service": "search", "instance": "\x1b[2JALL CLEAR\n2026-11-30 01:46:09 approved by sora"})],
    ),
}
"""For each file: the receiver, what is posted to /api/v2/alerts in words, and the alerts."""


def config(url: str) -> dict[str, Any]:
    hooks = {"all": {}, "two": {"max_alerts": 2}}
    return {
        "route": {
            "receiver": "all",
            "group_by": ["alertname"],
            "group_wait": "500ms",
            "group_interval": "1s",
            "routes": [{"receiver": "two", "matchers": ['alertname="Slow"', 'scene="two"']}],
        },
        "receivers": [
            {"name": name, "webhook_configs": [{"url": f"{url}/{name}", "send_resolved": True, **extra}]}
            for name, extra in hooks.items()
        ],
    }


@asynccontextmanager
async def listening() -> AsyncGenerator[tuple[str, Bodies]]:
    """An address, and what is posted there, by the receiver."""
    bodies: Bodies = {}
    port = free_port()

    async def take(request: Request) -> Response:
        bodies.setdefault(request.path_params["name"], []).append((await request.body()).decode())
        return Response()

    app = Starlette(routes=[Route("/{name}", take, methods=["POST"])])
    server = uvicorn.Server(uvicorn.Config(app, host=LOOPBACK, port=port, log_level="warning", lifespan="off"))
    serving = asyncio.create_task(server.serve())
    try:
        yield f"http://{LOOPBACK}:{port}", bodies
    finally:
        server.should_exit = True
        await serving


@asynccontextmanager
async def program(name: str, folder: Path, document: Mapping[str, Any], *flags: str) -> AsyncGenerator[str]:
    """The address of one of the two programs, with a configuration of its own."""
    port, file = free_port(), folder / f"{name}.yml"
    file.write_text(json.dumps(document), encoding="utf-8")
    options = [f"--config.file={file}", f"--web.listen-address={LOOPBACK}:{port}", f"--web.external-url={OUTSIDE}/"]
    line = [name, *options, "--web.route-prefix=/", *flags]
    async with spawn(name, line, log=folder / f"{name}.log") as child:
        await child.ready(answers(f"http://{LOOPBACK}:{port}/-/ready"), 30)
        yield f"http://{LOOPBACK}:{port}"


def version(name: str) -> str:
    told = subprocess.run([name, "--version"], capture_output=True, text=True, check=True, timeout=30)
    return (told.stdout + told.stderr).partition("\n")[0].partition(" (")[0]


def write(name: str, how: str, body: str) -> None:
    file = FOLDER / f"{name}.json"
    if not file.exists():
        document = {"how": how, "body": body}
        file.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    sys.stdout.write(f"{file.name}: {len(body)} characters\n")


async def scene(name: str, folder: Path) -> None:
    receiver, words, alerts = SCENES[name]
    posted = [one | {"labels": one["labels"] | ({"scene": "two"} if receiver == "two" else {})} for one in alerts]
    where = folder / name
    where.mkdir()
    flags = (f"--storage.path={where / 'data'}", "--cluster.listen-address=")
    async with (
        listening() as (url, bodies),
        program("prometheus-alertmanager", where, config(url), *flags) as address,
        httpx.AsyncClient() as http,
    ):
        (await http.post(f"{address}/api/v2/alerts", json=posted)).raise_for_status()
        first = (await until(lambda: _told(bodies, receiver), lambda told: len(told) >= 1))[0]
        how = f"{version('prometheus-alertmanager')}, group_by: [alertname]; posted: {words}"
        write(name, how, first)
        over = [one | {"endsAt": datetime.now(UTC).isoformat()} for one in posted[:2]]
        (await http.post(f"{address}/api/v2/alerts", json=over)).raise_for_status()
        second = (await until(lambda: _told(bodies, receiver), lambda told: len(told) >= 2))[1]
        write(f"{name}-resolved", f"{how}; then the end of its first two alerts", second)


async def _told(bodies: Bodies, receiver: str) -> list[str]:
    return bodies.get(receiver, [])


async def by_prometheus(folder: Path) -> None:
    """An alert of a rule that is always true, and its end when the rule is gone."""
    rule = {"alert": "AlwaysFires", "expr": "vector(1) > 0", "labels": {"service": "checkout", "severity": "page"}}
    rules = folder / "rules.yml"
    rules.write_text(json.dumps({"groups": [{"name": "recorded", "rules": [rule]}]}), encoding="utf-8")
    flags = (f"--storage.path={folder / 'data'}", "--cluster.listen-address=")
    async with (
        listening() as (url, bodies),
        program("prometheus-alertmanager", folder, config(url), *flags) as alertmanager,
    ):
        targets = [{"targets": [alertmanager.removeprefix("http://")]}]
        document = {
            "global": {"evaluation_interval": "1s"},
            "rule_files": [str(rules)],
            "alerting": {"alertmanagers": [{"static_configs": targets}]},
        }
        options = (f"--storage.tsdb.path={folder / 'tsdb'}", "--web.enable-lifecycle", "--rules.alert.resend-delay=2s")
        async with program("prometheus", folder, document, *options) as prometheus, httpx.AsyncClient() as http:
            first = (await until(lambda: _told(bodies, "all"), lambda told: len(told) >= 1))[0]
            how = f"{version('prometheus')} with the rule `{rule['expr']}`, by {version('prometheus-alertmanager')}"
            write("prometheus-firing", how, first)
            rule["expr"] = "vector(1) > 1"
            rules.write_text(json.dumps({"groups": [{"name": "recorded", "rules": [rule]}]}), encoding="utf-8")
            (await http.post(f"{prometheus}/-/reload")).raise_for_status()
            second = (await until(lambda: _told(bodies, "all"), lambda told: len(told) >= 2))[1]
            write("prometheus-firing-resolved", f"{how}; then the rule was never true", second)


async def main() -> None:
    missing = [name for name in ("prometheus", "prometheus-alertmanager") if shutil.which(name) is None]
    if missing:
        sys.exit(f"not installed: {', '.join(missing)}")
    with tempfile.TemporaryDirectory() as folder:
        for name in SCENES:
            await scene(name, Path(folder))
        prometheus = Path(folder) / "by-prometheus"
        prometheus.mkdir()
        await by_prometheus(prometheus)


if __name__ == "__main__":
    run_to_end(main())

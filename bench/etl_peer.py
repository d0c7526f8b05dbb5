"""The environment of the peer, and its lane."""

import asyncio
import sys
from dataclasses import replace
from pathlib import Path

from bench.etl_checks import wrong_in_postgresql
from bench.etl_config import DATABASE
from bench.etl_data import Data, Say
from bench.etl_site import Figures, gate, measured, open_site
from towpath.local.stack import ROOT

ENVIRONMENT = ROOT / ".towpath" / "bench" / "peer"
LOCK = ROOT / "requirements-bench.lock"


class NoPeerError(Exception):
    """The peer cannot be installed; the text says why."""


async def install(say: Say) -> Path:
    """The interpreter of the peer's environment, made once for each version of its lock. Raises NoPeerError."""
    interpreter, made = ENVIRONMENT / "bin" / "python", ENVIRONMENT / ".installed"
    if made.exists() and made.read_bytes() == LOCK.read_bytes():
        return interpreter
    say("installing the peer (about half a minute, once)")
    await _must(sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT))
    pip = (str(interpreter), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    await _must(*pip, "--require-hashes", "--requirement", str(LOCK))
    made.write_bytes(LOCK.read_bytes())
    return interpreter


def _with_host(url: str) -> str:
    """The server listens on a socket in a folder; dlt wants the name of a host as well, which is then not used."""
    return url.replace("@/", "@localhost/", 1)


async def _must(*line: str) -> None:
    child = await asyncio.create_subprocess_exec(
        *line, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    told, _ = await child.communicate()
    if child.returncode:
        raise NoPeerError(told.decode(errors="replace").strip().splitlines()[-1:] or f"{line[0]} failed")


async def peer(data: Data, interpreter: Path) -> list[Figures]:
    """All files, and then the late rows, by a process each."""
    found: list[Figures] = []
    async with open_site("dlt") as site:
        folder = str(site.scratch("dlt"))
        env = {"DLT_DATA_DIR": folder, "RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "ERROR"}
        for lane, orders, rows, expected in (
            ("dlt", data.orders, data.rows, data.expected),
            ("dlt, late rows", data.late, data.late_rows, data.expected_late),
        ):
            async with gate(site, [str(interpreter), "-m", "bench.etl_dlt"], env) as process:
                job = {
                    "folder": folder,
                    "database": _with_host(site.database),
                    "orders": orders,
                    "customers": data.customers,
                }
                _, figures = await measured(site, process.pid, process.do(job), lane, rows)
            wrong = wrong_in_postgresql(site.database, "peer.orders", expected, site.folder)
            found.append(replace(figures, wrong={DATABASE: wrong}, quarantined=None))
    return found

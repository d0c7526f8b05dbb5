"""An S3 server from a package, on free ports of loopback, for as long as the tests want it.

It makes a bucket when something is first put into it.
"""

import json
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import obstore
from obstore.exceptions import BaseError
from pydantic import SecretStr

from towpath.dataplane.core.connections import S3Connection
from towpath.dataplane.core.objects import open_bucket

KEY, SECRET = "test-key", "test-secret"
SECONDS, ATTEMPTS = 60, 5
_SERVICES = ("master", "volume", "filer", "s3")


class EndedError(Exception):
    """The server did not stay: somebody else was given one of its ports meanwhile."""


@contextmanager
def s3_server() -> Generator[S3Connection]:
    """The connection to a new and empty server."""
    with ExitStack() as stack:
        for _ in range(ATTEMPTS):
            with suppress(EndedError):
                connection = stack.enter_context(_server())
                break
        else:
            raise EndedError
        yield connection


@contextmanager
def _server() -> Generator[S3Connection]:
    folder = Path(tempfile.mkdtemp(prefix="towpath-s3-"))
    identities = {
        "identities": [{"name": "test", "credentials": [{"accessKey": KEY, "secretKey": SECRET}], "actions": ["Admin"]}]
    }
    (folder / "s3.json").write_text(json.dumps(identities))
    ports = _free_ports(2 * len(_SERVICES))
    options = [f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3", f"-s3.config={folder}/s3.json"]
    for number, service in enumerate(_SERVICES):
        options += [f"-{service}.port={ports[2 * number]}", f"-{service}.port.grpc={ports[2 * number + 1]}"]
    # Its other doors have fixed numbers.
    options += ["-s3.port.iceberg=0", "-s3.port.lance=0", "-volume.max=20", "-master.volumeSizeLimitMB=64"]
    options += [f"-s3.localSocket={folder}/s3.sock", f"-filer.localSocket={folder}/filer.sock"]
    program = shutil.which("weed", path=str(Path(sys.executable).parent))
    assert program is not None
    with (folder / "log").open("wb") as log, ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        process = subprocess.Popen([program, "server", *options], stdout=log, stderr=log, cwd=folder)
        stack.callback(_end, process)
        connection = S3Connection(
            endpoint=f"http://127.0.0.1:{ports[6]}", access_key=SecretStr(KEY), secret_key=SecretStr(SECRET)
        )
        _wait(process, connection)
        yield connection


def _wait(process: subprocess.Popen[bytes], connection: S3Connection) -> None:
    """Until something can be put."""
    bucket = open_bucket("ready", connection)
    pause = threading.Event()
    end = time.monotonic() + SECONDS
    while True:
        try:
            obstore.put(bucket, "ready", b"yes")
        except BaseError:
            if process.poll() is not None:
                raise EndedError from None
            assert time.monotonic() < end, "the server did not come up"
            pause.wait(0.2)
        else:
            return


def _end(process: subprocess.Popen[bytes]) -> None:
    """At once: it would take its time to write what nobody needs any more."""
    process.kill()
    process.wait()


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [one.getsockname()[1] for one in sockets]

"""TLS over a pinned address: the certificate is judged by the name, never by the address that was connected to."""

import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.unit.guarded_http.loopback import Loopback, asked, connection, failing, guarded
from towpath.contracts.core.failure import FailureCode

NAME = "tls.example"


@dataclass
class Secured:
    server: Loopback
    client: ssl.SSLContext
    asked_for: list[str | None]

    def url(self, host: str) -> str:
        return f"https://{host}:{self.server.port}/path"


def self_signed(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    file = folder / "server.pem"
    file.write_bytes(pem + certificate.public_bytes(serialization.Encoding.PEM))
    return file


@pytest_asyncio.fixture
async def secured(tmp_path: Path) -> AsyncIterator[Secured]:
    file = self_signed(tmp_path)
    asked_for: list[str | None] = []
    inside = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    inside.load_cert_chain(file)

    def notice(_: object, name: str | None, __: object) -> None:
        asked_for.append(name)

    inside.set_servername_callback(notice)
    server = Loopback()
    await server.start(inside)
    yield Secured(server, ssl.create_default_context(cafile=str(file)), asked_for)
    await server.stop()


async def test_the_name_is_asked_for_and_judged(secured: Secured) -> None:
    """SNI and Host are the name, though the socket went to the address that was judged."""
    secured.server.says("/path")
    allowed = connection("tls", hosts=[NAME], allow_private=True)

    async with guarded(allowed, tls=secured.client) as http:
        answer = await http.send(asked(secured.url(NAME)))

    assert answer.status == 200
    assert secured.asked_for == [NAME]
    assert secured.server.seen[0].headers["host"] == f"{NAME}:{secured.server.port}"


@pytest.mark.parametrize("host", ["wrong.example", "127.0.0.1"])
async def test_a_certificate_for_another_name_is_refused(secured: Secured, host: str) -> None:
    """A certificate that is not for the name ends the call, whatever address it came from."""
    secured.server.says("/path")
    allowed = connection("tls", hosts=[host], allow_private=True)

    async with guarded(allowed, tls=secured.client) as http:
        error = await failing(http, asked(secured.url(host)))

    assert error.code is FailureCode.SERVICE_CONNECTION
    assert secured.server.seen == []

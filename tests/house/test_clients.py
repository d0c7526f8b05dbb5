"""Every client of HTTP is made by the factory: each way to make another one is planted, and found."""

from pathlib import Path

import pytest

from tests.house.clients import foreign_clients

ROOT = Path(__file__).resolve().parents[2]
PLANTED = (
    "import httpx\n\nHTTP = httpx.AsyncClient()",
    "import httpx\n\n\ndef f() -> httpx.Client:\n    return httpx.Client(trust_env=False)",
    "import httpx as h\n\nHTTP = h.AsyncClient()",
    "from httpx import AsyncClient\n\nHTTP = AsyncClient()",
    "from httpx import Client as Made\n\nHTTP = Made()",
    "from httpx import *\n\nHTTP = AsyncClient()",
    "from httpx._client import AsyncClient\n\nHTTP = AsyncClient()",
    "import httpx\n\n\ndef f(url: str) -> bytes:\n    return httpx.get(url).content",
    "import httpx\n\n\nclass Mine(httpx.AsyncClient):\n    pass",
    "import httpx\n\nMAKE = httpx.AsyncClient",
    "import httpx\n\nMAKE = getattr(httpx, 'Async' + 'Client')",
    "import httpx\n\nINNER = httpx.AsyncHTTPTransport()",
    "from importlib import import_module\n\nhttpx = import_module('httpx')\nHTTP = httpx.Client()",
    "from importlib import import_module\n\nHTTP = import_module('httpx').Client()",
    "from importlib import import_module\n\nREQUESTS = import_module('requests')",
    "REQUESTS = __import__('urllib3')",
    "import httpx\n\n\nasync def f(http: httpx.AsyncClient) -> None:\n    await http.get('/', follow_redirects=True)",
    "import httpx2\n\nHTTP = httpx2.AsyncClient()",
    "import aiohttp\n\n\nasync def f() -> None:\n    aiohttp.ClientSession()",
    "from aiohttp import ClientSession",
    "import requests",
    "import urllib.request\n\nurllib.request.urlopen('a')",
    "from urllib.request import urlopen",
    "from urllib import request",
    "from http.client import HTTPSConnection",
    "import anthropic\n\nSDK = anthropic.AsyncAnthropic(api_key='a')",
    "from anthropic import Anthropic\n\nSDK = Anthropic(api_key='a', http_client=None)",
    "import anthropic\n\nSDK = anthropic.AsyncAnthropic(http_client=anthropic.DefaultAsyncHttpxClient())",
    "from obstore.store import S3Store\n\nSTORE = S3Store('a', client_options={'timeout': '1s'})",
    "import obstore\n\nSTORE = obstore.store.from_url('s3://a')",
    "from obstore import store\n\nSTORE = store.HTTPStore.from_url('a')",
    "from importlib import import_module\n\nfsspec = import_module('fsspec')\nFILES = fsspec.filesystem('s3')",
    "from obstore.fsspec import FsspecStore\n\nFILES = FsspecStore('s3')",
    "from towpath.outside.transport import AiohttpTransport\n\nINNER = AiohttpTransport()",
)
OURS = (
    "import httpx\n\n\ndef f(http: httpx.AsyncClient, *more: 'httpx.Client') -> httpx.Client | None:\n    return None",
    "import httpx\n\n\nclass Kept:\n    http: httpx.AsyncClient",
    "import httpx\n\nfrom towpath.outside.client import http_client\n\nHTTP = http_client(httpx.Timeout(1))",
    "import anthropic\n\n\ndef f() -> object:\n    return anthropic.AsyncAnthropic(http_client=sdk_client(T))",
    "from obstore.store import S3Store\n\nSTORE = S3Store('a', client_options=object_options(allow_http=False))",
    "from urllib.parse import quote",
    "from importlib import import_module\n\nhttpx = import_module('httpx')\nURL = httpx.URL('a')",
)


def test_clients_are_made_by_the_factory() -> None:
    """No other place of our code makes one, SDKs with clients of their own included."""
    assert foreign_clients(ROOT) == []


@pytest.mark.parametrize("text", PLANTED)
@pytest.mark.parametrize("room", ["towpath/integrations/channels", "towpath/dataplane", "activities", "towpath/cli"])
def test_planted_client_is_found(text: str, room: str, tmp_path: Path) -> None:
    """Whatever its spelling, and wherever it stands."""
    (tmp_path / room).mkdir(parents=True)
    (tmp_path / room / "planted.py").write_text(text)
    assert foreign_clients(tmp_path)


@pytest.mark.parametrize("text", OURS)
def test_clients_that_are_given_stand(text: str, tmp_path: Path) -> None:
    """A client as a type, and one that the factory has made, are no findings."""
    (tmp_path / "ours.py").write_text(text)
    assert foreign_clients(tmp_path) == []

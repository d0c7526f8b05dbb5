"""Steps that read all pages of an API: whole in every style, and with the worker killed in the middle."""

import asyncio
from collections.abc import Collection
from contextlib import ExitStack
from typing import Any

import httpx

from tests.fakes.shop_api import ShopApi
from tests.integration.conftest import House
from tests.integration.definitions import document, start
from tests.waiting import until

ORDERS: list[dict[str, Any]] = [{"id": number, "at": "2026-11-01"} for number in range(23)]
STYLES = {
    "page": ("pages", 'style: page, items: "{{ output.body.data.items }}"', 4),
    "cursor": (
        "cursors",
        'style: cursor, items: "{{ output.body[\'items\'] }}", next: "{{ output.body.next_cursor }}"',
        3,
    ),
    "link": ("links", 'style: link, items: "{{ output.body }}"', 3),
}
"""Path, paging, and how many requests there are for three pages: by number, an empty one is the last."""
DEFINITION = """
id: pages-{style}
version: "1.0.0"
steps:
  - id: orders
    type: http
    config:
      url: "{url}/{path}"
      connection: local-stand-ins
      query: {{per_page: "10"}}
      paging: {{{paging}}}
outputs: {{ids: "{{{{ map(steps.orders['items'], o, o.id) }}}}", pages: "{{{{ steps.orders.pages }}}}"}}
"""


async def test_worker_killed_while_it_reads_pages(bare_house: House) -> None:
    """The page that was on its way is asked for again, and no other; every item is there once, in its order."""
    shops = {style: ShopApi(orders=ORDERS, held=2) for style in STYLES}
    with ExitStack() as serving:
        for shop in shops.values():
            serving.enter_context(shop.served())
            serving.callback(shop.going_on.set)
        async with bare_house.worker() as worker:
            runs = [await start(bare_house, document(text(style, shop.url)), {}) for style, shop in shops.items()]
            await until(lambda: asked(shops.values()), lambda counts: counts == {2})
            await worker.kill()
        for shop in shops.values():
            shop.going_on.set()
        async with bare_house.worker():
            results = await asyncio.gather(*(run.result() for run in runs))

    for (style, shop), result in zip(shops.items(), results, strict=True):
        requests = STYLES[style][2]
        assert result.outputs == {"ids": [order["id"] for order in ORDERS], "pages": requests}, style
        assert len(shop.asked) == requests + 1, style
        assert shop.asked[1] == shop.asked[2]
        assert len({str(httpx.QueryParams(query)) for query in shop.asked}) == requests, style


def text(style: str, url: str) -> str:
    path, paging, _ = STYLES[style]
    return DEFINITION.format(style=style, url=url, path=path, paging=paging)


async def asked(shops: Collection[ShopApi]) -> set[int]:
    return {len(shop.asked) for shop in shops}

"""What the data plane is told of its connections: whole, or refused with the name of the setting and no value."""

import pytest

from towpath.dataplane.core.setup import SetupError, read_connections, setup_of


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("[]", "a JSON object", id="no-object"),
        pytest.param(
            '{"lake": {"type": "s3", "access_key": "hunter2"}}', "lake.s3: .*anonymous: true", id="half-a-key"
        ),
        pytest.param('{"lake": {"type": "s4"}}', "lake: ", id="unknown-type"),
    ],
)
def test_connections_that_cannot_be_used(text: str, told: str) -> None:
    """Which connection, and what it lacks."""
    with pytest.raises(SetupError, match=told) as refused:
        read_connections(text)

    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("store", "connection", "told"),
    [("s3://lake/datasets", None, "needs one of the connections"), ("s3://lake/datasets", "lake", "is not among")],
)
def test_store_that_cannot_be_reached(store: str, connection: str | None, told: str) -> None:
    """A bucket is reached through a connection, which carries its keys: the data plane has no environment."""
    with pytest.raises(SetupError, match=f"TOWPATH_DATASET_STORE_CONNECTION: .*{told}"):
        setup_of(store, "scratch", {}, connection, 100)


def test_compression_is_handed_on() -> None:
    """A process of the data plane compresses as the setting says, or as its kind of store does best."""
    assert setup_of("store", "scratch", {}, None, 100, "snappy").compression == "snappy"
    assert setup_of("store", "scratch", {}, None, 100).compression is None

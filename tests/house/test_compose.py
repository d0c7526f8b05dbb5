"""The compose file: what every service must have, and settings that the worker knows."""

import re
from typing import Any

import pytest
from ruamel.yaml import YAML

from towpath.config.settings import WorkerSettings, variable
from towpath.local.stack import ROOT

OF_TEMPORAL = {"TEMPORAL_ADDRESS"}
OF_A_STAND_IN = re.compile(r"(_TOKEN|_TOKENS|_KEYS|API_KEY|_SECRETS)$")
"""Settings that a service of the stand-ins is given as its key."""


def composed() -> dict[str, Any]:
    return YAML(typ="safe").load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]


@pytest.mark.parametrize("name", list(composed()))
def test_service_is_fenced_in(name: str) -> None:
    """It has an init, limits, a read-only tree and no capability; its ports are on loopback, by a variable."""
    service = composed()[name]

    assert service["init"] is True
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory", "pids"}
    for port in service.get("ports", []):
        assert re.fullmatch(r"127\.0\.0\.1:\$\{[A-Z]+_PORT:-(\d+)\}:\1", port), port


def test_settings_are_known_and_complete() -> None:
    """Each variable is a setting, and the worker has all that it must have."""
    services = composed()
    fields = WorkerSettings.model_fields.items()
    known = {variable(name) for name, _ in fields} | OF_TEMPORAL
    named = {variable for service in services.values() for variable in service.get("environment", {})}

    assert named <= known
    assert {variable(name) for name, field in fields if field.is_required()} <= services["worker"]["environment"].keys()


def test_no_default_is_a_secret() -> None:
    """Whoever reads the file knows the keys of stand-ins and no other: a variable has a default that is a port or
    nothing, what opens a door is a file, and no command line holds a token.
    """
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    defaults = dict(re.findall(r"\$\{(\w+):-([^}]*)\}", text))
    assert all(name.endswith("_PORT") or not default for name, default in defaults.items()), defaults

    fields = WorkerSettings.model_fields.items()
    secret = {variable(name) for name, field in fields if "Secret" in str(field.annotation)}
    for service in composed().values():
        for name, value in service.get("environment", {}).items():
            assert name not in secret or ("stand" in value and OF_A_STAND_IN.search(name)), name
        assert not re.search(r"--\S*(token|key|secret)[ ,'\]]", str(service.get("command", "")))


@pytest.mark.parametrize("opens", ["TOWPATH_ALERTS_TOKEN", "TOWPATH_DECISION_KEY", "TOWPATH_ENCRYPTION_KEYS"])
def test_what_opens_a_door_is_no_text_of_the_file(opens: str) -> None:
    """It is on a volume, or not set."""
    assert not any(opens in service.get("environment", {}) for service in composed().values())


def test_base_image_is_exact() -> None:
    """By its whole version; a digest may follow by a build argument."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")

    assert re.search(r"^ARG PYTHON_IMAGE=python:\d+\.\d+\.\d+-slim-\w+$", text, re.MULTILINE)
    assert "FROM ${PYTHON_IMAGE}${PYTHON_DIGEST}" in text

"""Actions, metrics and inventory as their files write them. Nothing is coerced and nothing unknown passes."""

from typing import Annotated, Any, Literal

from pydantic import Field

from towpath.contracts.incident.investigation import Category
from towpath.contracts.incident.remediation import ActionParameter, ActionStep, CatalogueAction, MetricQuery, Verify
from towpath.engine.expression.durations import parse_duration
from towpath.engine.language.model import Condition, Kebab, Model

PARAMETER = r"^[a-z][a-z0-9_]{0,59}$"
Inventory = Literal["service", "deployment", "previous-version", "instance"]
ParameterName = Annotated[str, Field(pattern=PARAMETER)]
Title = Annotated[str, Field(min_length=1, max_length=120)]
Description = Annotated[str, Field(max_length=2_000)]
WrittenDuration = Annotated[str, Field(max_length=40)]


class ParameterFile(Model):
    name: ParameterName
    choices: Annotated[list[str], Field(max_length=50)] = []
    inventory: Inventory | None = None
    type: Literal["string", "integer"] = "string"
    description: Description = ""

    def contract(self) -> ActionParameter:
        return ActionParameter(
            name=self.name,
            choices=tuple(self.choices),
            inventory=self.inventory or "",
            type=self.type,
            description=self.description,
        )


class StepFile(Model):
    service: str = ""
    operation: str = ""
    function: str = ""
    params: dict[str, Any] = {}

    def contract(self) -> ActionStep:
        return ActionStep.model_validate(self.model_dump())


class VerifyFile(Model):
    condition: Condition
    every: WrittenDuration = "15s"
    hold: WrittenDuration = "1m"
    within: WrittenDuration = "5m"


class ActionFile(Model):
    """One file of definitions/actions."""

    id: Kebab
    title: Title
    description: Description = ""
    categories: list[Category] = []
    parameters: Annotated[list[ParameterFile], Field(max_length=10)] = []
    precondition: Condition | None = None
    apply: StepFile
    verify: VerifyFile | None = None
    rollback: StepFile | None = None
    timeout: WrittenDuration = "2m"
    blast_radius: Literal["instance", "service", "platform"]
    max_per_hour: Annotated[int, Field(ge=1, le=100)]
    approval: Literal["auto", "needed"] = "needed"
    executor: Kebab = "platform"

    def contract(self) -> CatalogueAction:
        """The action, once its durations are checked."""
        given = self.model_dump(exclude={"parameters", "apply", "verify", "rollback", "timeout", "categories"})
        verify = self.verify
        return CatalogueAction(
            **given,
            categories=tuple(self.categories),
            parameters=tuple(parameter.contract() for parameter in self.parameters),
            apply=self.apply.contract(),
            verify=None
            if verify is None
            else Verify.model_validate(
                {"condition": verify.condition}
                | {name: parse_duration(getattr(verify, name)) for name in ("every", "hold", "within")}
            ),
            rollback=None if self.rollback is None else self.rollback.contract(),
            timeout=parse_duration(self.timeout) or CatalogueAction.model_fields["timeout"].default,
        )


class MetricFile(Model):
    name: ParameterName
    title: Title
    query: Annotated[str, Field(min_length=1, max_length=2_000)]
    unit: Annotated[str, Field(max_length=20)] = ""
    healthy: Condition | None = None
    required: bool = False

    def contract(self) -> MetricQuery:
        return MetricQuery.model_validate(self.model_dump() | {"healthy": self.healthy or ""})


class MetricsFile(Model):
    """definitions/incident/metrics.yaml."""

    metrics: Annotated[list[MetricFile], Field(min_length=1, max_length=50)]


class ServiceFile(Model):
    name: str
    instances: Annotated[list[str], Field(max_length=500)] = []


class InventoryFile(Model):
    """definitions/incident/inventory.yaml."""

    services: Annotated[list[ServiceFile], Field(min_length=1, max_length=500)]


class RunbookHeader(Model):
    """What stands between the `---` lines at the top of a runbook."""

    title: Title
    services: list[str] = []
    alerts: list[str] = []

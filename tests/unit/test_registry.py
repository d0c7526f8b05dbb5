"""The registry of processes, what hangs on its entries, and what a worker finds by them."""

import pytest

from towpath.assembly.rooms import RoomError, activity_classes, connected, workflow_name, workflows_of
from towpath.cli.run_ids import full_id
from towpath.contracts.core.process import Again
from towpath.contracts.core.run import Cost, Discard
from towpath.contracts.core.wire import Wire
from towpath.contracts.declared.process import DECLARED_RUN
from towpath.contracts.declared.run import DeclaredFailure, DeclaredRequest
from towpath.contracts.pipeline.process import PIPELINE
from towpath.registry import default_process, processes
from towpath.views.processes import PLAIN, result_lines, views_of


class Ended(Wire):
    """A result as a new process may have it."""

    outcome: str
    empty: str = ""
    none: str | None = None
    rows: tuple[int, ...] = ()
    inner: DeclaredRequest | None = None
    cost: Cost = Cost()


def test_every_process_is_found_by_its_folder() -> None:
    """The folders of the contracts are the processes, each with its own queue, results and workflow."""
    found = processes()

    assert {process.folder for process in found.values()} == {
        "declared",
        "incident",
        "onboarding",
        "pipeline",
        "publishing",
    }
    assert all(name == process.name == process.queue for name, process in found.items())
    assert len({process.result for process in found.values()}) == len(found)
    assert [workflow_name(workflows_of(process)[0]) for process in found.values()] == list(found)


def test_a_key_alone_is_one_of_the_default_process() -> None:
    """An id is taken as it is, and a key is completed."""
    assert default_process().name == "customer-onboarding"
    assert full_id("crm-17") == "customer-onboarding/crm-17"
    assert full_id("etl-pipeline/orders") == "etl-pipeline/orders"
    assert PIPELINE.full_id("orders/2026-01-01..2026-01-31") == "etl-pipeline/orders/2026-01-01..2026-01-31"


def test_a_definition_is_looked_for_by_its_own_name() -> None:
    """A run of a definition is listed by the definition, and whoever starts it names it."""
    request = DeclaredRequest(definition={"id": "order-saga", "version": "1.0.0", "steps": []}, digest="d" * 64)
    attributes = {attribute.name: value for attribute, value in DECLARED_RUN.attributes(request).items()}

    assert attributes["ProcessName"] == attributes["DefinitionId"] == "order-saga"
    assert attributes["DefinitionVersion"] == "1.0.0"
    assert DECLARED_RUN.title(request) == "order-saga"
    with pytest.raises(ValueError, match="does not say how its run is named"):
        DECLARED_RUN.workflow_id(request, b"")


def test_a_redrive_keeps_what_was_done_and_a_discard_nothing() -> None:
    """What a failed run of a definition had goes into the request that continues it, and into no other."""
    request = DeclaredRequest(definition={"id": "order-saga"}, digest="d" * 64)
    failure = DeclaredFailure(request=request, completed={"reserve": {"id": 1}})
    redriven = DECLARED_RUN.again(failure, Again("run-1"))
    discarded = DECLARED_RUN.again(failure, Again("run-1", Discard(by="kim", reason="not wanted")))

    assert redriven.redrive_of == discarded.redrive_of == "run-1"
    assert redriven.seed == {"reserve": {"id": 1}} and redriven.discard is None
    assert discarded.seed == {} and discarded.discard is not None
    assert list(DECLARED_RUN.keeps(failure)) == ["reserve"]


def test_a_result_without_words_of_its_own_is_shown_field_by_field() -> None:
    """What is empty is left out, and the cost comes last."""
    inner = DeclaredRequest(definition={}, digest="d")
    lines = result_lines(Ended(outcome="done", rows=(1, 2), inner=inner))

    assert lines[0] == "outcome: done"
    assert lines[1] == "rows: [1, 2]"
    assert lines[2].startswith("inner: {") and '"definition": {}' in lines[2]
    assert lines[3:] == ["cost: Claude not asked"]


def test_views_hang_on_the_folder() -> None:
    """Each process of today has words of its own; one without them has those of all."""
    assert all(views_of(process) is not PLAIN for process in processes().values())


def test_an_activity_that_asks_for_what_nobody_has_is_told() -> None:
    """The message names what is missing, and what there is."""

    class Lost:
        def __init__(self, slack: object, warehouse: object) -> None:
            self.both = slack, warehouse

    with pytest.raises(RoomError, match="Lost asks for warehouse; what a worker connects is mailer, slack"):
        connected([Lost], {"slack": 1, "mailer": 2})
    assert isinstance(connected([Lost], {"slack": 1, "warehouse": 2})[0], Lost)
    assert "DeliveryActivities" in {kind.__name__ for kind in activity_classes()}

"""Definitions as their users handle them: published, listed, looked up, and started."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, cast
from uuid import uuid4

from temporalio.client import Client, WithStartWorkflowOperation, WorkflowUpdateFailedError
from temporalio.common import SearchAttributePair, WorkflowIDConflictPolicy
from temporalio.exceptions import ApplicationError

from towpath.contracts.core.failure import FailureCode, HouseError
from towpath.contracts.core.listing import in_query
from towpath.contracts.core.process import AWAITED_EVENTS, DEFINITION_ID, HELPER
from towpath.contracts.core.wire import JsonObject
from towpath.contracts.declared.process import DECLARED_RUN
from towpath.contracts.declared.published import (
    DEFINITION,
    DefinitionRecord,
    Publication,
    Publishing,
    RateCounts,
    Version,
)
from towpath.contracts.declared.run import DECLARED, DeclaredRequest
from towpath.control.again import ANSWER_WITHIN
from towpath.control.temporal import Started, if_known, start
from towpath.engine.checks.inputs import accept_inputs, inputs_schema
from towpath.engine.checks.loading import InvalidDefinitionError, load_plan, runnable
from towpath.engine.expression.suggestions import did_you_mean
from towpath.engine.expression.values import LANGUAGE_VERSION
from towpath.engine.language.reads import secrets_read
from towpath.engine.run.awaited import STARTED_BY
from towpath.temporal.attributes import search_attributes, search_key

ENDED = ("Completed", "Failed", "TimedOut", "Terminated")
"""How runs end of themselves; a cancelled one was ended by somebody."""


class DefinitionError(HouseError):
    """A definition is not there, or cannot be published or started so. The text says how to mend it."""


class UnknownDefinitionError(DefinitionError):
    """No such definition, or no such version of it, is published."""


class Definitions:
    """The published definitions of a namespace."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def publish(self, name: str, publication: Publication) -> Publishing:
        """Add a version to the record of `name`, which begins with its first. Raises DefinitionError."""
        start: WithStartWorkflowOperation[Any, Any] = WithStartWorkflowOperation(
            DEFINITION,
            DefinitionRecord(id=name),
            id=record_id(name),
            task_queue=DECLARED,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            search_attributes=search_attributes(HELPER).updated(
                SearchAttributePair(search_key(AWAITED_EVENTS), [STARTED_BY])
            ),
            static_summary=f"definition {name}",
        )
        publication = publication.model_copy(update={"listed": True})
        try:
            answer: Publishing = await self._client.execute_update_with_start_workflow(
                "publish",
                publication,
                start_workflow_operation=start,
                result_type=Publishing,
                rpc_timeout=ANSWER_WITHIN,
            )
        except WorkflowUpdateFailedError as error:
            cause = error.cause
            message = cause.message if isinstance(cause, ApplicationError) else str(cause)
            raise DefinitionError(FailureCode.STEP_INPUT, message) from error
        return answer

    async def records(self, *, begun: bool = False) -> list[DefinitionRecord]:
        """All published definitions, by id; with `begun` also those whose first publishing was broken off."""
        found: list[DefinitionRecord] = []
        query = f"WorkflowType = {in_query(DEFINITION)} AND ExecutionStatus = 'Running'"
        async for run in self._client.list_workflows(query):
            handle = self._client.get_workflow_handle(run.id)
            found.append(await handle.query("versions", result_type=DefinitionRecord, rpc_timeout=ANSWER_WITHIN))
        return sorted((record for record in found if record.versions or begun), key=lambda record: record.id)

    async def record(self, name: str) -> DefinitionRecord:
        """Raises DefinitionError."""
        handle = self._client.get_workflow_handle(record_id(name))
        found = await if_known(handle.query("versions", result_type=DefinitionRecord, rpc_timeout=ANSWER_WITHIN))
        if found is not None and found.versions:
            return found
        known = [record.id for record in await self.records()]
        hint = did_you_mean(name, known) or ": publish it with `starter.py definition publish FILE`"
        raise UnknownDefinitionError(FailureCode.STEP_INPUT, f"no definition {name!r} is published{hint}")

    async def version(self, name: str, version: str | None = None) -> Version:
        """One version with its text, the latest when none is named. Raises DefinitionError."""
        record = await self.record(name)
        handle = self._client.get_workflow_handle(record_id(name))
        found: dict[str, Any] | None = await handle.query("version", version or "", rpc_timeout=ANSWER_WITHIN)
        if found is None:
            hint = did_you_mean(version or "", [known.version for known in record.versions])
            raise UnknownDefinitionError(FailureCode.STEP_INPUT, f"{name} has no version {version}{hint}")
        return Version.model_validate(found)

    async def schemas(self, names: Collection[str]) -> dict[str, JsonObject]:
        """Of all published definitions, those in `names` with the JSON Schema of the latest version's inputs.

        An empty schema stands for inputs that are not known.
        """
        found: dict[str, JsonObject] = {record.id: {} for record in await self.records()}
        for name in names:
            latest = await self.version(name) if name in found else None
            if latest is not None and latest.document is not None:
                found[name] = inputs_schema(load_plan(latest.digest, latest.document).definition.header)
        return found

    async def request(self, name: str, version: str | None, inputs: JsonObject | None) -> DeclaredRequest:
        """What starts a run of a published version; without inputs, they are still to come.

        Raises DefinitionError, also for inputs that it does not take.
        """
        found = await self.version(name, version)
        if found.document is None:
            message = f"the text of {name}@{found.version} is not kept any more: publish it again"
            raise DefinitionError(FailureCode.STEP_INPUT, message)
        return make_request(found.document, found.digest, inputs)

    async def counts(self, name: str, since: datetime) -> RateCounts:
        """Runs of a definition that ended since a moment, and those that were completed."""
        wanted = (
            f"WorkflowType = {in_query(DECLARED)} AND {DEFINITION_ID.name} = {in_query(name)}"
            f" AND CloseTime > {in_query(since.isoformat())}"
        )
        answer = await self._client.count_workflows(f"{wanted} GROUP BY ExecutionStatus")
        by_status = {str(group.group_values[0]): group.count for group in answer.groups}
        return RateCounts(
            ended=sum(by_status.get(status, 0) for status in ENDED), completed=by_status.get("Completed", 0)
        )

    async def start(self, request: DeclaredRequest, key: str | None = None, *, once: bool = False) -> Started:
        """Start a run. With a key, starting twice is one run, and with `once` also when that run failed.

        Raises WorkflowAlreadyStartedError for one that ended.
        """
        workflow_id = run_name(request, key or uuid4().hex)
        return await start(self._client, DECLARED_RUN, request, workflow_id=workflow_id, once=once)


def make_request(
    document: JsonObject, digest: str, inputs: JsonObject | None, trigger: str = "manual"
) -> DeclaredRequest:
    """A request with inputs that were checked. Raises DefinitionError with every violation."""
    try:
        plan = load_plan(digest, document)
    except InvalidDefinitionError as error:
        raise DefinitionError(FailureCode.STEP_INPUT, str(error)) from error
    problems = [] if inputs is None else accept_inputs(plan.definition.header, inputs)[1]
    if problems:
        raise DefinitionError(FailureCode.STEP_INPUT, "inputs: " + "; ".join(problems))
    return DeclaredRequest(
        definition=cast("JsonObject", runnable(document)),
        digest=digest,
        inputs=inputs or {},
        trigger=trigger,
        language=LANGUAGE_VERSION,
        secrets=secrets_read(document),
    )


def run_name(request: DeclaredRequest, key: str) -> str:
    """The workflow id of a run."""
    return f"{load_plan(request.digest, request.definition).definition.header.id}/{key}"


def record_id(name: str) -> str:
    """The workflow id of the record of a definition."""
    return f"{DEFINITION}/{name}"

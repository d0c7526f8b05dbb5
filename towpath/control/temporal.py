"""Everything this code asks of Temporal as a client: connecting, converting, starting a process of the catalogue."""

import asyncio
from collections.abc import Awaitable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

from pydantic import ValidationError
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import Client, Interceptor, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.contrib.pydantic import PydanticJSONPlainPayloadConverter
from temporalio.converter import (
    CompositePayloadConverter,
    DataConverter,
    DefaultFailureConverter,
    DefaultFailureConverterWithEncodedAttributes,
    DefaultPayloadConverter,
    JSONPlainPayloadConverter,
    PayloadCodec,
    create_payload_validation_error,
)
from temporalio.envconfig import ClientConfig, ClientConnectConfig
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter
from temporalio.service import RPCError, RPCStatusCode

from towpath.contracts.core.process import SEARCH_ATTRIBUTES, AttributeKind, Process, SearchAttribute
from towpath.contracts.core.wire import Wire
from towpath.control.again import SentAgain
from towpath.control.placing import Placed
from towpath.control.signing import SignedBy
from towpath.integrations.storage.codec import DecryptionError
from towpath.integrations.storage.payloads import PayloadStore, external
from towpath.temporal.attributes import search_attributes
from towpath.temporal.places import BARE, REFUSED, UNCOMPARED

DEFAULT_ADDRESS = "localhost:7233"
DEFAULT_NAMESPACE = "default"
EXIT_PAUSE_SECONDS = 0.05
NOT_ALLOWED = frozenset({RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNIMPLEMENTED, RPCStatusCode.UNAUTHENTICATED})
SERVED_WITHIN_SECONDS, SERVED_EVERY_SECONDS = 60.0, 0.5
ResultT = TypeVar("ResultT")
RequestT = TypeVar("RequestT", bound=Wire)
OutcomeT = TypeVar("OutcomeT", bound=Wire)
FailureT = TypeVar("FailureT", bound=Wire)

JOIN_NONE, JOIN_RUNNING = WorkflowIDConflictPolicy.FAIL, WorkflowIDConflictPolicy.USE_EXISTING

_TYPES = {
    AttributeKind.KEYWORD: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    AttributeKind.KEYWORD_LIST: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD_LIST,
    AttributeKind.DATETIME: IndexedValueType.INDEXED_VALUE_TYPE_DATETIME,
    AttributeKind.INT: IndexedValueType.INDEXED_VALUE_TYPE_INT,
}


class StrictJsonConverter(PydanticJSONPlainPayloadConverter):
    """JSON through pydantic. What does not fit its type fails the run at once instead of retrying for ever."""

    def from_payload(self, payload: Payload, type_hint: type | None = None) -> Any:
        try:
            return super().from_payload(payload, type_hint)
        except ValidationError as error:
            problems = [
                {"at": ".".join(map(str, problem["loc"])), "problem": problem["msg"]} for problem in error.errors()
            ]
            raise create_payload_validation_error(problems[:20]) from None


_CONVERTERS = tuple(
    StrictJsonConverter() if isinstance(converter, JSONPlainPayloadConverter) else converter
    for converter in DefaultPayloadConverter.default_encoding_payload_converters
)
"""Made once: the SDK makes a new payload converter for each activation, and the JSON one caches its type adapters."""


class StrictPayloadConverter(CompositePayloadConverter):
    """Temporal's default converters, the JSON one replaced by ours."""

    def __init__(self) -> None:
        super().__init__(*_CONVERTERS)

    def from_payloads(self, payloads: Sequence[Payload], type_hints: list[type] | None = None) -> list[Any]:
        """Raises DecryptionError for what a codec refused, and for what nobody compared with where it arrived."""
        for payload in payloads:
            if payload.metadata.get("encoding") == REFUSED:
                raise DecryptionError(payload.data.decode(errors="replace"))
            if BARE in payload.metadata:
                raise DecryptionError("a payload came without encryption, and TOWPATH_ENCRYPTION=require")
            if UNCOMPARED in payload.metadata:
                raise DecryptionError("a payload was read without saying of which run (`of_run`)")
        return super().from_payloads(payloads, type_hints)


def converter(codec: PayloadCodec | None, store: PayloadStore | None = None) -> DataConverter:
    """The one data converter. With a codec, failure messages are encrypted as well: they could hold data.

    With a store, payloads above its threshold leave the history; they are encrypted before.
    """
    failures = DefaultFailureConverter if codec is None else DefaultFailureConverterWithEncodedAttributes
    return DataConverter(
        payload_converter_class=StrictPayloadConverter,
        payload_codec=codec,
        failure_converter_class=failures,
        external_storage=external(store),
    )


class TemporalConfigError(Exception):
    """Temporal's own configuration cannot be used. The text is one line with where it comes from."""

    def __init__(self, problem: Exception) -> None:
        said = str(problem).partition("\n")[0]
        super().__init__(
            f"Temporal's configuration: {said}: see TEMPORAL_ADDRESS, TEMPORAL_PROFILE, TEMPORAL_CONFIG_FILE"
        )


def address() -> str:
    """Where `connect` goes: TEMPORAL_ADDRESS, else the profile's address, else localhost:7233.

    Raises TemporalConfigError.
    """
    return _configuration().get("target_host", DEFAULT_ADDRESS)


def _configuration() -> ClientConnectConfig:
    try:
        return ClientConfig.load_client_connect_config()
    except RuntimeError as error:  # the SDK's ConfigError has no name that could be imported
        raise TemporalConfigError(error) from error


async def connect(
    codec: PayloadCodec | None = None,
    runtime: Runtime | None = None,
    store: PayloadStore | None = None,
    decision_key: bytes | None = None,
) -> Client:
    """A client by Temporal's own configuration (`temporalio.envconfig`: environment, profiles, TLS, API key).

    With a `decision_key`, what people send to runs is signed.

    Raises TemporalConfigError, and RuntimeError when nobody answers.
    """
    config = _configuration()
    config.setdefault("target_host", DEFAULT_ADDRESS)
    convert = converter(codec, store)
    through = interceptors(convert, config.get("namespace", DEFAULT_NAMESPACE), decision_key)
    try:
        return await Client.connect(**config, data_converter=convert, runtime=runtime, interceptors=through)
    except ValueError as error:  # an address or a certificate that is none
        raise TemporalConfigError(error) from error


def interceptors(
    convert: DataConverter, namespace: str = DEFAULT_NAMESPACE, decision_key: bytes | None = None
) -> list[Interceptor]:
    """What every client of ours goes through. With a codec, what it sends has its place written on it."""
    signing = [] if decision_key is None else [SignedBy(decision_key)]
    placing = [] if convert.payload_codec is None else [Placed(namespace, convert)]
    return [SentAgain(), *signing, *placing]


class SearchAttributesError(Exception):
    """A namespace lacks search attributes, and we may not register them. The text is one line with what to run."""


async def ensure_search_attributes(client: Client) -> None:
    """Register what the catalogue declares and the namespace lacks; whoever may not even look is believed to have it.

    Raises SearchAttributesError.
    """
    try:
        found = await client.operator_service.list_search_attributes(
            ListSearchAttributesRequest(namespace=client.namespace)
        )
    except RPCError as error:
        if error.status not in NOT_ALLOWED:
            raise
        return
    missing = [key for key in SEARCH_ATTRIBUTES if key.name not in found.custom_attributes]
    if not missing:
        return
    attributes = {key.name: _TYPES[key.kind] for key in missing}
    try:
        await client.operator_service.add_search_attributes(
            AddSearchAttributesRequest(namespace=client.namespace, search_attributes=attributes)
        )
    except RPCError as error:
        if error.status not in NOT_ALLOWED:
            raise
        raise SearchAttributesError(_to_run(client.namespace, missing)) from error
    await _until_served(client, missing[-1].name)


async def _until_served(client: Client, name: str) -> None:
    """A server knows a new attribute at once, or when it next looks, within a minute; until then it fails the tasks
    of runs that set it.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(SERVED_WITHIN_SECONDS):
            while True:
                try:
                    await client.count_workflows(f"{name} IS NOT NULL")
                except RPCError as error:
                    if error.status is not RPCStatusCode.INVALID_ARGUMENT:
                        raise
                else:
                    return
                await asyncio.sleep(SERVED_EVERY_SECONDS)


def _to_run(namespace: str, missing: Sequence[SearchAttribute[Any]]) -> str:
    flags = " ".join(f"--name {key.name} --type {key.kind}" for key in missing)
    return (
        f"namespace {namespace} lacks search attributes, and this connection may not register them; "
        f"run as its admin: temporal operator search-attribute create --namespace {namespace} {flags}"
    )


@dataclass(frozen=True, slots=True)
class Started:
    """`existing` tells that the run was there already, and this start joined it."""

    handle: WorkflowHandle[Any, Any]
    existing: bool


async def start(
    client: Client,
    process: Process[RequestT, OutcomeT, FailureT],
    request: RequestT,
    *,
    workflow_id: str,
    once: bool = False,
) -> Started:
    """Start a run of a process, or join the one that is under way for the same id.

    Raises WorkflowAlreadyStartedError when the id has a closed run that did not fail; with `once`, any closed run.
    """
    reuse = WorkflowIDReusePolicy.REJECT_DUPLICATE if once else WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY
    try:
        return Started(await _start(client, process, request, workflow_id, (JOIN_NONE, reuse)), existing=False)
    except WorkflowAlreadyStartedError:
        # Temporal's answer to a join does not tell it from a start.
        return Started(await _start(client, process, request, workflow_id, (JOIN_RUNNING, reuse)), existing=True)


async def _start(
    client: Client,
    process: Process[RequestT, OutcomeT, FailureT],
    request: RequestT,
    workflow_id: str,
    policies: tuple[WorkflowIDConflictPolicy, WorkflowIDReusePolicy],
) -> WorkflowHandle[Any, Any]:
    conflict, reuse = policies
    return await client.start_workflow(
        process.name,
        request,
        id=workflow_id,
        task_queue=process.queue,
        result_type=process.result,
        id_conflict_policy=conflict,
        id_reuse_policy=reuse,
        search_attributes=search_attributes(process.attributes(request)),
        static_summary=process.title(request),
    )


async def if_known(asked: Awaitable[ResultT]) -> ResultT | None:
    """What Temporal answers; None when it knows no such run or schedule."""
    try:
        return await asked
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise


async def is_done(doing: Awaitable[None]) -> bool:
    """Whether Temporal did it: not, when it knows no such run or schedule."""

    async def done() -> bool:
        await doing
        return True

    return await if_known(done()) is True


def link(workflow_id: str, run_id: str, namespace: str, ui_url: str) -> str:
    """The run's page in Temporal's UI."""
    return f"{ui_url}/namespaces/{namespace}/workflows/{workflow_id.replace('/', '%2F')}/{run_id}/history"


def run_to_end(main: Coroutine[Any, Any, ResultT]) -> ResultT:
    """asyncio.run for every entry point. A process that ends right after its last Temporal call can crash in the
    SDK's native threads (17 of 30 exits here); a short pause before the loop closes cured it.
    """

    async def paused() -> ResultT:
        try:
            return await main
        finally:
            await asyncio.sleep(EXIT_PAUSE_SECONDS)

    _keep_stdout_clean()
    return asyncio.run(paused())


@cache
def _keep_stdout_clean() -> None:
    """The SDK's core writes warnings to stdout, into the JSON of whoever asked for it."""
    logs = LoggingConfig(filter=TelemetryFilter(core_level="ERROR", other_level="ERROR"))
    Runtime.set_default(Runtime(telemetry=TelemetryConfig(logging=logs)), error_if_already_set=False)

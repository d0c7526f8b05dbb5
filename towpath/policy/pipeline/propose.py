"""Claude's proposal of a specification: what it is asked from, and what its answer becomes."""

from typing import get_args

from pydantic import JsonValue, TypeAdapter, ValidationError

from towpath.contracts.core.wire import JsonObject, clip, json_object
from towpath.contracts.pipeline.dataset import ColumnProfile
from towpath.contracts.pipeline.stages import ProposalInput
from towpath.contracts.pipeline.transformation import (
    Aggregate,
    Cast,
    Deduplicate,
    Derive,
    Filter,
    Join,
    MapValues,
    Normalise,
    Operation,
    Proposal,
    ProposalTask,
    ProposedOperation,
    Rename,
    Specification,
    SpecificationProblem,
    Split,
    Unnest,
)

MAX_SAMPLE, MAX_VALUE, MAX_SIZE = 20, 120, 40_000
MAX_PROBLEMS = 20
_OPERATION: TypeAdapter[Operation] = TypeAdapter(Operation)
_KINDS = (Rename, Cast, Derive, Normalise, MapValues, Split, Filter, Deduplicate, Join, Aggregate, Unnest)
_FIELDS = {str(get_args(kind.model_fields["op"].annotation)[0]): {*kind.model_fields} - {"op"} for kind in _KINDS}
"""The arguments of each operation."""


def proposal_task(
    given: ProposalInput, problems: tuple[SpecificationProblem, ...] = (), previous: str = ""
) -> ProposalTask:
    """The input of the prompt, cut to a bounded size; `problems` and `previous` for the repair."""
    sample = [_short(row) for row in given.sample[:MAX_SAMPLE]]
    while len(sample) > 1 and sum(len(str(row)) for row in sample) > MAX_SIZE:
        sample.pop()
    profile = given.profile.model_copy(update={"columns": tuple(_profiled(column) for column in given.profile.columns)})
    return ProposalTask(
        source=given.source,
        columns=given.columns,
        profile=profile,
        sample=tuple(sample),
        target=given.target,
        key=given.key,
        newest_by=given.newest_by,
        other_sources={
            name: tuple(f"{column.name} {column.type}" for column in columns) for name, columns in given.others.items()
        },
        problems=problems[:MAX_PROBLEMS],
        previous=previous,
    )


def read_proposal(source: str, proposal: Proposal) -> tuple[Specification | None, tuple[SpecificationProblem, ...]]:
    """The typed specification, or what is wrong with the operations' arguments."""
    operations: list[Operation] = []
    problems: list[SpecificationProblem] = []
    for number, proposed in enumerate(proposal.operations):
        read = _read(proposed, f"operations.{number}")
        if isinstance(read, list):
            problems += read
        else:
            operations.append(read)
    if problems:
        return None, tuple(problems)
    notes = "; ".join(clip(entry, 200) for entry in proposal.unresolved[:MAX_PROBLEMS])
    return Specification(source=source, operations=tuple(operations), notes=notes), ()


def _read(proposed: ProposedOperation, place: str) -> Operation | list[SpecificationProblem]:
    arguments = json_object(proposed.arguments)
    if arguments is None:
        message = "arguments have to be one JSON object"
        return [SpecificationProblem(place=place, code="syntax", message=message)]
    unknown = sorted(arguments.keys() - _FIELDS[proposed.op])
    if unknown:
        mend = f"its fields are: {', '.join(sorted(_FIELDS[proposed.op]))}"
        message = f"{proposed.op} has no field {clip(unknown[0], 60)!r}"
        return [SpecificationProblem(place=place, code="argument", message=message, mend=mend)]
    try:
        return _OPERATION.validate_python({**arguments, "op": proposed.op})
    except ValidationError as error:
        return [
            SpecificationProblem(
                place=".".join((place, *(str(step) for step in found["loc"][1:]))),
                code="argument",
                message=found["msg"],
            )
            for found in error.errors()[:MAX_PROBLEMS]
        ]


def _short(row: JsonObject) -> JsonObject:
    return {name: _cut(value) for name, value in row.items()}


def _cut(value: JsonValue) -> JsonValue:
    if isinstance(value, (dict, list)):
        return clip(str(value), MAX_VALUE)
    return clip(value, MAX_VALUE) if isinstance(value, str) else value


def _profiled(column: ColumnProfile) -> ColumnProfile:
    return column.model_copy(update={"histogram": (), "top": column.top[:5], "formats": column.formats[:5]})

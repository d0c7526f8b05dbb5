"""A pipeline before its first run: expressions and operations compiled against the columns that its sources have."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from towpath.contracts.pipeline.dataset import Column
from towpath.contracts.pipeline.inspection import PipelineChecked, PipelineCheckTask, PipelineFinding
from towpath.contracts.pipeline.loading import DuckdbDestination, ParquetDestination
from towpath.contracts.pipeline.pipeline import FileSource, PipelineConfig, Source
from towpath.contracts.pipeline.stages import SpecificationTask
from towpath.contracts.pipeline.transformation import Join, Specification, SpecificationProblem
from towpath.dataplane.core.errors import DataError, SpecificationError
from towpath.dataplane.core.objects import SCHEME
from towpath.dataplane.core.patterns import RE2_SYNTAX, pattern_problem
from towpath.dataplane.core.workspace import Workspace
from towpath.dataplane.extract.file_sources import file_columns
from towpath.dataplane.quality.rules import compile_rules
from towpath.dataplane.specification.compile import TARGET, compile_specification
from towpath.engine.expression.suggestions import nearest
from towpath.policy.pipeline.contract import decide
from towpath.policy.pipeline.file_kinds import of_other_kinds
from towpath.policy.pipeline.naming import renamed, unsure
from towpath.roots import PathRefusedError

_TRANSFORMATION, _REPAIR, _RULES = "transformation", "quality.repair", "quality"


def check_pipeline(task: PipelineCheckTask, work: Workspace) -> PipelineChecked:
    """Hostile expressions are refused here as in a run: they are compiled, and nothing of them runs."""
    config = task.config
    findings: list[PipelineFinding] = []
    columns: dict[str, tuple[Column, ...]] = {}
    for number, source in enumerate(config.sources):
        columns[source.name] = _source(source, f"sources.{number}", work, findings)
        findings += _patterns(source, f"sources.{number}")
    findings += _paths(config, work)
    findings += _specifications(config, columns)
    findings += _rules(config)
    return PipelineChecked(findings=tuple(findings))


def _source(source: Source, place: str, work: Workspace, findings: list[PipelineFinding]) -> tuple[Column, ...]:
    """The columns that a run would read, as far as they can be told from here."""
    if not isinstance(source, FileSource) or source.path.startswith(SCHEME):
        return source.columns
    try:
        files, seen, notes = file_columns(source, work)
    except PathRefusedError as error:
        findings.append(_refused(f"{place}.path", error))
        return source.columns
    except DataError as error:
        findings.append(_missing(source, place, str(error)))
        return source.columns
    findings += _mixed(source, place, [file.name for file in files])
    doubt = unsure(seen, source.columns)
    if doubt is not None:
        findings.append(PipelineFinding(place=f"{place}.columns", code="source.names", message=doubt))
    findings += [
        PipelineFinding(place=f"{place}.path", code="source.found", message=note, is_warning=True) for note in notes
    ]
    findings += [
        PipelineFinding(
            place=f"{place}.path",
            code="source.renamed",
            message=note,
            mend="declare them in columns, each with that text as its description",
            is_warning=True,
        )
        for note in renamed(seen, source.columns)
    ]
    decision = decide(source.contract, source.columns, seen)
    findings += [
        PipelineFinding(
            place=f"{place}.columns",
            code="source.schema",
            message=change.message,
            mend=f"a run would: {change.action}",
            is_warning=True,
        )
        for change in decision.changes
    ]
    return decision.columns


def _mixed(source: FileSource, place: str, names: list[str]) -> Iterator[PipelineFinding]:
    """A warning: what a file is called says nothing for sure."""
    others = of_other_kinds(source.type, names)
    if others:
        name, kind = next(iter(others.items()))
        more = f" and {len(others) - 1} more" if len(others) > 1 else ""
        yield PipelineFinding(
            place=f"{place}.path",
            code="source.mixed",
            message=f"{name}{more} would be read as {source.type}",
            mend=f"match files of one type; a pipeline of their own may load those of {kind} into the same table",
            is_warning=True,
        )


def _patterns(source: Source, place: str) -> Iterator[PipelineFinding]:
    for number, rule in enumerate(source.validation):
        problem = pattern_problem(rule.value) if rule.rule == "pattern" else None
        if problem is not None:
            at = f"{place}.validation.{number}.value"
            yield PipelineFinding(place=at, code="pattern.invalid", message=problem, mend=RE2_SYNTAX)


def _undeclared(
    config: PipelineConfig, wanted: Specification, columns: Mapping[str, tuple[Column, ...]], place: str
) -> Iterator[PipelineFinding]:
    """Sources that are joined and whose columns nobody tells, each once, where it is described."""
    joins = {
        operation.source: number
        for number, operation in reversed(list(enumerate(wanted.operations)))
        if isinstance(operation, Join)
    }
    for number, source in enumerate(config.sources):
        if source.name in joins and not columns[source.name]:
            yield PipelineFinding(
                place=f"sources.{number}.name",
                code="source.undeclared",
                message=f"{place}.operations.{joins[source.name]} joins it, and its columns are not known before a run",
                mend=f"declare the columns of {source.name}: columns: [{{name: …, type: …}}]",
            )


def _before_joins(
    wanted: Specification, columns: Mapping[str, tuple[Column, ...]], found: Iterable[PipelineFinding], place: str
) -> Iterator[PipelineFinding]:
    """What is wrong before the first join of a source that nobody knows: what follows depends on it."""
    first = next(
        number
        for number, operation in enumerate(wanted.operations)
        if isinstance(operation, Join) and operation.source in columns and not columns[operation.source]
    )
    known = tuple(f"{place}.operations.{number}" for number in range(first))
    yield from (one for one in found if f"{one.place}.".startswith(tuple(f"{start}." for start in known)))


def _paths(config: PipelineConfig, work: Workspace) -> Iterator[PipelineFinding]:
    """Files and folders that a run would write, and may not."""
    wanted: dict[str, str | None] = {
        f"destinations.{number}.path": one.path
        for number, one in enumerate(config.destinations)
        if isinstance(one, DuckdbDestination | ParquetDestination)
    }
    for place, path in {**wanted, "lineage.file": config.lineage.file}.items():
        if path is not None and not path.startswith(SCHEME):
            try:
                work.roots.destinations.resolve(path)
            except PathRefusedError as error:
                yield _refused(place, error)


def _refused(place: str, error: PathRefusedError) -> PipelineFinding:
    return PipelineFinding(place=place, code="path.refused", message=f"{error.shown} {error.why}", mend=error.mend)


def _missing(source: FileSource, place: str, message: str) -> PipelineFinding:
    """A warning: files may come before the run does, and lie where the worker is."""
    return PipelineFinding(
        place=f"{place}.path", code="source.missing", message=message, mend=_nearest_file(source.path), is_warning=True
    )


def _nearest_file(pattern: str) -> str:
    """What there is instead: a file of a like name, or the first folder that is not there."""
    path = Path(pattern)
    missing = [folder for folder in path.parents if not folder.is_dir()]
    if missing:
        return f"there is no folder {missing[-1]}"
    near = nearest(path.name, [found.name for found in path.parent.iterdir()])
    return "" if near is None else f"did you mean {near!r}?"


def _specifications(config: PipelineConfig, columns: Mapping[str, tuple[Column, ...]]) -> Iterator[PipelineFinding]:
    main, wanted = config.main, config.transformation
    others = {source.name: columns[source.name] for source in config.sources if source is not main}
    if isinstance(wanted, Specification):
        undeclared = list(_undeclared(config, wanted, columns, _TRANSFORMATION))
        yield from undeclared
        if columns[main.name]:
            found = _compiled(config, wanted, columns[main.name], others, _TRANSFORMATION)
            yield from _before_joins(wanted, columns, found, _TRANSFORMATION) if undeclared else found
        else:
            what = f"the columns of {main.name} are not known before a run, so its operations are not checked"
            yield PipelineFinding(
                place=_TRANSFORMATION,
                code="specification.unchecked",
                message=what,
                mend="declare them: sources: - columns: [{name: …, type: …}]",
                is_warning=True,
            )
    if config.quality.repair is not None:
        yield from _compiled(config, config.quality.repair, config.target.columns, others, _REPAIR)


def _compiled(
    config: PipelineConfig,
    wanted: Specification,
    source: tuple[Column, ...],
    others: dict[str, tuple[Column, ...]],
    place: str,
) -> Iterator[PipelineFinding]:
    target = config.target
    task = SpecificationTask(
        specification=wanted,
        source=source,
        target=target.columns,
        key=target.key,
        newest_by=target.newest_by,
        others=others,
    )
    try:
        compile_specification(task)
    except SpecificationError as error:
        for problem in error.problems:
            yield _found(problem, _at(config, problem.place, place), "specification")


def _rules(config: PipelineConfig) -> Iterator[PipelineFinding]:
    columns = {column.name: column for column in config.target.columns}
    try:
        compile_rules(config.quality.rules, columns)
    except SpecificationError as error:
        for problem in error.problems:
            yield _found(problem, f"{_RULES}.{problem.place}", "rule")


def _found(problem: SpecificationProblem, place: str, kind: str) -> PipelineFinding:
    return PipelineFinding(place=place, code=f"{kind}.{problem.code}", message=problem.message, mend=problem.mend)


def _at(config: PipelineConfig, given: str, specification: str) -> str:
    """The path in the file of a place of a specification; the target's columns are outside of it."""
    first, _, rest = given.partition(".")
    names = [column.name for column in config.target.columns]
    if first == TARGET and rest in names:
        return f"{TARGET}.columns.{names.index(rest)}"
    return f"{specification}.{given}" if first == "operations" else specification

"""Which files of the store a run needs: those of its stages while it waits or failed, and its quarantine after."""

from collections.abc import Iterable, Iterator

from towpath.contracts.pipeline.dataset import DatasetPart
from towpath.contracts.pipeline.pipeline import PipelineProgress


def needed(known: PipelineProgress) -> tuple[str, ...]:
    """By whoever goes on with the run, or redrives it."""
    datasets = [*known.extracted.values(), known.transformed, known.valid]
    parts = [part for dataset in datasets if dataset is not None for part in dataset.parts]
    finished = [one for stage in known.unfinished.values() for one in stage.values()]
    parts += [part for one in finished for part in (one.part, one.boundary) if part is not None]
    parts += [one.quarantined.part for one in finished if one.quarantined is not None]
    parts += [part for part in (known.boundary, *known.reached_boundary) if part is not None]
    return tuple(dict.fromkeys((*_uris(parts), *quarantined(known))))


def quarantined(known: PipelineProgress) -> tuple[str, ...]:
    """By whoever replays its bad rows."""
    return tuple(_uris(rows.part for rows in known.quarantine))


def _uris(parts: Iterable[DatasetPart]) -> Iterator[str]:
    for part in parts:
        yield part.uri
        if part.without is not None:
            yield part.without.uri

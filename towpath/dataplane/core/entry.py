"""What a task may touch at all: each path of its request is looked at before the task begins."""

from collections.abc import Iterator
from typing import cast

from pydantic import BaseModel

from towpath.contracts.pipeline.dataset import DatasetPart, LeftOut
from towpath.contracts.pipeline.inspection import PipelineCheckTask, ReadQuarantine
from towpath.contracts.pipeline.loading import DuckdbDestination, ParquetDestination
from towpath.contracts.pipeline.pipeline import FileSource, LineageSinks
from towpath.contracts.pipeline.stages import ByteRange, RowGroups
from towpath.dataplane.core.objects import SCHEME
from towpath.dataplane.core.store import check_part_name
from towpath.dataplane.core.workspace import Workspace
from towpath.roots import Root, Roots


def check_paths(request: BaseModel, work: Workspace) -> None:
    """Raises PathRefusedError and DatasetStoreError. A check tells all that is wrong with a pipeline itself."""
    if isinstance(request, PipelineCheckTask):
        return
    for model in _models(request):
        if isinstance(model, DatasetPart | LeftOut):
            check_part_name(model.uri, model.sha256)
        for root, path in _paths(model, work.roots):
            if not path.startswith(SCHEME):
                root.folder_of(path)


def _paths(model: BaseModel, roots: Roots) -> Iterator[tuple[Root, str]]:
    """What a model names of the file system, with the root that it has to be below."""
    match model:
        case FileSource(path=path) | ByteRange(file=path) | RowGroups(file=path):
            yield roots.sources, path
        case DuckdbDestination(path=path) | ParquetDestination(path=path):
            yield roots.destinations, path
        case LineageSinks(file=str(path)):
            yield roots.destinations, path
        case ReadQuarantine(file=path) if path:
            yield roots.files, path
        case _:
            return


def _models(value: object) -> Iterator[BaseModel]:
    """A request and all that it holds."""
    if isinstance(value, BaseModel):
        yield value
        for name in type(value).model_fields:
            yield from _models(getattr(value, name))
    elif isinstance(value, dict):
        for inner in cast("dict[str, object]", value).values():
            yield from _models(inner)
    elif isinstance(value, tuple | list):
        for inner in cast("tuple[object, ...]", value):
            yield from _models(inner)

"""Windows: partitions of one stage that a child run does together."""

import base64
import zlib
from typing import Self

from towpath.contracts.core.failure import Failure
from towpath.contracts.core.wire import Wire
from towpath.contracts.pipeline.loading import LoadPart, PartLoaded
from towpath.contracts.pipeline.stages import Extracted, ExtractTask, Transformed, TransformTask

WINDOW = "etl-window"


class Packed(Wire):
    """What hundreds of child runs carry is much the same each time: pressed, it takes a tenth of the history."""

    packed: str = ""

    def pack(self) -> Self:
        pressed = zlib.compress(self.model_dump_json().encode())
        given = {name: getattr(self, name) for name, field in type(self).model_fields.items() if field.is_required()}
        return type(self)(**given, packed=base64.b85encode(pressed).decode())

    def unpack(self) -> Self:
        if not self.packed:
            return self
        return type(self).model_validate_json(zlib.decompress(base64.b85decode(self.packed)))


class WindowRequest(Packed):
    """Partitions of one stage, done by a child run: of a thousand partitions no history grows long."""

    owner: str
    """Workflow id of the pipeline's run."""
    step: str
    first: int
    """Number of the first task among those of the stage."""
    concurrency: int
    extract: tuple[ExtractTask, ...] = ()
    transform: tuple[TransformTask, ...] = ()
    load: tuple[LoadPart, ...] = ()
    partial: bool = False
    """Tell what was done also when a task failed, or the window was cancelled."""


class WindowResult(Packed):
    """Results in the order of the tasks, but for those at the positions `missing`, which were not done."""

    extracted: tuple[Extracted, ...] = ()
    transformed: tuple[Transformed, ...] = ()
    loaded: tuple[PartLoaded, ...] = ()
    missing: tuple[int, ...] = ()
    failure: Failure | None = None
    """Why; None with `missing`: the window was cancelled."""

"""Watermarks between a destination, which keeps digests as text, and tasks, which are told a part that has them."""

from towpath.contracts.pipeline.loading import LoadPart
from towpath.contracts.pipeline.stages import Watermark
from towpath.dataplane.core import boundary
from towpath.dataplane.core.workspace import Workspace
from towpath.dataplane.load.ledger import Mark


def told_boundary(request: LoadPart, work: Workspace) -> str:
    """Raises StoreError."""
    return boundary.written(boundary.read(work, request.boundary))


def told_watermark(mark: Mark | None, rows: tuple[int, ...], work: Workspace) -> Watermark:
    """Raises StoreError."""
    if mark is None:
        return Watermark(rows=rows)
    kept = boundary.keep(work, boundary.parsed(mark.boundary))
    return Watermark(value=mark.value, rows=rows, boundary=kept, load=mark.load)

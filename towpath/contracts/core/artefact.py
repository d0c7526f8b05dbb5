"""References to texts and data that are kept beside the histories, by their content."""

from typing import Annotated

from pydantic import StringConstraints

from towpath.contracts.core.wire import Wire


class Artefact(Wire):
    """Something in the artefact store. The same content has the same reference, so keeping it twice changes nothing."""

    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    size_bytes: int
    media_type: str = "text/plain"

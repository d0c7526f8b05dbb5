"""What the config of an `emit` step holds."""

from typing import Annotated

from pydantic import Field

from towpath.engine.language.model import Model, Template, Templates

LONGEST_TYPE = 200


class EmitConfig(Model):
    """A CloudEvent to the runs that wait for it, and to the definitions that it starts."""

    type: Annotated[Template, Field(min_length=1)]
    source: Annotated[Template, Field(min_length=1)] | None = None
    subject: Template = ""
    data: Templates = None

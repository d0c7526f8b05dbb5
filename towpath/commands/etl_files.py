"""Which pipeline a command means: by its id, or by its file."""

from pathlib import Path
from typing import Annotated

import typer

from towpath.clients.pipelines import FOLDER, PipelineFileError, find_file, usable
from towpath.commands.terminal import Exit, fail
from towpath.contracts.pipeline import PipelineConfig

Pipeline = Annotated[str, typer.Argument(help=f"Id of a pipeline in {FOLDER}, or a file.", metavar="PIPELINE")]


def config_of(pipeline: str) -> PipelineConfig:
    """The configuration of a pipeline by id or file. Ends the command when it cannot be used."""
    try:
        return usable(find_file(pipeline))
    except PipelineFileError as error:
        fail(Exit.WRONG_INPUT, *str(error).splitlines())


def id_of(pipeline: str) -> str:
    """Its id; a pipeline that was deleted since has one as well, and its runs are still there."""
    return config_of(pipeline).id if Path(pipeline).suffix else pipeline

"""What a run may not start with, whoever starts it: the same checks as those of a pipeline's file."""

from towpath.contracts.pipeline.pipeline import PipelineConfig
from towpath.engine.language.source import Source
from towpath.policy.pipeline.configuration_checks import ConfigurationChecks

MOST_TOLD = 5


def start_problems(config: PipelineConfig) -> tuple[str, ...]:
    """Place, problem and mend of the first five that `etl check` tells as errors; time zones are the schedule's."""
    source = Source("")
    ConfigurationChecks(source, config, None).check()
    found = [one for one in source.diagnostics if one.severity == "error"]
    return tuple(f"{one.path}: {one.what}" + (f": {one.mend}" if one.mend else "") for one in found[:MOST_TOLD])

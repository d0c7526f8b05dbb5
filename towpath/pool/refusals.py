"""What a worker tells of payloads that it did not let into a run: a line of the log, and a counter in its metrics."""

import structlog
from temporalio.runtime import Runtime

from towpath.temporal.places import PayloadRefusal, Told

log = structlog.stdlib.get_logger("worker")


def refusals_to(metrics: Runtime) -> Told:
    """Counts as `towpath_payloads_refused_total` by job, and logs which run it was; nothing of what was sent."""
    counter = metrics.metric_meter.create_counter("towpath_payloads_refused", "Starts and messages that no key sent")

    def told(refusal: PayloadRefusal) -> None:
        counter.add(1, {"job": refusal.job})
        log.warning("a payload was refused", run=refusal.workflow_id, run_id=refusal.run_id, problem=refusal.reason)

    return told

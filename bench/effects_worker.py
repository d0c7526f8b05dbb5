"""The worker of this house, with the bench's workflow class on the queue of definitions: `-m bench.effects_worker`.

All else, settings too, is worker.py: what the class costs here is what a process of the house would cost.
"""

import worker
from bench.effects_class import EffectsWorkflow
from towpath.contracts.declared.run import DECLARED

if __name__ == "__main__":
    worker.WORKFLOWS[DECLARED] = (*worker.WORKFLOWS[DECLARED], EffectsWorkflow)
    worker.main()

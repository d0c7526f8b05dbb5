"""The action plan: what is offered, what Claude chooses of it, and what a plan is without Claude."""

from towpath.contracts.core.claude import Provenance
from towpath.contracts.incident.investigation import Diagnosis, IncidentContext
from towpath.contracts.incident.remediation import ActionPlan, ActionPlanTask, ActionState, PlanAnswer
from towpath.contracts.prompts import PLAN_ACTIONS
from towpath.policy.core.models import is_claude
from towpath.policy.incident.notices import in_words
from towpath.policy.incident.planning import make_plan, offered
from workflows.incident.state import IncidentState
from workflows.kit.failing import StepFailedError

STEP = "action-plan"
FOLLOW_UPS = 6
WATCH_MINUTES = 10
NOT_CLAUDE = "an answer that it rests on is not from a known Claude model"


class Planning:
    """Actions come from the catalogue alone, and only if a diagnosis stood its check."""

    def __init__(self, state: IncidentState) -> None:
        self._state = state
        self._steps = state.steps

    async def plan(self) -> ActionPlan:
        """No plan from Claude: no actions, so people take over."""
        known = self._state.known
        diagnosis, context = known.diagnosis or Diagnosis(), known.context or IncidentContext()
        self._steps.begin(STEP)
        choices = offered(known.catalogue, self._state.service, context, diagnosis)
        if any(action.state is ActionState.VERIFIED for action in known.actions):
            return self._set(self._without("the automatic remediation was verified"), "nothing more is needed")
        if not choices:
            return self._set(self._without(), "no action of the catalogue fits")
        severity = known.severity or self._state.rules_alone()
        task = ActionPlanTask(
            service=self._state.service,
            severity=severity.level,
            hypotheses=diagnosis.hypotheses,
            actions=choices,
            metrics=tuple(metric.name for metric in known.catalogue.metrics if metric.healthy),
        )
        try:
            asked = await self._state.asker.ask(STEP, PLAN_ACTIONS, task)
        except StepFailedError as error:
            why = f"no plan ({error.failure.code}): people take over"
            self._state.degrade("plan", why)
            self._steps.degrade(STEP, why)
            return self._keep(self._without())
        reasons = () if all(map(_from_claude, self._provenances(asked.provenance))) else (NOT_CLAUDE,)
        plan = make_plan(asked.output, choices, known.catalogue, severity, reasons)
        plan = plan.model_copy(update={"provenance": asked.provenance, "follow_up": self._follow_up(plan)})
        return self._set(plan, f"{len(plan.immediate)} actions, {len(plan.refused)} choices refused")

    def _provenances(self, plan: Provenance) -> tuple[Provenance | None, ...]:
        known = self._state.known
        return plan, None if known.diagnosis is None else known.diagnosis.provenance

    def _without(self, why: str = "") -> ActionPlan:
        """What is watched and left to people when nothing is to be done."""
        known = self._state.known
        nothing = PlanAnswer(immediate=[], follow_up=[], success_criteria=[], watch_minutes=WATCH_MINUTES)
        severity = known.severity or self._state.rules_alone()
        plan = make_plan(nothing, (), known.catalogue, severity)
        refused = (f"all actions: {why}",) if why else ()
        return plan.model_copy(update={"follow_up": self._follow_up(plan), "refused": refused})

    def _follow_up(self, plan: ActionPlan) -> tuple[str, ...]:
        """The plan's tasks, then what the diagnosis says would prevent the next one."""
        diagnosis = self._state.known.diagnosis or Diagnosis()
        return tuple(dict.fromkeys((*plan.follow_up, *diagnosis.prevention)))[:FOLLOW_UPS]

    def _set(self, plan: ActionPlan, note: str) -> ActionPlan:
        self._steps.complete(STEP, attempts=max(1, self._steps[STEP].attempts), note=note)
        return self._keep(plan)

    def _keep(self, plan: ActionPlan) -> ActionPlan:
        self._state.set(plan=plan)
        actions = ", ".join(in_words(planned) for planned in plan.immediate) or "no action"
        self._state.tell(f"plan: {actions}")
        for refusal in plan.refused:
            self._state.tell(f"refused: {refusal}")
        return plan


def _from_claude(provenance: Provenance | None) -> bool:
    return provenance is not None and is_claude(provenance.model)

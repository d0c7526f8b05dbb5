"""Which node of a plan starts, is skipped, or waits, and what a settled one sets free. No time, no effects."""

from collections import deque
from collections.abc import Callable

from pydantic import JsonValue

from towpath.contracts.core.failure import Failure, FailureCode
from towpath.contracts.core.run import Cancellation
from towpath.engine.checks.inputs import secret_inputs
from towpath.engine.expression.values import Value
from towpath.engine.language.plan import Plan, PlanNode
from towpath.engine.language.steps import OnErrorDefault
from towpath.engine.language.turns import is_patient
from towpath.engine.run.actions import (
    SETTLED,
    Action,
    Cancel,
    Cancelled,
    Completed,
    Failed,
    Outcome,
    Rejected,
    RunStatus,
    Start,
    State,
    StepRun,
)
from towpath.engine.run.evaluation import Evaluation, PureFunctions, RunFacts, StepError
from towpath.engine.run.sending import Sent
from towpath.engine.scheduling.catching import Catching
from towpath.engine.scheduling.following import follow, outputs_of
from towpath.engine.scheduling.group_errors import fail_within, is_caught_around
from towpath.engine.scheduling.joins import Joins
from towpath.engine.scheduling.milestones import Milestones
from towpath.engine.scheduling.starting import begin_step
from towpath.engine.scheduling.turns import MemberTurns
from towpath.engine.scheduling.visits import (
    Visit,
    Visits,
    close_way,
    give,
    go_back,
    goes_back,
    is_used_up,
    tell_visit,
    use_up,
)
from towpath.engine.scheduling.withdrawing import withdraw


class Scheduling:
    """The nodes of a run and their rules; `Progress` is the door to it. `actions` fill up until somebody takes them."""

    def __init__(
        self,
        plan: Plan,
        facts: RunFacts,
        inputs: dict[str, JsonValue],
        functions: PureFunctions,
        new_uuid: Callable[[], str],
        seed: dict[str, JsonValue] | None = None,
    ) -> None:
        self.plan = plan
        self.runs = [StepRun() for _ in plan.nodes]
        self.outputs: dict[str, Value] = {}
        self.branches: dict[str, str] = {}
        self.visits = Visits(plan)
        self.shown: dict[str, Value] = {} if self.visits.steps else self.outputs
        """The outputs as expressions read them."""
        self.evaluation = Evaluation(facts, inputs, self.shown, functions, new_uuid, secret_inputs(plan))
        self.evaluation.places = self.visits.places
        self.paused = False
        self.seed = seed or {}
        self.sent = Sent()
        self.joins, self.turns = Joins(plan, facts.language), MemberTurns(plan)
        self.opened = [node.guard is None for node in plan.nodes]
        self.left = len(plan.nodes)
        self.catching = Catching(self.branches, self.evaluation)
        self.milestones = Milestones(plan, self.evaluation)
        self.running: set[int] = set()
        self.done: list[int | Visit] = []
        self.held: list[int] = []
        self.ready: deque[int] = deque()
        self.may_go_on: Callable[[], bool] = lambda: True
        self.actions: list[Action] = []
        self.stopping: tuple[RunStatus, str, Failure | None] | None = None

    def advance(self) -> None:
        """Look at each node for which something has changed, while it may."""
        while self.ready and self.may_go_on():
            self._consider(self.ready.popleft())

    def _consider(self, index: int) -> None:
        """Start a node, skip it, or leave it waiting, by its join."""
        node, run = self.plan.nodes[index], self.runs[index]
        if run.state is not State.PENDING or not self.opened[index] or self.stopping is not None:
            return
        if node.kind == "runs" or index in self.milestones.waiting:
            return
        starts = self.joins.starts(node)
        if starts is None or not self.visits.may_begin(node, self.runs):
            return
        if self.paused and node.kind == "step":
            self.held.append(index)
        elif node.kind == "group":
            _close_group(self, node, satisfied=starts)
        elif starts:
            if self.turns.take(index):
                self._begin(node)
        else:
            self.skip(index, self.joins.why_not(node))

    def _begin(self, node: PlanNode) -> None:
        step = node.step
        if step is None:
            return
        run = self.runs[node.index]
        run.started_at = self.evaluation.now
        kept = self.visits.place(node.id)
        if kept in self.seed:
            self.complete(node, Completed(self.seed[kept], attempts=0, note="kept from the run before"))
            return
        try:
            if step.when is not None and not self.evaluation.is_true(step.when, "when"):
                self.skip(node.index, "when is false")
            elif node.kind == "condition":
                self._branch(node, self.evaluation.branch(node))
            elif not self.milestones.waits(node):
                self.start(node)
        except StepError as error:
            self.take(node.index, Failed(error.failure))

    def start(self, node: PlanNode) -> None:
        """Raises StepError."""
        begun = begin_step(node, self.sent, self.evaluation)
        if isinstance(begun, Start):
            self.runs[node.index].state = State.RUNNING
            self.running.add(node.index)
            self.actions.append(begun)
        else:
            self.take(node.index, begun)

    def _branch(self, node: PlanNode, branch: str) -> None:
        self.branches[node.id] = branch
        give(self, node.id, {"branch": branch})
        run = self.runs[node.index]
        run.state, run.note = State.RUNNING, branch
        self.running.add(node.index)
        _open(self, node, branch)
        if not self.joins.members_left[node.index]:
            self._end_condition(node)

    def _end_condition(self, node: PlanNode) -> None:
        if node.index in self.running:
            self.running.discard(node.index)
            failure = self.catching.failing.pop(node.index, None)
            if failure is None:
                self.settle(node.index, State.COMPLETED, good=True, note=self.branches[node.id])
            else:
                fail_within(self, node, failure)

    def unlock(self, index: int) -> None:
        self.opened[index] = True
        node = self.plan.nodes[index]
        if node.kind == "group":
            for member in node.members:
                if self.plan.nodes[member].guard == node.guard:
                    self.unlock(member)
        self.ready.append(index)

    def skip(self, index: int, reason: str) -> None:
        node = self.plan.nodes[index]
        if self.runs[index].state is not State.PENDING:
            return
        if node.kind == "group":
            for member in node.members:
                self.skip(member, reason)
        self.settle(index, State.SKIPPED, good=False, note=reason)
        if node.kind == "condition":
            for member in node.members:
                self.skip(member, reason)

    def take(self, index: int, outcome: Outcome) -> None:
        node = self.plan.nodes[index]
        match outcome:
            case Completed():
                self.complete(node, outcome)
            case Cancelled(reason=reason):
                self.runs[index].keep(outcome)
                self.settle(index, State.CANCELLED, good=False, note=reason)
            case Rejected(output=output):
                give(self, node.id, output)
                self.stop("rejected", node.id, None)
                self.settle(index, State.COMPLETED, good=True, note="rejected")
            case Failed():
                self._fail(node, outcome)

    def complete(self, node: PlanNode, outcome: Completed) -> None:
        give(self, node.id, outcome.output)
        run = self.runs[node.index]
        run.attempts = outcome.attempts
        self.settle(node.index, State.COMPLETED, good=True, note=outcome.note)

    def _fail(self, node: PlanNode, outcome: Failed) -> None:
        run = self.runs[node.index]
        run.keep(outcome)
        branch = None if self.stopping is not None else self.catching.begin(node, outcome.failure)
        if branch is not None:
            self.settle(node.index, State.FAILED, good=True, note=f"caught: {branch}")
            _open(self, node, branch)
            self.release(node)
            return
        on_error = "fail" if node.step is None else node.step.on_error
        if on_error != "fail" and self.joins.is_exact and node.kind == "condition":
            for member in node.members:
                self.skip(member, f"{node.id} could not be decided")
        if isinstance(on_error, OnErrorDefault):
            try:
                output = self.evaluation.value(on_error.default, "on_error.default")
                note = f"default output ({outcome.failure.code})"
                self.complete(node, Completed(output, outcome.failure.attempts, note))
            except StepError as error:
                run.failure = error.failure
                if not is_caught_around(self, node, error.failure):
                    self._fail_run(node, error.failure)
        elif on_error == "continue":
            self.settle(node.index, State.FAILED, good=True, note="the run goes on without it")
        else:
            self.fail_for_good(node, outcome.failure)

    def fail_for_good(self, node: PlanNode, failure: Failure) -> None:
        """The run fails with the step, or the member of a race that it is in."""
        if is_caught_around(self, node, failure):
            return
        if losing := self.joins.losing(node):
            _lose(self, losing, failure, exact=self.joins.is_exact)
        else:
            self._fail_run(node, failure)

    def release(self, node: PlanNode) -> None:
        """Once an error has been handled, what needs the step goes on."""
        if self.catching.ends(node.index, self.joins.members_left[node.index]):
            self._set_free(node, good=True)

    def _fail_run(self, node: PlanNode, failure: Failure) -> None:
        self.settle(node.index, State.FAILED, good=False)
        self.stop("failed", node.id, failure)
        _withdraw_siblings(self, node)
        self.cancel_running(is_patient, Cancellation(by="the run", reason=f"{node.id} failed"))

    def cancel_running(self, chosen: Callable[[PlanNode], bool], why: Cancellation) -> None:
        nodes = [self.plan.nodes[index] for index in sorted(self.running)]
        self.actions.extend(Cancel(node.id, why) for node in nodes if node.kind == "step" and chosen(node))

    def stop(self, status: RunStatus, step: str, failure: Failure | None) -> None:
        if self.stopping is None:
            self.stopping = (status, step, failure)
            self.held.clear()
            if status == "rejected":
                self.cancel_running(is_patient, Cancellation(by="the run", reason=f"{step} was rejected"))

    def settle(self, index: int, state: State, *, good: bool, note: str = "") -> None:
        run, node = self.runs[index], self.plan.nodes[index]
        if state is State.COMPLETED and is_used_up(self, node):
            use_up(self, node)
            return
        run.state, run.ended_at = state, self.evaluation.now
        run.note = note or run.note
        self.left -= 1
        self.milestones.waiting.pop(index, None)
        if state is State.COMPLETED or run.unknown:
            self.done.append(index)
        tell_visit(self, node)
        self.ready.extend(self.turns.leave(index))
        self.ready.extend(self.visits.waiting_for(index))
        if state is State.COMPLETED and goes_back(self, node):
            go_back(self, node)
            return
        if index in self.catching.under_way:
            return
        for handlers in node.branches.values() if node.kind != "condition" else ():
            for member in handlers:
                self.skip(member, f"{node.id} raised nothing that is caught")
        self._set_free(node, good=good)
        close_way(self, node)

    def _set_free(self, node: PlanNode, *, good: bool) -> None:
        self.free(node, good=good)
        follow(self, node)
        parent = None if node.parent is None else self.plan.nodes[node.parent]
        if parent is not None and parent.kind == "condition" and not self.joins.members_left[parent.index]:
            self._end_condition(parent)
        elif parent is not None:
            self.release(parent)

    def free(self, node: PlanNode, *, good: bool) -> None:
        """Count a settled node for everything that waits for it."""
        self.joins.count(node, self.runs[node.index], good=good)
        for dependent in self.plan.dependents[node.index]:
            (self.ready.appendleft if self.joins.is_urgent(dependent) else self.ready.append)(dependent)


def _close_group(nodes: Scheduling, node: PlanNode, *, satisfied: bool) -> None:
    """By its join: its members have settled, or enough of them were completed."""
    for runs in (nodes.plan.nodes[index] for index in node.members if nodes.plan.nodes[index].kind == "runs"):
        nodes.complete(runs, Completed(outputs_of(runs, nodes.plan, nodes.outputs), attempts=0))
    failure = nodes.catching.failing.pop(node.index, None)
    if failure is not None:
        fail_within(nodes, node, failure)
    elif satisfied:
        own = nodes.plan.own_members(node)
        completed = [nodes.plan.nodes[i].id for i in own if nodes.runs[i].state is State.COMPLETED]
        if not node.anonymous:
            give(nodes, node.id, {"completed": completed})
        nodes.settle(node.index, State.COMPLETED, good=True)
        if node.group is not None and node.group.losers == "cancel":
            withdraw(nodes, node, Cancellation(by="the race", reason=f"first: {', '.join(completed)}"))
    elif node.wanted is not None and any(nodes.runs[index].state is State.FAILED for index in node.members):
        failure = Failure(code=FailureCode.STEP_JOIN, message=f"fewer than {node.wanted} members completed")
        nodes.take(node.index, Failed(failure))
    else:
        nodes.settle(node.index, State.SKIPPED, good=False)


def _lose(nodes: Scheduling, losing: list[PlanNode], failure: Failure, *, exact: bool) -> None:
    """A member of a race fails with a step inside it, the last of these; what else is in it ends."""
    unsettled = [node for node in losing if nodes.runs[node.index].state not in SETTLED]
    handling = [node for node in losing if node.index in nodes.catching.under_way]
    for node in unsettled:
        nodes.running.discard(node.index)
        if node is not losing[-1]:
            nodes.runs[node.index].keep(Failed(failure))
        nodes.settle(node.index, State.FAILED, good=False)
    for node in (*unsettled, *handling) if exact else ():
        withdraw(nodes, node, Cancellation(by="the group", reason=f"{losing[-1].id} failed"))


def _withdraw_siblings(nodes: Scheduling, node: PlanNode) -> None:
    """Of a step that failed, in the groups that want it."""
    current = node
    while current.parent is not None:
        current = nodes.plan.nodes[current.parent]
        if current.group is not None and current.group.on_error == "cancel":
            withdraw(nodes, current, Cancellation(by="the group", reason=f"{node.id} failed"))


def _open(nodes: Scheduling, node: PlanNode, branch: str) -> None:
    """One branch, or what handles an error; the others are skipped."""
    for name, members in node.branches.items():
        for member in members:
            if name == branch:
                nodes.unlock(member)
            else:
                nodes.skip(member, f"the branch {branch} was taken")

"""Plans hold actions of the catalogue with values of the inventory, and nothing else, whatever an answer says."""

from collections.abc import Mapping
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.incident.material import NOON, WELL, context, deployment, diagnosis, severity, shipped
from towpath.contracts.incident.investigation import Category, Diagnosis
from towpath.contracts.incident.remediation import (
    ActionCatalogue,
    ActionParameter,
    ActionStep,
    CatalogueAction,
    ChosenAction,
    ChosenValue,
    OfferedAction,
    PlanAnswer,
    Verify,
)
from towpath.policy.incident.planning import (
    MOST_IMMEDIATE,
    ParameterError,
    auto_remediation,
    make_plan,
    offered,
    params,
    placeholders,
)

CATEGORIES: tuple[Category, ...] = ("deployment", "capacity", "storage", "dependency")


def catalogue() -> ActionCatalogue:
    found = shipped().catalogue
    assert found is not None
    return found


def offers(*categories: Category) -> tuple[OfferedAction, ...]:
    return offered(catalogue(), "checkout", context(deployment()), diagnosis(*(categories or CATEGORIES)))


def chosen(action: str, **parameters: str) -> ChosenAction:
    given = [ChosenValue(name=name, value=value) for name, value in parameters.items()]
    return ChosenAction(action=action, parameters=given, reason="since")


def answer(*immediate: ChosenAction, criteria: tuple[str, ...] = (), minutes: int = 10) -> PlanAnswer:
    return PlanAnswer(
        immediate=list(immediate), follow_up=["Write a test"], success_criteria=list(criteria), watch_minutes=minutes
    )


ROLLBACK = chosen("rollback-deployment", service="checkout", deployment="checkout-d7")
RESTART = chosen("restart-instance", service="checkout", instance="checkout-1")


def test_only_actions_that_answer_a_hypothesis_are_offered() -> None:
    """A full disk offers what is for storage, and a deployment what is for deployments."""
    assert [one.id for one in offers("storage")] == ["clear-disk", "fail-over-database"]
    assert [one.id for one in offers("deployment")] == ["disable-feature", "rollback-deployment"]
    assert offers("certificate") == ()


def test_values_are_those_of_the_inventory_now() -> None:
    """The service of the incident, its instances, its latest deployment; of another service nothing."""
    earlier, other = deployment(NOON - timedelta(hours=1), 6), deployment(NOON + timedelta(hours=1), 9, "search")

    found = offered(catalogue(), "checkout", context(earlier, deployment(), other), diagnosis("deployment", "capacity"))

    values = {one.id: one.parameters for one in found}
    assert values["rollback-deployment"] == {"service": ("checkout",), "deployment": ("checkout-d7",)}
    assert values["restart-instance"]["instance"] == ("checkout-1", "checkout-2", "checkout-3")


@pytest.mark.parametrize(
    ("service", "found"),
    [
        pytest.param("checkout", Diagnosis(insufficient_evidence=True), id="insufficient-evidence"),
        pytest.param("payroll", diagnosis("deployment"), id="unknown-service"),
        pytest.param("", diagnosis("deployment"), id="no-service"),
    ],
)
def test_nothing_is_offered_without_a_cause_or_a_service(service: str, found: Diagnosis) -> None:
    """Without evidence, or for a service that the inventory does not know, only people act."""
    assert offered(catalogue(), service, context(deployment()), found) == ()


def test_an_action_without_a_value_is_not_offered() -> None:
    """With no deployment known there is nothing to roll back."""
    found = offered(catalogue(), "checkout", context(), diagnosis("deployment"))

    assert [one.id for one in found] == ["disable-feature"]


def test_a_plan_takes_what_was_offered() -> None:
    """Actions keep their order and number; the catalogue's own entry travels, and the watch is what was asked."""
    plan = make_plan(
        answer(ROLLBACK, RESTART, criteria=("latency_p95",), minutes=15), offers(), catalogue(), severity()
    )

    assert [(one.number, one.action.id, one.needs_approval) for one in plan.immediate] == [
        (1, "rollback-deployment", True),
        (2, "restart-instance", False),
    ]
    assert plan.immediate[0].action in catalogue().actions
    assert plan.watched_metrics == ("error_rate", "latency_p95")
    assert (plan.watch, plan.refused, plan.follow_up) == (timedelta(minutes=15), (), ("Write a test",))


@pytest.mark.parametrize(
    ("choice", "why"),
    [
        pytest.param(chosen("drop-database"), "'drop-database': it was not offered", id="invented"),
        pytest.param(chosen("fail-over-database", service="checkout"), "it was not offered", id="not-offered"),
        pytest.param(chosen("Rollback-Deployment"), "it was not offered", id="other-case"),
        pytest.param(chosen("rollback-deployment", service="checkout"), "'deployment'", id="missing-parameter"),
        pytest.param(
            chosen("rollback-deployment", service="checkout", deployment="checkout-d7", force="yes"),
            "'force'",
            id="more-parameters",
        ),
        pytest.param(
            chosen("rollback-deployment", service="search", deployment="checkout-d7"),
            "service may not be 'search'",
            id="other-service",
        ),
        pytest.param(
            chosen("rollback-deployment", service="checkout", deployment="checkout-d6"),
            "deployment may not be 'checkout-d6'",
            id="earlier-deployment",
        ),
        pytest.param(
            chosen("rollback-deployment", service="checkout", deployment="checkout-d7/../d1"), "may not be", id="path"
        ),
    ],
)
def test_what_was_not_offered_is_refused_with_the_reason(choice: ChosenAction, why: str) -> None:
    """Another action, another parameter or another value is not taken over, and the plan says so."""
    plan = make_plan(answer(choice, ROLLBACK), offers("deployment"), catalogue(), severity())

    assert [one.action.id for one in plan.immediate] == ["rollback-deployment"]
    assert len(plan.refused) == 1
    assert why in plan.refused[0]


def test_repeated_and_too_many_actions_are_refused() -> None:
    """The same action with the same values runs once, and a plan has at most four."""
    many = [chosen("restart-instance", service="checkout", instance=f"checkout-{number}") for number in (1, 1, 2, 3)]
    more = [chosen("scale-out", service="checkout", instances=number) for number in ("4", "6")]

    plan = make_plan(answer(*many, *more), offers("capacity"), catalogue(), severity())

    assert len(plan.immediate) == MOST_IMMEDIATE
    assert [why.rpartition(": ")[2] for why in plan.refused] == [
        "it is in the plan already",
        "a plan has at most 4 actions",
    ]


@pytest.mark.parametrize(
    ("choice", "level", "reasons", "why"),
    [
        pytest.param(RESTART, 4, (), "", id="automatic"),
        pytest.param(RESTART, 5, (), "the severity is 5", id="level-5"),
        pytest.param(RESTART, 3, ("the answers are drafts",), "the answers are drafts", id="callers-reason"),
        pytest.param(ROLLBACK, 3, (), "the catalogue asks for it", id="catalogue"),
        pytest.param(
            chosen("fail-over-database", service="checkout"),
            3,
            (),
            "the catalogue asks for it; it reaches the whole platform",
            id="reach",
        ),
    ],
)
def test_who_decides(choice: ChosenAction, level: int, reasons: tuple[str, ...], why: str) -> None:
    """A person decides where the catalogue, the reach, the severity or the caller says so, and is told why."""
    plan = make_plan(answer(choice), offers(), catalogue(), severity(level), reasons)

    assert plan.immediate[0].needs_approval == bool(why)
    assert plan.immediate[0].approval_reason == why


@pytest.mark.parametrize(
    ("criteria", "watched", "refused"),
    [
        pytest.param((), ("error_rate",), 0, id="none"),
        pytest.param(("latency_p95", "latency_p95"), ("error_rate", "latency_p95"), 0, id="twice"),
        pytest.param(("request_rate",), ("error_rate",), 1, id="not-a-criterion"),
        pytest.param(("up == 0 or vector(1)",), ("error_rate",), 1, id="a-query"),
    ],
)
def test_required_metrics_are_always_watched(criteria: tuple[str, ...], watched: tuple[str, ...], refused: int) -> None:
    """No choice of criteria can leave out the error rate, and only metrics of the catalogue are criteria."""
    plan = make_plan(answer(criteria=criteria), offers(), catalogue(), severity())

    assert plan.watched_metrics == watched
    assert len(plan.refused) == refused


@pytest.mark.parametrize(("minutes", "watch"), [(-5, 1), (0, 1), (60, 60), (100_000, 60)])
def test_the_watch_is_bounded(minutes: int, watch: int) -> None:
    """Metrics are watched for one minute at least and one hour at most."""
    assert make_plan(answer(minutes=minutes), (), catalogue(), severity()).watch == timedelta(minutes=watch)


@pytest.mark.parametrize(
    ("values", "found"),
    [
        pytest.param({}, None, id="well"),
        pytest.param({"latency_p95": 3.2, "request_rate": 160.0}, "scale-out", id="overload"),
        pytest.param({"latency_p95": 3.2}, None, id="slow-without-load"),
        pytest.param({"error_rate": 0.3}, None, id="only-needs-approval"),
        pytest.param({"disk_used": 0.99}, None, id="which-instance-is-not-clear"),
        pytest.param({"latency_p95": 3.2, "request_rate": 160.0, "instances_up": 6.0}, None, id="scaled-already"),
    ],
)
def test_what_may_run_at_once(values: dict[str, float], found: str | None) -> None:
    """Only an automatic action whose precondition holds, and whose parameters leave no choice of a target."""
    action = auto_remediation(catalogue(), severity(), "checkout", {**WELL, **values})

    assert (action.action.id if action else None) == found
    if action is not None:
        assert action.parameters == {"service": "checkout", "instances": "4"}
        assert not action.needs_approval


@pytest.mark.parametrize("missing", ["latency_p95", "request_rate", "instances_up"])
def test_an_unknown_metric_starts_nothing(missing: str) -> None:
    """A precondition that cannot be told does not hold."""
    values = {**WELL, "latency_p95": 3.2, "request_rate": 160.0}
    del values[missing]

    assert auto_remediation(catalogue(), severity(), "checkout", values) is None


def test_nothing_runs_at_once_when_the_severity_forbids_it() -> None:
    """Autonomy is the rules' to give, and the inventory's."""
    values = {**WELL, "latency_p95": 3.2, "request_rate": 160.0}

    assert auto_remediation(catalogue(), severity(auto=False), "checkout", values) is None
    assert auto_remediation(catalogue(), severity(), "payroll", values) is None


def test_one_instance_leaves_no_choice() -> None:
    """A service with a single instance has its disk cleared at once; the action that reaches least comes first."""
    single = catalogue().model_copy(update={"instances": {"checkout": ("checkout-1",)}})
    values = {**WELL, "disk_used": 0.99, "latency_p95": 3.2, "request_rate": 160.0}

    action = auto_remediation(single, severity(), "checkout", values)

    assert action is not None
    assert (action.action.id, action.parameters["instance"]) == ("clear-disk", "checkout-1")


def an_action(*parameters: ActionParameter) -> CatalogueAction:
    return CatalogueAction(
        id="a",
        title="A",
        parameters=parameters,
        apply=ActionStep(service="platform", operation="x"),
        verify=Verify(condition="metrics.error_rate < 1"),
        blast_radius="instance",
        max_per_hour=1,
    )


TWO = an_action(
    ActionParameter(name="name", choices=("a",)), ActionParameter(name="count", choices=("3",), type="integer")
)


@pytest.mark.parametrize(
    ("given_value", "filled"),
    [
        pytest.param("{name}", "a", id="whole"),
        pytest.param("x-{name}-{count}", "x-a-3", id="inside"),
        pytest.param("{count}", 3, id="integer"),
        pytest.param({"deep": ["{name}", 7, None]}, {"deep": ["a", 7, None]}, id="nested"),
        pytest.param("plain", "plain", id="plain"),
        pytest.param("{Name}", "{Name}", id="no-placeholder"),
    ],
)
def test_params_are_filled_in(given_value: object, filled: object) -> None:
    """A placeholder becomes the value, with the parameter's type when it stands alone."""
    step = ActionStep.model_validate({"params": {"p": given_value}})

    assert params(TWO, step, {"name": "a", "count": "3"}) == {"p": filled}


def test_a_value_is_put_in_once() -> None:
    """A value that looks like a placeholder stays what it is."""
    step = ActionStep(params={"p": "{name}", "q": "{name} {count}"})

    assert params(TWO, step, {"name": "{count}", "count": "3"}) == {"p": "{count}", "q": "{count} 3"}


@pytest.mark.parametrize(
    ("step", "values"),
    [
        pytest.param({"p": "{name}"}, {"name": "a"}, id="missing"),
        pytest.param({"p": "{name}"}, {"name": "a", "count": "3", "more": "x"}, id="more"),
        pytest.param({"p": "{other}"}, {"name": "a", "count": "3"}, id="unknown-placeholder"),
        pytest.param({"p": "{count}"}, {"name": "a", "count": "3; rm"}, id="no-number"),
        pytest.param({"p": "{count}"}, {"name": "a", "count": "٣"}, id="other-digits"),
    ],
)
def test_params_that_do_not_fit_are_refused(step: dict[str, str], values: Mapping[str, str]) -> None:
    """Nothing is called with a parameter too few, too many, or of the wrong kind."""
    with pytest.raises(ParameterError):
        params(TWO, ActionStep.model_validate({"params": step}), values)


names = st.one_of(
    st.sampled_from(["service", "instance", "instances", "deployment", "feature", "force"]), st.text(max_size=8)
)
values = st.one_of(
    st.sampled_from(
        ["checkout", "search", "checkout-1", "checkout-d7", "4", "6", "99", "recommendations", "{service}"]
    ),
    st.text(max_size=12),
)
choices = st.builds(
    ChosenAction,
    action=st.one_of(st.sampled_from([one.id for one in catalogue().actions]), st.text(max_size=12)),
    parameters=st.lists(st.builds(ChosenValue, name=names, value=values), max_size=3),
    reason=st.text(max_size=20),
)
answers = st.builds(
    PlanAnswer,
    immediate=st.lists(choices, max_size=8),
    follow_up=st.lists(st.text(max_size=20), max_size=9),
    success_criteria=st.lists(st.one_of(st.sampled_from(["error_rate", "disk_used"]), st.text(max_size=9)), max_size=9),
    watch_minutes=st.integers(),
)


@given(answers, st.sets(st.sampled_from(CATEGORIES)), st.integers(1, 5))
@settings(max_examples=300, deadline=None)
def test_a_plan_never_leaves_catalogue_and_inventory(
    given_answer: PlanAnswer, categories: set[Category], level: int
) -> None:
    """Whatever the answer says, each planned action was offered, unchanged, with values that were offered."""
    offer = offered(catalogue(), "checkout", context(deployment()), diagnosis(*sorted(categories)))
    allowed = {one.id: one.parameters for one in offer}

    plan = make_plan(given_answer, offer, catalogue(), severity(level))

    assert len(plan.immediate) <= MOST_IMMEDIATE
    for planned in plan.immediate:
        assert planned.action in catalogue().actions
        assert planned.parameters.keys() == allowed[planned.action.id].keys()
        assert all(value in allowed[planned.action.id][name] for name, value in planned.parameters.items())
        assert planned.needs_approval or (planned.action.approval == "auto" and level < 5)
        sent = params(planned.action, planned.action.apply, planned.parameters)
        assert placeholders(dict(sent)) == ()
    assert set(plan.watched_metrics) <= {one.name for one in catalogue().metrics if one.healthy}
    assert "error_rate" in plan.watched_metrics
    assert all("\n" not in text and len(text) <= 500 for text in (*plan.refused, *plan.follow_up))

"""`starter.py onboarding`, `customer-key`."""

from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from towpath.cli.as_json import JsonFlag, show_json
from towpath.cli.configuration import settings
from towpath.cli.connection import client, run
from towpath.cli.endings import follow
from towpath.cli.files import read_text
from towpath.cli.terminal import Exit, console, fail
from towpath.contracts.core.claude import Budget
from towpath.contracts.core.delivery import Language
from towpath.contracts.core.process import TriggerType
from towpath.contracts.core.review import ReviewPolicy
from towpath.contracts.core.wire import json_object
from towpath.contracts.onboarding.customer import Customer, CustomerPlan, OnboardingRequest
from towpath.contracts.onboarding.process import ONBOARDING, customer_key
from towpath.control.temporal import start
from towpath.engine.language.mistakes import place_of, words_of
from towpath.policy.onboarding.starting import start_problems
from towpath.views.wording import form_of

STARTABLE = frozenset({"customer", "trigger", "budget", "review"})


def register(app: typer.Typer) -> None:
    app.command("onboarding")(onboarding)
    app.command("customer-key")(print_customer_key)


def onboarding(
    file: Annotated[Path | None, typer.Option(help="JSON file with the customer; `-` reads stdin.")] = None,
    email: Annotated[str | None, typer.Option(help="Contact e-mail address.")] = None,
    company: Annotated[str | None, typer.Option(help="Name of the company.")] = None,
    plan: Annotated[str | None, typer.Option(help=f"One of: {', '.join(CustomerPlan)}.")] = None,
    customer_id: Annotated[str | None, typer.Option(help="Your own id of the customer, e.g. from the CRM.")] = None,
    contact_name: Annotated[str | None, typer.Option(help="How to address the contact.")] = None,
    website: Annotated[str | None, typer.Option(help="The company's site.")] = None,
    country: Annotated[str | None, typer.Option(help="Two letters, ISO 3166-1.")] = None,
    employees: Annotated[int | None, typer.Option(help="Head count.")] = None,
    industry: Annotated[str | None, typer.Option(help="Industry, if known.")] = None,
    language: Annotated[str | None, typer.Option(help=f"Of kit and mail: {', '.join(Language)}.")] = None,
    budget_usd: Annotated[float | None, typer.Option(help="Most that Claude may cost in this run.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the result, and exit by it.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Onboard a customer, by options, a JSON file, or stdin.

    Starting twice for one customer is one run.

    Example: starter.py onboarding --email kim@hanbit.example --company "Hanbit Logistics" --plan business --wait

    Example: echo '{"customer": {"email": …, "company": …, "plan": …}}' | starter.py onboarding --file - --json
    """
    options = {
        "email": email,
        "company": company,
        "plan": plan,
        "customer_id": customer_id,
        "contact_name": contact_name,
        "website": website,
        "country": country,
        "employees": employees,
        "industry": industry,
        "language": language,
    }
    given = {name: value for name, value in options.items() if value is not None}
    request = _request(_document(file), given, budget_usd)
    run(_start(request, wait=wait, as_json=as_json))


def print_customer_key(
    email: Annotated[str, typer.Option(help="The customer's e-mail address.")], as_json: JsonFlag = False
) -> None:
    """The key of a customer without an own id: services that start runs themselves use customer-onboarding/KEY."""
    salt = settings().customer_salt.get_secret_value().encode()
    key = customer_key(Customer.model_construct(email=email, customer_id=None), salt)
    if as_json:
        show_json({"customer_key": key, "workflow_id": f"{ONBOARDING.name}/{key}"})
    else:
        console.print(key)


def _document(file: Path | None) -> dict[str, Any]:
    """The JSON object that was given, the customer's fields below `customer`."""
    if file is None:
        return {}
    document = json_object(read_text(file))
    if document is None:
        fail(
            Exit.WRONG_INPUT,
            f"{file}: is not a JSON object",
            'Give {"customer": {"email": …, "company": …, "plan": …}}',
        )
    return document if "customer" in document else {"customer": document}


def _request(document: dict[str, Any], options: dict[str, Any], budget_usd: float | None) -> OnboardingRequest:
    """The request, or all that is wrong with it at once."""
    customer = document.get("customer", {})
    wanted: dict[str, Any] = {
        **document,
        "customer": {**customer, **options} if isinstance(customer, dict) else customer,
    }
    if budget_usd is not None:
        wanted["budget"] = {"usd": budget_usd}
    wanted.setdefault("trigger", TriggerType.MANUAL)
    foreign = [f"{name}: is not a field of a request" for name in wanted if name not in STARTABLE]
    try:
        request = OnboardingRequest.model_validate(wanted, extra="forbid")
    except ValidationError as error:
        fail(Exit.WRONG_INPUT, *foreign, *explain(error))
    problems = [*foreign, *start_problems(request)]
    if problems:
        fail(Exit.WRONG_INPUT, *problems)
    return request


def explain(error: ValidationError) -> list[str]:
    """Each problem in one line: where, what, and how to mend it."""
    return [_explain(place_of(problem), problem) for problem in error.errors()]


def _explain(path: str, problem: ErrorDetails) -> str:
    parent, _, name = path.rpartition(".")
    kind = problem["type"]
    model: type[BaseModel] = {"customer": Customer, "budget": Budget, "review": ReviewPolicy}.get(
        parent, OnboardingRequest
    )
    field = model.model_fields.get(name)
    meaning = f" ({field.description})" if field is not None and field.description else ""
    if kind == "missing":
        option = f"; give it in the JSON or as --{name.replace('_', '-')}" if parent == "customer" else ""
        return f"{path}: is missing{meaning}{option}"
    if kind == "extra_forbidden":
        return f"{path}: {words_of(problem, model.model_fields)}"
    if kind == "string_pattern_mismatch":
        return f"{path}: {form_of(name)}{meaning}"
    return f"{path}: {words_of(problem)}{meaning}"


async def _start(request: OnboardingRequest, *, wait: bool, as_json: bool) -> None:
    temporal = await client()
    own = settings()
    workflow_id = ONBOARDING.workflow_id(request, own.customer_salt.get_secret_value().encode())
    starting = start(temporal, ONBOARDING, request, workflow_id=workflow_id)
    await follow(ONBOARDING, temporal, starting, wait=wait, as_json=as_json)

"""`starter.py faults`: let a stand-in of the local stack fail, to see what becomes of the runs."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.table import Column, Table

from towpath.cli.as_json import JsonFlag, show_json
from towpath.cli.local.commands import STATE
from towpath.cli.terminal import Exit, console, fail
from towpath.local.faults import KINDS, OPERATIONS, FaultDoor, UnknownFaultError, fault_of
from towpath.local.state import running
from towpath.local.tokens import STANDINS_FILE, kept_token
from towpath.views.tables import show_table
from towpath.views.wording import count

app = typer.Typer(
    no_args_is_help=True,
    help=(
        "Let a stand-in of the local stack fail, and see what becomes of the runs.\n\n"
        f"Services: {', '.join(OPERATIONS)}.\n\nFaults: "
        + "; ".join(f"{name}: {it.meaning}" for name, it in KINDS.items())
    ),
)
TELLING = ("status", "drop", "hold", "after_effect")
"""What tells a kind of fault from the others."""
StateOption = Annotated[Path, typer.Option(help="Folder of the local stack that is meant.")]


@app.command("set")
def order(
    service: Annotated[str, typer.Argument(help=f"One of: {', '.join(OPERATIONS)}.")],
    operation: Annotated[str, typer.Argument(help="One of its operations, like setUpSubscription of billing.")],
    fault: Annotated[str, typer.Argument(help=f"One of: {', '.join(KINDS)}.")],
    times: Annotated[int | None, typer.Option(min=1, help="How often; without it, until it is cleared.")] = None,
    reference: Annotated[str | None, typer.Option(help="Only for this customer or order.")] = None,
    state: StateOption = STATE,
    as_json: JsonFlag = False,
) -> None:
    """Order a fault.

    A run in failed-onboarding: starter.py faults set billing setUpSubscription declined
    """
    try:
        wanted = fault_of(service, operation, fault)
    except UnknownFaultError as error:
        fail(Exit.WRONG_INPUT, str(error))
    with _door(state) as door:
        number = door.order({**wanted, "times": times, "reference": reference})
    if as_json:
        show_json({"id": number, **wanted})
        return
    often = "until it is cleared" if times is None else f"the next {count(times, 'time')}"
    console.print(
        f"fault {number}: {service} {wanted['operation']}, {KINDS[fault].meaning}; {often}",
        f"clear it: python starter.py faults clear {number}",
        sep="\n",
        markup=False,
        soft_wrap=True,
    )


@app.command("list")
def show(state: StateOption = STATE, as_json: JsonFlag = False) -> None:
    """The faults that are ordered, and how often each has happened."""
    with _door(state) as door:
        ordered = door.ordered()
    if as_json:
        show_json(ordered)
        return
    if not ordered:
        console.print("No faults are ordered.")
        return
    table = Table("fault", "service", "operation", "what", "happened", Column("reference", overflow="fold"), box=None)
    for each in ordered:
        happened = f"{each['hits']}" if each["times"] is None else f"{each['hits']} of {each['times']}"
        table.add_row(str(each["id"]), each["service"], each["operation"], _kind(each), happened, each["reference"])
    show_table(console, table)


@app.command()
def clear(
    number: Annotated[int | None, typer.Argument(help="Which fault; without it, all.")] = None,
    state: StateOption = STATE,
    as_json: JsonFlag = False,
) -> None:
    """Lift a fault, or all. Runs that failed meanwhile go on with `queue redrive`."""
    with _door(state) as door:
        ordered = [each["id"] for each in door.ordered()]
        if number is not None and number not in ordered:
            fail(
                Exit.NOT_FOUND, f"fault {number} is not ordered; ordered are: {', '.join(map(str, ordered)) or 'none'}"
            )
        door.lift(number)
    cleared = ordered if number is None else [number]
    if as_json:
        show_json({"cleared": cleared})
    else:
        console.print(f"cleared {count(len(cleared), 'fault')}")


@app.command("shop")
def break_shop(
    service: Annotated[str, typer.Argument(help="One of the shop's services, like checkout.")],
    fault: Annotated[str, typer.Argument(help="What breaks in it, like bad-deployment.")],
    state: StateOption = STATE,
    as_json: JsonFlag = False,
) -> None:
    """Break the shop that is watched: its alert begins an incident.

    A bad deployment: starter.py faults shop checkout bad-deployment
    """
    with _door(state) as door:
        try:
            instance = door.break_shop(service, fault)
        except UnknownFaultError as error:
            fail(Exit.WRONG_INPUT, str(error))
    if as_json:
        show_json({"service": service, "fault": fault, "instance": instance})
        return
    console.print(f"{service} has {fault}; the alert fires in some seconds", markup=False, soft_wrap=True)


@contextmanager
def _door(state: Path) -> Generator[FaultDoor]:
    addresses = running(state)
    if addresses is None:
        fail(
            Exit.UNREACHABLE,
            f"No local stack is up with its state in {state}: faults are for its stand-ins. Start it with `make up`.",
        )
    door = FaultDoor(addresses["stand-ins"], kept_token(state / STANDINS_FILE))
    try:
        yield door
    except httpx.HTTPError as error:
        fail(Exit.UNREACHABLE, f"The stand-ins do not answer at {addresses['stand-ins']}: {error}")
    finally:
        door.close()


def _kind(ordered: Mapping[str, Any]) -> str:
    """The name of a fault; the answer of one that somebody ordered in another way."""
    for name, kind in KINDS.items():
        if all((ordered[field] or None) == kind.fault.get(field) for field in TELLING):
            return name
    return f"answers {ordered['status'] or 500}"

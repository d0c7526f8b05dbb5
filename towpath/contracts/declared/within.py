"""What runs hand on: to the run that continues one, and between a run and those that do its items."""

from datetime import datetime

from towpath.contracts.core.claude import Budget
from towpath.contracts.core.wire import JsonObject, Wire
from towpath.contracts.declared.references import SecretPlace


class SentStep(Wire):
    """What a run sent for a step, or was about to send: so that under the same key the same bytes are sent again.

    `now` is what `now()` was in it. `digest` is of what it is made of: of its config, or of items and what they read.
    `config` is missing when there are items, or when it is large; `references` say where secrets belong in it, None
    in what earlier versions kept. `variant` ends its key: see `towpath.engine.run.sending`.
    """

    now: datetime
    digest: str
    config: JsonObject | None = None
    references: tuple[SecretPlace, ...] | None = None
    stands: bool = False
    """It has happened, or may have, and is not undone."""
    variant: str = ""


class Sending(Wire):
    """What a run hands over to the one that continues it. `salt` is what `uuid()` is made from in what is sent."""

    began: datetime
    salt: str
    steps: dict[str, SentStep] = {}
    inside: dict[str, "Sending"] = {}
    """By workflow id, of the runs that its steps began and that failed, or were undone."""
    left: dict[str, "Left"] = {}
    """By item of a group, of those whose effects stand."""


class Undo(Wire):
    """A step of an item that was done, and how it is undone: `config` as it is sent, None as in an `UndoStep`.

    `why` says why it cannot be undone. `items` are there for a group with items of its own.
    """

    step: str
    visit: str = ""
    config: JsonObject | None = None
    references: tuple[SecretPlace, ...] = ()
    unknown: bool = False
    why: str = ""
    items: dict[str, "Left"] = {}

    @property
    def place(self) -> str:
        """What it is called in effect keys, in history, and by people."""
        return self.visit or self.step


class Left(Wire):
    """What an item of a group leaves: `undo` is undone when the run around it fails, in this order.

    `names` and `steps` are what an undo reads that asks first whether it happened. `stays` is what could not be undone.
    """

    undo: tuple[Undo, ...] = ()
    names: JsonObject = {}
    steps: JsonObject = {}
    sending: Sending | None = None
    stays: tuple[str, ...] = ()


class Within(Wire):
    """Of a run that does the members of a group for one item: what it has of the run around it.

    `groups` lead to the group, the outermost first; `run_id` and `started_at` are what the expressions of the run
    around it know of it. Only what the members read is brought: `steps` are outputs, `records` how steps ended, `names`
    the item, its index, and errors that were caught. `salt` is what `uuid()` is made from in what the item sends.
    """

    groups: tuple[str, ...]
    run_id: str
    started_at: datetime
    names: JsonObject
    steps: JsonObject = {}
    records: dict[str, JsonObject] = {}
    salt: str
    budget: Budget
    undo: tuple[Undo, ...] = ()
    """This run undoes what the item did, and nothing else. Its keys are made of the item's: `owner`."""
    owner: str = ""

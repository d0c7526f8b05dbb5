"""What may be asked of the code: the shape of what is given, and a function that answers as JSON."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from tests.evaluations.cases import Strict
from towpath.contracts.core.wire import JsonObject

GivenT = TypeVar("GivenT", bound=Strict)


@dataclass(frozen=True, slots=True)
class Question(Generic[GivenT]):
    given: type[GivenT]
    ask: Callable[[GivenT], JsonObject]

    def answer(self, given: JsonObject) -> JsonObject:
        return self.ask(self.given.model_validate(given))

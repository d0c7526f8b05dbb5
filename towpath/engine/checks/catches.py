"""Checks of what is caught and tried again: codes that failures have, names that mean nothing else yet."""

import re

from towpath.engine.expression.suggestions import did_you_mean
from towpath.engine.language.copying import base_of, written_name
from towpath.engine.language.diagnostics import Path
from towpath.engine.language.plan import PlanNode
from towpath.engine.language.source import Source
from towpath.engine.language.steps import Catch, Retry
from towpath.engine.language.vocabulary import CODES, FAILED_STATUS, TAKEN

_STATUS = re.compile(FAILED_STATUS)
SAME_AGAIN = frozenset({"set", "raise", "condition"})
"""Types of steps that end the same each time."""


def check_retry(source: Source, retry: Retry | None, path: Path) -> None:
    """Codes that no failure has would never match."""
    for field in ("retry_on", "no_retry_on"):
        for index, code in enumerate([] if retry is None else getattr(retry, field)):
            text = str(code).lower()
            if text not in CODES and _STATUS.fullmatch(text) is None:
                hint = did_you_mean(text, CODES)[2:] or "write a failure code, 429 or 5xx"
                source.report((*path, field, index), "retry.unknown", f"no failure has the code {code!r}", hint)


class CatchChecks:
    """The entries of `catch`, of all steps and groups of a plan."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._owners: dict[str, str] = {}
        """Names of caught errors, each with the step or group whose error it is."""

    def check(self, node: PlanNode) -> None:
        path: Path = (*node.path, "catch")
        if node.kind == "condition" and node.step is not None and node.step.catch:
            what = "a condition catches nothing: what fails is in its branches"
            self._source.report(path, "step.no-effect", what, "catch at the steps of its branches", key=True)
        for index, entry in enumerate(node.catches):
            code = entry.on.code
            if code is not None and code not in CODES:
                hint = did_you_mean(code, CODES)[2:] or "write a failure code, as step.timeout"
                place = (*path, index, "on", "code")
                self._source.report(place, "catch.unknown", f"no failure has the code {code!r}", hint)
            self._again(node, entry, (*path, index, "retry"))
            self._name(node, entry, (*path, index, "as"))

    def _name(self, node: PlanNode, entry: Catch, path: Path) -> None:
        if entry.as_ is None:
            return
        name, owner = written_name(entry.as_), base_of(node.id)
        if name in TAKEN or self._owners.setdefault(name, owner) != owner:
            what = f"{name!r} means something already"
            mend = "choose another name: each is the error of one step or group"
            self._source.report(path, "catch.name", what, mend)

    def _again(self, node: PlanNode, entry: Catch, path: Path) -> None:
        """Only what is done once, and may end otherwise the next time, is done again."""
        step = node.step
        check_retry(self._source, entry.retry, path)
        if entry.retry is None or (step is not None and step.for_each is None and step.type not in SAME_AGAIN):
            return
        what = "a group is not done again" if step is None else f"a {step.type} step ends the same each time"
        if step is not None and step.for_each is not None:
            what = "the items of a for_each are tried one by one"
        self._source.report(path, "step.no-effect", what, "write retry at the steps that may fail", key=True)

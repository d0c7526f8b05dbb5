"""What an http step gives of an answer: the forms of its `output`, and what `select` keeps of each."""

from collections.abc import Sequence

from pydantic import JsonValue

from towpath.contracts.declared.http_call import HttpAnswer
from towpath.engine.language.http_step import HttpOutput
from towpath.engine.language.shapes import as_object
from towpath.engine.run.selecting import pick


def output_of(answer: HttpAnswer, form: HttpOutput | None) -> JsonValue:
    if form in {"body", "raw"}:
        return answer.body
    found: JsonValue = {"status": answer.status, "headers": dict(answer.headers), "body": answer.body}
    return {"request": answer.request, **found} if form == "response" else found


def selected(answer: HttpAnswer, form: HttpOutput | None, select: Sequence[str]) -> HttpAnswer:
    """The answer with what is kept of it; its status always is."""
    if not select or form == "raw":
        return answer
    if form == "body":
        return answer.model_copy(update={"body": pick(answer.body, select)})
    kept = pick(answer.model_dump(include={"headers", "body", "request"}), select)
    request = None if answer.request is None else kept.get("request", {})
    return answer.model_copy(update={"headers": kept.get("headers", {}), "body": kept.get("body"), "request": request})


def selected_output(output: JsonValue, form: HttpOutput | None, select: Sequence[str]) -> JsonValue:
    """As `selected`, of an output that a test gives, of whatever shape."""
    fields = as_object(output)
    if not select or form == "raw" or (fields is None and form != "body"):
        return output
    if fields is None or form == "body":
        kept: JsonValue = pick(output, select)
        return kept
    parts = pick({name: fields.get(name) for name in ("headers", "body", "request")}, select)
    request = {"request": parts.get("request", {})} if form == "response" else {}
    return {**fields, "headers": parts.get("headers", {}), "body": parts.get("body"), **request}


def has_status(form: HttpOutput | None) -> bool:
    """Whether the output tells the status of the answer."""
    return form in {None, "response"}

"""A call of an operation, made of what a step sends and of what its definition froze of the document."""

from towpath.contracts.core.failure import Failure, FailureCode
from towpath.contracts.core.wire import EffectKey
from towpath.contracts.declared.http_call import OperationCall
from towpath.engine.expression.values import Value
from towpath.engine.language.definition import Header
from towpath.engine.run.evaluation import StepError
from towpath.engine.run.references import detach


def operation_call(header: Header, config: dict[str, Value], key: EffectKey, secrets: tuple[str, ...]) -> OperationCall:
    """Raises StepError for what was not frozen."""
    name, operation = config["document"], config["operation"]
    document = header.documents.get(name)
    frozen = None if document is None else document.frozen
    if document is None or frozen is None or operation not in frozen.operations:
        message = f"{name} {operation}: it was not frozen with the definition: publish it, or run its file, again"
        raise StepError(Failure(code=FailureCode.STEP_INPUT, message=message, attempts=1))
    params, references = detach(config["params"], secrets)
    return OperationCall(
        document=name,
        operation=frozen.operations[operation],
        connection=document.connection,
        server=frozen.server,
        params=params,
        output=config.get("output"),
        references=references,
        key=key,
    )

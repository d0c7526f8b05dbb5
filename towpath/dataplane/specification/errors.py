"""What is wrong with one expression or one operation, before it becomes a problem with its place."""

from collections.abc import Collection

from towpath.contracts.pipeline.transformation import SpecificationProblem
from towpath.engine.expression.suggestions import nearest


class RefusedExpressionError(Exception):
    """An expression that is not let through: a stable code, a sentence, and a mend where one is known."""

    def __init__(self, code: str, message: str, mend: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.mend = mend

    def at(self, place: str) -> SpecificationProblem:
        return SpecificationProblem(place=place, code=self.code, message=self.message, mend=self.mend)


def no_column(name: str, columns: Collection[str]) -> RefusedExpressionError:
    near = nearest(name, columns)
    mend = f"columns are: {', '.join(sorted(columns)[:20])}" if near is None else f"did you mean {near!r}?"
    return RefusedExpressionError("column", f"there is no column {name!r} here", mend)


def not_allowed(name: str) -> RefusedExpressionError:
    return RefusedExpressionError(
        "not_allowed",
        f"{name[:60]!r} may not stand in an expression",
        "expressions are scalar: columns, literals, operators, CASE, casts, and the functions of the manual",
    )

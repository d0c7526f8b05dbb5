"""Pages from the templates in the folder beside this module.

Every value is escaped, a name that a template does not know is an error, and no template comes from outside.
"""

from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from towpath.contracts.core.text import clean_lines
from towpath.dataplane.report.plots import histogram, meter
from towpath.dataplane.report.words import count, moment, row_count, seconds, share, size

TEMPLATES = Path(__file__).parent / "templates"
FILTERS = {"moment": moment, "number": count, "row_count": row_count, "seconds": seconds, "share": share, "size": size}


def render(template: str, **values: object) -> str:
    return _environment().get_template(template).render(**values)


def _clean(value: object) -> object:
    """Markup is of our templates; every text that is put into them is clean."""
    return clean_lines(value) if type(value) is str else value


@cache
def _environment() -> Any:
    # Loaded with the first page: most child processes never write one.
    jinja2: Any = import_module("jinja2")
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_clean,
    )
    environment.filters.update(FILTERS)
    environment.globals.update(histogram=histogram, meter=meter)
    return environment

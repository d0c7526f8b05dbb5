"""Checks of a mail of a multi-channel step against its template: that there is one, its fields, subject and body."""

from collections.abc import Callable
from typing import Any

from towpath.engine.checks.params import check_params
from towpath.engine.expression.suggestions import did_you_mean
from towpath.engine.language.catalogue import DefinitionCatalogue
from towpath.engine.language.diagnostics import Path
from towpath.engine.language.shapes import as_object
from towpath.engine.language.source import Source
from towpath.engine.language.steps import EmailChannel


def check_mail(
    source: Source, email: EmailChannel, path: Path, catalogue: DefinitionCatalogue, is_open: Callable[[Any], bool]
) -> None:
    """What comes from a template as a whole is only known when it runs."""
    known = catalogue.mail_templates
    entry = known.get(email.template)
    if entry is None:
        if known:
            what, hint = f"there is no mail template {email.template!r}", did_you_mean(email.template, known)[2:]
            source.report((*path, "template"), "template.unknown", what, hint)
        return
    what, data = f"mail template {email.template!r}", email.data
    fields = as_object(data)
    if fields is None and is_open(data):
        return
    if data in (None, "", {}) or (entry.fields and fields is None):
        names = ", ".join(f"{name}: …" for name in entry.fields.get("required", []))
        mend = f"add data: {{{names}}}" if names else "add data: what the mail says"
        source.report(path, "param.missing", f"{what} needs data", mend)
    elif fields is not None:
        check_params(source, fields, dict(entry.fields), (*path, "data"), what, is_open=is_open)
    if not email.subject.strip() and entry.subject_from not in (fields or {}):
        mend = "add subject: …"
        source.report(path, "param.missing", f"{what} needs a subject", mend)

"""Answers for incident response: log patterns, deployments and jumps of metrics, weighed by a table. Nothing is known
beyond the request, and texts for people carry the mark of an offline draft.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pydantic import JsonValue

from towpath.standins.claude.given import MARKS, JsonObject, lines, text

SEVERE = frozenset({"fatal", "error", "critical", ""})
CLAIMS, HYPOTHESES, EVIDENCE, QUOTE = 6, 4, 4, 120
JUMP = 1.5
"""How many times its baseline a metric must be to count as a jump."""
USED_UP = 0.9
RECENT = timedelta(minutes=30)
LEAST = 0.35
"""Weight below which a cause is not told."""
MARK = MARKS["en"]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of cause: how log lines tell of it, and how it is told."""

    category: str
    pattern: re.Pattern[str]
    cause: str
    weight: float = 1.0


def _kind(category: str, pattern: str, cause: str, weight: float = 1.0) -> Kind:
    return Kind(category, re.compile(pattern, re.IGNORECASE), cause, weight)


KINDS = (
    _kind("storage", r"no space left|disk (?:is )?full|read-only file|quota exceeded", "the disk{where} is full"),
    _kind("capacity", r"out of memory|\boom\b|oom-?kill|memory limit|heap space", "memory{where} runs out"),
    _kind(
        "capacity",
        r"pool (?:is )?exhausted|too many (?:connections|open files)|queue is full|waited \d+ ?ms|overload|throttl",
        "there is more load than the instances can serve",
    ),
    _kind("certificate", r"certificate|x509|tls handshake|ssl", "a certificate is not valid"),
    _kind(
        "network",
        r"no route to host|name resolution|dns|nxdomain|network is unreachable",
        "the network fails between hosts",
    ),
    _kind(
        "dependency",
        r"connection (?:to \S+ )?(?:was )?(?:refused|reset)|econnrefused|timed? ?out|unavailable|\b50[234]\b|upstream",
        "what the service depends on does not answer{peer}",
    ),
    _kind("data", r"deadlock|duplicate key|constraint|corrupt|checksum|cannot parse", "stored data cannot be used"),
    _kind(
        "configuration",
        r"missing (?:setting|config)|invalid config|unknown option|permission denied|unauthori[sz]ed|\b40[13]\b",
        "the configuration does not fit",
    ),
    _kind(
        "deployment",
        r"is missing in|no such (?:method|field|column)|undefined|nullpointer|typeerror|keyerror|unexpected|\bbuild\b",
        "the latest deployment broke something",
        0.7,
    ),
)
JUMPS = {"disk_used": "storage", "memory_used": "capacity", "request_rate": "capacity", "cpu_used": "capacity"}
PREVENTION = {
    "deployment": "Release to a few instances first, and stop when their error rate rises.",
    "storage": "Alert on disks before they are full, and rotate what fills them.",
    "capacity": "Alert on memory and load before they are used up.",
    "dependency": "Bound the calls of the dependency by time-outs and a circuit breaker.",
    "certificate": "Alert on certificates two weeks before they end.",
}


@dataclass(slots=True)
class _Suspect:
    category: str
    cause: str
    weight: float = 0.0
    evidence: list[JsonObject] = field(default_factory=list[JsonObject])
    counter: list[JsonObject] = field(default_factory=list[JsonObject])

    def add(self, weight: float, kind: str, reference: str, quote: str) -> None:
        self.weight += weight
        if len(self.evidence) < EVIDENCE:
            self.evidence.append({"kind": kind, "reference": reference, "quote": quote})


def analysis(given: JsonObject) -> JsonObject:
    """A claim for each severe pattern and each jump of a metric."""
    severe = [one for one in _objects(given, "patterns") if text(one, "level") in SEVERE]
    claims: list[JsonValue] = [
        {
            "statement": f"{_count(one)} lines like: {text(one, 'template')}",
            "lines": [*_numbers(one)[:3]],
            "metrics": [],
        }
        for one in severe[: CLAIMS - 2]
    ]
    for series in _jumped(given)[: CLAIMS - len(claims)]:
        moved = f"{text(series, 'title')} went from {_figure(series, 'baseline')} to {_figure(series, 'last')}"
        claims.append({"statement": moved, "lines": [], "metrics": [text(series, "metric")]})
    rate = max((_value(one, "last") for one in _series(given, "error_rate")), default=0.0)
    level = 5 if rate >= 0.9 else 4 if rate >= 0.25 else 3 if rate >= 0.05 else 2
    seen = text(severe[0], "template") if severe else "no severe log lines"
    return {
        "summary": f"{MARK} {text(given, 'service')}: {seen}; error rate {rate:.3g}.",
        "claims": claims,
        "suggested_level": level,
        "suggested_level_reason": f"the error rate is {rate:.3g}",
    }


def diagnosis(given: JsonObject) -> JsonObject:
    """Suspects by log lines, deployments and metrics; a confidence is its share of all weight and of what lacks."""
    suspects = _by_logs(given)
    _by_deployments(given, suspects)
    _by_metrics(given, suspects)
    ranked = sorted(suspects.values(), key=lambda one: (-one.weight, one.category, one.cause))
    kept = [one for one in ranked if one.weight >= LEAST and one.evidence][:HYPOTHESES]
    total = sum(one.weight for one in kept) + LEAST
    rate = max((_value(one, "last") for one in _series(given, "error_rate")), default=None)
    impact = "unknown: there is no error rate" if rate is None else f"{rate:.1%} of the requests fail"
    return {
        "insufficient_evidence": not kept,
        "hypotheses": [
            {
                "cause": f"{MARK} {one.cause[:1].upper()}{one.cause[1:]}.",
                "category": one.category,
                "confidence": round(one.weight / total, 2),
                "evidence": [*one.evidence],
                "counter_evidence": [*one.counter],
            }
            for one in kept
        ],
        "impact": f"{MARK} {impact}",
        "recommended_actions": [f"{MARK} {advice}" for advice in _advice(given, kept)],
        "prevention": [f"{MARK} {PREVENTION[one.category]}" for one in kept[:1] if one.category in PREVENTION],
    }


def plan(given: JsonObject) -> JsonObject:
    """The offered action that fits the likeliest cause, with the values that its evidence names."""
    hypotheses = _objects(given, "hypotheses")
    first = hypotheses[0] if hypotheses else {}
    words = " ".join([text(first, "cause"), *(text(one, "quote") for one in _objects(first, "evidence"))]).lower()
    fitting = [one for one in _objects(given, "actions") if text(first, "category") in lines(one, "categories")]
    best = max(fitting, key=lambda one: _overlap(one, words), default=None)
    metrics = lines(given, "metrics")
    return {
        "immediate": [] if best is None else [_chosen(best, words, text(first, "cause"))],
        "follow_up": [f"{MARK} Find out why: {text(first, 'cause').removeprefix(f'{MARK} ')}"] if first else [],
        "success_criteria": [*([name for name in ("error_rate", "latency_p95") if name in metrics] or metrics[:1])],
        "watch_minutes": 10,
    }


def _by_logs(given: JsonObject) -> dict[str, _Suspect]:
    """By the share of severe lines that tell of each kind."""
    severe = [one for one in _objects(given, "patterns") if text(one, "level") in SEVERE]
    total = sum(_count(one) for one in severe) or 1
    by_number = {_number(one, "number"): text(one, "text") for one in _objects(given, "lines")}
    found: dict[str, _Suspect] = {}
    for pattern in severe:
        samples = [(number, by_number[number]) for number in _numbers(pattern) if number in by_number]
        for kind in KINDS:
            hit = next(((number, one) for number, one in samples if kind.pattern.search(one)), None)
            if hit is not None:
                suspect = found.setdefault(kind.cause, _Suspect(kind.category, _told(kind, given, hit[1])))
                suspect.add(kind.weight * _count(pattern) / total, "log", str(hit[0]), hit[1][:QUOTE].strip())
                break
    return found


def _by_deployments(given: JsonObject, suspects: dict[str, _Suspect]) -> None:
    """A deployment within the half hour before the first severe line is a suspect; one after it speaks against it."""
    severe = [one for one in _objects(given, "patterns") if text(one, "level") in SEVERE]
    began = min((moment for one in severe if (moment := _moment(one, "first_seen")) is not None), default=None)
    made = next(iter(_objects(given, "deployments")), None)
    at = None if made is None else _moment(made, "at")
    if made is None or at is None or began is None:
        return
    known = next((one for one in suspects.values() if one.category == "deployment"), None)
    quote = f"version: {text(made, 'version')}"
    if began - RECENT <= at <= began + timedelta(minutes=1):
        suspect = known or suspects.setdefault("deployment", _Suspect("deployment", ""))
        suspect.cause = f"the deployment {text(made, 'id')} (version {text(made, 'version')}) broke something"
        suspect.add(0.6 if known is not None else 0.4, "deployment", text(made, "id"), quote)
    elif known is not None:
        known.weight *= 0.5
        known.counter.append({"kind": "deployment", "reference": text(made, "id"), "quote": quote})


def _by_metrics(given: JsonObject, suspects: dict[str, _Suspect]) -> None:
    """A jump of a metric speaks for the suspects of its kind."""
    for series in _jumped(given):
        name = text(series, "metric")
        for suspect in suspects.values():
            if suspect.category == JUMPS.get(name):
                suspect.add(0.4, "metric", name, _figure(series, "last"))


def _told(kind: Kind, given: JsonObject, line: str) -> str:
    """The cause with the instance whose disk or memory is used up, or the peer that a line names."""
    metric = {"storage": "disk_used", "capacity": "memory_used"}.get(kind.category, "")
    worst = max(_series(given, metric), key=lambda one: _value(one, "last"), default=None)
    instance = "" if worst is None else str(_inner(worst, "labels").get("instance", ""))
    peer = re.search(r"connection to (\S+)", line)
    return kind.cause.replace("{where}", f" of {instance}" if instance else "").replace(
        "{peer}", f" ({peer[1]})" if peer else ""
    )


def _jumped(given: JsonObject) -> list[JsonObject]:
    """Series that are used up, or well above their baseline; the largest jump first."""
    found: list[tuple[float, JsonObject]] = []
    for series in _objects(given, "metrics"):
        last, baseline = _value(series, "last"), _value(series, "baseline")
        name = text(series, "metric")
        used_up = name.endswith("_used") and last >= USED_UP
        if used_up or (not name.endswith("_used") and last > 0 and last >= JUMP * baseline):
            found.append((last / baseline if baseline > 0 else 1e9, series))
    return [series for _, series in sorted(found, key=lambda one: (-one[0], text(one[1], "metric")))]


def _advice(given: JsonObject, kept: Iterable[_Suspect]) -> list[str]:
    advice = [f"Look at runbook {text(one, 'name')}: {text(one, 'title')}" for one in _objects(given, "runbooks")]
    advice += [f"Compare with incident {text(one, 'incident_id')}" for one in _objects(given, "similar")]
    return (
        (advice or ["Look at the latest changes of the service and of what it depends on."])[:5]
        if not kept
        else advice[:5]
    )


def _chosen(action: JsonObject, words: str, cause: str) -> JsonObject:
    parameters: list[JsonValue] = []
    for name in _inner(action, "parameters"):
        allowed = lines(_inner(action, "parameters"), name)
        value = next((value for value in allowed if value.lower() in words), allowed[0] if allowed else "")
        parameters.append({"name": name, "value": value})
    return {"action": text(action, "id"), "parameters": parameters, "reason": cause}


def _overlap(action: JsonObject, words: str) -> int:
    own = re.findall(
        r"[a-z]{4,}", f"{text(action, 'id')} {text(action, 'title')} {text(action, 'description')}".lower()
    )
    return sum(word in words for word in set(own))


def _series(given: JsonObject, name: str) -> list[JsonObject]:
    return [one for one in _objects(given, "metrics") if text(one, "metric") == name]


def _objects(given: Mapping[str, JsonValue], name: str) -> list[JsonObject]:
    values = given.get(name)
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []


def _inner(given: JsonObject, name: str) -> JsonObject:
    value = given.get(name)
    return value if isinstance(value, dict) else {}


def _value(given: JsonObject, name: str) -> float:
    value = given.get(name)
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else 0.0


def _figure(given: JsonObject, name: str) -> str:
    return f"{_value(given, name):.4g}"


def _number(given: JsonObject, name: str) -> int:
    return int(_value(given, name))


def _count(given: JsonObject) -> int:
    return max(1, _number(given, "count"))


def _numbers(pattern: JsonObject) -> list[int]:
    values = pattern.get("lines")
    return [value for value in values if isinstance(value, int)] if isinstance(values, list) else []


def _moment(given: JsonObject, name: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text(given, name))
    except ValueError:
        return None


HANDLERS: dict[str, Callable[[JsonObject], JsonObject]] = {
    "AnalysisAnswer": analysis,
    "DiagnosisAnswer": diagnosis,
    "PlanAnswer": plan,
}

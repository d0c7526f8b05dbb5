"""The common work of the effect lanes: eight calls in three stages, and a pure function before the second and third.

Here it is as a definition; `bench/effects_plain.py` and `bench/effects_class.py` have it by hand.
"""

from towpath.contracts.core.wire import JsonObject

FIRST = ("verify-email", "look-up-company")
SECOND = ("create-account", "set-up-billing", "open-mailbox")
THIRD = ("send-mail", "post-chat", "update-crm")
CALLS = len((*FIRST, *SECOND, *THIRD))
READY = "worker ready"
"""What every worker of these lanes writes when it is: worker.py says it in its log."""

_BODY = {
    "reference": "{{ inputs.customer.customer_id }}",
    "email": "{{ inputs.customer.email }}",
    "company": "{{ inputs.customer.company }}",
}


def definition(receiver: str) -> JsonObject:
    """The document that sends to this receiver."""
    second = {"plan": "{{ inputs.customer.plan }}", "score": "{{ steps.risk.score }}"}
    third = {"account": "{{ steps.create-account.body.id }}", "features": "{{ steps.facts.features }}"}
    industry = "{{ steps.look-up-company.body.industry }}"
    return {
        "id": "bench-effects-declared",
        "version": "1.0.0",
        "inputs": {"customer": {"type": "object"}},
        "steps": [
            _stage(receiver, FIRST, {}),
            _function("risk", "assessCustomerRisk", {}),
            _stage(receiver, SECOND, second),
            _function("facts", "welcomeKitFacts", {"industry": industry}),
            _stage(receiver, THIRD, third),
        ],
        "outputs": {"account": "{{ steps.create-account.body.id }}"},
    }


def _stage(receiver: str, steps: tuple[str, ...], more: dict[str, str]) -> JsonObject:
    return {"parallel": [_call(receiver, step, more) for step in steps]}


def _call(receiver: str, step: str, more: dict[str, str]) -> JsonObject:
    config: JsonObject = {"url": f"{receiver}/{step}", "method": "POST", "body": {**_BODY, **more}}
    return {"id": step, "type": "http", "config": config}


def _function(step: str, handler: str, more: dict[str, str]) -> JsonObject:
    config: JsonObject = {"handler": handler, "params": {"customer": "{{ inputs.customer }}", **more}}
    return {"id": step, "type": "function", "config": config}

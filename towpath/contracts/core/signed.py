"""What a person sends to a run, and the signature of the door that it came through."""

from datetime import datetime

from towpath.contracts.core.wire import Wire


class Signed(Wire):
    """A message whose sender counts. A door that holds the decision key fills both fields; see
    `towpath.policy.core.signing`. Where the worker has a key, a message without them is refused.
    """

    signed_at: datetime | None = None
    signature: str = ""
    """HMAC-SHA256 in hexadecimal digits."""

"""What reaches the stores beside the histories, and the proxy that leads outside, by the settings."""

from towpath.blobs.store import Access
from towpath.config.settings import ClientSettings
from towpath.outside.proxy import Proxy


def access_of(settings: ClientSettings) -> Access:
    """For `TOWPATH_PAYLOAD_STORE` and `TOWPATH_ARTEFACT_STORE`."""
    options = {name: value.get_secret_value() for name, value in settings.store_options.items()}
    return Access(options, proxy_of(settings))


def proxy_of(settings: ClientSettings) -> Proxy | None:
    if settings.http_proxy is None:
        return None
    direct = tuple(name for part in settings.http_direct.split(",") if (name := part.strip()))
    return Proxy(settings.http_proxy.get_secret_value(), direct)

"""The proxy that clients go through: by the settings alone, never by the environment."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Proxy:
    """`url` may hold a password. Hosts of `direct` are reached without it: names, or `.example.com` for all below."""

    url: str = field(repr=False)
    direct: tuple[str, ...] = ()

    def patterns(self) -> tuple[str, ...]:
        """The hosts of `direct` as httpx and httpx2 write them."""
        return tuple(f"all://*{name}" if name.startswith(".") else f"all://{name}" for name in self.direct)

"""Values that are new to the world and yet the same whenever they are made again."""

import hashlib


class Uuids:
    """One random-looking uuid after another for one place of a run; nobody guesses them without its salt."""

    def __init__(self, salt: str, place: str) -> None:
        self._seed = f"{salt}:{place}"
        self._count = 0

    def __call__(self) -> str:
        self._count += 1
        made = hashlib.sha256(f"{self._seed}:{self._count}".encode()).hexdigest()
        variant = "89ab"[int(made[16], 16) % 4]
        return f"{made[:8]}-{made[8:12]}-4{made[13:16]}-{variant}{made[17:20]}-{made[20:32]}"

"""Numbers with their nouns."""


def count(number: int, noun: str, plural: str = "") -> str:
    """`1 row`, `2 rows`, `0 rows`; the plural where it is not made by an s."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"

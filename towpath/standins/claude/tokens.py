"""Estimates of tokens: about four ASCII characters a token, and two of any other script. Never exact."""

ASCII_PER_TOKEN, OTHER_PER_TOKEN = 4, 2


def estimate(text: str) -> int:
    """At least 1, as in the API: an empty text costs, too."""
    plain = len(text.encode("ascii", "ignore"))
    return max(1, plain // ASCII_PER_TOKEN + (len(text) - plain) // OTHER_PER_TOKEN)


def cut(text: str, most: int) -> str:
    """The longest beginning of `text` that is estimated at no more than `most` tokens; nothing when `most` is 0."""
    if most <= 0:
        return ""
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if estimate(text[:middle]) <= most else (low, middle - 1)
    return text[:low]

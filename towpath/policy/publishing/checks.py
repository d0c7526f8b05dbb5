"""What code finds in texts before Claude is asked: claims and quotations that the source does not have, block list,
repetitions.
"""

import re
from collections.abc import Iterable, Sequence

from towpath.contracts.publishing.campaign import Adaptation, ContentShape, PlatformRules, TextFinding
from towpath.contracts.publishing.posting import Post
from towpath.policy.core.claims import MAX_TEXT, unsupported_claims
from towpath.policy.core.reading import as_read, skeleton
from towpath.policy.publishing.addresses import KnownAddresses, addresses, without_addresses
from towpath.policy.publishing.limits import post_problems
from towpath.policy.publishing.names import name_findings
from towpath.policy.publishing.number_words import in_digits, vague_numbers
from towpath.policy.publishing.quotations import comparable, quoted
from towpath.policy.publishing.sentences import sentences

_COUNTER = re.compile(r"^\(?\d{1,2}\s?/\s?\d{0,2}\)?(?=\s|$)|(?<=\s)\(?\d{1,2}/\d{1,2}\)?$")
_KEYCAP = re.compile("[0-9#*]\ufe0f?\u20e3")
_GAP = re.compile(r"\[\s*(?:…|\.{3})\s*\]")
_REPEATED = 25
"""A sentence shorter than this may be said twice."""


def findings(
    adaptation: Adaptation,
    rules: PlatformRules,
    source: str,
    metadata_facts: Sequence[str],
    block_list: Sequence[str],
    others: Sequence[Adaptation] = (),
) -> tuple[TextFinding, ...]:
    """Everything that code has against one channel's texts, in a fixed order. Time is linear in source and texts.

    `limits`, `number`, `link`, `quote`, `mention` and `block-list` block, as does the same post twice on a platform
    (`duplicate`), and a `name` in the forms that `names.name_findings` lists. What code cannot decide is `doubtful`,
    and a person does: other names, dotted words, and words of number that say no certain one. Repetitions within or
    between channels, and a thread with fewer follow-ups than asked for (`thread-length`) lower the score.
    `metadata_facts` are what the author said besides the source: title, author, link.
    """
    link = next((fact for fact in metadata_facts if fact.startswith("https://")), None)
    texts = [_text(post) for post in adaptation.posts]
    found = [TextFinding(rule="limits", text=problem) for problem in post_problems(adaptation.posts, rules, link)]
    if rules.shape is ContentShape.THREAD:
        texts = [_COUNTER.sub(" ", text) for text in texts]
    found += _claims(texts, source, metadata_facts)
    found += _quotes(texts, source, metadata_facts)
    found += name_findings(texts, (source, *metadata_facts))
    found += _blocked(texts, block_list)
    found += [TextFinding(rule="gap", text="a gap is marked in it: […]") for text in texts if _GAP.search(text)]
    found += _repetitions(adaptation, others)
    least = rules.min_follow_ups + 2
    if rules.shape is ContentShape.THREAD and len(adaptation.posts) < least:
        text = f"the thread has {len(adaptation.posts)} posts, {least} are asked for"
        found.append(TextFinding(rule="thread-length", text=text, blocking=False))
    return tuple(dict.fromkeys(found))


def _text(post: Post) -> str:
    return "\n".join(part for part in (post.title, post.description, post.text, " ".join(post.tags)) if part)


def _claims(texts: Sequence[str], source: str, facts: Sequence[str]) -> list[TextFinding]:
    """Addresses and numbers. They are looked for in the text as it is read, and numbers in words as well."""
    known = KnownAddresses((source, *facts))
    plain = [skeleton(_KEYCAP.sub(" ", text)) for text in texts]
    found: list[TextFinding] = []
    for text in texts:
        strange = [address for address in addresses(as_read(text)) if not known.holds(address)]
        found += [_finding("link", address.written, doubtful=not address.is_certain) for address in strange]
    pieces = [piece for text in plain for piece in in_pieces(in_digits(without_addresses(text)))]
    given = [in_digits(skeleton(fact), ones=True) for fact in (source, *facts)]
    numbers = unsupported_claims(pieces, [piece for fact in given for piece in in_pieces(fact)])
    found += [_finding("number", _as_written(number, plain)) for number in numbers]
    words = " ".join(form for fact in map(skeleton, (source, *facts)) for form in (fact, in_digits(fact))).casefold()
    vague = [word for text in plain for word in vague_numbers(in_digits(text)) if word.casefold() not in words]
    return [*found, *(_finding("number", word, doubtful=True) for word in vague)]


def _finding(rule: str, written: str, *, doubtful: bool = False) -> TextFinding:
    text = f"{written!r} does not stand in the source"
    return TextFinding(rule=rule, text=text, blocking=not doubtful, doubtful=doubtful)


def _as_written(number: str, texts: Sequence[str]) -> str:
    return number if any(number in text for text in texts) else f"{number} in words"


def in_pieces(text: str) -> list[str]:
    """The text in pieces that the check of claims reads whole, parted at the end of a line or a word."""
    pieces: list[str] = []
    start = 0
    while len(text) - start > MAX_TEXT:
        end = max(text.rfind("\n", start, start + MAX_TEXT), start)
        end = end if end > start else max(text.rfind(" ", start, start + MAX_TEXT), start)
        end = end if end > start else start + MAX_TEXT
        pieces.append(text[start:end])
        start = end
    return [*pieces, text[start:]]


def _quotes(texts: Iterable[str], source: str, facts: Sequence[str]) -> list[TextFinding]:
    quotes = [quote for text in texts for quote in quoted(text)]
    if not quotes:
        return []
    whole = comparable("\n".join((source, *facts))).casefold()
    missing = [quote for quote in quotes if comparable(quote).casefold() not in whole]
    return [
        TextFinding(rule="quote", text=f"“{quote}” does not stand in the source word for word") for quote in missing
    ]


def _blocked(texts: Iterable[str], block_list: Sequence[str]) -> list[TextFinding]:
    plain = [_folded(text) for text in texts]
    found = [entry for entry in block_list if any(_holds(text, _folded(entry)) for text in plain)]
    return [TextFinding(rule="block-list", text=f"{entry!r} is on the block list") for entry in found]


def _folded(text: str) -> str:
    return " ".join(skeleton(text).casefold().split())


def _holds(text: str, entry: str) -> bool:
    """Whether an entry stands in a text: Latin words as whole words, Korean ones also before a particle."""
    position = text.find(entry) if entry else -1
    while position >= 0:
        before, after = text[position - 1 : position], text[position + len(entry) : position + len(entry) + 1]
        if not (_joins(before, entry[0]) or _joins(entry[-1], after)):
            return True
        position = text.find(entry, position + 1)
    return False


def _joins(left: str, right: str) -> bool:
    return bool(left and right) and left.isalnum() and right.isalnum() and (left + right).isascii()


def _repetitions(adaptation: Adaptation, others: Sequence[Adaptation]) -> list[TextFinding]:
    found: list[TextFinding] = []
    seen: set[str] = set()
    said: set[str] = set()
    for number, post in enumerate(adaptation.posts, 1):
        text = comparable(post.text).casefold()
        if text in seen:
            found.append(TextFinding(rule="duplicate", text=f"post {number} says the same as one before it"))
            continue
        seen.add(text)
        own = {
            key: sentence
            for sentence in sentences(post.text)
            if len(key := comparable(sentence).casefold()) >= _REPEATED
        }
        repeated = [own[key] for key in own if key in said]
        found += [
            TextFinding(rule="duplicate", text=f"said twice: {sentence!r}", blocking=False) for sentence in repeated
        ]
        said |= own.keys()
    for other in others:
        if (other.channel, other.account) == (adaptation.channel, adaptation.account):
            continue
        same = seen & {comparable(post.text).casefold() for post in other.posts}
        if same:
            text = f"the same text as on {other.channel}.{other.account}"
            found.append(TextFinding(rule="duplicate", text=text, blocking=other.channel == adaptation.channel))
    return found

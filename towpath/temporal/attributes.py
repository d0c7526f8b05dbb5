"""Search attributes in the types of Temporal's SDK; their table is in `contracts/process.py`."""

from collections.abc import Callable, Mapping
from typing import Any

from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

from towpath.contracts.core.process import AttributeKind, SearchAttribute, ValueT

_KEYS: Mapping[AttributeKind, Callable[[str], SearchAttributeKey[Any]]] = {
    AttributeKind.KEYWORD: SearchAttributeKey.for_keyword,
    AttributeKind.KEYWORD_LIST: SearchAttributeKey.for_keyword_list,
    AttributeKind.DATETIME: SearchAttributeKey.for_datetime,
    AttributeKind.INT: SearchAttributeKey.for_int,
}


def search_key(attribute: SearchAttribute[ValueT]) -> SearchAttributeKey[ValueT]:
    """The key that reads and sets an attribute of a run."""
    return _KEYS[attribute.kind](attribute.name)


def search_attributes(values: Mapping[SearchAttribute[str], str]) -> TypedSearchAttributes:
    """What a run is started with."""
    return TypedSearchAttributes([SearchAttributePair(search_key(each), value) for each, value in values.items()])

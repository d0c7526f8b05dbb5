"""Names of columns: what is a name keeps it, the order of a header decides nothing, and nobody takes another's name."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.pipeline.reading import Reader, source
from towpath.contracts.pipeline.dataset import Column, ColumnType
from towpath.dataplane.core.errors import SourceFormatError
from towpath.policy.pipeline.naming import column_names, keys_of, marked, named_columns, renamed

TEXTS = st.one_of(
    st.sampled_from(
        ["name", "Name", "name ", " name", "na me", "na_me", "na-me", "name_2", "name_3", "_row", "주문", "이름", "2nd"]
    ),
    st.text("aA_ -2주", min_size=1, max_size=5).filter(str.strip),
)
HEADERS = st.lists(TEXTS, min_size=1, max_size=8, unique=True)


def mapped(texts: list[str], known: tuple[Column, ...] = ()) -> dict[str, str]:
    """Text by name."""
    return dict(zip(column_names(texts, known), texts, strict=True))


def declared(name: str, description: str = "") -> Column:
    return Column(name=name, type=ColumnType.TEXT, description=description)


@settings(max_examples=400)
@given(texts=HEADERS, data=st.data())
def test_order_decides_nothing(texts: list[str], data: st.DataObject) -> None:
    """Any order of a header gives every text the same name."""
    other = data.draw(st.permutations(texts))
    assert mapped(texts) == mapped(other)
    known = tuple(declared(name) for name in data.draw(st.lists(st.sampled_from(sorted(mapped(texts))), unique=True)))
    assert mapped(texts, known) == mapped(other, known)


@settings(max_examples=400)
@given(texts=HEADERS, new=TEXTS)
def test_a_new_column_takes_no_name(texts: list[str], new: str) -> None:
    """After a column came, a name still means the text that it meant, or no text; or the very text that it is."""
    before, after = mapped(texts), mapped([new, *[text for text in texts if text != new]])
    for name, text in before.items():
        assert after.get(name, text) in {text, name}


@settings(max_examples=400)
@given(texts=HEADERS, new=st.lists(TEXTS, max_size=4))
def test_a_declared_column_stays(texts: list[str], new: list[str]) -> None:
    """Columns that are declared as a plan found them keep their texts, whatever comes beside them."""
    known = tuple(declared(name, description) for name, description in named_columns(texts))
    there = mapped([*dict.fromkeys([*new, *texts])], known)
    for column in known:
        assert there[column.name] == (column.description or column.name)
    folded = [name.lower() for name in there]
    assert len(set(folded)) == len(folded)


@settings(max_examples=200)
@given(texts=HEADERS)
def test_what_is_a_name_keeps_it(texts: list[str]) -> None:
    """A text that is a name is called so, unless another differs from it by its case alone."""
    names = mapped(texts)
    for text in texts:
        is_name = text.isascii() and text.isidentifier() and text != "_row"
        alone = [other.lower() for other in texts].count(text.lower()) == 1
        if is_name and alone:
            assert names[text] == text


@pytest.mark.parametrize("header", ["a b,a_b", "a_b,a b"])
def test_exact_before_made(reader: Reader, tmp_path: Path, header: str) -> None:
    """Where a text is the name, it has it, and the one that would be made so has another."""
    (tmp_path / "orders.csv").write_text(f"{header}\n{header}\n", encoding="utf-8")
    found = reader.read(source(type="csv", path=str(tmp_path / "orders.csv")))
    assert found.values[0] == {"a_b": "a_b", marked("a b"): "a b"}


def test_files_of_other_times(reader: Reader, tmp_path: Path) -> None:
    """A name means the same text in all files of a source, also in those from before a column came."""
    (tmp_path / "1.csv").write_text("id,a b\n1,x\n", encoding="utf-8")
    (tmp_path / "2.csv").write_text("a_b,id,a b\ny,2,z\n", encoding="utf-8")
    found = reader.read(source(type="csv", path=str(tmp_path / "*.csv")))
    assert sorted(found.values, key=lambda row: row["id"]) == [
        {"id": "1", "a_b": None, marked("a b"): "x"},
        {"id": "2", "a_b": "y", marked("a b"): "z"},
    ]


def test_later_columns_with_declared_ones(reader: Reader, tmp_path: Path) -> None:
    """`Name`, `name ` and later `name`: declared columns keep what they had, and the new one is called otherwise."""
    columns = [declared("Name"), declared("name_2", "name ")]
    path = tmp_path / "orders.csv"
    path.write_text("name,name ,Name\nnew,blank,old\n", encoding="utf-8")
    found = reader.read(source(type="csv", path=str(path), columns=columns))
    assert found.values == [{"Name": "old", "name_2": "blank", marked("name"): "new"}]


def test_it_is_not_guessed(reader: Reader, tmp_path: Path) -> None:
    """A declared column that two texts could mean ends the run with both of them."""
    path = tmp_path / "orders.csv"
    path.write_text("a b,a-b\n1,2\n", encoding="utf-8")
    with pytest.raises(SourceFormatError, match="column a_b may be 'a b' or 'a-b'"):
        reader.plan(source(type="csv", path=str(path), columns=[declared("a_b")]))
    found = reader.read(source(type="csv", path=str(path), columns=[declared("a_b", "a-b")]))
    assert [row["a_b"] for row in found.values] == ["2"]


@pytest.mark.parametrize("kind", ["csv", "ndjson"])
def test_a_description_names_the_column(reader: Reader, tmp_path: Path, kind: str) -> None:
    """A column is called as one likes when its description is the source's own name for it."""
    path = tmp_path / f"orders.{kind}"
    text = "주문,id\nA,1\n" if kind == "csv" else json.dumps({"주문": "A", "id": "1"}) + "\n"
    path.write_text(text, encoding="utf-8")
    found = reader.read(source(type=kind, path=str(path), columns=[declared("order_name", "주문")]))
    assert [(row["order_name"], row["id"]) for row in found.values] == [("A", "1")]
    assert found.planned.notes == ()


def test_descriptions_that_are_others_names() -> None:
    """A description that is another column's name is that column's."""
    assert keys_of([declared("amt", "amount"), declared("amount")]) == [("amt",), ("amount",)]
    assert keys_of([declared("amt", "amount")]) == [("amt", "amount")]


def test_many_renamed_are_told_shortly() -> None:
    """The sentence has eight of them, and the number of the others."""
    found = [declared(f"a_{number}", f"a {number}") for number in range(20)]
    assert next(renamed(found, found[:2])).endswith("and 10 more")


def test_null_is_filled_by_no_other_field(reader: Reader, tmp_path: Path) -> None:
    """An object that has the column's own name has its value, null or not, whatever else is called alike."""
    path = tmp_path / "people.ndjson"
    path.write_text('{"id": 1, "name ": null, "name": "other"}\n{"id": 2, "name ": "own", "name": "other"}\n')
    declared = [{"name": "id", "type": "integer"}, {"name": "name", "type": "text", "description": "name "}]

    found = reader.read(source(type="ndjson", path=str(path), columns=declared))

    assert [row["name"] for row in found.values] == [None, "own"]

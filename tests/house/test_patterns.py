"""No pattern from outside meets a matcher that goes back and forth: each way to write one is planted, and found."""

from pathlib import Path

import pytest

from tests.house.patterns import unbounded

ROOT = Path(__file__).resolve().parents[2]
PLANTED = (
    "import re\n\n\ndef f(given: str) -> object:\n    return re.search(given, 'a')",
    "import re\n\n\ndef f(given: str) -> object:\n    return re.compile(f'^{given}$')",
    "import re\n\n\ndef f(given: str) -> object:\n    return re.fullmatch('a' + given, 'a')",
    "import re\n\n\ndef f(given: str) -> object:\n    return re.sub(pattern=given, repl='', string='a')",
    "import re\n\n\ndef f(given: list[str]) -> object:\n    return list(map(re.compile, given))",
    "from re import search\n\n\ndef f(given: str) -> object:\n    return search(given, 'a')",
    "from re import compile as read\n\n\ndef f(given: str) -> object:\n    return read(given)",
    "import re\n\n\ndef f(given: dict[str, str]) -> object:\n    return re.match(given['pattern'], 'a')",
    "import regex\n\nREAD = regex.compile('a')",
    "from fnmatch import fnmatch\n\n\ndef f(given: str) -> bool:\n    return fnmatch('a', given)",
    "import jsonschema\n\n\ndef f(given: object) -> None:\n    jsonschema.validate({}, given)",
    "from jsonschema import Draft202012Validator\n\nCHECKER = Draft202012Validator({})",
    "from jsonschema.validators import validator_for",
)
OURS = (
    "import re\n\nNAME = '[a-z]+'\n_READ = re.compile(rf'^{NAME}$')",
    "import re\n\nREAD = re.compile('a' r'b')\n_BOTH = re.compile(f'{READ.pattern}|c')",
    "import re\n\n\ndef f(given: str) -> object:\n    return re.search(rf'\\b{re.escape(given)}\\b', 'a')",
    "import re\n\n\ndef f(given: list[str]) -> object:\n    return re.compile('|'.join(map(re.escape, given)))",
    "from jsonschema import ValidationError",
)


def test_no_pattern_from_outside_goes_to_re() -> None:
    """Patterns of definitions, pipelines, forms, tools and answers go to RE2 in all of our code."""
    assert unbounded(ROOT) == []


@pytest.mark.parametrize("text", PLANTED)
@pytest.mark.parametrize("room", ["towpath/policy", "towpath/config", "workflows/kit", "activities"])
def test_planted_matcher_is_found(text: str, room: str, tmp_path: Path) -> None:
    """Whatever its spelling, and wherever it stands."""
    (tmp_path / room).mkdir(parents=True)
    (tmp_path / room / "planted.py").write_text(text)
    assert unbounded(tmp_path)


@pytest.mark.parametrize("text", OURS)
def test_patterns_of_ours_stand(text: str, tmp_path: Path) -> None:
    """What stands in the code, and what is escaped, is no pattern from outside."""
    (tmp_path / "ours.py").write_text(text)
    assert unbounded(tmp_path) == []

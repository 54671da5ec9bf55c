import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emocal_rl.errors import UserError
from emocal_rl.yaml_load import parse, parse_value, write


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-6", 1e-6),  # a string to plain PyYAML
        ("3e5", 3e5),
        ("-2.5E+3", -2500.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("-.inf", -math.inf),
        ("1_000", 1000),
        ("010", 10),  # octal 8 to plain PyYAML
        ("0x1f", 31),
        ("-3", -3),
        ("1:30", "1:30"),  # 90 to plain PyYAML
        ("2026-11-23", "2026-11-23"),  # a date to plain PyYAML
        ("no", "no"),  # False to plain PyYAML
        ("on", "on"),
        ("Yes", "Yes"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("'1e-6'", "1e-6"),
        ("1.2.3", "1.2.3"),
        ("e5", "e5"),
        ("[1, {a: no}]", [1, {"a": "no"}]),
    ],
)
def test_scalars(text: str, value: object) -> None:
    found = parse_value(text, "x")
    assert found == value
    assert type(found) is type(value)


def test_lines_of_keys_and_items() -> None:
    tree, lines = parse("a: 1\nb:\n  - x\n  - c: 2\n", "r.yaml")
    assert tree == {"a": 1, "b": ["x", {"c": 2}]}
    assert lines == {(): 1, ("a",): 1, ("b",): 2, ("b", 0): 3, ("b", 1): 4, ("b", 1, "c"): 4}


def test_keys_are_always_words() -> None:
    assert parse("on: 1\n3: 2\nnull: 3", "x")[0] == {"on": 1, "3": 2, "null": 3}


def test_merge_keys_and_aliases() -> None:
    assert parse("base: &b {x: 1, y: 2}\nmine:\n  <<: *b\n  y: 3", "x")[0]["mine"] == {"x": 1, "y": 3}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3", "r.yaml:3: duplicate key 'a' (first on line 1)"),
        ("a: {b: 1, b: 2}", "r.yaml:1: duplicate key 'b' (first on line 1)"),
        ("[1, 2]: 3", "r.yaml:1: a key must be a word, not a list or a mapping"),
        ("a: &x [*x]", "r.yaml:1: an alias that contains itself"),
        ("a:\n\tb: 1", "r.yaml:2: not valid YAML: found character '\\t' that cannot start any token"
                       "; indent with spaces, not tabs"),
        ("a: 1\n---\nb: 2", "r.yaml:2: not valid YAML: but found another document"),
        ("a: !!python/name:os.system ''",
         "r.yaml:1: not valid YAML: could not determine a constructor for the tag "
         "'tag:yaml.org,2002:python/name:os.system'"),
        ("a: [1", "r.yaml:1: not valid YAML: expected ',' or ']', but got '<stream end>'"),
    ],
)  # fmt: skip
def test_errors(text: str, message: str) -> None:
    with pytest.raises(UserError) as error:
        parse(text, "r.yaml")
    assert str(error.value) == message


def test_absurd_nesting_is_an_error_line() -> None:
    with pytest.raises(UserError, match=r"^r\.yaml: nested too deeply$"):
        parse("[" * 100_000, "r.yaml")


# PyYAML turns the exotic line breaks (U+0085, U+2028, U+2029) into plain ones; nobody writes those in a recipe.
TEXT = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=12)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), TEXT, st.just(""))
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@given(TREES)
def test_what_is_written_reads_back(tree: object) -> None:
    assert parse(write(tree), "x")[0] == tree


@given(
    st.sampled_from(["1e-6", "no", "null", "010", "1:30", "true", ".5", "~", "<<", "0x1f", "1_0", "=", "2026-11-23"])
)
def test_words_that_look_like_something_else_read_back(word: str) -> None:
    assert parse(write({word: [word]}), "x")[0] == {word: [word]}

"""YAML as people write it in recipes, with the line of every key.

PyYAML follows YAML 1.1, where `1e-6` is a string, `no` and `on` are booleans, and the second of two equal keys wins
silently. Here numbers and booleans follow YAML 1.2, and a duplicate key is an error.
"""

import re
from typing import Any

import yaml

from emocal_rl.errors import UserError

Path = tuple[str | int, ...]

_RESOLVERS = {
    "tag:yaml.org,2002:null": (r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    "tag:yaml.org,2002:bool": (r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    "tag:yaml.org,2002:int": (r"[-+]?[0-9][0-9_]*|0x[0-9a-fA-F]+", list("-+0123456789")),
    "tag:yaml.org,2002:float": (
        r"[-+]?(?:\.[0-9]+|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        list("-+0123456789."),
    ),
    "tag:yaml.org,2002:merge": (r"<<", ["<"]),
}


class Loader(yaml.SafeLoader):
    """SafeLoader with the scalars of YAML 1.2."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 (as PyYAML declares it)


class Dumper(yaml.SafeDumper):
    """SafeDumper that quotes exactly the strings `Loader` would read as something else."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 (as PyYAML declares it)

    def ignore_aliases(self, data: object) -> bool:
        """Write equal objects twice: a recipe with `&id001` in it is hard to read."""
        return True


for _tag, (_pattern, _first) in _RESOLVERS.items():
    for _class in (Loader, Dumper):
        _class.add_implicit_resolver(_tag, re.compile(rf"^(?:{_pattern})$"), _first)


def _read_int(loader: Loader, node: yaml.ScalarNode) -> int:
    text = str(loader.construct_scalar(node)).replace("_", "")
    return int(text, 16 if text.startswith("0x") else 10)  # 010 is ten, as in YAML 1.2


Loader.add_constructor("tag:yaml.org,2002:int", _read_int)


def parse(text: str, label: str) -> tuple[Any, dict[Path, int]]:
    """Parse one YAML document: the value, and the line number (from 1) of every key and list item by its path.

    >>> parse("reward: {brier: 1e-6}\\nanswer: no", "a.yaml")
    ({'reward': {'brier': 1e-06}, 'answer': 'no'}, {(): 1, ('reward',): 1, ('reward', 'brier'): 1, ('answer',): 2})
    """
    lines: dict[Path, int] = {(): 1}
    try:
        loader = Loader(text)
        node = loader.get_single_node()
        return (None if node is None else _build(loader, node, (), lines, label, ())), lines
    except yaml.YAMLError as error:
        raise UserError(_explain(error, label)) from None
    except RecursionError:
        raise UserError(f"{label}: nested too deeply") from None


def _build(
    loader: Loader, node: yaml.Node, path: Path, lines: dict[Path, int], label: str, above: tuple[int, ...]
) -> Any:
    if id(node) in above:
        raise UserError(f"{label}:{node.start_mark.line + 1}: an alias that contains itself")
    above = (*above, id(node))
    if isinstance(node, yaml.MappingNode):
        _reject_bad_keys(node, label)
        loader.flatten_mapping(node)
        result = {}
        for key, value in node.value:
            here = (*path, key.value)
            lines[here] = key.start_mark.line + 1
            result[key.value] = _build(loader, value, here, lines, label, above)
        return result
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            lines[(*path, index)] = item.start_mark.line + 1
        return [_build(loader, item, (*path, i), lines, label, above) for i, item in enumerate(node.value)]
    return loader.construct_object(node)


def _reject_bad_keys(node: yaml.MappingNode, label: str) -> None:
    first_line: dict[str, int] = {}
    for key, _ in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise UserError(f"{label}:{line}: a key must be a word, not a list or a mapping")
        if key.value in first_line:
            raise UserError(f"{label}:{line}: duplicate key '{key.value}' (first on line {first_line[key.value]})")
        first_line[key.value] = line


def _explain(error: yaml.YAMLError, label: str) -> str:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    where = f"{label}:{mark.line + 1}" if mark else label
    hint = "; indent with spaces, not tabs" if "\\t" in problem else ""
    return f"{where}: not valid YAML: {problem}{hint}"


def parse_value(text: str, label: str) -> Any:
    """Parse the value of a `key=value` override.

    >>> parse_value("1e-6", "x"), parse_value("{a: [1, no]}", "x"), parse_value("null", "x")
    (1e-06, {'a': [1, 'no']}, None)
    """
    try:
        return parse(text, label)[0]
    except UserError as error:
        raise UserError(str(error).replace(f"{label}:1: ", f"{label}: ")) from None  # there is only one line


def write(data: object) -> str:
    """YAML text that `parse` reads back as the same data.

    >>> print(write({"reward": {"brier": 1e-06}, "names": ["no", "1e-6", None]}), end="")
    reward: {brier: 1.0e-06}
    names: [no, '1e-6', null]
    """
    return yaml.dump(data, Dumper=Dumper, sort_keys=False, default_flow_style=None, width=110, allow_unicode=True)

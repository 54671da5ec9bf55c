"""Promises of the house that a reader would otherwise have to take on trust."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest
import yaml

from emocal_rl import __version__

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
SOURCES = sorted((ROOT / "src" / "emocal_rl").rglob("*.py"))
MAY_PICKLE = {"rewards/incentive/check.py"}  # pickles a rule in memory, to see whether that works
FORBIDDEN = {("pickle", "loads"), ("pickle", "load"), ("yaml", "load"), ("torch", "load"), ("marshal", "loads"),
             ("builtins", "eval"), ("builtins", "exec"), ("os", "system")}  # fmt: skip


def calls(path: Path) -> set[tuple[str, str]]:
    """(module, function) of every call written as module.function(...) or, for builtins, function(...)."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
            found.add((node.func.value.id, node.func.attr))
        elif isinstance(node.func, ast.Name):
            found.add(("builtins", node.func.id))
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_no_code_from_data(path: Path) -> None:
    if path.relative_to(ROOT / "src" / "emocal_rl").as_posix() not in MAY_PICKLE:
        assert calls(path) & FORBIDDEN == set()
    assert "trust_remote_code" not in path.read_text("utf-8")


def test_the_search_for_forbidden_calls_finds_them() -> None:
    assert calls(ROOT / "src/emocal_rl/rewards/incentive/check.py") & FORBIDDEN == {("pickle", "loads")}


def constants(path: Path) -> dict[str, str]:
    """Constant that other modules may import -> what it is set to, where that is written out."""
    found = {}
    for node in ast.parse(path.read_text("utf-8")).body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if isinstance(target, ast.Name) and re.fullmatch(r"[A-Z][A-Z_]+", target.id) and node.value is not None:
            found[target.id] = ast.dump(node.value)
    return found


def test_no_constant_is_written_twice() -> None:
    places: dict[tuple[str, str], list[str]] = {}
    for path in SOURCES:
        for constant in constants(path).items():
            places.setdefault(constant, []).append(path.name)
    assert {name: files for (name, _), files in places.items() if len(files) > 1} == {}


def test_the_workflow_runs_what_ci_runs_and_builds_the_documentation() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text("utf-8"))
    (job,) = workflow["jobs"].values()
    assert [step["run"] for step in job["steps"] if "run" in step] == ["bash .ci/run", "make docs"]
    pythons = job["strategy"]["matrix"]["python"]
    assert f">={pythons[0]}" == PROJECT["requires-python"]
    known = [line.rpartition(" :: ")[2] for line in PROJECT["classifiers"] if "Python :: 3." in line]
    assert pythons[-1] == known[-1]


def test_pre_commit_is_the_cheap_half_of_make_check() -> None:
    (repo,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))["repos"]
    check = re.search(r"^check:.*?\n\n", (ROOT / "Makefile").read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert check
    made = [line.strip().removeprefix("@$(BIN)/").removesuffix(" .") for line in check[0].splitlines() if "BIN" in line]
    hooks = [hook["entry"].removeprefix(".venv/bin/") for hook in repo["hooks"]]
    assert hooks == [command for command in made if "pytest" not in command]


def test_the_citation_is_of_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert (citation["version"], citation["license"]) == (__version__, PROJECT["license"])


def test_every_benchmark_and_result_is_in_the_table() -> None:
    table = (ROOT / "benchmarks" / "README.md").read_text("utf-8")
    for script in (path for path in (ROOT / "benchmarks").glob("*.py") if "__main__" in path.read_text("utf-8")):
        assert f"`python -m benchmarks.{script.stem}" in table
    for result in (ROOT / "benchmarks" / "results").glob("*.json"):
        assert f"`{result.name}`" in table

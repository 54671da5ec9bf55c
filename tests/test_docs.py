"""The documentation: generated pages are what the code says, examples run, links lead somewhere, nothing is lost."""

import importlib
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
GENERATED = ("cli.md", "published.md", "recipe_keys.md", "recipes.md", "rewards.md")
EXAMPLES = [page for page in PAGES if re.search(r"^```(python|console)$", page.read_text("utf-8"), re.MULTILINE)]


def test_generated_pages_are_what_the_code_says(python: Callable[..., Any], tmp_path: Path) -> None:
    for name in ("generate.py", "keys.py", "plots.py"):
        shutil.copy(DOCS / name, tmp_path)
    done = python(str(tmp_path / "generate.py"))
    assert done.code == 0, done.err
    made = {
        path.relative_to(tmp_path).as_posix(): path for path in tmp_path.rglob("*") if path.suffix in (".md", ".svg")
    }
    assert set(GENERATED) == {name for name in made if name.endswith(".md")}
    kept = {*GENERATED, *(f"pictures/{path.name}" for path in (DOCS / "pictures").iterdir())}
    stale = [name for name in kept | made.keys() if not _same(made.get(name), DOCS / name)]
    assert sorted(stale) == [], "docs/ is not what the code says; write it again: python docs/generate.py"


@pytest.mark.parametrize("module", ["keys", "plots"])
def test_the_examples_of_the_generators_run(module: str, python: Callable[..., Any]) -> None:
    done = python("-m", "doctest", str(DOCS / f"{module}.py"))
    assert (done.code, done.out) == (0, ""), done.out + done.err


def test_every_recipe_key_is_documented_at_its_place() -> None:
    """By what the command line accepts: each key of the public list, and its meaning from the schema."""
    page = (DOCS / "recipe_keys.md").read_text("utf-8")
    blocks = {title.strip("`"): text for title, text in re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", page, re.M | re.S)}
    public = (ROOT / "tests" / "public_api.txt").read_text("utf-8").splitlines()
    for key in (line.removeprefix("recipe ") for line in public if line.startswith("recipe ")):
        block, _, name = key.rpartition(".")
        places = [blocks[block]] if block else [blocks["A stage"], blocks["All stages"]]
        assert any(f"\n| `{name}` | " in place for place in places), key
    lora = blocks["model.lora"].splitlines()
    assert "| `rank` | whole number (at least 1) | `16` | Rank of an adapter. |" in lora
    assert "`sft`, `grpo`, `rloo` or `ppo` | *must be given* | sft (supervised" in blocks["A stage"]


def _same(made: Path | None, kept: Path) -> bool:
    return made is not None and kept.is_file() and made.read_text("utf-8") == kept.read_text("utf-8")


def test_there_are_pages_with_examples() -> None:
    assert {page.stem for page in EXAMPLES} >= {"adding", "coming_from", "concepts", "data", "faq"}


def trains(page: Path) -> bool:
    return ".train()" in page.read_text("utf-8")


@pytest.mark.parametrize(
    "page", [pytest.param(page, marks=[pytest.mark.slow] * trains(page), id=page.stem) for page in EXAMPLES]
)
def test_examples_run(page: Path, python: Callable[..., Any], tmp_path: Path) -> None:
    done = python(str(ROOT / "tests" / "run_examples.py"), str(page), cwd=tmp_path)
    assert done.code == 0, done.err
    assert int(done.out) > 0


@pytest.mark.parametrize(("page", "reason"), [
    ("```python\nprint(1)\n```\n\n```text\n2\n```\n", "the page shows\n2\nand Python prints\n1\n"),
    ("```console\n$ emocal-rl --version\nemocal-rl 99\n```\n", "does not say\nemocal-rl 99"),
    ("```console\n$ emocal-rl rewards breir\n```\n", "exit code 2"),
    ("```console\n$ emocal-rl --version\nerror: none\n```\n", "exit code 0"),
])  # fmt: skip
def test_an_example_that_is_not_as_shown_fails(page: str, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "tests")
    module = importlib.import_module("run_examples")
    monkeypatch.delitem(sys.modules, "run_examples")
    with pytest.raises(AssertionError) as failed:
        module.run(page)
    assert reason in str(failed.value)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_to_files_and_headings(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", page.read_text("utf-8")):
        name, _, heading = target.partition("#")
        file = page.parent / name if name else page
        assert file.is_file(), target
        assert not heading or heading in _headings(file), target


def _headings(page: Path) -> set[str]:
    """As links name them: small letters, hyphens for blanks, no punctuation."""
    titles = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_page_is_in_the_navigation() -> None:
    index = (DOCS / "index.md").read_text("utf-8")
    listed = re.findall(r"^(\w+)$", "".join(re.findall(r"```\{toctree\}\n(.*?)```", index, re.DOTALL)), re.MULTILINE)
    assert sorted([*listed, "index"]) == [page.stem for page in sorted(PAGES, key=lambda page: page.stem)]

import json
import re
import runpy
import signal
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from emocal_rl import __version__, files
from emocal_rl import recipe as recipes
from emocal_rl.cli import VERBS
from emocal_rl.recipe_source import packaged
from emocal_rl.run import Run

GOOD = """\
name: demo
algorithm: grpo
split: stage_three
format: emocaliber
reward: {correct: 1.0, brier: 1.0}
"""
Cli = Callable[..., Any]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("r.yaml").write_text(GOOD)
    return tmp_path


# Help


def test_help_lists_every_command(cli: Cli) -> None:
    for arguments in ((), ("--help",), ("help",)):
        done = cli(*arguments)
        assert done.code == 0
        assert all(f"  {name}" in done.out for name in VERBS)
    assert cli("--version").out == f"emocal-rl {__version__}\n"


@pytest.mark.parametrize("verb", VERBS)
def test_every_command_has_help(verb: str, cli: Cli) -> None:
    with pytest.raises(SystemExit, match="0"):
        cli(verb, "--help")


# Mistakes


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ("trian", "unknown command 'trian'; did you mean 'train'? (see emocal-rl --help)"),
        ("--recipe x", "the command comes first, then its options; --recipe is no command (see emocal-rl --help)"),
        ("train --recip x", "train: unknown option --recip; did you mean '--recipe'?"),
        ("train --recip=x", "train: unknown option --recip; did you mean '--recipe'?"),
        ("train --recipe", "train: argument --recipe: expected one argument (see emocal-rl train --help)"),
        ("train", "train: say which recipe: emocal-rl train --recipe grpo_brier (list them: emocal-rl recipes)"),
        ("check", "check: say which recipe: emocal-rl check --recipe grpo_brier (list them: emocal-rl recipes)"),
        ("train --recipe grpo_breir", "no recipe 'grpo_breir'; did you mean 'grpo_brier'? "
         "(list them: emocal-rl recipes)"),
        ("train --recipe r.yaml seeed=3", "override seeed=3: unknown key seeed; did you mean 'seed'?"),
        ("train --recipe r.yaml seed=x", "override seed=x: seed: expected a whole number (got 'x')"),
        ("train --recipe r.yaml split=stage_tree",
         "demo: split: data 'emoji' has no split 'stage_tree'; did you mean 'stage_three'?"),
        ("train --resume r seed=3", "train: --resume takes nothing else; the run directory holds the recipe"),
        ("train --resume r --recipe x", "train: --resume takes nothing else; the run directory holds the recipe"),
        ("train --resume nowhere", "no run directory nowhere"),
        ("train --resume .", ". is not a run directory (it has no run.json and recipe.yaml)"),
        ("report nowhere", "no run directory nowhere"),
        ("report", "report: the following arguments are required: RUN_DIR (see emocal-rl report --help)"),
        ("report old nowhere", "no run directory old"),
        ("recipes grpo_breir", "no packaged recipe 'grpo_breir'; did you mean 'grpo_brier'?"),
        (
            "data emojy",
            "data.name: unknown data set 'emojy'; did you mean 'emoji'?; or give the path of a .jsonl file, or hf:NAME",
        ),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_on_stderr(arguments: str, line: str, cli: Cli) -> None:
    done = cli(*arguments.split())
    assert (done.code, done.out, done.err) == (2, "", f"error: {line}\n")


def test_several_mistakes_are_several_lines(cli: Cli) -> None:
    done = cli("train", "--recipe", "r.yaml", "seeed=3", "trainer.max_step=3")
    assert done.err.splitlines() == [
        "error: override seeed=3: unknown key seeed; did you mean 'seed'?",
        "error: override trainer.max_step=3: unknown key trainer.max_step; did you mean 'max_steps'?",
    ]


def test_an_existing_run_directory(cli: Cli) -> None:
    with Run.create(recipes.load("r.yaml"), "old"):
        pass
    done = cli("train", "--recipe", "r.yaml", "--run-dir", "old")
    assert done.code == 2
    assert done.err == (
        "error: old exists already; continue it with: emocal-rl train --resume old, choose another --run-dir, "
        "or remove it: rm -r old\n"
    )


def test_a_missing_picture(cli: Cli) -> None:
    row = {
        "id": "1",
        "split": "stage_three",
        "image": "cat.png",
        "question": "?",
        "candidates": ["a", "b"],
        "label": "a",
    }
    Path("rows.jsonl").write_text(json.dumps(row) + "\n")
    done = cli("train", "--recipe", "r.yaml", "data.name=rows.jsonl", "evaluation.splits=[stage_three]")
    assert done.code == 2
    assert done.err == (
        "error: rows.jsonl:1: image cat.png does not exist; paths are relative to . (set data.root to change that)\n"
    )


def test_no_disk_space(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "free_bytes", lambda path: 12e6)
    done = cli("train", "--recipe", "r.yaml", "--run-dir", "new")
    assert (done.code, done.err) == (
        2,
        "error: new: a run needs about 300 MB, and 12 MB are free there; "
        "make room, or choose another disk with --run-dir\n",
    )


def test_an_unsound_reward_is_refused(cli: Cli) -> None:
    done = cli("train", "--recipe", "r.yaml", "reward={correct: 1, absolute: 1}", "--run-dir", "new")
    assert done.code == 2
    assert "error: demo: The reward is improper" in done.err
    assert done.err.endswith("error: demo: to train on this reward all the same, say allow_unsound=true\n")
    assert not Path("new").exists()


def test_debug_shows_the_traceback(python: Callable[..., Any]) -> None:
    assert "Traceback" not in python("-m", "emocal_rl", "recipes", "x").err
    assert "Traceback" in python("-m", "emocal_rl", "recipes", "x", "--debug").err


# What the commands print


def test_print_config_is_a_recipe(cli: Cli) -> None:
    done = cli("train", "--recipe", "r.yaml", "seed=3", "--print-config", "trainer.max_steps=5")
    Path("printed.yaml").write_text(done.out)
    recipe = recipes.load("printed.yaml")
    assert (done.code, recipe.seed, recipe.trainer) == (0, 3, {"max_steps": 5})
    assert recipe == recipes.load("r.yaml", ["seed=3", "trainer.max_steps=5"])


@pytest.mark.parametrize(("name", "made", "line"), [
    ("grpo_brier", [], "recipe: grpo_brier (packaged)"),
    ("grpo_brier.yaml", [], "recipe: grpo_brier (packaged)"),
    ("grpo_brier", ["grpo_brier.yaml"], "recipe: grpo_brier (packaged; the file here is --recipe grpo_brier.yaml)"),
    ("grpo_brier.yaml", ["grpo_brier.yaml"],
     "recipe: grpo_brier.yaml (a file; the packaged one is --recipe grpo_brier)"),
    ("grpo_brier", ["grpo_brier"], "recipe: grpo_brier (a file)"),
    ("./r.yaml", [], "recipe: r.yaml (a file)"),
])  # fmt: skip
def test_which_recipe_is_used_is_said(name: str, made: list[str], line: str, cli: Cli) -> None:
    for path in made:
        Path(path).write_text(GOOD)
    done = cli("check", "--recipe", name)
    local = " (a file" in line
    assert (done.code, done.out.splitlines()[0]) == (0, line)
    assert ("demo: grpo" in done.out) == local  # and it is the one that is checked
    shown = cli("train", "--recipe", name, "--print-config")
    assert shown.err == line + "\n"
    assert ("name: demo" in shown.out) == local


def test_check_of_a_good_recipe(cli: Cli) -> None:
    done = cli("check", "--recipe", "r.yaml")
    assert (done.code, done.err) == (0, "")
    assert "reward: sound" in done.out
    assert "1 prompts x 8 completions" in done.out


def test_check_fails_where_train_would_refuse(cli: Cli) -> None:
    done = cli("check", "--recipe", "r.yaml", "trainer.scale_rewards=group")
    assert done.code == 2
    assert "undoes honesty" in done.out
    assert done.err.endswith("say allow_unsound=true\n")


def test_recipes_lists_shows_and_copies(cli: Cli) -> None:
    listed = cli("recipes").out.splitlines()
    assert [line.split()[0] for line in listed] == list(packaged())
    assert cli("recipes", "grpo_brier.yaml").out == packaged()["grpo_brier"].read_text()
    assert cli("recipes", "grpo_brier", "--copy", "mine").out == "mine/grpo_brier.yaml\n"
    assert recipes.load("mine/grpo_brier.yaml") == recipes.load("grpo_brier")
    again = cli("recipes", "--copy", "mine")
    assert (again.code, again.err) == (
        2,
        "error: mine/grpo_brier.yaml exists already; move it away or copy to another folder\n",
    )
    assert len(list(Path("mine").iterdir())) == 1  # nothing is copied when something is in the way


def test_files_that_may_not_be_read_or_written_are_one_line(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise PermissionError(13, "Permission denied", "secret.yaml")

    Path("file").write_text("")
    done = cli("recipes", "grpo_brier", "--copy", "file")
    assert (done.code, done.err) == (2, "error: file/grpo_brier.yaml: cannot be written: File exists\n")
    monkeypatch.setattr("emocal_rl.verbs.recipe_source.packaged", refuse)
    done = cli("recipes")
    assert (done.code, done.err) == (2, "error: secret.yaml: Permission denied\n")


def test_recipes_schema_is_json(cli: Cli) -> None:
    assert json.loads(cli("recipes", "--schema").out)["title"] == "Recipe"


def test_data_lists_the_splits_with_their_bounds(cli: Cli) -> None:
    lines = cli("data", "--no-decode").out.splitlines()
    assert [line.split()[0] for line in lines[1:8]] == [
        "stage_one", "stage_two", "stage_three", "validation", "unseen_style", "unseen_emoji", "other_domain",
    ]  # fmt: skip
    assert re.search(r"accuracy 0\.\d{4}  brier 0\.\d{4}  log 0\.\d{4}$", lines[5])


def test_the_reader_may_stop_reading() -> None:
    command = f"{sys.executable} -m emocal_rl recipes --schema | head -1"
    source = Path(recipes.__file__).parent.parent
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"], env={"PYTHONPATH": str(source), "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "{\n", "")


def test_rules_in_the_folder_where_one_is(tmp_path: Path) -> None:
    rule = "from emocal_rl.rewards import Rule, rule\n@rule(proper=True, low=-1.0, high=0.0)\ndef mine() -> Rule:\n"
    rule += '    """Brier again."""\n    return Rule(right=lambda c: -((1 - c) ** 2), wrong=lambda c: -(c**2))\n'
    (tmp_path / "my_rules.py").write_text(rule)
    script = "import sys; from emocal_rl.cli import main; sys.exit(main())"  # -P: as an installed command starts
    done = subprocess.run(
        [sys.executable, "-P", "-c", script, "rewards", "my_rules:mine"], cwd=tmp_path, capture_output=True, text=True,
        env={"PYTHONPATH": str(Path(recipes.__file__).parent.parent)}, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "proper: strictly" in done.stdout


# Training: the heavy part is replaced, what is around it is not


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Replaces `emocal_rl.train.run.train` by a function that notes what it was given."""
    seen: list[str] = []

    def train(recipe: recipes.Recipe, run: Run) -> dict[str, Any]:
        seen.append(f"{recipe.name} {run.path}")
        if recipe.seed == 1:
            raise KeyboardInterrupt
        if recipe.seed == 2:
            signal.raise_signal(signal.SIGTERM)
        if recipe.seed == 3:
            raise OSError(28, "No space left on device")
        return {}

    train_module = types.ModuleType("emocal_rl.train.run")
    report_module = types.ModuleType("emocal_rl.evaluate.report")
    train_module.train = train  # type: ignore[attr-defined]
    report_module.summary_lines = lambda metrics: ["the table"]  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "emocal_rl.train.run", train_module)
    monkeypatch.setitem(sys.modules, "emocal_rl.evaluate.report", report_module)
    before = signal.getsignal(signal.SIGTERM)
    yield seen
    signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize("terminal", [True, False])
def test_that_libraries_are_loading_is_said_at_once(
    terminal: bool, cli: Cli, trained: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    done = cli("train", "--recipe", "r.yaml", "--run-dir", "new")
    assert done.err.splitlines()[1:] == ["run directory: new", *["loading torch and transformers ..."] * terminal]


def test_train_ends_with_the_table_and_the_report(cli: Cli, trained: list[str]) -> None:
    done = cli("train", "--recipe", "r.yaml", "--run-dir", "new")
    assert (done.code, done.out) == (0, "the table\nreport: new/report.html\n")
    assert done.err == "recipe: r.yaml (a file)\nrun directory: new\n"
    assert trained == ["demo new"]
    assert json.loads(Path("new/run.json").read_text())["status"] == "done"


@pytest.mark.parametrize("seed", [1, 2], ids=["ctrl-c", "sigterm"])
def test_interrupted_says_how_to_go_on(seed: int, cli: Cli, trained: list[str]) -> None:
    done = cli("train", "--recipe", "r.yaml", "--run-dir", "new", f"seed={seed}")
    assert done.code == 130
    assert done.err.endswith("interrupted; continue with: emocal-rl train --resume new\n")
    assert json.loads(Path("new/run.json").read_text())["status"] == "interrupted"


def test_resume_trains_the_same_recipe(cli: Cli, trained: list[str]) -> None:
    cli("train", "--recipe", "r.yaml", "--run-dir", "new", "seed=1")
    text = Path("new/recipe.yaml").read_text()
    Path("new/recipe.yaml").write_text(text.replace("seed: 1", "seed: 0"))
    assert cli("train", "--resume", "new").code == 0
    assert trained == ["demo new", "demo new"]
    assert cli("train", "--resume", "new").err == "error: new is finished already; its report is new/report.html\n"


def test_a_full_disk_while_training_is_one_line(cli: Cli, trained: list[str]) -> None:
    done = cli("train", "--recipe", "r.yaml", "--run-dir", "new", "seed=3")
    assert done.code == 2
    line = done.err.splitlines()[-1]
    assert re.fullmatch(
        r"error: new: the disk is full \([\d.]+ [MG]B free\); make room there, then: emocal-rl train --resume new", line
    )


def test_python_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    monkeypatch.setattr(sys, "version", "3.9.2 (default)")
    monkeypatch.setattr(sys, "executable", "/usr/bin/python3")
    with pytest.raises(SystemExit) as error:
        runpy.run_path(str(Path(recipes.__file__).with_name("__main__.py")), run_name="__main__")
    assert error.value.code == "error: emocal-rl needs Python 3.11 or newer; this is 3.9.2 (/usr/bin/python3)"

import errno
import json
import logging
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emocal_rl import environment, files
from emocal_rl import recipe as recipes
from emocal_rl.errors import UserError
from emocal_rl.run import Run

TREE = {
    "name": "demo",
    "algorithm": "grpo",
    "split": "stage_three",
    "format": "emocaliber",
    "reward": {"correct": 1.0, "brier": 1.0},
    "warm_start": [{"name": "first", "algorithm": "sft", "split": "stage_one", "format": "emocaliber_answer"}],
    "seed": 7,
}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def recipe() -> recipes.Recipe:
    return recipes.from_tree(TREE)


def info_of(run: Run) -> dict[str, Any]:
    return dict(json.loads((run.path / "run.json").read_text()))


def test_a_new_run_directory(recipe: recipes.Recipe) -> None:
    with Run.create(recipe, "r", ["emocal-rl", "train", "--recipe", "demo"]) as run:
        info = info_of(run)
        assert info["command"] == ["emocal-rl", "train", "--recipe", "demo"]
        assert (info["status"], info["ended"], info["seed"]) == ("running", None, 7)
        assert [stage["name"] for stage in info["stages"]] == ["first", "demo"]
        assert info["stages"][0] == {"name": "first", "algorithm": "sft", "status": "pending", "seconds": None}
        assert info["folder"] == str(Path.cwd())
        assert info["versions"]["python"].startswith("3.")
        assert info["device"]
        assert recipes.load("r/recipe.yaml") == recipe
    assert (info_of(run)["status"], bool(info_of(run)["ended"])) == ("done", True)


def test_the_default_name_says_what_and_when(recipe: recipes.Recipe) -> None:
    with Run.create(recipe) as one, Run.create(recipe) as two:
        assert re.fullmatch(r"runs/demo-\d{8}-\d{6}", str(one.path))
        assert one.path != two.path  # within the same second as well


def test_an_existing_run_directory_names_the_ways_out(recipe: recipes.Recipe) -> None:
    with Run.create(recipe, "r"):
        pass
    with pytest.raises(UserError) as error:
        Run.create(recipe, "r")
    assert str(error.value) == (
        "r exists already; continue it with: emocal-rl train --resume r, choose another --run-dir, "
        "or remove it: rm -r r"
    )


def test_somebody_elses_folder_is_left_alone(recipe: recipes.Recipe) -> None:
    Path("r").mkdir()
    Path("r/thesis.tex").touch()
    Path("f").touch()
    with pytest.raises(UserError) as error:
        Run.create(recipe, "r")
    assert str(error.value) == (
        "r exists and is not empty, and is not a run directory; choose another --run-dir, or remove it: rm -r r"
    )
    with pytest.raises(UserError, match=r"^f is a file, not a run directory; choose another --run-dir$"):
        Run.create(recipe, "f")


def test_an_empty_folder_may_become_a_run(recipe: recipes.Recipe) -> None:
    Path("r").mkdir()
    with Run.create(recipe, "r") as run:
        assert run.path == Path("r")


def test_too_little_disk_space(recipe: recipes.Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "free_bytes", lambda path: 12e6)
    with pytest.raises(UserError) as error:
        Run.create(recipe, "r")
    assert str(error.value) == (
        "r: a run needs about 300 MB, and 12 MB are free there; make room, or choose another disk with --run-dir"
    )
    assert not Path("r").exists()


def test_the_disk_fills_up_while_training(recipe: recipes.Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run.create(recipe, "r")
    monkeypatch.setattr(files, "free_bytes", lambda path: 0)
    with pytest.raises(UserError) as error, run:
        raise OSError(errno.ENOSPC, "No space left on device")
    assert str(error.value) == ("r: the disk is full (0 MB free); make room there, then: emocal-rl train --resume r")
    assert info_of(run)["status"] == "failed"


def test_even_the_last_note_may_not_fit(
    recipe: recipes.Recipe, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    run = Run.create(recipe, "r")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match=r"^r: the disk is full .*, then: emocal-rl train --resume r$"), run:
        run.update(device="x")
    assert capsys.readouterr().err == ""  # said once
    monkeypatch.undo()


@pytest.mark.parametrize(
    ("error", "status"), [(KeyboardInterrupt(), "interrupted"), (ValueError("bug"), "failed"), (None, "done")]
)
def test_how_it_ended(recipe: recipes.Recipe, error: BaseException | None, status: str) -> None:
    run = Run.create(recipe, "r")
    if error is None:
        with run:
            pass
    else:
        with pytest.raises(type(error)), run:
            raise error
    assert info_of(run)["status"] == status


def test_a_failure_is_in_the_log_with_its_traceback(recipe: recipes.Recipe) -> None:
    run = Run.create(recipe, "r")
    with pytest.raises(ValueError, match="bug") as error, run:
        logging.getLogger("emocal_rl.anything").info("step %d", 3)
        raise ValueError("bug")
    log = Path("r/logs/attempt-1.log").read_text()
    assert "INFO emocal_rl.anything: step 3" in log
    assert "Traceback" in log
    assert error.value.__notes__ == ["The run is kept in r; continue it with: emocal-rl train --resume r"]


def interrupted(recipe: recipes.Recipe, path: str = "r", **info: Any) -> None:
    with pytest.raises(KeyboardInterrupt), Run.create(recipe, path) as run:
        run.info |= info
        raise KeyboardInterrupt


def test_resume_goes_on_where_it_stopped(recipe: recipes.Recipe) -> None:
    with pytest.raises(KeyboardInterrupt), Run.create(recipe, "r", ["first"]) as run:
        run.start_stage("first")
        run.finish_stage("first", 2.0)
        run.start_stage("demo")
        raise KeyboardInterrupt
    with Run.open("r") as run:
        assert run.warnings == []
        assert run.recipe == recipe
        assert run.log == Path("r/logs/attempt-2.log")
        assert (info_of(run)["status"], info_of(run)["command"]) == ("running", ["first"])
        assert run.stage_done("first")
        assert not run.stage_done("demo")
        run.start_stage("demo")
        run.finish_stage("demo", 3.0)
    assert [stage["status"] for stage in info_of(run)["stages"]] == ["done", "done"]


def write_checkpoint(run: Run, stage: str, step: int) -> Path:
    # an empty safetensors file: a header of two bytes, no tensors
    path = run.checkpoint_dir(stage) / f"checkpoint-{step}"
    path.mkdir(parents=True)
    (path / "model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    (path / "optimizer.pt").touch()
    (path / "trainer_state.json").write_text(json.dumps({"global_step": step}))
    return path


def test_metrics_have_no_duplicates_after_a_resume(recipe: recipes.Recipe) -> None:
    with pytest.raises(KeyboardInterrupt), Run.create(recipe, "r") as run:
        run.start_stage("first")
        run.log_metrics({"stage": "first", "step": 9, "seconds": 5.0})
        run.finish_stage("first", 5.0)
        run.start_stage("demo")
        for step in (1, 2, 3, 4, 5):
            run.log_metrics({"stage": "demo", "step": step, "seconds": 10.0 * step})
        kept = write_checkpoint(run, "demo", 2)
        torn = write_checkpoint(run, "demo", 4)
        (torn / "trainer_state.json").unlink()  # the kill came before the last file
        raise KeyboardInterrupt
    with (run.path / "metrics.jsonl").open("a") as file:
        file.write('{"stage": "demo", "st')
    with Run.open("r") as run:
        assert run.start_stage("demo") == run.last_checkpoint("demo") == kept
        rows = files.read_jsonl(run.path / "metrics.jsonl")
        assert [(row["stage"], row["step"]) for row in rows] == [("first", 9), ("demo", 1), ("demo", 2)]
        run.log_metrics({"stage": "demo", "step": 3})
        run.finish_stage("demo", 4.0)
    last = files.read_jsonl(run.path / "metrics.jsonl")[-1]
    assert last["seconds"] == pytest.approx(20.0, abs=5.0)  # the clock goes on from the last step that was kept
    assert info_of(run)["stages"][1]["seconds"] == 24.0


def test_a_stage_without_a_checkpoint_starts_over(recipe: recipes.Recipe) -> None:
    with pytest.raises(KeyboardInterrupt), Run.create(recipe, "r") as run:
        assert run.start_stage("first") is None
        run.log_metrics({"stage": "first", "step": 1})
        raise KeyboardInterrupt
    with Run.open("r") as run:
        assert run.start_stage("first") is None
        assert files.read_jsonl(run.path / "metrics.jsonl") == []


def test_changed_versions_are_a_warning(recipe: recipes.Recipe) -> None:
    interrupted(recipe, versions=environment.versions() | {"trl": "0.1", "gone": "3"})
    with Run.open("r") as run:
        now = environment.versions()["trl"]
        assert run.warnings == [
            "gone was 3 when the run started and is absent now; results may differ",
            f"trl was 0.1 when the run started and is {now} now; results may differ",
        ]
        assert info_of(run)["versions"]["trl"] == now


def test_what_cannot_be_resumed(recipe: recipes.Recipe) -> None:
    with Run.create(recipe, "done"):
        pass
    Path("other").mkdir()
    Path("torn").mkdir()
    Path("torn/run.json").write_text("{")
    Path("torn/recipe.yaml").touch()
    for path, message in {
        "done": "done is finished already; its report is done/report.html",
        "other": "other is not a run directory (it has no run.json and recipe.yaml)",
        "torn": "torn/run.json is damaged; start a new run",
        "doen": "no run directory doen; did you mean 'done'?",
    }.items():
        with pytest.raises(UserError) as error:
            Run.open(path)
        assert str(error.value) == message


def test_two_processes_cannot_resume_the_same_run(recipe: recipes.Recipe, python: Callable[..., Any]) -> None:
    interrupted(recipe)
    with Run.open("r"):
        done = python("-m", "emocal_rl", "train", "--resume", str(Path("r").absolute()))
    path, pid = Path("r").absolute(), os.getpid()
    message = f"error: {path} is in use by process {pid}; wait for it to end, or stop it, before resuming\n"
    assert (done.code, done.err) == (2, message)


def test_what_another_process_finished_meanwhile_is_not_trained_again(
    recipe: recipes.Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """run.json is read again once the lock is held, and the lock is let go."""
    interrupted(recipe)
    lock, info = files.Lock, Path("r/run.json")

    def late(path: Path, *how: Any) -> files.Lock:
        info.write_text(json.dumps(json.loads(info.read_text()) | {"status": "done"}))
        return lock(path, *how)

    monkeypatch.setattr(files, "Lock", late)
    with pytest.raises(UserError, match="^r is finished already; its report is r/report.html$"):
        Run.open("r")
    lock(Path("r/.lock"), str).release()


OWN = """
from emocal_rl.rewards import Rule, rule

@rule(proper=True, low=-1.0, high=0.0)
def fair():
    return Rule(right=lambda c: -((1 - c) ** 2), wrong=lambda c: -(c**2))
"""


def test_a_rule_of_ones_own_is_found_where_the_run_was_started(tmp_path: Path, python: Callable[..., Any]) -> None:
    start, elsewhere = tmp_path / "start", tmp_path / "elsewhere"
    start.mkdir(), elsewhere.mkdir()
    (start / "my_fair.py").write_text(OWN)
    begin = (
        "import sys; sys.path.append('')\n"
        "from emocal_rl import recipe; from emocal_rl.run import Run\n"
        "own = recipe.load('rloo_brier', [\"reward={correct: 1, mine: {use: 'my_fair:fair'}}\"])\n"
        f"Run.create(own, {str(tmp_path / 'r')!r}).close('interrupted')"
    )
    assert python("-c", begin, cwd=start).err == ""
    go_on = f"from emocal_rl.run import Run; Run.open({str(tmp_path / 'r')!r}).close('interrupted')"
    assert json.loads((tmp_path / "r" / "run.json").read_text())["folder"] == str(start)
    assert python("-c", go_on, cwd=elsewhere).err == ""
    (start / "my_fair.py").unlink()
    done = python("-m", "emocal_rl", "train", "--resume", str(tmp_path / "r"), cwd=elsewhere)
    assert re.fullmatch(
        rf"error: {tmp_path}/r/recipe.yaml:\d+: reward.mine: my_fair:fair: no module named 'my_fair' \(is it in this "
        rf"folder, or its folder on PYTHONPATH\?\), nor in {start}, where the run was started\n",
        done.err,
    )
    assert done.code == 2


def test_git_state(tmp_path: Path) -> None:
    assert environment.git_state(tmp_path) is None
    state = environment.git_state()
    assert state is None or (re.fullmatch("[0-9a-f]{40}", state["commit"]) and isinstance(state["dirty"], bool))

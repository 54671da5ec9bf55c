"""The order of a sweep's runs, and what happens when one breaks.  Runs are functions here: no training."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from emocal_rl import files
from emocal_rl import recipe as recipes
from emocal_rl.errors import UserError
from emocal_rl.run import Run
from emocal_rl.run_info import read_info
from emocal_rl.sweep import spec
from emocal_rl.sweep.board import board, progress
from emocal_rl.sweep.command import Options, chosen, run_sweep
from emocal_rl.sweep.engines import Outcome
from emocal_rl.sweep.schedule import LOOK_EVERY, State, _end, run
from emocal_rl.sweep.tasks import Task, cold_start, share, tasks_of

TEXT = "recipe: grpo_brier\nseeds: [0, 1]\nvariants: {a: {}, b: {trainer.learning_rate: 1.0e-4}}\n"


class Functions:
    """An engine whose runs are calls of a function, noted in order."""

    def __init__(self, capacity: int, ends: Callable[[Task], Outcome]) -> None:
        self.capacity: int | None = capacity
        self.ends, self.began = ends, list[str]()
        self.pool = ThreadPoolExecutor(capacity)

    def submit(self, task: Task) -> Future[Outcome]:
        self.began.append(task.name.split("/")[-1].rsplit("-", 1 if "/" in task.name else 0)[0])
        return self.pool.submit(self.ends, task)

    def close(self) -> None:
        self.pool.shutdown()


@pytest.fixture
def plan(tmp_path: Path) -> spec.Plan:
    (tmp_path / "s.yaml").write_text(TEXT)
    return spec.load(str(tmp_path / "s.yaml"))


def trained(
    plan: spec.Plan, out: Path, capacity: int, ends: Callable[[Task], Outcome]
) -> tuple[list[State], list[str]]:
    engine = Functions(capacity, ends)
    states = run(tasks_of(plan, out), engine, lambda task: None, lambda states: None)
    engine.close()
    return states, engine.began


def test_a_cold_start_comes_once_a_seed_and_before_its_points(plan: spec.Plan, tmp_path: Path) -> None:
    states, began = trained(plan, tmp_path, 1, lambda task: Outcome(""))
    assert began == ["sft_confidence-0", "a-0", "b-0", "sft_confidence-1", "a-1", "b-1"]
    assert {state.status for state in states} == {"done"}


def test_never_more_at_a_time_than_the_engine_takes(plan: spec.Plan, tmp_path: Path) -> None:
    engine = Functions(2, lambda task: Outcome(""))
    most = 0

    def watch(states: Sequence[State]) -> None:
        nonlocal most
        most = max(most, sum(state.status == "running" for state in states))

    run(tasks_of(plan, tmp_path), engine, lambda task: None, watch)
    assert most == 2


@pytest.mark.slow
def test_a_cluster_has_a_run_queued_until_the_run_says_that_it_is_running(plan: spec.Plan, tmp_path: Path) -> None:
    seen: dict[str, list[str]] = {}

    def ends(task: Task) -> Outcome:
        (task.path / "recipe.yaml").touch()
        files.write_json(task.path / "run.json", {"status": "running", "stages": [], "versions": {}})
        time.sleep(1.5 * LOOK_EVERY)
        return Outcome("")

    def watch(states: Sequence[State]) -> None:
        for state in states:
            words = seen.setdefault(state.task.name, [])
            if words[-1:] != [state.status]:
                words.append(state.status)

    engine = Functions(1, ends)
    engine.capacity = None  # takes all at once, and starts them one by one
    tasks = [task for task in tasks_of(plan, tmp_path) if task.parent is None]
    states = run(tasks, engine, lambda task: task.path.mkdir(parents=True), watch)
    assert list(seen.values()) == [["waiting", "queued", "running", "done"]] * 2
    assert all(0 < state.seconds < 2.5 * LOOK_EVERY for state in states)  # without the time in the queue


def test_a_broken_cold_start_breaks_its_points_and_no_others(plan: spec.Plan, tmp_path: Path) -> None:
    states, began = trained(
        plan, tmp_path, 2, lambda t: Outcome("no disk" if t.name.startswith("cold/sft_confidence-0") else "")
    )
    found = {
        state.task.name: (state.status, state.reason) for state in states if not state.task.name.startswith("cold")
    }
    cold = states[0].task.name
    assert found["a-0"] == found["b-0"] == ("broken", f"{cold} failed: no disk")
    assert found["a-1"] == found["b-1"] == ("done", "")
    assert "a-0" not in began


def test_a_crash_is_tried_again_and_a_mistake_is_not(plan: spec.Plan, tmp_path: Path) -> None:
    ends = {"a-0": Outcome("killed", True), "b-0": Outcome("no such split")}
    states, began = trained(plan, tmp_path, 1, lambda task: ends.get(task.name, Outcome("")))
    assert (began.count("a-0"), began.count("b-0")) == (2, 1)
    assert [state.reason for state in states if state.status == "broken"] == ["killed", "no such split"]


def test_an_engine_that_raises_breaks_the_point(plan: spec.Plan, tmp_path: Path) -> None:
    def ends(task: Task) -> Outcome:
        if task.name == "a-1":
            raise OSError("node lost\nmore")
        return Outcome("")

    states, _ = trained(plan, tmp_path, 1, ends)
    assert [(s.task.name, s.reason) for s in states if s.status == "broken"] == [("a-1", "OSError: node lost")]


def test_only_keeps_the_cold_starts_that_are_needed(plan: spec.Plan, tmp_path: Path) -> None:
    tasks = tasks_of(plan, tmp_path)
    assert [task.name.split("-")[-2 if "cold" in task.name else 0] for task in chosen(tasks, plan, ["b-1"])] == [
        "1",
        "b",
    ]
    assert len(chosen(tasks, plan, ["a"])) == 4
    with pytest.raises(UserError, match="sweep: --only: no variant or point 'a-2'; did you mean"):
        chosen(tasks, plan, ["a-2"])


def test_the_cold_start_is_the_recipe_of_the_stages_before(plan: spec.Plan) -> None:
    recipe = plan.points[1].recipe
    start = cold_start(recipe)
    assert start is not None
    assert start.stages == recipe.stages[:-1]
    assert (start.seed, start.data, start.evaluation) == (1, recipe.data, recipe.evaluation)
    assert cold_start(recipes.load("grpo_brier", ["model.checkpoint=x"])) is None
    assert cold_start(recipes.load("sft_reasoning")) is None


def test_points_share_a_cold_start_only_when_it_is_the_same(tmp_path: Path) -> None:
    text = "recipe: grpo_brier\nvariants: {a: {}, b: {trainer.max_steps: 3}, "
    text += "c: {warm_start.sft_confidence.trainer.max_steps: 3}}\n"
    (tmp_path / "s.yaml").write_text(text)
    a, b, c = (task for task in tasks_of(spec.load(str(tmp_path / "s.yaml")), tmp_path) if task.parent)
    assert a.parent == b.parent
    assert a.parent
    assert c.parent
    assert a.parent.path != c.parent.path


def test_shared_stages_are_there_and_done(plan: spec.Plan, tmp_path: Path) -> None:
    cold, point = tasks_of(plan, tmp_path)[:2]
    for task in (cold, point):
        task.begin(["test"])
    for stage in ("sft_reasoning", "sft_confidence"):
        (cold.path / "models" / stage).mkdir(parents=True)
        (cold.path / "models" / stage / "weights").write_text(stage)
    files.write_jsonl(cold.path / "records" / "sft_confidence-validation.jsonl", [{"id": 1}])
    files.write_jsonl(cold.path / "metrics.jsonl", [{"stage": "sft_reasoning", "step": 1}])
    info = read_info(cold.path)
    files.write_json(cold.path / "run.json", info | {"stages": [s | {"status": "done"} for s in info["stages"]]})
    share(cold.path, point.path)
    share(cold.path, point.path)  # a second time does nothing
    assert [stage["status"] for stage in read_info(point.path)["stages"]] == ["done", "done", "pending"]
    assert (point.path / "models/sft_confidence/weights").read_text() == "sft_confidence"
    assert (point.path / "records/sft_confidence-validation.jsonl").exists()
    assert len(files.read_jsonl(point.path / "metrics.jsonl")) == 1
    assert (point.path / "models/sft_reasoning/weights").stat().st_nlink == 2


def test_a_run_directory_half_made_by_a_kill_is_made_again(plan: spec.Plan, tmp_path: Path) -> None:
    task = tasks_of(plan, tmp_path)[0]
    task.path.mkdir(parents=True)
    (task.path / "recipe.yaml").write_text("half")
    task.begin(["test"])
    assert task.status == "interrupted"
    assert recipes.load(str(task.path / "recipe.yaml")) == task.recipe


def test_a_folder_of_something_else_is_left_alone(plan: spec.Plan, tmp_path: Path) -> None:
    task = tasks_of(plan, tmp_path)[1]
    task.path.mkdir()
    (task.path / "thesis.tex").write_text("dear")
    states = run(
        [Task(task.name, task.path, task.recipe)],
        Functions(1, lambda t: Outcome("")),
        lambda t: t.begin([]),
        lambda s: None,
    )
    assert states[0].reason.startswith(f"{task.path} exists and is not empty, and is not a run directory")
    assert (task.path / "thesis.tex").read_text() == "dear"


def test_another_recipe_in_the_run_directory_is_refused(plan: spec.Plan, tmp_path: Path) -> None:
    changed = plan.points[0].recipe.model_copy(update={"augment": 0.5})
    here = plan.points[0].recipe.augment
    Run.create(changed, tmp_path / "a-0").close("interrupted")
    with pytest.raises(UserError, match=rf"a-0 was made with another recipe \(augment: 0.5 there, {here} here\)"):
        run_sweep(plan, Options(tmp_path), ["test"])


def test_two_sweeps_do_not_write_to_one_folder(plan: spec.Plan, tmp_path: Path) -> None:
    lock = files.Lock(tmp_path / ".lock", str)
    with pytest.raises(UserError, match=r"is in use by process \d+; wait for that sweep to end"):
        run_sweep(plan, Options(tmp_path), ["test"])
    lock.release()


def test_plain_lines_say_every_change_once(plan: spec.Plan, tmp_path: Path) -> None:
    stream = io.StringIO()
    states = [State(task) for task in tasks_of(plan, tmp_path)[1:3]]
    states[0].status = "done"
    with board("s", 1, stream) as show:
        show(states)
        states[1].status, states[1].attempts = "running", 1
        show(states)
        show(states)
        states[1].status, states[1].reason, states[1].seconds = "broken", "no disk", 3.0
        show(states)
    assert stream.getvalue().splitlines() == [
        "1 of 2 runs are finished already",
        "b-0: running (1 of 2 done)",
        "b-0: failed: no disk (1 of 2 done)",
    ]


def test_a_terminal_gets_a_table(plan: spec.Plan, tmp_path: Path) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    states = [State(task) for task in tasks_of(plan, tmp_path)]
    states[0].status, states[0].seconds = "done", 61.0
    states[1].status = "running"
    files.write_jsonl(states[1].task.path / "metrics.jsonl", [{"stage": "x", "step": 9, "max_steps": 36}])
    states[2].status, states[2].reason = "broken", "no disk"
    states[3].status = "queued"
    with board("s", 1, stream) as show:
        show(states)
    shown = stream.getvalue()
    assert progress(states[1]) == 0.25
    for words in ("cold start", "seed 1", "1m01s", "25%", "broken", "b-0: no disk", "queued", "left"):
        assert words in shown, words


def test_an_exception_without_words_is_a_reason_too() -> None:
    state, future = State(None), Future[Outcome]()  # type: ignore[arg-type]
    future.set_exception(RuntimeError())
    _end(state, future, retries=0)
    assert (state.status, state.reason) == ("broken", "RuntimeError: ")

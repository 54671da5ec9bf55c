"""Signs of collapse by hand, warnings in words, and the best model kept."""

import json
from types import SimpleNamespace

import pytest
import torch

from emocal_rl import preflight
from emocal_rl import recipe as recipes
from emocal_rl.data import Row, emoji
from emocal_rl.data.load import DataSet
from emocal_rl.errors import UserError
from emocal_rl.models.load import load
from emocal_rl.recipe_blocks import EarlyStop
from emocal_rl.rewards import FORMATS, Reward
from emocal_rl.train.best import KeepBest
from emocal_rl.train.monitors import MonitoredReward, Watch, signs
from emocal_rl.train.rl import alerts
from emocal_rl.train.stage import training_rows

FORM = FORMATS["emocaliber"]
PARTS = dict.fromkeys(("element", "human", "context", "interaction", "analysis"), "x")
CANDIDATES = ["negative", "positive"]
REWARD = Reward({"correct": 1.0, "brier": 1.0}, format=FORM, grader="label")


def said(*replies: tuple[str, float]) -> list:
    texts = [FORM.write(PARTS, answer, confidence) for answer, confidence in replies]
    return REWARD(texts, [{"candidates": CANDIDATES, "label": "positive"}] * len(texts))


def test_effective_levels_are_the_exponential_of_the_entropy():
    """Shares 1/2, 1/4, 1/4: entropy 1.5 ln 2, so 2^1.5 levels; one value is one level."""
    mixed = said(("positive", 0.9), ("positive", 0.9), ("positive", 0.5), ("positive", 0.2))
    assert signs(mixed)["levels"] == pytest.approx(2**1.5, abs=1e-5)
    assert signs(said(("positive", 0.9), ("negative", 0.9)))["levels"] == 1


def test_all_or_nothing_has_brier_equal_to_ece_and_a_hedge_has_not():
    """.99 thrice, once wrong: Brier (2 * .0001 + .9801) / 3 = .3268, ECE .99 - 2/3 = .3233.  .5 twice: .25 and 0."""
    sure = signs(said(("positive", 0.99), ("positive", 0.99), ("negative", 0.99)))
    assert sure["brier_less_ece"] == pytest.approx(0.326767 - 0.323333, abs=1e-5)
    assert signs(said(("positive", 0.5), ("negative", 0.5)))["brier_less_ece"] == pytest.approx(0.25)


def test_giving_up_is_wrong_and_near_zero():
    replies = said(("negative", 0.01), ("negative", 0.5), ("positive", 0.01), ("negative", 0.05))
    assert signs(replies)["hack_rate"] == 0.5


def test_unreadable_replies_show_no_signs():
    assert signs(REWARD(["hm"], [{"candidates": CANDIDATES, "label": "positive"}])) == {}


def test_the_monitored_reward_pays_the_same_and_logs_more():
    columns = {"candidates": [CANDIDATES] * 2, "label": ["positive"] * 2}
    texts = [FORM.write(PARTS, "positive", 0.9), "hm"]
    logged: dict[str, float] = {}
    paid = MonitoredReward(REWARD)(completions=texts, log_metric=logged.__setitem__, **columns)
    assert paid == pytest.approx([0.99, -1.0])
    assert logged["train/levels"] == 1
    assert logged["train/parsed"] == 0.5


HEALTHY = {
    "train/levels": 5.0, "train/brier": 0.2, "train/brier_less_ece": 0.1, "train/hack_rate": 0.0, "train/parsed": 1.0,
    "train/confidence": 0.7, "sampling/sampling_logp_difference/mean": 0.01,
}  # fmt: skip


@pytest.mark.parametrize(
    ("sign", "text"),
    [
        ({"train/levels": 1.0}, "nearly every reply states the same confidence (mean 0.70), so it tells no question"),
        ({"train/brier_less_ece": 0.001}, "confidences have gone to 0 and 1 (Brier 0.200 equals ECE)"),
        ({"train/hack_rate": 0.4}, "40% of the replies are wrong with a confidence near 0"),
        ({"train/parsed": 0.3}, "only 30% of the replies can be read"),
        (
            {"sampling/sampling_logp_difference/mean": 0.25},
            "the sampler's log-probabilities are 0.25 nats a token from",
        ),
        (
            {"sampling/sampling_logp_difference/mean": 0.25, "sampling/staleness": 1.0},
            "replies come from weights 1 updates old, 0.25 nats a token from the trainer's, so little of",
        ),
    ],
)
def test_a_lasting_sign_is_said_once_and_a_passing_one_not(capsys, sign, text):
    kept: list[dict] = []
    watch = Watch("demo", kept.append, patience=3)
    for step, log in enumerate([HEALTHY | sign] * 2 + [HEALTHY] + [{"loss": 1.0}] + [HEALTHY | sign] * 5, 1):
        watch.on_log(None, SimpleNamespace(global_step=step), None, log)
    ((line,), (alert,)) = capsys.readouterr().err.splitlines(), kept
    assert line.startswith(f"warning: stage demo, step 7: {text}")
    assert (alert["stage"], alert["step"]) == ("demo", 7)
    assert alert["text"].startswith(text)


def test_a_resumed_run_keeps_an_alert_once():
    first = {"stage": "demo", "step": 3, "name": "giving_up", "text": "x"}
    run = SimpleNamespace(info={"alerts": [first]})
    assert alerts(run, first | {"step": 5}) == [first]
    assert len(alerts(run, first | {"name": "one_confidence"})) == 2


def keeper(folder, monkeypatch, scores, saved=0, **options):
    """A `KeepBest` whose measurements are given, on a model of one number that counts the steps."""
    stage = SimpleNamespace(format="emocaliber", grader=None)
    trainer = SimpleNamespace(
        _metrics={"train": {"validation/brier": []}}, accelerator=SimpleNamespace(unwrap_model=lambda model: model)
    )
    data = DataSet("demo", {"validation": emoji.load(2)["validation"]})
    keep = KeepBest(EarlyStop(**options), stage, data, trainer, None, folder, lambda: saved)
    monkeypatch.setattr(keep, "measure", lambda model: scores[model.step])
    return keep


class Counter:
    """Stands for a model: saving it writes the step it was saved at."""

    step = 0

    def save_pretrained(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "model.safetensors").write_text(str(self.step))


def run_to(keep, end, start=0, most=100):
    model, control = Counter(), SimpleNamespace(should_training_stop=False)
    state = SimpleNamespace(global_step=start, max_steps=most, is_world_process_zero=True)
    keep.on_train_begin(None, state, control)
    for step in range(start + 1, end + 1):
        state.global_step = model.step = step
        keep.on_step_end(None, state, control, model=model)
        if control.should_training_stop:
            return step
    return None


def test_the_best_is_kept_and_an_old_best_ends_the_training(tmp_path, monkeypatch):
    scores = {2: 0.30, 4: 0.22, 6: 0.25, 8: 0.22, 10: 0.1}
    keep = keeper(tmp_path / "best", monkeypatch, scores, every=2, patience=2)
    assert run_to(keep, 10) == 8  # .25 and .22 are not lower than .22
    assert keep.best == (4, 0.22)
    assert keep.trainer._metrics["train"]["validation/brier"] == [0.30, 0.22, 0.25, 0.22]
    (tmp_path / "final").mkdir()
    (tmp_path / "final" / "model.safetensors").write_text("8")
    keep.restore(tmp_path / "final")
    assert (tmp_path / "final" / "model.safetensors").read_text() == "4"


def test_the_last_step_is_measured_too(tmp_path, monkeypatch):
    keep = keeper(tmp_path / "best", monkeypatch, {4: 0.3, 5: 0.2}, every=4, patience=9)
    run_to(keep, 5, most=5)
    assert keep.best == (5, 0.2)


def test_resumed_it_forgets_what_came_after_the_checkpoint(tmp_path, monkeypatch):
    scores = {2: 0.30, 4: 0.22, 6: 0.25}
    run_to(keeper(tmp_path, monkeypatch, scores, every=2, patience=9, saved=3), 6)
    whole = json.loads((tmp_path / "best.json").read_text())
    again = keeper(tmp_path, monkeypatch, scores, every=2, patience=9)
    run_to(again, 6, start=3)
    assert [step for step, _ in again.seen] == [2, 4, 6]
    assert json.loads((tmp_path / "best.json").read_text()) == whole


def weights(keep, folder):
    folder.mkdir()
    keep.restore(folder)
    return (folder / "model.safetensors").read_text()


@pytest.mark.parametrize("moment", ["model", "rename", "note"])
def test_killed_at_any_moment_of_keeping_a_new_best_it_goes_back_to_the_best_of_the_checkpoint(
    tmp_path, monkeypatch, moment
):
    """The checkpoint is of step 3. What is best later on, 6, is not measured as good again; 2 was the best until 3."""
    killed = keeper(tmp_path / "best", monkeypatch, {2: 0.30, 4: 0.25, 6: 0.1}, every=2, patience=9, saved=3)

    def kill(*arguments):
        raise KeyboardInterrupt

    run_to(killed, 5)
    if moment == "model":
        monkeypatch.setattr(Counter, "save_pretrained", lambda self, folder: (folder.mkdir(), kill()))
    elif moment == "rename":
        monkeypatch.setattr("pathlib.Path.rename", kill)
    else:
        monkeypatch.setattr("emocal_rl.files.write_json", kill)
    state, model = SimpleNamespace(global_step=6, max_steps=100, is_world_process_zero=True), Counter()
    model.step = 6
    with pytest.raises(KeyboardInterrupt):
        killed.on_step_end(None, state, SimpleNamespace(should_training_stop=False), model=model)
    monkeypatch.undo()
    again = keeper(tmp_path / "best", monkeypatch, {4: 0.4, 6: 0.5}, every=2, patience=9, saved=3)
    run_to(again, 6, start=3)
    assert again.best == (2, 0.30)
    assert weights(again, tmp_path / "final") == "2"
    assert sorted(path.name for path in (tmp_path / "best").iterdir()) == ["best.json", "model-2"]


def test_the_weights_are_those_of_the_best_also_where_a_later_best_was_not_measured_again(tmp_path, monkeypatch):
    run_to(keeper(tmp_path / "best", monkeypatch, {2: 0.30, 4: 0.22, 6: 0.25}, every=2, patience=9, saved=3), 6)
    again = keeper(tmp_path / "best", monkeypatch, {4: 0.35, 6: 0.36}, every=2, patience=9, saved=3)
    run_to(again, 6, start=3)
    assert (again.best, weights(again, tmp_path / "final")) == ((2, 0.30), "2")


def test_only_what_may_be_needed_is_kept(tmp_path, monkeypatch):
    scores = {2: 0.5, 4: 0.4, 6: 0.3, 8: 0.2}
    run_to(keeper(tmp_path, monkeypatch, scores, every=2, patience=9, saved=5), 8)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best.json", "model-4", "model-8"]


def test_resumed_after_its_end_it_measures_nothing_more(tmp_path, monkeypatch):
    scores = {2: 0.30, 4: 0.32, 6: 0.33}
    assert run_to(keeper(tmp_path, monkeypatch, scores, every=2, patience=2), 9) == 6
    again = keeper(tmp_path, monkeypatch, {8: 0.1}, every=2, patience=2)
    assert run_to(again, 9, start=6) == 7
    assert again.best == (2, 0.30)


def test_a_best_model_that_was_removed_is_named(tmp_path, monkeypatch):
    run_to(keeper(tmp_path, monkeypatch, {2: 0.3}, every=2, patience=2), 2)
    (tmp_path / "model-2" / "model.safetensors").unlink()
    (tmp_path / "model-2").rmdir()
    with pytest.raises(UserError) as error:
        run_to(keeper(tmp_path, monkeypatch, {}, every=2, patience=2), 3, start=2)
    assert str(error.value) == (
        f"{tmp_path}/model-2: the best model so far is not there; put it back, or remove {tmp_path} to look for the "
        "best one from here on"
    )


def test_measuring_changes_nothing(tmp_path):
    """Real answers of the base model, none of which states a confidence: so all score the worst."""
    model, processor = load("tiny")
    trainer = SimpleNamespace(
        accelerator=SimpleNamespace(unwrap_model=lambda model: model), args=SimpleNamespace(max_completion_length=64)
    )
    data = DataSet("demo", {"validation": emoji.load(2)["validation"]})
    stage = SimpleNamespace(format="emocaliber", grader=None)
    keep = KeepBest(EarlyStop(rows=4), stage, data, trainer, processor, tmp_path)
    model.train()
    before = torch.get_rng_state()
    assert keep.measure(model) == pytest.approx(-keep.reward.worst, abs=1e-6)
    assert torch.equal(torch.get_rng_state(), before)
    assert model.training


def test_replies_that_cannot_be_graded_are_left_out_of_the_measure(tmp_path, monkeypatch):
    """Three of four rows have a grade: right at .7, wrong at .7, unreadable (the worst, 1)."""
    form = FORMATS["rlcr_short"]
    texts = [*(form.write({"think": "x"}, name, 0.7) for name in ("positive", "negative", "positive")), "no"]
    monkeypatch.setattr("emocal_rl.train.best.complete_batch", lambda *_: texts)
    monkeypatch.setattr("emocal_rl.train.best.image_token_ids", lambda *_: [])
    model = SimpleNamespace(training=False, eval=lambda: None, train=lambda _: None)
    trainer = SimpleNamespace(
        accelerator=SimpleNamespace(unwrap_model=lambda model: model), args=SimpleNamespace(max_completion_length=64)
    )
    rows = [Row(str(i), None, "?", ("negative", "positive"), (0, 1), str(i)) for i in range(4)]
    grades = iter([1.0, 0.0, None] * 2)
    stage = SimpleNamespace(format="rlcr_short", grader=lambda reply, target: next(grades))
    keep = KeepBest(EarlyStop(rows=4), stage, DataSet("demo", {"validation": rows}), trainer, None, tmp_path)
    assert keep.measure(model) == pytest.approx((0.09 + 0.49 + 1) / 3, abs=1e-6)
    texts[:] = [texts[0]]
    keep.rows, grades = rows[:1], iter([None])
    with pytest.raises(UserError, match="early_stop.split: no row of 'validation' can be graded"):
        keep.measure(model)


def test_a_stage_without_rows_is_named():
    data = DataSet("few.jsonl", {"stage_two": []})
    stage = SimpleNamespace(name="cold", split="stage_two", sampling="balanced")
    with pytest.raises(UserError, match="stage cold: split 'stage_two' of data few.jsonl has no rows; choose another"):
        training_rows(stage, data, 8, 0)


def test_a_split_that_is_not_there_is_found_before_training():
    recipe = recipes.load("grpo_brier", ["early_stop.split=validatoin"])
    with pytest.raises(UserError, match="grpo_brier: early_stop.split: data 'emoji' has no split 'validatoin'"):
        preflight.require(recipe)
    with pytest.raises(UserError, match="early_stop: only reinforcement learning has it; remove the key"):
        recipes.load("sft_reasoning", ["early_stop.every=3"])

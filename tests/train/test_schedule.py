"""The weight of the calibration terms in training: what it is at each step, and what is then paid."""

from types import SimpleNamespace

import pytest

from emocal_rl import preflight
from emocal_rl.errors import UserError
from emocal_rl.recipe import from_tree
from emocal_rl.recipe_blocks import CalibrationSchedule
from emocal_rl.rewards import FORMATS, Reward
from emocal_rl.train.monitors import MonitoredReward
from emocal_rl.train.schedule import Scheduled, held_back

FORM = FORMATS["emocaliber"]
PARTS = dict.fromkeys(("element", "human", "context", "interaction", "analysis"), "x")
CANDIDATES = ["negative", "positive"]
TREE = {
    "name": "r", "algorithm": "grpo", "split": "stage_three", "format": "emocaliber",
    "reward": {"correct": 1.0, "brier": {"weight": 0.5}}, "calibration_target": "mixed",
}  # fmt: skip


def stage(**changes):
    return from_tree(TREE | changes).stages[0]


def at(step, accuracy=None):
    logs = [{"train/accuracy": 0.9}, {"loss": 1.0}] if accuracy is None else [{"train/accuracy": accuracy}, {"loss": 1}]
    return SimpleNamespace(global_step=step, log_history=logs)


def test_the_targets_of_a_recipe_are_those_of_its_terms_on_the_confidence():
    reward = preflight.reward_of(stage(reward=TREE["reward"] | {"own": {"use": "brier", "target": "outcome"}}))
    assert {term.name: term.target.name for term in reward.terms} == {
        "correct": "outcome", "brier": "mixed", "own": "outcome",
    }  # fmt: skip
    assert preflight.reward_of(stage()).weights == {"correct": 1.0, "brier": 0.5}
    assert preflight.reward_of(stage(), 0.5).weights == {"correct": 1.0, "brier": 0.25}


def test_a_ramp_changes_the_weight_and_the_floor():
    """Half way the Brier rule counts .25: the worst readable reply (wrong at .99) gets -.25 * .9801."""
    reward = Scheduled(stage(), CalibrationSchedule(ramp=[10, 30]))(at(20))
    assert reward.weights == {"correct": 1.0, "brier": 0.25}
    assert reward.floor == pytest.approx(-0.25, abs=0.006)


def test_hard_questions_hold_the_weight_back():
    """V'(p) = 1 + .5 (2 p - 1) is .6 at p = .1: .8 takes a factor of .5; easy questions take the whole weight."""
    scheduled = Scheduled(stage(), CalibrationSchedule(learning_speed=0.8))
    assert scheduled.factor(at(3, accuracy=0.1)) == pytest.approx(0.5)
    assert scheduled.factor(at(3, accuracy=0.7)) == 1.0
    assert scheduled.factor(SimpleNamespace(global_step=0, log_history=[])) == 1.0


def test_the_smaller_factor_counts():
    both = Scheduled(stage(), CalibrationSchedule(ramp=[0, 10], learning_speed=0.8))
    assert [both.factor(at(step, accuracy=0.1)) for step in (2, 9)] == pytest.approx([0.2, 0.5])


def test_a_reward_without_correctness_is_held_back_altogether():
    assert held_back(Reward({"brier": 1.0}, "emocaliber", "label"), 0.1, 0.5) == 0.0


def test_what_is_paid_follows_the_schedule_and_is_logged():
    """Two replies a group, right at .8 and wrong at .8, ramp at one half: mixed targets .75 and .25.

    Brier: -(.75 * .04 + .25 * .64) = -.19 and -(.25 * .04 + .75 * .64) = -.49, at .25.
    """
    schedule, logged = Scheduled(stage(), CalibrationSchedule(ramp=[10, 30])), {}
    scorer = MonitoredReward(schedule.full, generations=2, schedule=schedule)
    texts = [FORM.write(PARTS, answer, 0.8) for answer in ("positive", "negative")]
    columns = {"candidates": [CANDIDATES] * 2, "votes": [[0, 4]] * 2, "label": ["positive"] * 2}
    paid = scorer(completions=texts, trainer_state=at(20), log_metric=logged.__setitem__, **columns)
    assert paid == pytest.approx([1 - 0.25 * 0.19, -0.25 * 0.49])
    assert (logged["train/calibration_factor"], logged["train/gap_hard"]) == (0.5, pytest.approx(-0.2))
    assert logged["train/gap_easy"] == pytest.approx(0.8)


def test_a_group_target_refuses_half_groups():
    scorer = MonitoredReward(preflight.reward_of(stage()), generations=2)
    with pytest.raises(UserError, match="a term has a group target, and 1 completions do not split into groups of 2;"):
        scorer(completions=["x"], candidates=[CANDIDATES], votes=[[1, 2]], label=["positive"])


def test_a_judge_without_errors_may_judge_a_distribution():
    stated = {"target": "judge", "format": "distribution", "reward": {"multiclass_brier": 1.0}}
    assert stage(**stated, judge_errors=None).judge_errors is None
    assert stage(**stated, judge_errors={"false_positive": 0.0}).target == "judge"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"segment_weights": {"answer": 0.0}}, "segment_weights: credit: sequence has one segment; remove "),
        ({"judge_errors": {"false_positive": 0.1}}, "judge_errors: only target: judge has it; remove the key, or set "),
        ({"target": "judge", "judge_errors": {"false_positive": 0.1}, "format": "distribution",
          "reward": {"multiclass_brier": 1.0}},
         "judge_errors: format 'distribution' is scored against shares of the labels, and grades corrected for a "
         "judge's errors may be negative; remove the key to take the judge's word, or set a format that states one "
         "confidence, such as emocaliber"),
        ({"algorithm": "sft", "reward": {}, "calibration_schedule": {"ramp": [0, 9]}},
         "calibration_schedule: only reinforcement learning has it; remove the key"),
        ({"segment_weights": {"answer": -1.0}, "credit": "segment"}, "segment_weights.answer: expected at least 0"),
        ({"calibration_schedule": {"ramp": [3]}}, "ramp: expected list should have at least 2 items"),
        ({"calibration_target": "leave_one"},
         "calibration_target: expected 'outcome', 'leave_one_out' or 'mixed' (got 'leave_one'); did you mean "),
    ],
)  # fmt: skip
def test_keys_that_say_nothing_are_refused(changes, message):
    with pytest.raises(UserError) as error:
        stage(**changes)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"credit": "exact", "format": "percent"},
         "r: credit: exact decides the decimals of a confidence, and format 'percent' writes none; set "),
        ({"credit": "segment", "format": "emocaliber_answer", "reward": {"correct": 1.0}},
         "r: credit: format 'emocaliber_answer' does not state one confidence to credit; set credit: sequence"),
        ({"target": "judge"},
         "r: target: judge needs rows with 'judge', and some of split 'stage_three' have none"),
    ],
)  # fmt: skip
def test_what_cannot_be_credited_or_graded_is_said_before_training(changes, message):
    with pytest.raises(UserError) as error:
        preflight.require(from_tree(TREE | changes))
    assert message in str(error.value)

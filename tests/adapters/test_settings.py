"""Which reward an adapter pays, and what is said about a mistake."""

import pytest

from emocal_rl.adapters import settings
from emocal_rl.adapters.settings import Settings, changed, from_environment, reward_of
from emocal_rl.errors import UserError
from emocal_rl.rewards import PRESETS, RULES, Reward, judge, preset
from emocal_rl.rewards.rules import find

OURS = Reward({"brier": 1.0}, format="digits", grader="label")


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_paid_as_published(name):
    ours, published = reward_of(Settings(name)), preset(name).reward()
    assert (ours.weights, ours.floor, ours.format) == (published.weights, published.floor, published.format)


@pytest.mark.parametrize("name", [name for name in RULES if find(name, RULES)().strict])
def test_strictly_proper_rules_are_paid_beside_correctness_so_that_honesty_pays(name):
    assert judge(reward_of(Settings(name))).problems == []


@pytest.mark.parametrize(("name", "weight"), [("brier", 1.0), ("log", 0.21), ("brier_signed", 0.5), ("winkler", 0.25)])
def test_the_weight_of_a_rule_is_the_largest_safe_one(name, weight):
    assert reward_of(Settings(name)).weights == {"correct": 1.0, name: weight}


def test_terms_are_paid_as_they_stand():
    assert reward_of(Settings("brier=2")).weights == {"brier": 2.0}
    assert reward_of(Settings("correct=1 brier=0.5")).weights == {"correct": 1.0, "brier": 0.5}


def test_ones_own(monkeypatch):
    monkeypatch.setattr(settings, "OURS", OURS, raising=False)
    assert reward_of(Settings("emocal_rl.adapters.settings:OURS")) is OURS
    rule = reward_of(Settings("emocal_rl.rewards.rules.quadratic:brier"))
    assert rule.weights == {"correct": 1.0, "brier": 1.0}


def test_formats_of_rules_and_distribution_rules():
    assert reward_of(Settings("brier")).format.name == "rlcr"
    assert reward_of(Settings("multiclass_brier")).format.name == "distribution"
    assert reward_of(Settings("rlcr", format="emocaliber")).format.name == "emocaliber"


@pytest.mark.parametrize(
    ("variables", "line"),
    [
        ({"REWRAD": "rlcr"}, "environment variable EMOCAL_REWRAD is not known; did you mean 'EMOCAL_REWARD'?"),
        ({"SCALE": "unti"}, "EMOCAL_SCALE: 'unti' is not known; did you mean 'unit'?"),
        ({"STRICT": "maybe"}, "EMOCAL_STRICT: write 1 or 0, not 'maybe'"),
        ({"REWARD": "breir"}, "unknown reward 'breir'; did you mean 'brier'?"),
        ({"REWARD": "qqqq"}, "unknown reward 'qqqq'; list them: emocal-rl rewards"),
        (
            {"REWARD": "brier=much"},
            "reward 'brier=much': write name=weight, such as correct=1,brier=0.5; got 'brier=much'",
        ),
        ({"REWARD": "brier=inf"}, "reward 'brier=inf': the weight of 'brier' must be finite"),
        ({"REWARD": "math:pi"}, "math:pi is not a rule: put @rule(...) above its definition"),
        ({"FORMAT": "rclr"}, "unknown format 'rclr'; did you mean 'rlcr'? Your own is written 'module:name'."),
        ({"GRADER": "lable"}, "unknown grader 'lable'; did you mean 'label'? Your own is written 'module:function'."),
    ],
)
def test_a_mistake_is_one_clear_line(variables, line):
    with pytest.raises(UserError) as error:
        reward_of(from_environment({f"EMOCAL_{name}": value for name, value in variables.items()}))
    assert error.value.lines == [line]


def test_an_empty_variable_is_no_setting():
    assert from_environment({"EMOCAL_FORMAT": "", "EMOCAL_STRICT": ""}) == Settings()


def test_keywords_of_a_framework():
    given = {"strict": "true", "grader": "votes", "reward_router_address": "x", "reward_model_tokenizer": None}
    assert changed(Settings("brier"), given) == Settings("brier", grader="votes", strict=True)

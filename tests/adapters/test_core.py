"""The call behind every adapter."""

import math
import pickle
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emocal_rl.adapters import core
from emocal_rl.adapters.core import COMPONENTS, Row, Scorer, best_total, instance, scorer_of
from emocal_rl.adapters.settings import Settings
from emocal_rl.adapters.trl import TrlFunction
from emocal_rl.adapters.verl import VerlReward
from emocal_rl.errors import UserError
from emocal_rl.rewards import DISTRIBUTION_RULES, PRESETS, RULES, Reward

LABELS = ["negative", "positive", "neutral"]
ROW = Row({"candidates": LABELS, "label": "positive"})
PARTS = dict.fromkeys(("element", "human", "context", "interaction", "analysis", "think"), "x")
EVERY = [*PRESETS, *RULES, *DISTRIBUTION_RULES]
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=8) | st.sampled_from(["joy", "[1]", '{"label": "joy"}']),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["label", "votes", "candidates", "probs", "labels", "aliases", "x"]), inner, max_size=4
        )
    ),
    max_leaves=6,
)
PIECES = ["<think>", "</think>", "<answer>", "</answer>", "<analysis>", "</analysis>", "<confidence>", "</confidence>"]
TEXT = st.lists(st.sampled_from([*PIECES, "joy", "0.5", "1", "<|im_end|>", "</s>", " "]) | st.text(max_size=5)).map(
    "".join
)


def replies(scorer):
    """Every confidence of the format, right and wrong."""
    form = scorer.reward.format
    low = 0.0 if form.states == "confidence" else 0.51  # a stated distribution has its answer on top
    for confidence in [c for c in form.grid if c >= low] or [0.6]:
        for answer, other in (LABELS[:2], LABELS[1::-1]):
            shares = {answer: confidence, other: 1 - confidence, "neutral": 0.0}
            yield form.write(PARTS, answer, confidence, distribution=shares)


@pytest.mark.parametrize("name", EVERY)
def test_the_unit_scale_is_an_increasing_straight_line_from_the_worst_to_the_best(name):
    unit, raw = (scorer_of(Settings(name, scale=scale)) for scale in ("unit", "raw"))
    texts = [*replies(unit), "no tags"] * 2
    # groups of two equal replies: what the others achieve is what each achieves
    groups = list(range(len(texts) // 2)) * 2 if unit.reward.needs_groups else None
    pairs = [
        (one.value, other.value)
        for one, other in zip(
            unit(texts, [ROW] * len(texts), groups), raw(texts, [ROW] * len(texts), groups), strict=True
        )
    ]
    low, high = min(unit.reward.floor, unit.reward.worst), best_total(unit.reward)
    for paid, total in pairs:
        assert low - 1e-9 <= total <= high + 1e-9
        assert paid == pytest.approx((total - low) / (high - low), abs=1e-9)
    assert min(total for _, total in pairs) == pytest.approx(low, abs=0.05 * (high - low))


@given(completion=TEXT | JSON, fields=JSON, truth=JSON)
def test_anything_at_all_gives_finite_numbers(completion, fields, truth):
    outcome = scorer_of(Settings("rlcr")).one(completion, Row(fields, truth))
    assert 0 <= outcome.value <= 1
    assert set(outcome.components) == {*COMPONENTS, "well_formed", "brier_unit"}
    assert all(type(value) is float and math.isfinite(value) for value in outcome.components.values())


def broken(reply, target):
    if reply.answer == "negative":
        raise RuntimeError("the grader fell over")
    return 1.0


def test_a_failing_grader_costs_its_own_reply_only(caplog):
    scorer = Scorer(Reward({"brier": 1.0}, format="digits", grader=broken), scale="raw")
    texts = ["Answer: positive\nConfidence: 10", "Answer: negative\nConfidence: 10"] * 3
    outcomes = scorer(texts, [ROW] * 6)
    assert [one.value for one in outcomes] == [0.0, -1.0] * 3
    assert [one.components["parse_ok"] for one in outcomes] == [1.0, 0.0] * 3
    assert [record.getMessage() for record in caplog.records] == [
        "a reply gets the floor, because its reward failed (EMOCAL_STRICT=1 raises): RuntimeError: the grader fell over"
    ]


def test_a_label_that_is_no_candidate_is_said_once_and_paid_the_floor(caplog):
    """verl's ground_truth of an integer label, [1]: graded wrong, it would pay low confidences."""
    scorer = scorer_of(Settings("brier", format="digits"))
    row = Row({"candidates": LABELS}, [1])
    outcomes = scorer(["Answer: positive\nConfidence: 0", "Answer: negative\nConfidence: 10"] * 2, [row] * 4)
    assert [one.value for one in outcomes] == [0.0] * 4
    assert [one.components["graded"] for one in outcomes] == [0.0] * 4
    (record,) = caplog.records
    assert (
        "target['label'] is 1, which is none of the candidates negative, positive, neutral: give" in record.getMessage()
    )


def test_strict_raises():
    with pytest.raises(UserError, match="neither a label nor votes .* it has \\['index'\\]"):
        scorer_of(Settings("brier", strict=True)).one("no tags", Row({"index": 3}))
    assert scorer_of(Settings("brier", strict=True)).one("no tags", ROW).value == 0.0


def test_logging_comes_to_an_end(caplog):
    scorer = scorer_of(Settings("brier"))
    for i in range(100):
        scorer.one("no tags", Row({f"column {i}": 1}))
    assert len(caplog.records) == core._MOST_SAID


def test_pickling_by_settings_gives_the_very_scorer():
    scorer = scorer_of(Settings("rlcr"))
    assert pickle.loads(pickle.dumps(scorer)) is scorer
    own = Scorer(Reward({"brier": 1.0}, format="digits", grader="label"), scale="raw")
    assert pickle.loads(pickle.dumps(own)).one("", ROW).value == -1.0


def test_a_term_may_not_take_the_name_of_a_component():
    with pytest.raises(UserError, match="rename term 'confidence'"):
        Scorer(Reward({"confidence": {"use": "brier"}}, format="digits", grader="label"))


def test_group_targets_need_whole_groups():
    with pytest.raises(UserError, match="reward 'dcpo' compares a reply with the others .* and verl shows"):
        VerlReward(scorer_of(Settings("dcpo")), "dcpo")
    text = "<think>x</think><answer>positive</answer><confidence>0.5</confidence>"
    wrong = text.replace("positive", "negative")
    columns = {"candidates": [LABELS] * 4, "label": ["positive"] * 4}
    paid = TrlFunction(scorer_of(Settings("dcpo", scale="raw")))(
        prompts=["a", "b", "a", "b"], completions=[text, text, wrong, text], **columns
    )
    # at c = 1/2 every target costs .5 * .25
    assert paid == pytest.approx([1 - 0.125, 1 - 0.125, -0.125, 1 - 0.125])


def test_keywords_of_a_framework_may_not_ask_for_groups():
    with pytest.raises(UserError, match="reward 'coca' compares .* and verl shows"):
        VerlReward(scorer_of(Settings("brier")))(solution_str="x", ground_truth="y", reward="coca")


def test_keywords_do_not_replace_ones_own_reward():
    reward = VerlReward(Reward({"brier": 1.0}, format="digits", grader="label"))
    assert reward(solution_str="no tags", ground_truth="y", scale="raw")["score"] == -1.0
    with pytest.raises(UserError, match="only scale and strict can be changed"):
        reward(solution_str="no tags", ground_truth="y", format="rlcr")


def test_module_attributes(monkeypatch):
    trl = sys.modules["emocal_rl.adapters.trl"]
    assert trl.rlcr is trl.rlcr
    assert [trl.rlcr.__name__, trl.brier.__name__, trl.reward.__name__] == ["rlcr", "brier", "reward"]
    assert not hasattr(trl, "__path__")
    with pytest.raises(AttributeError, match="no reward 'breir'; did you mean 'brier'?"):
        instance(TrlFunction, "breir", "reward")
    monkeypatch.setenv("EMOCAL_REWARD", "sayself")
    monkeypatch.setenv("EMOCAL_FORMAT", "rlcr")
    assert list(trl.reward.scorer.reward.weights) == ["brier_signed"]
    assert trl.brier.scorer.reward.format.name == "rlcr"

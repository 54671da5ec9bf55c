"""Our rewards as TRL reward functions."""

import logging
import pickle
from types import SimpleNamespace
from unittest.mock import patch

import numpy as np
import pytest

from emocal_rl.adapters.trl import TrlReward, all_but, drawn_label, monitor
from emocal_rl.rewards import FORMATS, Reward

FORM = FORMATS["emocaliber"]
PARTS = dict.fromkeys(("element", "human", "context", "interaction", "analysis"), "x")
CANDIDATES = ["negative", "positive"]


def say(answer: str, confidence: float) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": FORM.write(PARTS, answer, confidence)}]


@pytest.fixture
def reward() -> Reward:
    return Reward({"correct": 1.0, "brier": 1.0}, format="emocaliber", grader="label")


def test_totals_by_hand(reward):
    """Right at .8: 1 - .04.  Wrong at .8: -.64.  No tags: the floor, -1."""
    completions = [say("positive", 0.8), say("negative", 0.8), [{"role": "assistant", "content": "positive"}]]
    totals = TrlReward(reward)(
        completions=completions, candidates=[CANDIDATES] * 3, label=["positive"] * 3, id=["r"] * 3
    )
    assert totals == pytest.approx([0.96, -0.64, -1.0])


def test_votes_pay_the_share_that_agrees():
    """Three of four agree: .75 - (.75 * .2^2 + .25 * .8^2) = .56."""
    reward = TrlReward(Reward({"correct": 1.0, "brier": 1.0}, format="emocaliber", grader="votes"))
    assert reward(completions=[say("positive", 0.8)], candidates=[CANDIDATES], votes=[[1, 3]]) == pytest.approx([0.56])


def test_an_annotator_is_drawn_for_every_completion_from_the_seed_and_the_step(reward):
    """3 of 4 votes for positive: of 4000 answers about 3000 are right (standard deviation 27)."""

    def totals(seed, step):
        columns = {"candidates": [CANDIDATES] * 4000, "votes": [[1, 3]] * 4000, "label": ["positive"] * 4000}
        state = SimpleNamespace(global_step=step)
        return TrlReward(reward, annotator_seed=seed)(
            completions=[say("positive", 0.5)] * 4000, trainer_state=state, **columns
        )

    first = totals(0, 1)
    assert abs(sum(total > 0 for total in first) - 3000) < 4 * 27
    assert first == totals(0, 1)
    assert first != totals(0, 2)
    assert first != totals(1, 1)


def test_drawn_labels_never_have_no_vote():
    random = np.random.default_rng(0)
    assert {drawn_label(["a", "b", "c"], [2, 0, 1], random) for _ in range(200)} == {"a", "c"}


def test_metrics_are_logged_and_not_paid(reward):
    logged = {}
    TrlReward(reward)(
        completions=[say("positive", 0.8), say("negative", 0.6)],
        candidates=[CANDIDATES] * 2,
        label=["positive"] * 2,
        log_metric=logged.__setitem__,
    )
    # right at .8 and wrong at .6: accuracy .5, confidence .7, Brier (.04 + .36) / 2
    expected = {"parsed": 1, "accuracy": 0.5, "confidence": 0.7, "gap": 0.2, "brier": 0.2, "distinct": 2}
    assert logged == pytest.approx({f"train/{name}": value for name, value in expected.items()})


def test_monitor_of_nothing_readable(reward):
    assert monitor(reward(["no tags"], [{"candidates": CANDIDATES, "label": "positive"}])) == {"parsed": 0.0}
    assert monitor([]) == {}


def warnings_of(reward, caplog, batches):
    paid = TrlReward(reward)
    caplog.clear()
    ours = logging.getLogger("emocal_rl")
    # other frameworks, tested in the same process, switch off loggers that they find and rearrange the root's handlers
    apart = patch.multiple(ours, disabled=False, propagate=False, handlers=[caplog.handler])
    with apart, caplog.at_level(logging.WARNING, ours.name):
        for texts in batches:
            paid(completions=texts, candidates=[CANDIDATES] * len(texts), label=["positive"] * len(texts))
    return [record.getMessage() for record in caplog.records]


def test_replies_that_cannot_be_read_are_said_once_with_what_the_format_expects(reward, caplog):
    long = "<answer>positive" + "!" * 300
    assert warnings_of(reward, caplog, [[long] * 63]) == []
    assert warnings_of(reward, caplog, [["no tags"] * 63, [say("positive", 0.5)], [long] * 640]) == []
    (line,) = warnings_of(reward, caplog, [[long] * 40] * 20)
    assert line.startswith(
        "none of the first 80 replies can be read in format emocaliber, so all are paid the same and nothing is "
        f"learnt; the last one (no_think): '<answer>positive{'!' * 184}'.... The format asks for: "
        "Choose the answer from: negative, positive. Reply in exactly this form: <think>"
    )
    assert line.endswith("and start from a model that replies so: a warm start by imitation teaches it")
    assert "\n" not in line


def test_it_pickles_and_has_a_name(reward):
    copy = pickle.loads(pickle.dumps(TrlReward(reward, annotator_seed=3)))
    assert (copy.__name__, copy.annotator_seed) == ("correct+brier", 3)


def test_of_shares_no_vote_is_taken_away() -> None:
    """Twenty times .05 is 1.0000000000000002; one less would leave a negative share."""
    target = {"candidates": list("abcdefghijklmnopqrst"), "votes": [0.05] * 20}
    assert all_but("b", target) == target

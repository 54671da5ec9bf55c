"""Our rewards as TRL reward functions."""

import logging
import pickle
import re
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock, patch

import numpy as np
import pytest
from PIL import Image

from emocal_rl.adapters.columns import groups_of
from emocal_rl.adapters.core import Scorer, scorer_of
from emocal_rl.adapters.settings import Settings
from emocal_rl.adapters.trl import TrlFunction, TrlReward, all_but, drawn_label, monitor
from emocal_rl.errors import UserError
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


def test_a_label_that_is_no_candidate_raises(reward):
    """A ClassLabel column holds integers."""
    text = (
        r"grader 'label': target\['label'\] is 1, which is none of the candidates negative, positive: give the label's"
    )
    with pytest.raises(UserError, match=text):
        TrlReward(reward)(completions=[say("positive", 0.8)], candidates=[CANDIDATES], label=[1])


def test_every_column_of_the_row_reaches_the_grader():
    """Wrong, half right for the parent; a judge's .75 and .25 under another name."""
    partly = Reward({"correct": 1.0}, format="emocaliber", grader={"use": "taxonomy", "partial": 0.5})
    columns = {"candidates": [["rage", "envy"]] * 2, "label": ["rage"] * 2}
    replies = [say("envy", 0.5), say("rage", 0.5)]
    assert TrlReward(partly)(completions=replies, **columns) == [0.0, 1.0]
    trees = [{"rage": "anger", "envy": "anger"}] * 2
    assert TrlReward(partly)(completions=replies, taxonomy=trees, **columns) == [0.5, 1.0]
    judged = TrlReward(Reward({"correct": 1.0}, format="emocaliber", grader={"use": "judge", "key": "nli"}))
    assert judged(completions=replies, nli=[0.75, 0.25]) == [0.75, 0.25]


def test_a_grader_of_one_s_own_sees_the_row_and_nothing_of_the_prompt():
    seen = []

    def own(reply, target):
        seen.append(dict(target))
        return 1.0

    calls = {"trainer_state": SimpleNamespace(global_step=1), "log_extra": print, "environments": None}
    around = {"prompts": ["?"], "prompt": ["?"], "image": ["p"], "images": [["p"]], "completion_ids": [[1]]}
    paid = TrlReward(Reward({"correct": 1.0}, format="emocaliber", grader=own))
    assert paid(completions=[say("x", 0.5)], source=["web"], gone=[None], label=[None], **around, **calls) == [1.0]
    assert seen == [{"source": "web", "label": None}]


def picture(colour: str) -> Image.Image:
    return Image.new("RGB", (2, 2), colour)


def asked(image: Image.Image, text: str = "?") -> list[dict[str, Any]]:
    """A prompt as TRL hands it over: the decoded picture is in the message."""
    content = [{"type": "image", "image": image}, {"type": "text", "text": text}]
    return [{"role": "user", "content": content}]


def test_equal_prompts_with_equal_pictures_are_a_group():
    """Every rollout may hold a picture object of its own; the same question about another picture is another prompt."""
    red, blue = picture("red"), picture("blue")
    prompts = [asked(red), asked(blue), asked(red), asked(picture("red")), asked(red, "!"), asked(red.convert("L"))]
    keys = groups_of(prompts, 6)
    assert [keys.index(key) for key in keys] == [0, 1, 0, 0, 4, 5]
    wide = [groups_of([asked(Image.frombytes("L", size, bytes(8)))], 1) for size in ((2, 4), (4, 2))]
    assert wide[0] != wide[1]
    arrays = groups_of([np.zeros(5000), np.zeros(5000), np.eye(1, 5000, 2500)[0]], 3)  # their texts are the same
    assert [arrays.index(key) for key in arrays] == [0, 0, 2]


def test_a_picture_is_read_once_a_call():
    image = Mock(wraps=picture("red"))
    groups_of([asked(image)] * 8, 8)
    assert image.tobytes.call_count == 1


def test_group_targets_with_pictures():
    """The others' share of right answers is what the confidence is scored against."""
    loo = Scorer(Reward({"brier": {"target": "leave_one_out"}}, format="emocaliber", grader="label"), scale="raw")
    answers = ("positive", "positive", "positive", "negative", "positive")
    columns = {"candidates": [CANDIDATES] * 5, "label": ["positive"] * 5}
    prompts = [asked(picture(colour)) for colour in ("red", "blue", "red", "red", "blue")]
    paid = TrlFunction(loo)(prompts=prompts, completions=[say(answer, 0.8) for answer in answers], **columns)
    # red: right, right, wrong at .8. Others' mean .5, .5, 1: -(.5 * .04 + .5 * .64) = -.34, and -.04. Blue: 1 and 1
    assert paid == pytest.approx([-0.34, -0.04, -0.34, -0.04, -0.04])


@pytest.mark.parametrize("name", ["dcpo", "coca", "credo"])
def test_a_group_target_without_groups_is_said_and_paid_the_floor(name, caplog):
    text = (
        f"reward '{name}' compares a reply with the others to its prompt, and no two of these replies have the same "
        "prompt: sample two or more a prompt, and score them in one call"
    )
    scorer = scorer_of(Settings(name))
    reply = scorer.reward.format.write({"think": "x"}, "positive", 0.5)
    columns = {"candidates": [CANDIDATES] * 2, "label": ["positive"] * 2}
    for _ in range(3):
        assert TrlFunction(scorer)(prompts=["a", "b"], completions=[reply] * 2, **columns) == [0.0, 0.0]
    assert [text in record.getMessage() for record in caplog.records] == [True]
    assert min(TrlFunction(scorer)(prompts=["a", "a"], completions=[reply] * 2, **columns)) > 0.5
    assert TrlFunction(scorer)(prompts=[], completions=[]) == []
    strict = TrlFunction(scorer_of(Settings(name, strict=True)))
    with pytest.raises(UserError, match=f"^{re.escape(text)}$"):
        strict(prompts=["a", "b"], completions=[reply] * 2, **columns)


def test_it_pickles_and_has_a_name(reward):
    copy = pickle.loads(pickle.dumps(TrlReward(reward, annotator_seed=3)))
    assert (copy.__name__, copy.annotator_seed) == ("correct+brier", 3)


def test_of_shares_no_vote_is_taken_away() -> None:
    """Twenty times .05 is 1.0000000000000002; one less would leave a negative share."""
    target = {"candidates": list("abcdefghijklmnopqrst"), "votes": [0.05] * 20}
    assert all_but("b", target) == target

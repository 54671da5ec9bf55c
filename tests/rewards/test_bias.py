"""What each way of normalising advantages does to a proper reward, as the command line tells it."""

import pytest

from emocal_rl.rewards import Reward
from emocal_rl.rewards.incentive import bias, describe_bias, judge

HONEST = Reward({"correct": 1.0, "brier": 1.0}, format="emocaliber", grader="votes")


@pytest.fixture(scope="module")
def rows():
    return {(row.scale, row.generations): row for row in bias(HONEST)}


def test_every_normalisation_and_group_size_is_there(rows):
    at_eight = [(scale, 8) for scale in ("none", "batch", "group", "per_reward", "rank")]
    assert list(rows) == [*at_eight, ("group", 4), ("group", 16), ("group", 32)]


def test_only_what_does_not_divide_by_the_own_group_keeps_confidences_honest(rows):
    assert rows["none", 8].off == 0.0
    assert rows["batch", 8].off <= 0.0101
    assert all(rows[key].off > 0.02 for key in rows if key[0] not in ("none", "batch"))


def test_group_scaling_pays_a_belief_of_ninety_percent_most_for_ninety_nine(rows):
    assert rows["group", 8].elicited[0.9] == 0.99
    assert rows["group", 4].elicited[0.9] >= rows["group", 8].elicited[0.9] > rows["group", 32].elicited[0.9] > 0.9


def test_it_is_what_the_verdict_says(rows):
    for scale in ("none", "group", "per_reward", "rank"):
        elicited = judge(HONEST, scale).elicited
        assert rows[scale, 8].elicited == {belief: elicited[belief] for belief in rows[scale, 8].elicited}


def test_only_the_simulated_row_can_have_an_error():
    """Two prompts a batch: the one other prompt is drawn anew for every batch, so simulations differ."""
    noisy = {row.scale: row for row in bias(HONEST, batch_prompts=2, beliefs=[i / 20 for i in range(1, 20)])}
    assert noisy["batch"].error > 0
    assert noisy["none"].error == noisy["group"].error == 0


def test_segment_credit_leaves_the_correctness_out_of_the_deviation():
    whole, segment = (next(row for row in bias(HONEST, 8, credit) if row.scale == "group")
                      for credit in ("sequence", "segment"))  # fmt: skip
    assert whole.elicited != segment.elicited


@pytest.mark.parametrize(("terms", "form"), [
    ({"correct": 1.0}, "emocaliber_answer"),
    ({"correct": 1.0}, "emocaliber"),
    ({"correct": 1.0, "brier": 0}, "emocaliber"),
])  # fmt: skip
def test_where_no_confidence_is_paid_there_is_no_table(terms, form):
    rows = bias(Reward(terms, format=form, grader="votes"))
    assert (rows, describe_bias(rows)) == ([], [])


def test_the_table_lines_up(rows):
    head, *lines = describe_bias(list(rows.values()))
    assert head.split() == ["scale_rewards", "generations", "10%", "30%", "50%", "70%", "90%", "off", "by"]
    assert lines[2].split() == ["group", "8", "5%", "25%", "50%", "78%", "99%", "0.09"]
    assert "simulated, standard error" in lines[1]
    assert all(line.index("%") == head.index("%") for line in lines)

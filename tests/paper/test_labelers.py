"""Confidences for stage two: every strategy by hand, what it refuses, and the command."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from emocal_rl import recipe as recipes
from emocal_rl.data import Row, emoji
from emocal_rl.errors import UserError
from emocal_rl.recipe_blocks import Labels
from emocal_rl.rewards import FORMATS
from emocal_rl.train.labelers import ASKING, STRATEGIES, check_new, make_labels

EMOTIONS = ("amusement", "awe", "contentment", "excitement", "anger", "disgust", "fear", "sadness")
PARTS = dict.fromkeys(("element", "human", "context", "interaction", "analysis"), "something")


def row(identity: str, label: str, votes: Sequence[float] | None = None, **more) -> Row:
    counts = tuple(votes or (int(name == label) for name in EMOTIONS))
    return Row(identity, None, "Which emotion?", EMOTIONS, counts, identity, **more)


def reply(answer: str) -> str:
    return FORMATS["emocaliber_answer"].write(PARTS, answer) if answer else "no idea"


class Said:
    """Answers that were given beforehand: row id -> answers, "" for an unreadable one.

    probabilities: of each row's label; the other candidates share the rest alike.
    """

    def __init__(self, answers: dict[str, Sequence[str]], probabilities: Sequence[float | None] = ()) -> None:
        self.answers, self.given = answers, list(probabilities)

    def samples(self, rows, labels):
        return [[reply(said) for said in self.answers[row.id]] for row in rows]

    def probabilities(self, rows, labels):
        return [None if one is None else spread(row, one) for row, one in zip(rows, self.given, strict=True)]


def spread(of: Row, share: float) -> list[float]:
    rest = (1 - share) / (len(of.candidates) - 1)
    return [share if name == of.label else rest for name in of.candidates]


ROWS = [row("a", "awe"), row("b", "fear")]
ANSWERS = Said({"a": ["awe", "awe", "awe", "amusement"], "b": ["awe", "anger", "anger", ""]})


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        ("hit_rate", [0.67, 0.17]),  # (3 + 1) / 6, (0 + 1) / 6
        ("self_consistency", [0.67, 0.5]),  # (3 + 1) / 6, (2 + 1) / 6
        ("similarity", [0.75, 0.33]),  # (3.5 + 1) / 6, (2 x 0.5 + 1) / 6: anger is as negative as fear, awe is not
    ],
)
def test_sampled_strategies_by_hand(strategy, expected):
    made = make_labels(ROWS, ANSWERS, Labels(strategy=strategy, samples=4))
    assert [one.confidence for one in made] == expected
    assert made[1].facts["samples"] == 4
    assert made[1].facts["answers"] == {"anger": 2, "awe": 1}


def open_row(identity: str, answer: str) -> Row:
    return Row(identity, None, "How many?", (), (), identity, answer=answer)


OPEN = [open_row("a", "12"), open_row("b", "Mount Fuji")]
OPEN_ANSWERS = Said({"a": ["12", "12.0", " 12.", "21"], "b": ["mount fuji", "Mount Fuji.", "Fuji", ""]})


def test_open_answers_are_graded_and_not_compared_as_text():
    """By the label: 2 and 2 of 4, so (2 + 1) / 6; by numbers: 3 of 4 of the first, so (3 + 1) / 6."""
    made = make_labels(OPEN, OPEN_ANSWERS, Labels(samples=4))
    assert [(one.facts["hits"], one.confidence) for one in made] == [(2, 0.5), (2, 0.5)]
    (one,) = make_labels(OPEN[:1], OPEN_ANSWERS, Labels(samples=4), "numeric")
    assert (one.facts["hits"], one.confidence) == (3, 0.67)
    assert make_labels(ROWS, ANSWERS, Labels(samples=4), "votes")[0].facts["hits"] == 3  # candidates need no grader


@pytest.mark.parametrize("strategy", ["answer_probability", "similarity"])
def test_an_open_question_has_no_candidates_to_compare(strategy):
    with pytest.raises(UserError) as error:
        make_labels([*ROWS, *OPEN], Said({}, [0.5] * 4), Labels(strategy=strategy))
    assert error.value.lines == [
        f"labels: strategy {strategy} compares candidates; 2 of 4 rows are open questions (first: a); take hit_rate"
    ]


def test_probability_of_the_label():
    made = make_labels(ROWS, Said({}, [0.874, None]), Labels(strategy="answer_probability"))
    assert [one.confidence for one in made] == [0.87, 0.12]  # an even share of eight labels where nothing was shown
    assert [one.facts["probability"] for one in made] == [0.874, None]
    assert made[0].stated("distribution") == pytest.approx(dict.fromkeys(EMOTIONS, 0.018) | {"awe": 0.874})
    assert made[1].stated("distribution") == dict.fromkeys(EMOTIONS, 1 / 8)


def test_votes_counts_are_smoothed_and_shares_are_not():
    rows = [row("a", "awe", (0, 14, 0, 0, 0, 0, 0, 0)), row("b", "awe", (0.25, 0.75, 0, 0, 0, 0, 0, 0))]
    made = make_labels(rows, None, Labels(strategy="votes"))
    assert [one.confidence for one in made] == [0.94, 0.75]  # 15 / 16


def test_distributions_for_formats_that_state_one():
    """Answers: awe 3, amusement 1; one pseudo-count for each of eight labels."""
    made = make_labels(ROWS, ANSWERS, Labels(samples=4))[0].stated("distribution")
    assert (made["awe"], made["amusement"], made["fear"]) == (4 / 12, 2 / 12, 1 / 12)
    voted = make_labels([row("a", "awe", (0, 14, 0, 0, 0, 0, 0, 6))], None, Labels(strategy="votes", smoothing=0.0))
    assert voted[0].stated("distribution")["sadness"] == 0.3
    assert voted[0].stated("confidence") == 0.7
    given = "labels.strategy: the format states a distribution, which hit_rate, votes and answer_probability give"
    with pytest.raises(UserError, match=given):
        make_labels(ROWS, None, Labels(strategy="constant"))[0].stated("distribution")


def test_constant_and_given():
    rows = [row("a", "awe", confidence=0.456), row("b", "fear", confidence=1.0)]
    assert [one.confidence for one in make_labels(rows, None, Labels(strategy="constant", value=0.8))] == [0.8, 0.8]
    assert [one.confidence for one in make_labels(rows, None, Labels(strategy="given"))] == [0.46, 0.99]


def test_every_strategy_is_offered_and_stays_inside_the_printable_range():
    offered = set(recipes.json_schema()["$defs"]["Labels"]["properties"]["strategy"]["enum"])
    assert offered == set(STRATEGIES)
    for strategy in ASKING:
        extreme = Said({"a": ["awe"] * 4, "b": [""] * 4}, [1.0, 0.0])
        made = make_labels(ROWS, extreme, Labels(strategy=strategy, smoothing=0.0))
        assert [one.confidence for one in made] == [0.99, 0.01]


@pytest.mark.parametrize("strategy", ASKING)
def test_levels_are_the_middles_of_equal_steps(strategy):
    answers = Said({"a": ["awe"] * 3 + ["fear"], "b": ["awe"] * 4}, [0.75, 0.0])
    made = make_labels(ROWS, answers, Labels(strategy=strategy, smoothing=0.0, levels=5))
    assert [one.confidence for one in made] == [0.7, 0.9 if strategy == "self_consistency" else 0.1]
    whole = make_labels(ROWS, answers, Labels(strategy=strategy, smoothing=0.0))
    assert [one.facts for one in made] == [one.facts for one in whole]


def test_levels_of_a_distribution_are_whole_steps():
    """0.72, 0.2 and 0.08 in tenths: 7 and 2 whole, and the one that is left goes to the largest remainder."""
    votes = (0.72, 0.2, 0.08, 0, 0, 0, 0, 0)
    (made,) = make_labels([row("a", "amusement", votes)], None, Labels(strategy="votes", levels=10))
    assert made.stated("distribution") == dict.fromkeys(EMOTIONS, 0.0) | {
        "amusement": 0.7, "awe": 0.2, "contentment": 0.1,
    }  # fmt: skip
    assert made.stated("confidence") == 0.75


def test_distributions_in_a_file(tmp_path: Path):
    path, given = tmp_path / "labels.jsonl", dict.fromkeys(EMOTIONS, 0.1) | {"awe": 0.3}
    labels = Labels(strategy="file", file=str(path))
    line = {"id": "a", "label": "awe", "confidence": 0.3}
    path.write_text(json.dumps(line | {"distribution": given}))
    (made,) = make_labels(ROWS[:1], None, labels)
    assert made.stated("distribution") == given
    wrong = ({"awe": 1.0}, given | {"awe": 0.4}, given | {"awe": "0.3"}, given | {"awe": 0.5, "fear": -0.1}, [0.1])
    for one in wrong:
        path.write_text(json.dumps(line | {"distribution": one}))
        with pytest.raises(UserError) as error:
            make_labels(ROWS[:1], None, labels)
        assert error.value.lines == [
            f"{path}: the distribution of row a must give each of {', '.join(EMOTIONS)} a share, which together are 1; "
            f"got {one!r}"
        ]


def test_a_file_of_labels(tmp_path: Path):
    path = tmp_path / "labels.jsonl"
    path.write_text('{"id": "b", "label": "fear", "confidence": 0.3}\n{"id": "a", "label": "awe", "confidence": 0.7}\n')
    labels = Labels(strategy="file", file=str(path))
    assert [one.confidence for one in make_labels(ROWS, None, labels)] == [0.7, 0.3]
    with pytest.raises(UserError, match=f"{path}: has no label for 1 of 3 rows \\(first: c\\)"):
        make_labels([*ROWS, row("c", "awe")], None, labels)
    with pytest.raises(UserError, match="row a is labelled 'awe' there; the file is of other data"):
        make_labels([row("a", "fear")], None, labels)
    for said, shown in (("85", "85"), ("-0.1", "-0.1"), ("null", "None"), ('"high"', "'high'")):
        path.write_text(f'{{"id": "a", "label": "awe", "confidence": {said}}}\n')
        with pytest.raises(UserError, match=f"{path}: the confidence of row a must be a number in .0, 1., got {shown}"):
            make_labels(ROWS[:1], None, labels)
    with pytest.raises(UserError, match="labels.file: no file nowhere; make it with: emocal-rl label --help"):
        make_labels(ROWS, None, Labels(strategy="file", file="nowhere"))


def test_what_is_missing_is_said():
    with pytest.raises(UserError, match=r"strategy votes needs several votes a row; 2 of 2 rows .* \(first: a\)"):
        make_labels(ROWS, None, Labels(strategy="votes"))
    with pytest.raises(UserError, match=r"strategy votes needs several votes a row; 1 of 1 rows .* \(first: open\)"):
        make_labels([Row("open", None, "Who?", (), (), "open", answer="x")], None, Labels(strategy="votes"))
    with pytest.raises(UserError, match=r"strategy given needs a confidence in every row; 2 of 2 have none"):
        make_labels(ROWS, None, Labels(strategy="given"))
    with pytest.raises(UserError, match="labels: hit_rate needs a model"):
        make_labels(ROWS, None, Labels())


def test_rows_must_be_new_to_the_model():
    check_new(ROWS, {"one": [row("c", "awe")]}, "stage_two")
    with pytest.raises(UserError, match=r"labels: 1 of 2 rows of stage_two were trained on in one \(first: b\)"):
        check_new(ROWS, {"one": [row("b", "fear")]}, "stage_two")


# The command


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_label_without_a_model(cli, tmp_path):
    out = tmp_path / "labels.jsonl"
    done = cli("label", "--data", "emoji", "--strategy", "votes", "--limit", "5", "--out", str(out))
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("5 rows of stage_two labelled by votes: mean confidence 0.")
    first = emoji.load(2)["stage_two"][0]
    found = lines(out)[0]
    assert found["confidence"] == round((max(first.votes) + 1) / (sum(first.votes) + 2), 2)
    assert {key: found[key] for key in ("id", "label", "strategy", "model", "seed")} == {
        "id": first.id, "label": first.label, "strategy": "votes", "model": None, "seed": 0,
    }  # fmt: skip


@pytest.mark.parametrize("verb", ["label", "trace"])
def test_the_data_are_never_written_over(cli, tmp_path, verb):
    file = tmp_path / "rows.jsonl"
    file.write_text('{"question": "?", "candidates": ["a", "b"], "label": "a"}\n')
    how = ["--model", "tiny"] if verb == "trace" else ["--strategy", "constant"]
    done = cli(verb, "--data", str(file), *how, "--out", str(file))
    assert (done.code, done.err) == (
        2, f"error: {verb}: --out {file} is the data file itself, which would be lost; choose another\n"
    )  # fmt: skip
    assert file.read_text().startswith('{"question"')


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--data", "emoji"], "label: --strategy hit_rate asks a model: give a run directory, or --model M"),
        (["--model", "tiny"], "say which rows: --data, a data set (see emocal-rl data) or a .jsonl file"),
        (["--data", "emoji", "--strategy", "luck"], "label: --strategy: expected 'hit_rate', 'self_consistency'"),
        (["--data", "emoji", "--strategy", "constant", "--value", "2"], "label: --value: expected less than 1"),
    ],
)
def test_label_mistakes(cli, arguments, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = cli("label", *arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"error: {said}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_label_by_the_embedded_model_resumes_and_trains(cli, tmp_path):
    """Sampled, kept on disk, not asked again, and learnt from by the next stage."""
    out = tmp_path / "labels.jsonl"
    command = ["label", "--model", "tiny", "--data", "emoji", "--limit", "6", "--samples", "2",
               "--max-new-tokens", "64", "--out", str(out)]  # fmt: skip
    done = cli(*command)
    assert (done.code, done.out.splitlines()[-1]) == (0, f"written: {out}")
    assert len(lines(tmp_path / "labels.completions.jsonl")) == 12
    made = lines(out)
    assert {one["confidence"] for one in made} <= {0.25, 0.5, 0.75}
    assert cli(*command).code == 0
    assert len(lines(tmp_path / "labels.completions.jsonl")) == 12
    assert lines(out) == made
    run = tmp_path / "run"
    options = ["data.limit=6", f"labels={{strategy: file, file: {out}}}", "warm_start=[]", "evaluation.limit=2",
               "trainer.max_steps=1", "trainer.per_device_train_batch_size=2", "evaluation.bootstrap=0"]  # fmt: skip
    assert cli("train", "--recipe", "sft_confidence", *options, "--run-dir", str(run)).code == 0
    learnt = json.loads((run / "records" / "sft_confidence-labels.json").read_text())
    assert len(learnt) == 2  # the stage comes to two of the six rows
    assert learnt.items() <= {one["id"]: one["confidence"] for one in made}.items()


@pytest.mark.slow
def test_answer_probability_of_the_embedded_model(cli, tmp_path):
    out = tmp_path / "labels.jsonl"
    done = cli("label", "--model", "tiny", "--data", "emoji", "--limit", "4", "--strategy", "answer_probability",
               "--max-new-tokens", "64", "--out", str(out))  # fmt: skip
    assert done.code == 0, done.err
    for one in lines(out):
        probability = one["probability"]
        assert one["confidence"] == (0.5 if probability is None else round(min(max(probability, 0.01), 0.99), 2))

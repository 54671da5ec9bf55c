import pytest

from emocal_rl.errors import UserError
from emocal_rl.rewards import FORMATS, GRADERS, Reply, Reward
from emocal_rl.rewards.graders import accepting, find_grader
from emocal_rl.rewards.graders.open import number


def graded(name, answer, target, **options):
    return find_grader({"use": name, **options})(Reply("", answer=answer), target)


VOTES = {"candidates": ["negative", "positive"], "votes": [3, 17], "label": "positive"}


@pytest.mark.parametrize(("name", "answer", "target", "expected"), [
    ("label", "positive", VOTES, 1.0),
    ("label", "negative", VOTES, 0.0),
    ("label", "positive", {"label": " POSITIVE. "}, 1.0),
    ("label", "positive", {"label": None}, None),
    ("label", "cheerfulness", {"label": "cheerfullness", "aliases": {"cheerfulness": "cheerfullness"}}, 1.0),
    ("label", "3", {"label": 3}, 1.0),
    ("label", "zest " * 20, {"label": "Zest " * 20}, 1.0),
    ("label", "zest " * 20, {"label": "zest"}, 0.0),
    ("label", "-1", {"candidates": ["-1", "0", "1"], "label": 1}, 0.0),
    ("label", "1", {"candidates": ["-1", "0", "1"], "label": 1}, 1.0),
    ("label", "-1", {"candidates": ["+1", "-1"], "label": "+1"}, 0.0),
    ("label", "A-", {"candidates": ["A+", "A-"], "label": "A+"}, 0.0),
    ("label", "C++", {"candidates": ["C", "C++"], "label": "C"}, 0.0),
    ("label", "C++", {"candidates": ["C", "C++"], "label": "c++."}, 1.0),
    ("label", "Positive!", VOTES, 1.0),
    ("label", "positive", {"votes": {"negative": 3, "positive": 1}, "label": "Positive"}, 1.0),
    ("label", "glad", {"candidates": ["joy", "awe"], "label": "joy", "aliases": {"glad": "joy"}}, 1.0),
    ("label", "-5", {"label": 5}, 0.0),
    ("label", "5.", {"label": 5}, 1.0),
    ("label", "\u22125", {"label": -5}, 1.0),
    ("label", "covid 19", {"label": "covid-19"}, 1.0),
    ("votes", "-1.", {"candidates": ["-1", "1"], "votes": [1, 3]}, 0.25),
    ("votes", "positive", VOTES, 0.85),
    ("votes", "negative", VOTES, 0.15),
    ("votes", "elated", VOTES, 0.0),
    ("votes", "positive", {**VOTES, "votes": [0, 0]}, None),
    # what Arrow, JSON and other loaders make of the same votes
    ("votes", "positive", {"votes": {"negative": 3, "positive": 17, "elated": None}}, 0.85),
    ("votes", "positive", {"votes": '{"negative": 3, "positive": 17}'}, 0.85),
    ("votes", "positive", {"candidates": ["negative", "positive", "elated"], "votes": [3, 17, None]}, 0.85),
    ("votes", "positive", {"votes": {"negative": 0.15, "positive": 0.85}}, 0.85),
    ("numeric", "1,234.0", {"label": "1234"}, 1.0),
    ("numeric", "3/4", {"label": 0.75}, 1.0),
    ("numeric", "75%", {"label": 0.75}, 1.0),
    ("numeric", "$5.", {"label": 5}, 1.0),
    ("numeric", "five", {"label": 5}, 0.0),
    ("numeric", "5.1", {"label": 5}, 0.0),
    ("numeric", "5", {"label": None}, None),
    ("choice", "B", {"candidates": ["Rome", "Paris"], "label": "B"}, 1.0),
    ("choice", "(b) Paris", {"candidates": ["Rome", "Paris"], "label": "Paris"}, 1.0),
    ("choice", "B. Rome", {"candidates": ["Rome", "Paris"], "label": "B"}, 0.0),
    ("choice", "c", {"label": "C"}, 1.0),
    ("choice", "no idea", {"candidates": ["Rome", "Paris"], "label": "B"}, 0.0),
    ("judge", "Paris", {"judge": 0.8}, 0.8),
    ("judge", "Paris", {"judge": {"paris": 0.9}}, 0.9),
    ("judge", "Rome", {"judge": {"paris": 0.9}}, None),
    ("judge", "Rome", {"judge": None}, None),
    ("taxonomy", "rage", {"label": "rage", "taxonomy": {"rage": "anger", "envy": "anger"}}, 1.0),
    ("taxonomy", "zest", {"label": "rage", "taxonomy": {"rage": "anger", "zest": "joy"}}, 0.0),
])  # fmt: skip
def test_grades(name, answer, target, expected):
    assert graded(name, answer, target) == (expected if expected is None else pytest.approx(expected))


def test_options():
    assert graded("numeric", "5.1", {"label": 5}, tolerance=0.05) == 1.0
    assert graded("numeric", "0.05", {"label": 0.01}, tolerance=0.05) == 0.0  # five times too much, not 5 %
    assert graded("numeric", "0.05", {"label": 0}, tolerance=0.05) == 1.0
    assert graded("judge", "x", {"p": 0.4}, key="p") == 0.4
    target = {"label": "rage", "taxonomy": {"rage": "anger", "envy": "anger"}}
    assert graded("taxonomy", "envy", target, partial=0.5) == 0.5
    assert graded("taxonomy", "anger", target, partial=0.5) == 0.5


@pytest.mark.parametrize(("text", "value"), [
    ("-1.5e3", -1500.0), ("1/0", None), ("1e999", None), ("12,34", None), ("", None), ("1" * 65, None), (".5", 0.5),
    ("1/2/4", 2.0),
])  # fmt: skip
def test_numbers(text, value):
    assert number(text) == value


@pytest.mark.parametrize(("name", "target", "text"), [
    ("label", {"x": 1}, r"grader 'label': the target has no 'label': it has \['x'\]"),
    ("label", {"candidates": ["negative", "positive"], "label": 1},
     r"^grader 'label': target\['label'\] is 1, which is none of the candidates negative, positive: give the label's "
     r"name as the candidates have it \(of a ClassLabel column: its feature's int2str\)$"),
    ("label", {"candidates": list("abcdefghijkl"), "label": "m"}, "is 'm', .* candidates a, b, .* i, j, ...: give"),
    ("votes", {"label": 1}, r"the target has no 'votes': it has \['label'\]"),
    ("votes", {"candidates": ["a"], "votes": [1, 2]}, "has 2 numbers for candidates"),
    ("votes", {"votes": {"a": -1}}, "must be finite and not negative"),
    ("votes", {"votes": "{"}, "is not valid JSON"),
    ("votes", {"votes": {"a": "many"}}, r"target\['votes'\] must hold numbers, got 'many'"),
    ("votes", {"candidates": ["a", "b"], "votes": [1, "many"]}, r"target\['votes'\] must hold numbers, got 'many'"),
    ("judge", {"judge": {"a": "likely"}}, r"target\['judge'\] must hold numbers, got 'likely'"),
    ("judge", {"judge": [0.5]}, r"target\['judge'\] must hold numbers, got \[0.5\]"),
    ("votes", {"votes": 3}, "must be a mapping or its JSON text, got int"),
    ("numeric", {"label": "five"}, "target\\['label'\\] is not a number: 'five'"),
    ("judge", {}, "the target has no 'judge'"),
])  # fmt: skip
def test_targets_that_do_not_hold_what_is_needed(name, target, text):
    with pytest.raises(UserError, match=text):
        graded(name, "a", target)


@pytest.mark.parametrize(("spec", "text"), [
    ("lable", r"unknown grader 'lable'; did you mean 'label'\? Your own is written 'module:function'"),
    ({"use": "numeric", "tolerence": 1}, "grader 'numeric' has no option 'tolerence'; did you mean 'tolerance'?"),
    ("math:pi", "math:pi is not a function"),
])  # fmt: skip
def test_unknown_graders_and_options(spec, text):
    with pytest.raises(UserError, match=text):
        find_grader(spec)


def test_a_grader_that_leaves_the_unit_interval_is_refused():
    reward = Reward({"correct": 1.0}, format="rlcr_short", grader=lambda reply, target: 1.5)
    text = "<think>x</think><answer>a</answer><confidence>0.5</confidence>"
    with pytest.raises(UserError, match=r"grader: correctness must lie in \[0, 1\], got 1.5 for answer 'a'"):
        reward([text], [{}])


def test_not_a_number_means_cannot_be_graded():
    reward = Reward({"correct": 1.0}, format="rlcr_short", grader=lambda reply, target: float("nan"))
    text = "<think>x</think><answer>a</answer><confidence>0.5</confidence>"
    assert reward([text], [{}])[0].total is None


def test_aliases_let_the_right_spelling_pass_the_reader():
    target = {"candidates": ["cheerfullness", "zest"], "label": "cheerfullness"}
    target["aliases"] = {"cheerfulness": "cheerfullness"}
    reward = Reward({"correct": 1.0}, format="rlcr_short", grader="label")
    text = FORMATS["rlcr_short"].write({"think": "x"}, "Cheerfulness", 0.5)
    [row] = reward([text], [target])
    assert (row.reply.answer, row.total) == ("cheerfullness", 1.0)


def read(grader, answer, target, format="rlcr_short"):
    """(what is read as the answer, its fault, what is paid for its correctness) in a whole Reward."""
    text = f"<think>x</think><answer>{answer}</answer><confidence>0.9</confidence>"
    [row] = Reward({"correct": 1.0}, format=format, grader=grader)([text], [target])
    return row.reply.answer, row.reply.fault, row.total


CAPITALS = {"candidates": ["Rome", "Paris", "Bern"], "label": "B"}


@pytest.mark.parametrize("answer", ["B", "b.", "(b)", "B. Paris", "b) paris", "Paris", "**B**"])
def test_a_reward_reads_the_letter_of_an_option(answer):
    assert read("choice", answer, CAPITALS) == ("Paris", None, 1.0)


@pytest.mark.parametrize(("answer", "found"), [
    ("A", ("Rome", None, 0.0)), ("C. Bern", ("Bern", None, 0.0)),
    ("D", (None, "answer_not_a_candidate", 0.0)), ("B. Rome", (None, "answer_not_a_candidate", 0.0)),
])  # fmt: skip
def test_letters_of_other_options_and_of_none(answer, found):
    assert read("choice", answer, CAPITALS) == found


def test_letters_that_are_options_themselves_mean_these():
    """ "A" is the second option, not the first; aliases of the row come before letters too."""
    assert read("choice", "A", {"candidates": ["B", "A"], "label": "A"}) == ("A", None, 1.0)
    assert read("choice", "a", {**CAPITALS, "aliases": {"A": "Bern"}}) == ("Bern", None, 0.0)


def test_letters_in_a_stated_distribution():
    text = "<think>x</think><distribution>a: 0.1, b: 0.7, Bern: 0.2</distribution>"
    [row] = Reward({"correct": 1.0}, format="distribution", grader="choice")([text], [CAPITALS])
    assert row.reply.distribution == pytest.approx({"Rome": 0.1, "Paris": 0.7, "Bern": 0.2})
    assert row.total == 1.0


PARENTS = {"rage": "Anger", "envy": "Anger", "zest": "joy"}
FINE = {"candidates": ["rage", "envy", "zest"], "label": "rage"}


@pytest.mark.parametrize(("answer", "found"), [
    ("rage", ("rage", None, 1.0)), ("envy", ("envy", None, 0.5)), ("anger.", ("Anger", None, 0.5)),
    ("joy", ("joy", None, 0.0)), ("fear", (None, "answer_not_a_candidate", 0.0)),
])  # fmt: skip
def test_a_reward_reads_parents_of_a_taxonomy(answer, found):
    assert read({"use": "taxonomy", "parents": PARENTS, "partial": 0.5}, answer, FINE) == found
    assert read({"use": "taxonomy", "partial": 0.5}, answer, {**FINE, "taxonomy": PARENTS}) == found


def test_parents_are_no_labels_of_a_distribution():
    spec = {"use": "taxonomy", "parents": PARENTS}
    reward = Reward({"correct": 1.0}, format="distribution", grader=spec)
    fine, parent = (
        ("rage: 0.5, envy: 0.3, zest: 0.2", None),
        ("rage: 0.5, envy: 0.3, joy: 0.2", "answer_not_a_candidate"),
    )
    for stated, fault in (fine, parent):
        [row] = reward([f"<think>x</think><distribution>{stated}</distribution>"], [FINE])
        assert row.reply.fault == fault


def test_a_grader_of_one_s_own_says_what_else_it_takes():
    @accepting(lambda target: {"no idea": "(none)", "Yes": "yes"})
    def careful(reply, target):
        return {"yes": 1.0, "(none)": 0.25}.get(reply.answer, 0.0)

    target = {"candidates": ["yes", "no"]}
    assert read(careful, "No idea.", target) == ("(none)", None, 0.25)
    assert read(careful, "yes", target) == ("yes", None, 1.0)
    assert read(careful, "maybe", target) == (None, "answer_not_a_candidate", 0.0)
    assert read(careful, "maybe", {}) == ("maybe", None, 0.0)  # an open question: everything is an answer


@pytest.mark.parametrize(("target", "right", "opposite"), [
    ({"candidates": ["-1", "0", "1"], "label": "-1"}, "-1.", "1."),
    ({"candidates": ["A+", "A-"], "label": "A-"}, "a-", "a+"),
    ({"candidates": ["C", "C++"], "label": "C++"}, "**C++**", "**C**"),
    ({"label": -5}, "-5", "5"),
])  # fmt: skip
def test_the_opposite_label_is_not_paid(target, right, opposite):
    assert [read("label", answer, target)[1:] for answer in (right, opposite)] == [(None, 1.0), (None, 0.0)]


def test_all_on_the_label_pays_more_than_all_on_its_opposite():
    reward = Reward({"multiclass_brier": 1.0}, format="distribution", grader="label")
    target = {"candidates": ["-1", "0", "1"], "label": 1}
    texts = [
        f"<think>x</think><distribution>-1: {low}, 0: 0, 1: {high}</distribution>" for low, high in ((0, 1), (1, 0))
    ]
    # half the squared distances, 0 and 2
    assert [row.total for row in reward(texts, [target] * 2)] == [0.0, -1.0]


def test_every_grader_is_documented():
    assert all(">>>" in (grader.__doc__ or "") for grader in GRADERS.values())

"""The verb `rewards`: the catalogue listed, explained and drawn."""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from emocal_rl import catalogue
from emocal_rl.rewards import DISTRIBUTION_RULES, GROUP_TARGETS, PRESETS, RULES, preset

Cli = Callable[..., Any]
EVERYTHING = [*RULES, *DISTRIBUTION_RULES, *GROUP_TARGETS, *PRESETS]
MINE = '''
from emocal_rl.rewards import Rule, rule


@rule(proper=True, low=-1.0, high=1.0)
def greedy() -> Rule:
    """The linear stake, sold as proper."""
    return Rule(right=lambda c: c, wrong=lambda c: -c)
'''


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def own_rule(here: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    (here / "my_greedy.py").write_text(MINE)
    monkeypatch.syspath_prepend(here)
    yield "my_greedy:greedy"
    RULES.pop("greedy", None)
    sys.modules.pop("my_greedy", None)


# Listing


def test_names_are_unique_across_kinds() -> None:
    assert len(set(EVERYTHING)) == len(EVERYTHING)


def test_everything_is_listed_once_with_its_verdict(cli: Cli) -> None:
    tables = cli("rewards").out.split("\n\n")
    heads = [table.splitlines()[0] for table in tables[:4]]
    assert [head.split("  ")[0] for head in heads] == ["rules", "distribution rules", "group targets", "presets"]
    rows = {line.split()[0]: line for table in tables[:4] for line in table.splitlines()[1:]}
    assert list(rows) == EVERYTHING
    for name, made in {**RULES, **DISTRIBUTION_RULES}.items():
        assert re.search(rf" {'strictly' if made().strict else '(yes|no|-)'} +(un)?sound ", rows[name]), rows[name]
    for name in PRESETS:
        assert re.search(f" {'sound' if preset(name).judge().sound else 'unsound'} ", rows[name])
    assert re.search(r"-1 to 0 +strictly +sound ", rows["brier"])
    assert re.search(r"-1 to 0 +no +unsound ", rows["absolute"])
    assert re.search(r"-8.21 to 1.98 +strictly +unsound ", rows["emocaliber"])


# Explaining


@pytest.mark.parametrize("name", EVERYTHING)
def test_everything_is_explained(name: str, cli: Cli) -> None:
    lines = cli("rewards", name).out.splitlines()
    assert re.match(rf"{name} \((rule|distribution rule|group target|preset)\): \S", lines[0])
    assert any(re.match(r"pays from \S+ to \S+; proper: (strictly|yes|no|-)$", line) for line in lines)
    assert any(re.match(r"judged as <reward .*; format \w+>$", line) for line in lines)
    assert any(line.startswith("  reward: ") for line in lines)


@pytest.mark.parametrize(("name", "words"), [
    ("absolute", ["Ma et al. (2026)", "improper", "90% -> 99%"]),
    ("log", ["parameters: eps=0.01", "largest safe weight beside correct with weight 1: 0.2176"]),
    ("cost_ratio", ["parameters: ratio=9.0, sharpness=4.0", "correct with weight 1: 10"]),
    ("multiclass_brier", ["Brier (1950)", "the stated distribution is the answer"]),
    ("leave_one_out", ["0% that of this reply", "at any weight"]),
    ("emocaliber", ["trainer: scale_rewards=none, num_generations=8", "floor is inverted", "success rate of 84"]),
    ("vl_calibration", ["left out: the visual confidence", "below a success rate of 50.0%"]),
])  # fmt: skip
def test_what_an_explanation_says(name: str, words: list[str], cli: Cli) -> None:
    text = cli("rewards", name).out
    assert [word for word in words if word not in text] == []


def test_parameters_and_weight_can_be_given(cli: Cli) -> None:
    text = cli("rewards", "cost_ratio", "ratio=4", "weight=2").out
    assert "parameters: ratio=4, sharpness=4.0" in text
    assert "largest safe weight beside correct with weight 1: 5\n" in text
    assert "judged as <reward correct=1, cost_ratio=2; format emocaliber>" in text
    assert "parameters: eps=1e-09" in cli("rewards", "log", "eps=1e-9").out
    assert "safe up to 0.108 times their weights" in cli("rewards", "log", "weight=2").out
    assert cli("rewards", "log", "weight=2", "--plot").code == 0
    assert json.loads(Path("log.json").read_text())["sound"] is False


def test_a_rule_of_ones_own_is_checked_in_words(own_rule: str, cli: Cli) -> None:
    done = cli("rewards", own_rule)
    text, problem = done.out, "greedy: is declared proper and is not: a model that is 49% sure is paid most for saying"
    assert "pays from -1 to 1; proper: no (declared: strictly)\n" in text
    assert done.code == 2
    assert done.err.startswith(f"error: {problem} 0%. Proper means ")
    assert done.err.count("\n") == 1
    assert "greedy: is declared proper and is not: a model that is" in text
    assert "The reward is improper: a model that is 70% sure is paid most for saying 99%." in text
    assert "largest safe weight" not in text  # a rule that is not what it claims has none


@pytest.mark.parametrize(("arguments", "line"), [
    ("breir", "no reward 'breir'; did you mean 'brier'? (list them: emocal-rl rewards)"),
    ("rclr", "no reward 'rclr'; did you mean 'rlcr'? (list them: emocal-rl rewards)"),
    ("--plot", "rewards: say which one to draw: emocal-rl rewards NAME --plot"),
    ("breir --plot", "no reward 'breir'; did you mean 'brier'? (list them: emocal-rl rewards)"),
    ("brier --plot brier.pdf", "brier.pdf: the picture is a PNG; name a file that ends in .png"),
    ("log epz=0.1", "reward.log: rule 'log' has no parameter 'epz'; did you mean 'eps'?"),
    ("log 0.1", "0.1: a parameter is written key=value"),
    ("log name=x", "reward.log: rule 'log' has no parameter 'name' (known: eps)"),
    ("rlcr k=2", "preset 'rlcr' is as published and takes no k"),
    ("nowhere:rule", "nowhere:rule: no module named 'nowhere' (is it in this folder, or its folder on PYTHONPATH?)"),
    ("nowhere:", "'nowhere:' is no address: write module:name"),
    ("cost_ratio ratio=abc", "reward.cost_ratio: ratio must be positive, got 'abc'"),
    ("log eps=abc", "reward.log: eps must lie in [0, 0.5), got 'abc'"),
    ("threshold at=true", "reward.threshold: at must lie strictly between 0 and 1, got True"),
    ("pseudospherical order=.inf", "reward.pseudospherical: order must be above 1, got inf"),
    ("density weights=abc",
     "reward.density: density: weights must be a list of finite numbers >= 0, not all 0, got 'abc'"),
    ("mixed own=abc", "reward.brier: mixed: own must lie in [0, 1], got abc"),
])  # fmt: skip
def test_mistakes_are_one_line_and_exit_code_2(arguments: str, line: str, cli: Cli) -> None:
    done = cli("rewards", *arguments.split())
    assert (done.code, done.err, done.out) == (2, f"error: {line}\n", "")
    assert list(Path().iterdir()) == []


BROKEN = """
import numpy as np
from emocal_rl.rewards import DistributionRule, Rule, distribution_rule, rule

@rule(proper=True, low=-1.0, high=0.0)
def my_crash():
    return Rule(right=lambda c: c.spam, wrong=lambda c: -c)

@rule(proper=True, low=-1.0, high=0.0)
def my_hole():
    return Rule(right=lambda c: -np.sqrt(c - 0.5), wrong=lambda c: -c)

@rule(proper=True, low=-1.0, high=0.0)
def my_nothing():
    pass

@distribution_rule(low=0.0, high=1.0)
def my_greed():
    return DistributionRule(scores=lambda q: q)

@distribution_rule(low=0.0, high=1.0)
def my_spill():
    return DistributionRule(scores=lambda q: np.log(q))

@distribution_rule(low=0.0, high=1.0)
def my_void():
    pass

@rule(proper=True, low=lambda q: -q, high=0.0)
def my_bound(k=1.0):
    return Rule(right=lambda c: c - 1, wrong=lambda c: -c)

def plain(c, y):
    return -abs(c - y)
"""
NEEDS = "from emocal_rl.rewards import rule\n@rule(proper=True, low=-1, high=0)\ndef needs(k, *, eps): pass\n"


@pytest.fixture
def broken_modules(here: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    texts = {"my_broken": BROKEN, "my_syntax": "def f(:\n", "my_import": "import nowhere\n", "my_needs": NEEDS}
    for name, text in texts.items():
        (here / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(here)
    yield
    for registry in (RULES, DISTRIBUTION_RULES):
        for name in [name for name in registry if name.startswith("my_")]:
            del registry[name]
    for name in texts:
        sys.modules.pop(name, None)


@pytest.mark.parametrize(("address", "line"), [
    ("my_broken:my_crash", "reward.my_crash: my_crash: right(c) fails on an array of confidences: AttributeError: "
     "'numpy.ndarray' object has no attribute 'spam'"),
    ("my_broken:my_hole", "reward.my_hole: my_hole: right(c) is not a number at c=0: clip c first"),
    ("my_broken:my_nothing",
     "rule 'my_nothing' returned None: it has to return Rule(right=..., wrong=...)"),
    ("my_broken:my_void",
     "rule 'my_void' returned None: it has to return DistributionRule(scores=...)"),
    ("my_broken:my_spill",
     "reward.my_spill: my_spill: scores(q) is infinite at q=(0, 1): clip q to at least eps first"),
    ("my_broken:my_bound",
     "rule 'my_bound' cannot be made: TypeError: <lambda>() got an unexpected keyword argument 'k'"),
    ("my_broken:plain", "my_broken:plain is not a rule: put @rule(...) above its definition"),
    ("my_broken:plan", "my_broken:plan: module 'my_broken' has no 'plan'"),
    ("my_syntax:f", "my_syntax:f: importing 'my_syntax' fails: SyntaxError: invalid syntax (my_syntax.py, line 1)"),
    ("my_import:f", "my_import:f: importing 'my_import' fails: ModuleNotFoundError: No module named 'nowhere'"),
    ("my_needs:needs", "rule 'needs': give every parameter a default value: k, eps"),
])  # fmt: skip
@pytest.mark.usefixtures("broken_modules")
def test_a_rule_that_cannot_be_computed_is_one_line(address: str, line: str, cli: Cli) -> None:
    done = cli("rewards", address)
    assert (done.code, done.err, done.out) == (2, f"error: {line}\n", "")


@pytest.mark.usefixtures("broken_modules")
def test_a_broken_rule_in_a_recipe_is_one_line(cli: Cli) -> None:
    override = "reward={correct: 1, mine: {use: 'my_broken:my_hole'}}"
    done = cli("check", "--recipe", "grpo_brier", override)
    assert done.code == 2
    assert (
        done.err == f"error: override {override}: reward.mine: my_hole: right(c) is not a number at c=0: clip c first\n"
    )


@pytest.mark.usefixtures("broken_modules")
def test_a_distribution_rule_of_ones_own_is_checked_in_words(cli: Cli) -> None:
    done = cli("rewards", "my_broken:my_greed")
    text = done.out
    assert (done.code, "proper: no (declared: strictly)" in text) == (2, True)
    assert "problem: my_greed: is declared proper and is not: where the labels turn out true with" in text
    override = "reward={mine: {use: 'my_broken:my_spill'}}"
    done = cli("check", "--recipe", "grpo_brier", override, "format=distribution")
    line = "reward.mine: my_spill: scores(q) is infinite at q=(0, 1): clip q to at least eps first"
    assert (done.code, done.err.splitlines()[0].endswith(line)) == (2, True), done.err


NARROW = """
from emocal_rl.rewards import Rule, rule

@rule(proper=True, low=-0.5, high=0.0)
def narrow():
    return Rule(right=lambda c: -((1 - c) ** 2), wrong=lambda c: -(c**2))

@rule(proper=False, low=float("-inf"), high=0.0)
def endless():
    return Rule(right=lambda c: c - 1, wrong=lambda c: c - float("inf"))
"""


@pytest.fixture
def narrow(here: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    (here / "my_narrow.py").write_text(NARROW)
    monkeypatch.syspath_prepend(here)
    yield "my_narrow:narrow"
    for name in ("narrow", "endless"):
        RULES.pop(name, None)
    sys.modules.pop("my_narrow", None)


def test_a_false_range_is_said_by_rewards_and_by_check(narrow: str, cli: Cli) -> None:
    line = "narrow: declares low=-0.5 and pays -1 for a right answer at c=0: correct low."
    done = cli("rewards", narrow)
    assert (done.code, done.err) == (2, f"error: {line}\n")
    assert f"problem: {line}\n" in done.out
    reward = f"reward={{correct: 1, mine: {{use: '{narrow}'}}}}"
    done = cli("check", "--recipe", "rloo_brier", reward)
    allow = "rloo_brier: to train on this reward all the same, say allow_unsound=true"
    assert (done.code, done.err) == (2, f"error: rloo_brier: {line}\nerror: {allow}\n")
    assert f"  reward: {line}\n" in done.out
    assert cli("check", "--recipe", "rloo_brier", reward, "allow_unsound=true").code == 0


@pytest.mark.usefixtures("narrow")
def test_a_rule_that_pays_no_number_is_one_line(cli: Cli) -> None:
    done = cli("rewards", "my_narrow:endless")
    line = "reward.endless: endless: wrong(c) is infinite at every c: it has to pay a number somewhere"
    assert (done.code, done.err) == (2, f"error: {line}\n")


# Drawing


def test_a_picture_comes_with_its_numbers(cli: Cli) -> None:
    assert cli("rewards", "emocaliber", "--plot").out.split() == ["emocaliber.png", "emocaliber.json"]
    with Image.open("emocaliber.png") as picture:
        assert picture.size == (1800, 750)
    found = json.loads(Path("emocaliber.json").read_text())
    assert found["sound"] is False
    at = found["payoff"]["confidence"].index(0.5)
    assert found["payoff"]["right"][at] == pytest.approx(0.61, abs=0.005)
    assert found["elicited"]["plain"][10:91:40] == [0.1, 0.5, 0.9]
    value, giving_up = found["value"]["honest"], found["value"]["giving_up"]
    crossing = next(p for p in range(5, 101) if value[p] > giving_up[p])
    assert crossing == 85  # in hundredths: below it a wrong answer on purpose pays more


def test_a_file_is_never_overwritten(cli: Cli) -> None:
    Path("brier.json").write_text("mine")
    done = cli("rewards", "brier", "--plot")
    assert (done.code, done.err) == (
        2, "error: brier.json exists already; move it away or name another file after --plot\n"
    )  # fmt: skip
    assert not Path("brier.png").exists()
    assert cli("rewards", "brier", "--plot", "new/other.png").code == 0
    assert cli("rewards", "brier", "--plot", "new/other.png").err.count("exists already") == 2


@pytest.mark.parametrize("name", ["correct", "multiclass_log", "mixed", "lovec", "sayself", "multi_rlcr"])
def test_every_shape_of_reward_can_be_drawn(name: str, cli: Cli) -> None:
    """No confidence paid, a distribution, a group target, few confidences, segment credit, several guesses."""
    assert cli("rewards", name, "--plot").code == 0
    found = json.loads(Path(f"{name}.json").read_text())
    assert found["sound"] == catalogue.entry(name).verdict.sound
    assert ("giving_up" in found["value"]) == (name != "multiclass_log")
    assert (found["elicited"] == {}) == (name == "correct")


def test_drawing_leaves_the_settings_of_matplotlib_alone(cli: Cli) -> None:
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    cli("rewards", "brier", "--plot")
    assert dict(mpl.rcParams) == before

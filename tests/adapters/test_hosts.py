"""What must hold in every framework, whatever it does to completions, rows and the reward itself."""

import inspect
import math
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest
from hosts import HOSTS

from emocal_rl.adapters.core import Adapter

CANDIDATES = ["awe", "joy"]
ROW = {"label": "joy", "candidates": CANDIDATES}
GOOD = "<think>a smile</think><answer>joy</answer><analysis>clear</analysis><confidence>0.9</confidence>"
WRONG, BAD = GOOD.replace("joy", "awe"), "I would rather not say."
UNREADABLE = [BAD, "", None, 3, [], [{"role": "user", "content": GOOD}], [{"role": "assistant", "content": None}], {}]
UNGRADABLE = [
    {},
    {"label": None},
    {"votes": {"joy": 0}},
    {"votes": "{nonsense"},
    {"votes": [1, 2, 3]},
    {"label": "joy", "candidates": 5},
]
REWARDS = ["brier", "log", "correct", "rlcr", "emocaliber", "rewarding_doubt", "sayself", "credo", "multiclass_log"]

every_host = pytest.mark.parametrize("host", HOSTS.values(), ids=list(HOSTS))


@every_host
def test_by_hand(host):
    """{correct: 1, brier: 1} lies in [-1, 1] and gives 1 - .01, -.81 and, for what cannot be read, -1."""
    reward = host.reward("brier")
    paid = [host.call(reward, text, ROW)[0] for text in (GOOD, WRONG, BAD)]
    assert paid == pytest.approx([0.995, 0.095, 0.0], abs=1e-6)


@every_host
@pytest.mark.parametrize("name", REWARDS)
def test_never_an_error_an_infinity_or_a_number_outside_the_unit_interval(host, name):
    if name == "credo" and host.module not in ("trl", "swift"):
        pytest.skip("one reply at a time")
    reward = host.reward(name)
    for text in (GOOD, WRONG, *UNREADABLE):
        for row in (ROW, *UNGRADABLE):
            paid, logged = host.call(reward, text, dict(row))
            assert type(paid) is float
            assert 0 <= paid <= 1
            assert all(type(value) is float and math.isfinite(value) for value in logged.values())


@every_host
def test_what_cannot_be_read_or_graded_gets_the_floor(host):
    """Raw totals of brier alone: 0 is perfect, so a failure must not be 0."""
    reward = host.reward("brier=1", scale="raw")
    floor = -1.0
    assert {host.call(reward, text, ROW)[0] for text in UNREADABLE} == {floor}
    assert {host.call(reward, GOOD, dict(row))[0] for row in UNGRADABLE} == {floor}


@every_host
def test_the_same_components_every_time(host):
    reward = host.reward("rlcr")
    logged = [host.call(reward, text, dict(row))[1] for text in (GOOD, *UNREADABLE) for row in (ROW, *UNGRADABLE)]
    assert {tuple(one) for one in logged} == {tuple(logged[0])}
    if logged[0]:
        short = [{name.rpartition("/")[2]: value for name, value in one.items()} for one in logged]
        right = {"parse_ok": 1, "graded": 1, "correct": 1, "confidence": 0.9}
        assert {name: short[0][name] for name in right} == pytest.approx(right)
        assert [one["parse_ok"] for one in short[len(UNGRADABLE) + 1 :: len(UNGRADABLE) + 1]] == [0] * len(UNREADABLE)
        assert [one["graded"] for one in short[1 : len(UNGRADABLE) + 1]] == [0] * len(UNGRADABLE)


@every_host
def test_messages_count_as_their_text(host):
    if host.module == "openrlhf":
        pytest.skip("its queries are always text")
    reward = host.reward("brier")
    parts = [{"type": "text", "text": GOOD}]
    for content in (GOOD, parts):
        messages = [{"role": "assistant", "content": content}]
        assert host.call(reward, messages, ROW)[0] == pytest.approx(0.995)


@every_host
def test_reasoning_that_a_framework_has_cut_out_is_read(host):
    if host.module in ("openrlhf", "verifiers"):
        pytest.skip("takes text, or looks for the reasoning in the trace")
    reward, rest = host.reward("brier"), GOOD.partition("</think>")[2]
    parts = [{"type": "thinking", "thinking": "a smile"}, {"type": "text", "text": rest}]
    for message in ({"reasoning_content": "a smile", "content": rest}, {"content": parts}):
        assert host.call(reward, {"role": "assistant", **message}, ROW)[0] == pytest.approx(0.995)
        assert host.call(reward, {"role": "assistant", "content": rest}, ROW)[0] == 0.0


@every_host
@pytest.mark.parametrize(
    "votes",
    [
        {"votes": {"joy": 3, "awe": 1, "sad": None}, "candidates": CANDIDATES},
        {"votes": '{"joy": 3, "awe": 1}'},
        {"votes": [1, 3], "candidates": CANDIDATES},
        {"labels": ["awe", "joy"], "probs": [0.25, 0.75]},
        {"distribution": {"joy": 0.75, "awe": 0.25}},
        {"votes": "[1, 3]", "candidates": '["awe", "joy"]'},
    ],
    ids=["Arrow", "JSON", "parallel", "labels and probs", "distribution", "JSON lists"],
)
def test_a_distribution_of_labels_in_every_shape(host, votes):
    """Three of four agree: .75 - (.75 * .01 + .25 * .81) = .54, which is .77 on the unit scale."""
    assert host.call(host.reward("brier"), GOOD, votes)[0] == pytest.approx(0.77, abs=1e-6)


@pytest.mark.parametrize("name", ["trl", "verl", "areal", "slime", "rllm"])
def test_arrays_as_parquet_readers_give_them(name):
    host = HOSTS[name]
    row = {"candidates": np.array(CANDIDATES, object), "votes": np.array([1, 3])}
    assert host.call(host.reward("brier"), GOOD, row)[0] == pytest.approx(0.77)


@every_host
def test_threads(host):
    reward = host.reward("rlcr")
    texts = [text for text in (GOOD, WRONG, BAD) for _ in range(100)]
    alone = [host.call(reward, text, ROW)[0] for text in texts]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda text: host.call(reward, text, ROW)[0], texts)) == alone


def test_pickled_into_a_new_process():
    made = {name: host.reward("rlcr", scale="raw") for name, host in HOSTS.items() if not host.needs}
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        for name, reward in made.items():
            copy = pool.submit(pickle.loads, pickle.dumps(reward)).result()
            assert repr(copy) == repr(reward)
            assert HOSTS[name].call(copy, GOOD, ROW) == HOSTS[name].call(reward, GOOD, ROW)
        paid = pool.submit(made["areal"], "?", GOOD, [1], [2], **ROW).result()
        assert paid == pytest.approx(0.5 + 0.5 + 0.5 * 0.99)


@pytest.mark.parametrize("name", [name for name, host in HOSTS.items() if not host.needs])
def test_every_adapter_is_here_and_explains_itself(name):
    adapter = type(HOSTS[name].reward("brier"))
    assert adapter.host
    assert len(inspect.signature(adapter.__call__).parameters) > 1


def test_no_adapter_is_forgotten():
    for host in HOSTS.values():
        if not host.needs:
            host.reward("brier")
    assert {one.__name__ for one in Adapter.__subclasses__()} <= {host.adapter for host in HOSTS.values()}

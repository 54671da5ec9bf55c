"""verifiers: a task whose configuration plugs the reward and the metrics in."""

import asyncio

import pytest
import verifiers.v1 as vf
from said import CANDIDATES, PAID
from verifiers.v1.trace import AgentInfo, MessageNode, TraceTask

MODULE = "emocal_rl.adapters.verifiers"


class Data(vf.TaskData):
    answer: str
    candidates: list[str]


class Task(vf.Task[Data]):
    pass


def trace_of(text, **more):
    config = vf.TaskConfig(
        rewards={"emocal": {"fn": f"{MODULE}:brier", "weight": 2.0}}, metrics={"emocal": {"fn": f"{MODULE}:metrics"}}
    )
    data = Data(idx=0, prompt="How?", answer="joy", candidates=CANDIDATES)
    said = [vf.UserMessage(content="How?"), vf.AssistantMessage(content=text, **more)]
    nodes = [MessageNode(message=said[0]), MessageNode(parent=0, message=said[1], sampled=True)]
    agent = AgentInfo(config=vf.AgentConfig())
    trace = vf.Trace(task=TraceTask(type="Task", data=data), agent=agent, nodes=nodes)
    asyncio.run(Task(data, config).score(trace))
    return trace


def test_what_is_paid():
    traces = [trace_of(text) for text in PAID]
    assert [trace.reward for trace in traces] == pytest.approx([2 * paid for paid in PAID.values()])
    assert all(set(trace.metrics) == set(traces[0].metrics) for trace in traces)
    assert [trace.metrics["parse_ok"] for trace in traces] == [1.0, 1.0, 0.0]


def test_reasoning_that_was_cut_out():
    thought, _, rest = next(iter(PAID)).removeprefix("<think>").partition("</think>")
    assert trace_of(rest, reasoning_content=thought).reward == pytest.approx(2 * 0.995)

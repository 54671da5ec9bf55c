"""The package on its own: numpy only, quick to import, and at home in other processes."""

import importlib
import multiprocessing
import os
import subprocess
import sys
import textwrap
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

import emocal_rl.rewards
from emocal_rl.rewards import Reward

SOURCE = str(Path(__file__).parents[2] / "src")


def python(code, **environment):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)], capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": SOURCE, **environment},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_it_needs_numpy_only():
    out = python("""
        import importlib.abc, sys

        class Wall(importlib.abc.MetaPathFinder):
            def find_spec(self, name, path=None, target=None):
                if name.split(".")[0] in {"torch", "scipy", "pydantic", "yaml", "pandas", "transformers", "sklearn"}:
                    raise ImportError(name)

        sys.meta_path.insert(0, Wall())
        import emocal_rl.rewards as r
        print(r.judge(r.preset("rlcr").reward()).sound, [m for m in sys.modules if m.startswith("emocal_rl.")
              and not m.startswith(("emocal_rl.rewards", "emocal_rl.errors"))])
    """)
    assert out == "True []"


def test_the_check_is_loaded_when_it_is_asked_for():
    out = python("""
        import sys
        import emocal_rl.rewards as r

        check = "emocal_rl.rewards.incentive"
        r.preset("rlcr").reward()(["<answer>joy</answer>"], [{"label": "joy"}])
        print(check in sys.modules, set(r.__all__) <= set(dir(r)), check in sys.modules)
        print(r.incentive.judge is r.judge, r.preset("rlcr").judge().sound, check in sys.modules)
    """)
    assert out.splitlines() == ["False True False", "True True True"]


def test_a_name_it_does_not_have_is_an_attribute_error():
    with pytest.raises(AttributeError, match=r"module 'emocal_rl.rewards' has no attribute 'jugde'"):
        emocal_rl.rewards.jugde  # noqa: B018


def test_it_adds_less_than_half_of_what_numpy_takes_to_import(tmp_path, monkeypatch):
    """Processor time within one process, so that a busy machine slows both alike; numpy takes about 0.1 s.

    Compiled once, as an installed package is.
    """
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    code = """
        import time
        start = time.process_time()
        import numpy
        between = time.process_time()
        import emocal_rl.rewards
        print((time.process_time() - between) / (between - start))
    """
    settings = {"OPENBLAS_NUM_THREADS": "1", "PYTHONPYCACHEPREFIX": str(tmp_path)}
    assert min(float(python(code, **settings)) for _ in range(4)) < 0.5


def test_the_top_of_the_package_loads_nothing():
    assert python("import sys; import emocal_rl; print('numpy' in sys.modules)") == "False"


RULE = """
from emocal_rl.rewards import Rule, rule


@rule(proper=True, low=lambda k: -k, high=0.0)
def sharp(k: float = 2.0) -> Rule:
    \"\"\"Mine.\"\"\"
    return Rule(right=lambda c: -k * (1 - c) ** 2, wrong=lambda c: -k * c**2)


def lenient(reply, target):
    return 1.0


def total(reward):
    text = "<think>x</think><answer>a</answer><confidence>0.5</confidence>"
    return reward([text], [{"label": "a"}])[0].total
"""


@pytest.fixture
def own_module(tmp_path, monkeypatch):
    (tmp_path / "my_rules.py").write_text(RULE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([SOURCE, str(tmp_path)]))
    yield
    from emocal_rl.rewards import RULES

    RULES.pop("sharp", None)
    sys.modules.pop("my_rules", None)


def test_rules_and_graders_of_ones_own_work_in_a_spawned_process(own_module):
    terms = {"correct": 1.0, "mine": {"use": "my_rules:sharp", "weight": 0.5, "k": 3.0}}
    reward = Reward(terms, format="rlcr_short", grader="my_rules:lenient")
    total = importlib.import_module("my_rules").total
    assert total(reward) == 1 - 0.5 * 3 * 0.25
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        assert pool.submit(total, reward).result(timeout=60) == total(reward)

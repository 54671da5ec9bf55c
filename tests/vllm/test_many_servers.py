"""Two real servers share the prompts of a trainer, and both get its weights."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from servers import Served
from test_server import CLOSE
from toys import VllmToy, gap, only_vision, rows


@pytest.fixture(scope="module")
def second(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    server = Served(tmp_path_factory.mktemp("second") / "log", key="secret")
    try:
        server.wait()
        yield server
    finally:
        server.stop()


def asked(server: Served) -> int:
    """How many prompts it has answered."""
    return server.log.read_text().count("POST /inference/v1/generate")


def test_every_prompt_goes_to_one_and_new_weights_to_both(toy: VllmToy, served: Served, second: Served) -> None:
    """Only the vision tower learns, so log-probabilities agree only where a server has the new one and the picture."""
    options = {"learning_rate": 0.02, "max_steps": 4, "num_generations": 4}
    before = asked(served)
    found = rows(toy.train(toy.recipe("grpo", options, rollout=served.rollout(servers=[served.url, second.url])),
                           only_vision))  # fmt: skip
    assert max(row["grad_norm"] for row in found[:-1]) > 0
    assert max(map(gap, found)) < CLOSE
    assert (asked(served) - before, asked(second)) == (4, 4)  # two prompts a step

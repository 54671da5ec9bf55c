"""`trainer.beta`: the penalty for leaving the cold start, also after a resume."""

import pytest

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("algorithm", ["grpo", "ppo"])
def test_the_distance_from_the_cold_start_is_measured_from_it_also_when_resumed(algorithm, toy, curve_of):
    """Nothing at first, then something; a resumed run that compared itself with its checkpoint would see nothing."""
    done = toy.train(toy.recipe(algorithm, {"beta": 0.1}))
    away = [row["kl"] for row in curve_of(done)]
    assert away[0] == pytest.approx(0, abs=1e-6)
    assert min(away[1:]) > 1e-5
    assert [row["kl"] for row in curve_of(toy.killed_after(done, 2))] == pytest.approx(away)

import pytest

from emocal_rl.suggest import did_you_mean


@pytest.mark.parametrize(
    ("word", "choices", "text"),
    [
        ("grpo_breir", ["grpo_brier", "grpo_log"], "; did you mean 'grpo_brier'?"),
        ("BRIER", ["brier"], "; did you mean 'brier'?"),
        ("xyz", ["a", "b"], "; choose from a, b"),
        ("xyz", [], ""),
        ("xyz", [f"choice{i}" for i in range(50)], ""),  # a wall of names helps nobody
    ],
)
def test_the_end_of_the_line(word: str, choices: list[str], text: str) -> None:
    assert did_you_mean(word, choices) == text

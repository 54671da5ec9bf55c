import io
import re

import pytest

from emocal_rl.progress import duration, loading, stage_progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_plain_lines_where_there_is_no_terminal() -> None:
    stream = io.StringIO()
    with stage_progress("grpo_brier", 10, "grpo", stream=stream, line_every=0.0) as tick:
        for step in (1, 5, 10):
            tick(step, reward=0.25 * step, loss=0.1)
    first, second, last = stream.getvalue().splitlines()
    assert re.fullmatch(r"grpo_brier grpo 1/10 \(10%\) \d+s left  reward 0\.250  loss 0\.100", first)
    assert re.fullmatch(r"grpo_brier grpo 5/10 \(50%\) \d+s left  reward 1\.250  loss 0\.100", second)
    assert re.fullmatch(r"grpo_brier grpo 10/10 \(100%\) in \d+s  reward 2\.500  loss 0\.100", last)


def test_plain_lines_are_rare_but_the_last_one_is_there() -> None:
    stream = io.StringIO()
    with stage_progress("s", 1000, stream=stream, line_every=3600.0) as tick:
        for step in range(1, 1001):
            tick(step)
    assert [line.split()[1] for line in stream.getvalue().splitlines()] == ["1/1000", "1000/1000"]


def test_steps_of_an_earlier_attempt_do_not_count_in_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 120.0])  # begun at 100 s; step 92 is done 20 s later: 10 s a step, 8 steps to go
    monkeypatch.setattr("emocal_rl.progress.time.monotonic", lambda: next(clock))
    stream = io.StringIO()
    with stage_progress("s", 100, start=90, stream=stream) as tick:
        tick(92)
    assert stream.getvalue() == "s 92/100 (92%) 1m20s left\n"


def test_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    stream = Terminal()
    with stage_progress("grpo_brier", 4, "grpo", stream=stream) as tick:
        tick(2, reward=0.5)
        tick(4, reward=0.75)
    text = stream.getvalue()
    assert "\x1b[" in text  # drawn over itself
    assert "4/4" in text
    assert "reward 0.750" in text


def test_nothing_to_do_is_no_division_by_zero() -> None:
    stream = io.StringIO()
    with stage_progress("s", 0, stream=stream) as tick:
        tick(0)
    assert stream.getvalue().startswith("s 0/0 (100%) in ")


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0s"), (59.6, "1m00s"), (3599, "59m59s"), (7260, "2h01m")])
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_loading_is_said_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    for stream, said in ((Terminal(), "loading torch and transformers ...\n"), (io.StringIO(), "")):
        monkeypatch.setattr("sys.stderr", stream)
        loading()
        assert stream.getvalue() == said

"""What a reliability diagram shows is not hidden by what is written on it."""

from __future__ import annotations

from emocal_rl.evaluate.reliability import scoreboard, square
from emocal_rl.evaluate.theme import sheet, style


def test_the_numbers_stand_between_the_panel_and_its_title() -> None:
    """Inside the panel, wherever it is, a point may lie behind them."""
    with style():
        figure = sheet(5.8, 6.0)
        ax = figure.subplots()
        square(ax, "Unseen styles")
        named = set(ax.texts)
        numbers = ["0.282", "0.224", "0.486"]
        scoreboard(
            ax, [("before", "before", numbers), ("after", "after", numbers), ("bound", "bound", numbers)],
            ("Brier", "ECE", "AUROC"),
        )  # fmt: skip
        figure.canvas.draw()
        panel, title = ax.get_window_extent(), ax._left_title  # matplotlib has no public way to it
        written = [each.get_window_extent() for each in ax.texts if each not in named]
        assert len(written) == 3 + 3 * 4
        assert min(box.y0 for box in written) >= panel.y1
        assert max(box.y1 for box in written) <= title.get_window_extent().y0
        assert title.get_window_extent().y1 <= figure.bbox.y1

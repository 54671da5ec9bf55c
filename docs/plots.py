"""Small pictures of rewards for the documentation, as SVG text that is the same wherever it is made."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from emocal_rl.evaluate.theme import AFTER, BASE, BEFORE, BOUND, INK, MUTED, PAPER, RULE

WIDTH, HEIGHT, LEFT, TOP, GAP = 150, 110, 44, 26, 72
"""Of a panel, of the space before and above it, and of the space between panels, in pixels."""

Point = tuple[float, float]
Curve = tuple[str, str, str, Sequence[float], Sequence[float]]
"""Legend, colour, dashes ("" for none), x in [0, 1], y."""


def picture(numbers: dict[str, dict[str, Any]]) -> str:
    """What `evaluate.payoffs.numbers` found, as three panels in one SVG."""
    panels = [_paid(numbers["payoff"]), _said(numbers["elicited"]), _worth(numbers["value"])]
    drawn = "".join(_panel(LEFT + i * (WIDTH + GAP), *panel) for i, panel in enumerate(panels))
    width, height = LEFT + 3 * (WIDTH + GAP) - GAP + 20, TOP + HEIGHT + 76
    style = f'font-family="sans-serif" font-size="10" fill="{INK}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'{style}>\n<rect width="{width}" height="{height}" fill="{PAPER}"/>\n{drawn}</svg>\n'
    )


def _paid(drawn: dict[str, Any]) -> tuple[str, str, list[Curve]]:
    c, (true, false) = drawn["confidence"], [key for key in drawn if key != "confidence"]
    curves = [(true, AFTER, "", c, drawn[true]), (false, BEFORE, "5 2", c, drawn[false])]
    return "what is paid", "stated confidence", curves


def _said(drawn: dict[str, Any]) -> tuple[str, str, list[Curve]]:
    curves: list[Curve] = [("honest", MUTED, "1 2", [0.0, 1.0], [0.0, 1.0])]
    if drawn:
        curves.append(("as it is", AFTER, "", drawn["belief"], drawn["plain"]))
        curves.append(("scale_rewards=group", BEFORE, "5 2", *zip(*drawn["group"], strict=True)))
    return "what pays most to say", "belief", curves


def _worth(drawn: dict[str, Any]) -> tuple[str, str, list[Curve]]:
    curves: list[Curve] = [("honest", BOUND, "", drawn["p"], drawn["honest"])]
    if "giving_up" in drawn:
        curves.append(("wrong on purpose", BASE, "5 2", drawn["p"], drawn["giving_up"]))
    return "what can be earned", "success probability", curves


def _panel(left: float, title: str, across: str, curves: list[Curve]) -> str:
    values = [y for *_, ys in curves for y in ys]
    low, high = min(values), max(values)
    low, high = (low, high) if high - low > 1e-9 else (low - 0.5, high + 0.5)
    bottom, right = TOP + HEIGHT, left + WIDTH
    parts = [f'<rect x="{left}" y="{TOP}" width="{WIDTH}" height="{HEIGHT}" fill="none" stroke="{RULE}"/>']
    parts += [_text(left, TOP - 9, title, "start", bold=True)]
    parts += [_text(left + share * WIDTH, bottom + 13, f"{share:g}", "middle") for share in (0, 0.5, 1)]
    parts += [_text(left - 4, y, _short(at), "end") for at, y in ((high, TOP + 8), (low, bottom))]
    parts += [_text(right, bottom + 25, across, "end")]
    for row, (legend, colour, dashes, xs, ys) in enumerate(curves):
        points = [(left + x * WIDTH, bottom - (y - low) / (high - low) * HEIGHT) for x, y in zip(xs, ys, strict=True)]
        parts += [_line(thinned(points), colour, dashes)]
        key = bottom + 38 + 11 * row
        parts += [_line([(left, key), (left + 16, key)], colour, dashes)]
        parts += [_text(left + 20, key + 3.5, legend, "start")]
    return "\n".join(parts) + "\n"


def _text(x: float, y: float, text: str, anchor: str, bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}"{weight}>{escape(text)}</text>'


def _short(value: float) -> str:
    return f"{round(value, 12) + 0.0:.2g}"  # rounding: zero on every processor; the sum: -0.0 is a plain 0


def _line(points: Sequence[Point], colour: str, dashes: str) -> str:
    shape = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f'<polyline points="{shape}" fill="none" stroke="{colour}" stroke-width="1.6"{dashed}/>'


def thinned(points: Sequence[Point], within: float = 0.2) -> list[Point]:
    """The points without those that lie on the line between others, to `within` pixels (Ramer, Douglas, Peucker).

    >>> thinned([(0, 0), (1, 1), (2, 2), (3, 0)])
    [(0, 0), (2, 2), (3, 0)]
    """
    (x0, y0), (x1, y1) = points[0], points[-1]
    off = [abs(y - (y0 + (y1 - y0) * (x - x0) / (x1 - x0))) for x, y in points]
    worst = max(range(len(points)), key=off.__getitem__)
    if off[worst] <= within:
        return [points[0], points[-1]]
    return thinned(points[: worst + 1], within)[:-1] + thinned(points[worst:], within)

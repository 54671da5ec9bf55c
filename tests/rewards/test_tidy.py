"""The one-pass reading of the usual reply gives what the general reader gives, and leaves it everything else."""

import random

import pytest

from emocal_rl.rewards import FORMATS
from emocal_rl.rewards.formats import TagFormat

LABELS = ["negative", "positive"]
PARTS = dict.fromkeys(("element", "human", "context", "interaction", "analysis", "think"), " a\n smile ")
TAGGED = [name for name, form in FORMATS.items() if isinstance(form, TagFormat)]
every_format = pytest.mark.parametrize("name", TAGGED)


def searching(form):
    """The same format without the one-pass reading."""
    plain = type("Plain", (type(form),), {"usual": lambda self, text: None})
    return plain(**{name: getattr(form, name) for name in form.__dataclass_fields__})


def written(form):
    return form.write(PARTS, "positive", form.snap(0.7) if form.grid else None)


@every_format
def test_both_readings_agree_on_good_and_on_damaged_replies(name):
    form, draw = FORMATS[name], random.Random(0)
    slow, good = searching(form), written(form)
    pieces = [
        "",
        " ",
        "\n",
        "<",
        ">",
        "x",
        "<think>",
        "</answer>",
        "<answer>",
        "<confidence>",
        "\x1c",
        "\u2003",
        "0",
        "-",
    ]
    used = 0
    for _ in range(4000):
        start, end = sorted(draw.choices(range(len(good) + 1), k=2))
        end = min(end, start + draw.choice((0, 1, 3, 8)))
        text = draw.choice(("", " ", "So: ")) + good[:start] + draw.choice(pieces) + good[end:]
        used += form.usual(text) is not None
        assert form.read(text, LABELS) == slow.read(text, LABELS), text
    assert 200 < used < 3800  # both ways were taken


@every_format
def test_the_usual_reply_is_read_in_one_pass(name):
    form = FORMATS[name]
    assert form.usual(written(form)) is not None
    assert form.usual("Sure. " + written(form)) is not None


@every_format
@pytest.mark.parametrize("spoil", [
    lambda text: text.replace("smile", "smile < x", 1),
    lambda text: "<answer>negative</answer>" + text,
    lambda text: text + "bye",
    lambda text: text.replace("<answer>positive", "<answer> "),
    lambda text: "",
])  # fmt: skip
def test_anything_unusual_is_left_to_the_general_reader(name, spoil):
    assert FORMATS[name].usual(spoil(written(FORMATS[name]))) is None

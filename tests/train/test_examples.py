"""Rows -> training examples."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from emocal_rl.data import Row, emoji
from emocal_rl.data.augment import jitter
from emocal_rl.errors import UserError
from emocal_rl.rewards import FORMATS
from emocal_rl.train import examples

FORM = FORMATS["emocaliber"]


@pytest.fixture(scope="module")
def row():
    return emoji.load(2)["stage_one"][0]


def test_target_text_reads_back_as_what_was_meant(row):
    example = examples.sft_example(row, FORM, 0.734)
    reply = FORM.read(example["completion"][0]["content"], row.candidates)
    assert (reply.fault, reply.answer, reply.confidence) == (None, row.label, 0.73)
    assert reply.parts["element"] == row.parts["element"]


def test_a_row_without_the_reasoning_is_named_with_what_to_do(row):
    said = f"row {row.id}: format 'emocaliber': part 'element' is missing or empty; .* emocal-rl trace$"
    with pytest.raises(UserError, match=said):
        examples.sft_example(replace(row, parts={}), FORM, 0.5)


def test_every_training_row_can_be_written_and_read(row):
    """All three training splits, both numbers of classes: no name breaks the format."""
    for classes in (2, 3):
        for split in emoji.SPLITS[:3]:
            for each in emoji.load(classes)[split]:
                text = examples.sft_example(each, FORM, 0.5)["completion"][0]["content"]
                assert FORM.read(text, each.candidates).fault is None, each.id


def test_the_prompt_asks_the_question_and_gives_the_formats_instruction(row):
    (message,) = examples.sft_example(row, FORM, 0.5)["prompt"]
    assert message["content"] == f"{row.question} {FORM.instruction(row.candidates)}"


def test_the_prompt_says_nothing_about_the_votes(row):
    other = Row(**{**vars(row), "votes": row.votes[::-1]})
    assert examples.rl_example(row, FORM)["prompt"] == examples.rl_example(other, FORM)["prompt"]


def test_jitter_changes_a_picture_a_little_and_strength_zero_not_at_all(row):
    random = np.random.default_rng(0)
    assert jitter(row.image, random, 0.0) is row.image
    before = np.asarray(row.image, float)
    changes = [np.abs(np.asarray(jitter(row.image, random), float) - before).mean() for _ in range(20)]
    assert 1 < min(changes)
    assert max(changes) < 80


def test_jitter_keeps_white_paper_white():
    paper = Image.new("RGB", (32, 32), "white")
    assert np.asarray(jitter(paper, np.random.default_rng(1), 1.0)).min() == 255


def test_dataset_is_fixed_by_its_seed(row):
    make = lambda seed: examples.dataset([row] * 3, lambda r: examples.rl_example(r, FORM), 1.0, seed)  # noqa: E731
    pixels = [np.asarray(example["image"]).tobytes() for example in make(5)]
    assert pixels == [np.asarray(example["image"]).tobytes() for example in make(5)]
    assert len(set(pixels)) == 3
    assert pixels != [np.asarray(example["image"]).tobytes() for example in make(6)]


def test_rows_with_and_without_pictures_are_refused_before_training(row, tmp_path):
    """A file and a picture in memory, one of either is enough; a row that is visited twice is counted once."""
    row.image.save(tmp_path / "a.png")
    bare = replace(row, id="bare", source=None)
    for other in (row, replace(row, source=tmp_path / "a.png")):
        with pytest.raises(UserError) as error:
            examples.dataset([other, bare, bare], lambda r: examples.rl_example(r, FORM), 0.0, 0)
        assert error.value.lines == [
            "data: 1 of 2 rows to train on have no picture (first: bare), and the others have; TRL takes no such "
            "mixture, so leave out the ones or the others (data.exclude)"
        ]
    assert "image" not in examples.dataset([bare], lambda r: examples.rl_example(r, FORM), 0.0, 0).column_names

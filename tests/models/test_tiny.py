"""The embedded model: its size, its tokenizer, that it loads anywhere and reads pictures."""

import numpy as np
import pytest

from emocal_rl.data import emoji
from emocal_rl.errors import UserError
from emocal_rl.evaluate.generate import complete
from emocal_rl.models import load, sources, tiny
from emocal_rl.rewards import FORMATS

FORM = FORMATS["emocaliber"]


@pytest.fixture(scope="module")
def loaded():
    load.use_threads("auto")
    return load.load("tiny")


@pytest.fixture(scope="module")
def rows():
    return emoji.load(2)["stage_one"][:6]


def test_size(loaded):
    model, _ = loaded
    assert 1e6 < sum(p.numel() for p in model.parameters()) < 4e6
    assert sum(path.stat().st_size for path in sources.TINY.iterdir()) < 5e6


def test_every_tag_and_every_digit_is_one_token(loaded):
    tokenizer = loaded[1].tokenizer
    for tag in tiny.TAGS:
        assert len(tokenizer.tokenize(f"<{tag}>")) == len(tokenizer.tokenize(f"</{tag}>")) == 1
    assert tokenizer.tokenize("<confidence>0.85</confidence>") == ["<confidence>", "0", ".", "8", "5", "</confidence>"]


@pytest.mark.parametrize("text", ["<answer>positive</answer>", "naïve 漢字 \U0001f600 \n\t", "0.123456789"])
def test_any_text_survives_the_tokenizer(loaded, text):
    tokenizer = loaded[1].tokenizer
    assert tokenizer.decode(tokenizer(text)["input_ids"], skip_special_tokens=True) == text


def test_a_picture_becomes_four_tokens_and_pixels_in_minus_one_to_one(loaded, rows):
    processor = loaded[1]
    inputs = processor(text=["<image>"], images=[[rows[0].image]], return_tensors="pt")
    assert (inputs["input_ids"] == processor.image_token_id).sum() == tiny.IMAGE_TOKENS == 4
    expected = np.asarray(rows[0].image, np.float32).transpose(2, 0, 1) / 127.5 - 1
    np.testing.assert_allclose(inputs["pixel_values"][0, 0].numpy(), expected, atol=1e-5)


def test_the_picture_matters(loaded, rows):
    """The same prompt with another picture gives other logits: the image tokens are not ignored."""
    model, processor = loaded
    texts = ["<image>"] * 2
    inputs = processor(text=texts, images=[[rows[0].image], [rows[1].image]], return_tensors="pt")
    logits = model(**inputs).logits[:, -1]
    assert (logits[0] - logits[1]).abs().max() > 0.1


def test_saved_and_loaded_it_says_the_same(loaded, rows, tmp_path):
    model, processor = loaded
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    again = load.load(str(tmp_path))
    kwargs = {"batch_size": 6, "max_new_tokens": 8}
    assert complete(*again, rows, FORM, **kwargs) == complete(model, processor, rows, FORM, **kwargs)


@pytest.mark.parametrize("cores", ["1", "2"])
def test_greedy_answers_do_not_depend_on_the_batch(loaded, rows, cores, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", cores)
    one, many = (complete(*loaded, rows, FORM, batch_size=size, max_new_tokens=12) for size in (1, 6))
    assert one == many


def test_sampled_answers_depend_on_the_seed_only(loaded, rows):
    draw = lambda seed: complete(*loaded, rows, FORM, temperature=1.0, seed=seed, max_new_tokens=12)  # noqa: E731
    assert draw(1) == draw(1) != draw(2)


def test_image_tokens_are_never_sampled(loaded):
    names = loaded[1].tokenizer.convert_ids_to_tokens(load.image_token_ids(*loaded))
    assert set(names) == set(tiny.IMAGE_SPECIAL)


def test_a_folder_without_a_model_and_an_unknown_name(tmp_path):
    with pytest.raises(
        UserError, match=r"the folder has no config.json; give a checkpoint folder, a hub id, or 'tiny'"
    ):
        load.load(str(tmp_path))
    with pytest.raises(UserError, match=r"^model nobody/nothing-here-0: "):
        load.load("nobody/nothing-here-0")

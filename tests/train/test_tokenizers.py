"""Which tokens state the confidence, under three families of tokenizers, against the character offsets they report."""

import random

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from emocal_rl.errors import UserError
from emocal_rl.rewards import FORMATS, Reward
from emocal_rl.train.credit import confidence_tokens, token_range
from emocal_rl.train.digits import require_digits

AFTER, BEFORE = FORMATS["emocaliber"], FORMATS["confidence_first"]
PARTS = dict.fromkeys(("element", "human", "context", "interaction", "analysis", "think"), "naïve ☺ 👩‍🚀 says: x > 0.7")
CANDIDATES = ["negative", "positive"]
EMOJI = "👩‍🚀☺"


def corpus() -> list[str]:
    draw = random.Random(0)
    return [
        form.write(PARTS, draw.choice(CANDIDATES), draw.choice([0.85, 0.85, draw.uniform(0.01, 0.99)]))
        for form in (AFTER, BEFORE)
        for _ in range(150)
    ]


def byte_level(digits: bool = False, words: bool = True) -> Tokenizer:
    """Byte-level BPE. digits: one token a digit (as Qwen); words: split into words and numbers first (as GPT-2)."""
    made, split = Tokenizer(models.BPE()), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=words)
    ones = [pre_tokenizers.Digits(individual_digits=True)] if digits else []
    made.pre_tokenizer, made.decoder = pre_tokenizers.Sequence([*ones, split]), decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator(corpus(), trainers.BpeTrainer(vocab_size=420, initial_alphabet=alphabet))
    return made


def unigram() -> Tokenizer:
    """A unigram model with a mark for spaces (as sentencepiece makes them)."""
    made = Tokenizer(models.Unigram())
    made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    made.decoder = decoders.Metaspace(prepend_scheme="first")
    options = {"vocab_size": 220, "unk_token": "<unk>", "special_tokens": ["<unk>"], "max_piece_length": 6}
    made.train_from_iterator(corpus(), trainers.UnigramTrainer(**options))
    return made


def characters() -> Tokenizer:
    """A token a character."""
    vocabulary = {letter: i for i, letter in enumerate(sorted(set("".join(corpus()))))}
    made = Tokenizer(models.BPE(vocabulary, []))
    made.decoder = decoders.Fuse()
    return made


FAMILIES = {
    "byte-level BPE, merged digits": byte_level,
    "byte-level BPE, a token a digit": lambda: byte_level(digits=True),
    "byte-level BPE across words": lambda: byte_level(words=False),
    "unigram": unigram,
    "characters": characters,
}


@pytest.fixture(scope="module", params=FAMILIES, ids=lambda name: name.replace(" ", "-"))
def tokenizer(request) -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast(tokenizer_object=FAMILIES[request.param](), clean_up_tokenization_spaces=False)


def decoder(tokenizer):
    return lambda ids: tokenizer.decode(ids, skip_special_tokens=True)


@pytest.mark.parametrize("form", [AFTER, BEFORE], ids=["confidence after", "confidence before"])
@pytest.mark.parametrize("confidence", [0.01, 0.5, 0.85, 0.93])
def test_the_tokens_that_touch_the_confidence_and_no_others(tokenizer, form, confidence):
    text = form.write(PARTS, "positive", confidence)
    encoded = tokenizer(text, return_offsets_mapping=True)
    ids = encoded["input_ids"]
    assert tokenizer.decode(ids) == text
    start, end = form.read(text, CANDIDATES).confidence_span
    touching = [i for i, (first, last) in enumerate(encoded["offset_mapping"]) if first < end and last > start]
    assert list(token_range(ids, (start, end), decoder(tokenizer))) == touching


def test_tokens_straddle_the_boundary_where_words_are_merged():
    """Or the test above would not have seen one: a token that holds the tag's end and the first digit."""
    made = PreTrainedTokenizerFast(tokenizer_object=byte_level(words=False), clean_up_tokenization_spaces=False)
    text = AFTER.write(PARTS, "positive", 0.85)
    found = token_range(made(text)["input_ids"], AFTER.read(text, CANDIDATES).confidence_span, decoder(made))
    assert made.decode([made(text)["input_ids"][i] for i in found]) not in ("0.85", "")
    assert "0.85" in made.decode([made(text)["input_ids"][i] for i in found])


def test_a_truncated_completion_states_nothing(tokenizer):
    """Cut anywhere, also inside a character of several tokens and inside the number."""
    reward, ids = (
        Reward({"brier": 1.0}, "emocaliber", "label"),
        tokenizer(AFTER.write(PARTS, "positive", 0.85))["input_ids"],
    )
    cuts = sorted({*range(1, len(ids), 7), *range(len(ids) - 12, len(ids))})
    texts = [decoder(tokenizer)(ids[:cut]) for cut in cuts]
    scored = reward(texts, [{"candidates": CANDIDATES, "label": "positive"}] * len(texts))
    padded = [ids[:cut] + [0] * (len(ids) - cut) for cut in cuts]
    assert all(row.reply.fault for row in scored)
    assert not confidence_tokens(scored, padded, decoder(tokenizer)).any()


@pytest.mark.parametrize("name", ["byte-level BPE, a token a digit", "characters"])
def test_exact_credit_can_use_a_tokenizer_with_a_token_a_digit(name):
    require_digits(PreTrainedTokenizerFast(tokenizer_object=FAMILIES[name]()))


def test_exact_credit_refuses_a_tokenizer_that_merges_digits():
    with pytest.raises(UserError) as error:
        require_digits(PreTrainedTokenizerFast(tokenizer_object=byte_level()))
    assert str(error.value).startswith(
        "credit: exact needs a tokenizer that writes every digit as a token of its own; this one writes 0."
    )
    assert str(error.value).endswith("; set credit: segment")

"""A language model with the embedded model's eyes: whose weights are where, and that it loads back."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from emocal_rl.data import emoji
from emocal_rl.evaluate.generate import inputs_of
from emocal_rl.models.eyes import with_eyes
from emocal_rl.models.load import load
from emocal_rl.rewards import FORMATS


@pytest.fixture(scope="module")
def tiny() -> tuple[Any, Any]:
    return load("tiny")


def language(size: int) -> Any:
    config = LlamaConfig(hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=2,
                         num_key_value_heads=1, vocab_size=size, tie_word_embeddings=True, bos_token_id=1,
                         eos_token_id=2, pad_token_id=0)  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return LlamaForCausalLM(config)


def assembled(tiny: tuple[Any, Any]) -> tuple[Any, Any]:
    tokenizer = copy.deepcopy(tiny[1].tokenizer)
    return with_eyes(language(len(tokenizer)), tokenizer, *tiny)


def test_weights_are_those_of_the_two_models(tiny):
    before = torch.random.get_rng_state()
    model, processor = assembled(tiny)
    assert torch.equal(torch.random.get_rng_state(), before)
    plain = language(len(processor.tokenizer)).state_dict()
    text = {name: value for name, value in plain.items() if name != "lm_head.weight"}
    assert all(torch.equal(value, model.state_dict()[name.replace("model.", "model.text_model.", 1)])
               for name, value in text.items())  # fmt: skip
    assert model.lm_head.weight is model.get_input_embeddings().weight
    seen = tiny[0].model.vision_model.state_dict()
    assert all(torch.equal(value, seen[name]) for name, value in model.model.vision_model.state_dict().items())


def test_the_connector_is_the_same_every_time_and_as_loud_as_words(tiny):
    (one, _), (other, _) = assembled(tiny), assembled(tiny)
    proj = one.model.connector.modality_projection.proj
    assert torch.equal(proj.weight, other.model.connector.modality_projection.proj.weight)
    with torch.no_grad():
        out = proj(torch.randn(400, proj.in_features, generator=torch.Generator().manual_seed(0)))
    assert float(out.std()) == pytest.approx(float(one.get_input_embeddings().weight.detach().std()), rel=0.1)


def test_it_sees_and_loads_back(tiny, tmp_path):
    model, processor = assembled(tiny)
    rows = emoji.load(2)["validation"][:2]
    inputs = inputs_of(model, processor, rows, FORMATS["emocaliber"])
    with torch.inference_mode():
        logits = model.eval()(**inputs).logits
        negative = model(**{**inputs, "pixel_values": -inputs["pixel_values"]}).logits
    assert not torch.allclose(logits, negative)
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    again, reader = load(str(tmp_path))
    with torch.inference_mode():
        same = again.eval()(**inputs_of(again, reader, rows, FORMATS["emocaliber"])).logits
    assert torch.allclose(logits, same, atol=1e-5)

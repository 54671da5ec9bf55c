"""Exact credit on models that scale or cap their logits: its chances are those that TRL trains and the model draws."""

from types import SimpleNamespace

import pytest
import torch
import transformers
from trl.trainer.utils import add_fused_lm_head

from emocal_rl.train.exact import ExactGRPOTrainer, as_configured
from emocal_rl.train.value_head import last_states

SMALL = {"vocab_size": 16, "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
SMALL |= {"num_key_value_heads": 1, "head_dim": 4, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
TEMPERATURE = 2.0
MODELS = {
    "granite": (transformers.GraniteConfig, {"logits_scaling": 8.0}),
    "cohere": (transformers.CohereConfig, {"logit_scale": 0.25}),
    "gemma2": (transformers.Gemma2Config, {"final_logit_softcapping": 0.5}),
    "llama": (transformers.LlamaConfig, {}),
}


def seen_by(**config):
    return as_configured(torch.tensor([6.0, -2.0]), SimpleNamespace(**{"model_type": "any"} | config)).tolist()


def test_scale_and_cap_by_hand():
    """6 and -2: halved; divided by 4, but multiplied in HyperCLOVA X; capped at 1; halved, then capped at 2."""
    assert seen_by() == [6.0, -2.0]
    assert seen_by(logit_scale=0.5) == seen_by(output_multiplier=0.5) == seen_by(lm_head_multiplier=0.5) == [3.0, -1.0]
    assert seen_by(logits_scaling=4.0) == [1.5, -0.5]
    assert seen_by(logits_scaling=4.0, model_type="hyperclovax") == [24.0, -8.0]
    assert seen_by(logit_scale=None, final_logit_softcapping=1.0) == pytest.approx([0.999988, -0.964028], abs=1e-6)
    assert seen_by(logit_scale=0.5, final_logit_softcapping=2.0) == pytest.approx([1.810297, -0.924234], abs=1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_the_chances_are_those_of_the_whole_model_and_of_trl(name):
    """Bit for bit those of a plain output layer where a model has neither scale nor cap."""
    kind, options = MODELS[name]
    torch.manual_seed(0)
    model = transformers.AutoModelForCausalLM.from_config(kind(**SMALL, **options)).eval()
    with torch.no_grad():  # far from even, or a cap would not be seen
        model.get_output_embeddings().weight.mul_(100)
    ids = torch.tensor([[1, 5, 9, 3, 7]])
    add_fused_lm_head(model, temperature=TEMPERATURE)
    bare = object.__new__(ExactGRPOTrainer)
    bare.accelerator, bare.temperature = SimpleNamespace(unwrap_model=lambda given: given), TEMPERATURE
    row, column = torch.zeros(3, dtype=torch.long), torch.arange(3)
    with torch.no_grad(), last_states(model) as seen:
        logits = model(input_ids=ids).logits[0, 1:4]
        fused = model(input_ids=ids, labels=ids, fused_lm_head=True).log_probs[0, 1:]
        found = bare._log_chances(model, seen[0], {"prompt_ids": ids[:, :2]}, row, column)
        plain = torch.log_softmax(model.get_output_embeddings()(seen[0][0, 1:4]).float() / TEMPERATURE, -1)
    torch.testing.assert_close(found, torch.log_softmax(logits / TEMPERATURE, -1))
    torch.testing.assert_close(found.gather(1, ids[0, 2:, None])[:, 0], fused)
    assert torch.equal(found, plain) == (not options)

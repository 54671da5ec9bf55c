import pytest

from emocal_rl.errors import UserError
from emocal_rl.models import freeze, load


def test_freezing_stops_the_tower_and_nothing_else():
    model, _ = load.load("tiny")
    freeze.freeze_vision(model)
    learning = {name.split(".")[1] for name, p in model.named_parameters() if p.requires_grad}
    assert learning == {"connector", "text_model"}
    assert not any(p.requires_grad for p in model.model.vision_model.parameters())


def test_a_text_model_has_no_tower_to_freeze():
    from transformers import LlamaConfig, LlamaForCausalLM

    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 1}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=8, **sizes))
    message = "freeze_vision: LlamaForCausalLM has no vision tower; set freeze_vision: false"
    with pytest.raises(UserError, match=message):
        freeze.freeze_vision(model)

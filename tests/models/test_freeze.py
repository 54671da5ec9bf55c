import pytest
import torch

from emocal_rl.errors import UserError
from emocal_rl.models import freeze, load
from emocal_rl.models.lora import target_layers


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


@pytest.mark.parametrize(("targets", "said"), [("language", " for language"), (["q"], " called q")])
def test_a_model_without_such_layers_is_named(targets, said):
    class Bare(torch.nn.Module):
        def get_output_embeddings(self):
            return None

        def get_encoder(self, modality):
            return self

    with pytest.raises(UserError, match=f"^model.lora.targets: Bare has no linear layer{said}$"):
        target_layers(Bare(), targets)

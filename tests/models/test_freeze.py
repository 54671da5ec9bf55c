import pytest
import torch

from emocal_rl.errors import UserError
from emocal_rl.models import freeze, load
from emocal_rl.models.lora import lora_config, target_layers
from emocal_rl.recipe_blocks import Lora


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


@pytest.mark.parametrize("targets", ["all", ["q_proj", "v_proj", "proj"]])
@pytest.mark.parametrize("frozen", [(False, False), (True, False), (False, True), (True, True)])
def test_what_is_frozen_gets_no_adapter(targets, frozen):
    """On the embedded model `proj` is the aligner's layer; q_proj and v_proj are in both other parts."""
    model, _ = load.load("tiny")
    vision, aligner = frozen
    names = target_layers(model, targets, freeze.frozen_modules(model, vision, aligner))
    left = {part for part, gone in (("vision_model", vision), ("connector", aligner)) if not gone}
    assert {name.split(".")[1] for name in names} == {"text_model"} | left
    config = lora_config(model, Lora(targets=targets), freeze_vision=vision, freeze_aligner=aligner)
    assert config.target_modules == set(names)


@pytest.mark.parametrize(("targets", "said"), [("language", " for language"), (["q"], " called q")])
def test_a_model_without_such_layers_is_named(targets, said):
    class Bare(torch.nn.Module):
        def get_output_embeddings(self):
            return None

        def get_encoder(self, modality):
            return self

    with pytest.raises(UserError, match=f"^model.lora.targets: Bare has no linear layer{said}$"):
        target_layers(Bare(), targets)


def test_a_stage_that_freezes_all_that_lora_names():
    model, _ = load.load("tiny")
    message = "no linear layer called proj besides those that freeze_vision and freeze_aligner leave as they are"
    with pytest.raises(UserError, match=message):
        lora_config(model, Lora(targets=["proj"]), freeze_aligner=True)

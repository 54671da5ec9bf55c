"""The families of the paper-scale recipes: loading without torchvision, freezing, pixel limits, adapters."""

import importlib.util
import json
from pathlib import Path

import pytest
import torch
from PIL import Image

from emocal_rl.errors import UserError
from emocal_rl.models import freeze, lora
from emocal_rl.models import load as loading
from emocal_rl.recipe_blocks import Lora

QWEN_VL, QWEN = "Qwen/Qwen2.5-VL-7B-Instruct", "Qwen/Qwen2.5-7B"


def pixels(processor, size):
    text = processor.apply_chat_template([{"role": "user", "content": [{"type": "image"}]}], tokenize=False)
    return processor(text=[text], images=[[Image.new("RGB", size)]], return_tensors="pt")


def test_qwen_vl_loads_saves_and_loads_again_without_torchvision(family, tmp_path):
    model, processor = loading.load(family(QWEN_VL))
    assert type(processor).__name__ == "Qwen2_5_VLProcessor"
    assert loading.sees(processor)
    loading.limit_pixels(processor, 28 * 28, 9 * 28 * 28)
    processor.save_pretrained(tmp_path)
    model.save_pretrained(tmp_path)
    assert json.loads((tmp_path / "processor_config.json").read_text())["image_processor"]["size"] == {
        "longest_edge": 7056, "shortest_edge": 784,
    }  # fmt: skip
    _, again = loading.load(str(tmp_path))
    # 84 x 84 pixels are just allowed: 6 x 6 patches of 14, merged two by two
    assert pixels(again, (200, 200))["image_grid_thw"].tolist() == [[1, 6, 6]]
    assert (pixels(again, (200, 200))["input_ids"] == model.config.image_token_id).sum() == 9


def test_its_placeholders_are_never_written(family):
    model, processor = loading.load(family(QWEN_VL))
    names = processor.tokenizer.convert_ids_to_tokens(loading.image_token_ids(model, processor))
    assert {"<|image_pad|>", "<|video_pad|>"} <= set(names)


def test_freezing_the_tower_leaves_the_merger_to_its_own_switch(family):
    model, _ = loading.load(family(QWEN_VL))
    freeze.freeze_vision(model)
    assert {
        name.split(".")[2] for name, p in model.model.visual.named_parameters("model.visual") if p.requires_grad
    } == {"merger"}
    freeze.freeze_aligner(model)
    assert not any(p.requires_grad for p in model.model.visual.parameters())
    assert all(p.requires_grad for p in model.model.language_model.parameters())


def test_a_model_without_eyes(family):
    model, processor = loading.load(family(QWEN))
    assert type(model).__name__ == "Qwen2ForCausalLM"
    assert not loading.sees(processor)
    assert loading.tokenizer_of(processor) is processor
    assert loading.image_token_ids(model, processor) == []
    with pytest.raises(UserError, match="freeze_aligner: Qwen2ForCausalLM has no aligner; set freeze_aligner: false"):
        freeze.freeze_aligner(model)


def test_pixel_limits_that_cannot_be(family):
    _, processor = loading.load(family(QWEN_VL))
    with pytest.raises(UserError, match="model.min_pixels=9 is more than model.max_pixels=8"):
        loading.limit_pixels(processor, 9, 8)
    _, tiny = loading.load("tiny")
    with pytest.raises(
        UserError, match="model.min_pixels, model.max_pixels: Idefics3ImageProcessorPil has no such limits"
    ):
        loading.limit_pixels(tiny, None, 8)


def test_adapters_go_where_they_are_wanted(family):
    model, _ = loading.load(family(QWEN_VL))
    language, everything = (lora.target_layers(model, which) for which in ("language", "all"))
    assert len(language) == 2 * 7
    assert all(".language_model." in name for name in language)
    assert any(".visual." in name for name in everything)
    assert "lm_head" not in everything
    assert lora.target_layers(model, ["q_proj"]) == [
        f"model.language_model.layers.{i}.self_attn.q_proj" for i in range(2)
    ]
    with pytest.raises(UserError, match="model.lora.targets: Qwen2_5_VL.* has no linear layer called wq"):
        lora.target_layers(model, ["wq"])


def test_a_merged_model_answers_as_the_adapted_one(family, tmp_path):
    from peft import get_peft_model

    base, tokens = loading.load(family(QWEN))
    ids = tokens("How sure?", return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        before = base(ids).logits
        adapted = get_peft_model(base, lora.lora_config(base, Lora(rank=2)))
        for name, weight in adapted.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(weight, std=0.1)
        wanted = adapted(ids).logits
        lora.save_merged(adapted, tmp_path)
        tokens.save_pretrained(tmp_path)
        merged, _ = loading.load(str(tmp_path))
        assert torch.allclose(merged(ids).logits, wanted, atol=1e-4)
    assert (wanted - before).abs().max() > 0.01
    assert (tmp_path / "adapter" / "adapter_model.safetensors").is_file()


def test_quantised_weights_say_what_they_need():
    missing = importlib.util.find_spec("bitsandbytes") is None
    wanted = "bitsandbytes is not installed" if missing else "need a GPU"
    if not missing and torch.cuda.is_available():
        pytest.skip("everything needed is here")
    with pytest.raises(UserError, match=f"model.bits=4: .*{wanted}"):
        loading.load("tiny", bits=4)


def test_what_is_no_model(tmp_path: Path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="the folder has no config.json"):
        loading.load(str(tmp_path / "empty"))
    with pytest.raises(UserError, match=r"model .*none.gguf: no such file"):
        loading.load(str(tmp_path / "none.gguf"))

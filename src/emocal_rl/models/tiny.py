"""The embedded vision-language model: a real Idefics3 of 1.4 million parameters, built from a config and a seed.

Idefics3 because both transformers and vLLM run it natively, without torchvision.  Pictures are 32 x 32; a SigLIP-style
tower reads 8 x 8 patches and hands four visual tokens to a Llama of three layers.  The tokenizer is a byte-level BPE
over the words of the embedded data; every tag of the reasoning format is one token, every digit is one token.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from emocal_rl.models.patches import idefics3_without_torchvision

IMAGE_SIZE, PATCH_SIZE, SCALE = 32, 8, 2
IMAGE_TOKENS = (IMAGE_SIZE // PATCH_SIZE // SCALE) ** 2
VOCABULARY = 1024
PAD, START, END = "<pad>", "<|im_start|>", "<end_of_utterance>"
IMAGE_SPECIAL = ("<fake_token_around_image>", "<image>", "<global-img>")
TAGS = ("think", "element", "human", "context", "interaction", "analysis", "answer", "confidence")


def chat_template(after_role: str, end: str) -> str:
    """Turns that begin with a role and what follows it, and stop at `end`; a picture is its placeholder."""
    return (
        "{%- for message in messages -%}"
        f"{{{{- '<|im_start|>' + message['role'] + '{after_role}' -}}}}"
        "{%- if message['content'] is string -%}{{- message['content'] -}}{%- else -%}"
        "{%- for part in message['content'] -%}"
        "{%- if part['type'] == 'image' -%}{{- '<image>' -}}{%- else -%}{{- part['text'] -}}{%- endif -%}"
        "{%- endfor -%}{%- endif -%}"
        f"{{{{- '{end}' -}}}}"
        "{%- endfor -%}"
        f"{{%- if add_generation_prompt -%}}{{{{- '<|im_start|>assistant{after_role}' -}}}}{{%- endif -%}}"
    )


CHAT_TEMPLATE = chat_template(":", END)


def build_tokenizer(corpus: Iterable[str]) -> Any:
    """A byte-level BPE learnt from `corpus` (any text can be encoded; the corpus decides what is short)."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.BPE())
    # digits one by one: a confidence is then two decisions over ten tokens each, whatever the corpus holds
    core.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    core.decoder = decoders.ByteLevel()
    special = [PAD, START, END, *IMAGE_SPECIAL]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    core.train_from_iterator(corpus, trainer)
    # not special: decoding with skip_special_tokens must keep the tags, they are what the reader reads
    core.add_tokens(
        [AddedToken(tag, special=False, normalized=False) for name in TAGS for tag in (f"<{name}>", f"</{name}>")]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token=PAD, eos_token=END, bos_token=START, padding_side="left", model_max_length=512
    )


def build_processor(corpus: Iterable[str]) -> Any:
    """The Idefics3 processor: picture -> 32 x 32 pixels in [-1, 1] and four placeholder tokens."""
    idefics3_without_torchvision()
    from transformers import Idefics3ImageProcessor, Idefics3Processor

    edge = {"longest_edge": IMAGE_SIZE}
    pictures = Idefics3ImageProcessor(
        size=edge, max_image_size=edge, do_image_splitting=False, image_mean=[0.5] * 3, image_std=[0.5] * 3
    )
    return Idefics3Processor(pictures, build_tokenizer(corpus), image_seq_len=IMAGE_TOKENS, chat_template=CHAT_TEMPLATE)


def build_config(tokenizer: Any) -> Any:
    """The sizes: widths of 128, three layers of text, four of vision, heads of 64 and 32."""
    from transformers import Idefics3Config

    identity = {
        name: tokenizer.convert_tokens_to_ids(token) for name, token in (("pad", PAD), ("bos", START), ("eos", END))
    }
    special = {f"{name}_token_id": number for name, number in identity.items()}
    return Idefics3Config(
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        scale_factor=SCALE,
        tie_word_embeddings=True,
        vision_config={
            "hidden_size": 128, "intermediate_size": 384, "num_hidden_layers": 4, "num_attention_heads": 4,
            "image_size": IMAGE_SIZE, "patch_size": PATCH_SIZE,
        },
        text_config={
            "model_type": "llama", "hidden_size": 128, "intermediate_size": 384, "num_hidden_layers": 3,
            "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 64, "vocab_size": len(tokenizer),
            "max_position_embeddings": 512, "tie_word_embeddings": True, **special,
        },
        **special,
    )  # fmt: skip


def build_model(tokenizer: Any, seed: int) -> Any:
    """A randomly initialised model (float32).

    The vision tower starts from Glorot instead of the library's std 0.02: at this width the library's scale leaves the
    patches nearly indistinguishable and nothing is learnt from them in the first thousand steps.
    """
    import torch
    from transformers import Idefics3ForConditionalGeneration

    torch.manual_seed(seed)
    model = Idefics3ForConditionalGeneration(build_config(tokenizer))
    for name, weight in model.model.vision_model.named_parameters():
        if weight.dim() >= 2 and "position" not in name:
            torch.nn.init.xavier_uniform_(weight.view(weight.shape[0], -1))
    return model

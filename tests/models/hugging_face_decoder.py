"""Hugging Face's own module of a decoder, with the weights that stand in for a public file."""

from typing import Any

from tests.models.decoder_kinds import Kind

# Prefix of the classes, by `model_type`.
CLASSES = {"llama": "Llama", "qwen2": "Qwen2", "qwen3": "Qwen3"}


def hugging_face(kind: Kind) -> Any:
    """The module, in float32, with plain attention; needs PyTorch."""
    import torch
    import transformers

    sizes = {key: value for key, value in kind.public.items() if key != "model_type"}
    prefix = CLASSES[kind.public["model_type"]]
    config = getattr(transformers, f"{prefix}Config")(**sizes, attn_implementation="eager")
    model = getattr(transformers, f"{prefix}ForCausalLM")(config).eval()
    weights = kind.weights()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.copy_(torch.from_numpy(weights.pop(name)))
    assert not weights
    return model

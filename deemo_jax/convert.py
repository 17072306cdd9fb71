"""Converts public PyTorch weights into one checkpoint, with a report on every tensor; and trained connectors back.

    python -m deemo_jax.convert --config configs/deemo_llama_7b.py --out CKPT --source eva_vit_g=eva_vit_g.pth \\
        --source blip2=blip2_pretrained_flant5xxl.pth --source imagebind=imagebind_huge.pth --source llama=DIR
    python -m deemo_jax.convert --config ... --out CKPT --check [--source ...]      # compares hashes, and values
    python -m deemo_jax.convert --config ... --out CKPT --parity --source ...       # compares outputs with PyTorch's
    python -m deemo_jax.convert --workdir runs/deemo_7b --to_pytorch connectors.pth # writes a run's connectors
    python -m deemo_jax.convert --workdir runs/deemo_7b --to_peft DIR               # writes its LoRA for PEFT
    python -m deemo_jax.convert --workdir runs/deemo_7b --to_hugging_face DIR       # writes its decoder, LoRA added

A tensor that no table knows is an error; all errors are named together, and nothing is written where there is one.
Reading .pth files, --parity and writing .pth need PyTorch: make setup EXTRAS=convert.
"""

from absl import flags
from ml_collections import ConfigDict

from deemo_jax.conversion.request import ConversionRequest, run
from deemo_jax.core import cli
from deemo_jax.core.recipe_flag import define_config

CONFIG = define_config("The recipe whose model is filled, e.g. configs/deemo_llama_7b.py.")
SOURCE = flags.DEFINE_multi_string(
    "source", [], "NAME=PATH of a public file; --list names them. Give as many as needed."
)
OUT = flags.DEFINE_string("out", "", "Folder of the checkpoint.")
ALLOW_EXTRA = flags.DEFINE_string("allow_extra", None, "Ignore public tensors whose whole name matches this REGEX.")
CHECK = flags.DEFINE_bool("check", False, "Verify the checkpoint in --out instead of writing it.")
PARITY = flags.DEFINE_bool("parity", False, "Compare what --out computes with what PyTorch computes from the sources.")
LAYERS = flags.DEFINE_integer("layers", 0, "With --parity: only so many layers of each tower; 0 is all.", lower_bound=0)
LIST = flags.DEFINE_bool("list", False, "Name the sources that can be read, and end.")
WORKDIR = flags.DEFINE_string("workdir", "", "With --to_pytorch and its like: the run of which something is written.")
TO_PYTORCH = flags.DEFINE_string(
    "to_pytorch", "", "Write trained connectors under Video-LLaMA's names: .pth, .safetensors."
)
TO_PEFT = flags.DEFINE_string("to_peft", "", "Write the decoder's LoRA as a folder that PEFT opens.")
TO_HUGGING_FACE = flags.DEFINE_string(
    "to_hugging_face", "", "Write the decoder, with LoRA added to its kernels, as a folder that transformers opens."
)


def main() -> None:
    cli.tidy_when_terminated()
    run(
        ConversionRequest(
            # A recipe's file that is missing shows only when a key is asked for.
            config=CONFIG.value if isinstance(CONFIG.value, ConfigDict) else None,
            out=OUT.value,
            sources=SOURCE.value,
            allow_extra=ALLOW_EXTRA.value,
            listing=LIST.value,
            to_pytorch=TO_PYTORCH.value,
            to_peft=TO_PEFT.value,
            to_hugging_face=TO_HUGGING_FACE.value,
            workdir=WORKDIR.value,
            check=CHECK.value,
            parity=PARITY.value,
            layers=LAYERS.value,
        )
    )


if __name__ == "__main__":
    cli.run(main)

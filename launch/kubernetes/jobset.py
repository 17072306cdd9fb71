"""Prints a JobSet for `kubectl apply -f -`: gpu.yaml or tpu.yaml of this folder, with its variables filled in.

    NAME=run1 IMAGE=... CLAIM=... NODES=2 GPUS=8 python3 launch/kubernetes/jobset.py gpu CONFIG [FLAGS]
    NAME=run1 IMAGE=... CLAIM=... ACCELERATOR=... TOPOLOGY=16x16 HOSTS=64 CHIPS=4 SLICES=1 \\
        python3 launch/kubernetes/jobset.py tpu CONFIG [FLAGS]

CONFIG and FLAGS are those of `python -m deemo_jax.train`; the folder of the run is /data/runs/NAME, on the volume
CLAIM. Needs nothing but Python. docs/launch.md says what each variable is.
"""

import json
import os
import re
import string
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

KINDS = ("gpu", "tpu")
# Variables that are whole numbers above 0.
COUNTS = ("NODES", "GPUS", "HOSTS", "CHIPS", "SLICES")
# What Kubernetes takes for a name, short enough for those of pods, which are made from it.
NAME = re.compile(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?")
EXIT_USAGE = 2


def jobset(kind: str, arguments: Sequence[str], variables: Mapping[str, str]) -> str:
    """The YAML text.

    Args:
        kind: one of `KINDS`.
        arguments: CONFIG and FLAGS.
        variables: what the file names, by name.

    Raises:
        ValueError: a mistake in them, in words.
    """
    if kind not in KINDS or not arguments or arguments[0].startswith("-"):
        raise ValueError(f"jobset.py: name {' or '.join(KINDS)}, then a recipe such as configs/sample.py")
    template = string.Template((Path(__file__).parent / f"{kind}.yaml").read_text(encoding="utf-8"))
    wanted = [name for name in template.get_identifiers() if name != "ARGS"]
    if absent := [name for name in wanted if not variables.get(name)]:
        raise ValueError(f"set {', '.join(absent)} in the environment; docs/launch.md says what they are")
    for name in wanted:
        if name in COUNTS and not re.fullmatch("[1-9][0-9]*", variables[name]):
            raise ValueError(f"{name}: {variables[name]!r} must be a whole number above 0")
        if re.search(r"[\s#'\"]|: ", variables[name]):
            raise ValueError(f"{name}: {variables[name]!r} has a blank, a quote or #")
    if not NAME.fullmatch(variables["NAME"]):
        raise ValueError(f"NAME: {variables['NAME']!r} must be at most 40 of a-z, 0-9 and -, and begin with a letter")
    config, *flags = arguments
    # JSON is YAML. A dollar would have Kubernetes fill in variables of its own.
    words = [config, f"--workdir=/data/runs/{variables['NAME']}", *flags, "--distributed"]
    return template.substitute(variables, ARGS=json.dumps([word.replace("$(", "$$(") for word in words]))


if __name__ == "__main__":
    try:
        print(jobset(sys.argv[1] if sys.argv[1:] else "", sys.argv[2:], os.environ), end="")
    except ValueError as mistake:
        print(f"error: {mistake}", file=sys.stderr)
        sys.exit(EXIT_USAGE)

"""A CAM++ encoder of few channels with random weights, under the published names."""

import numpy as np

WIDE, EMBEDDING = 4, 6


def weights(seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    state: dict[str, np.ndarray] = {}

    def layer(name: str, *shape: int, bias: bool = False) -> None:
        state[f"{name}.weight"] = rng.normal(0, 1 / np.sqrt(np.prod(shape[1:])), shape).astype(np.float32)
        if bias:
            state[f"{name}.bias"] = rng.normal(0, 0.3, shape[0]).astype(np.float32)

    def norm(name: str, channels: int, affine: bool = True) -> None:
        for part in ("weight", "bias") * affine:
            state[f"{name}.{part}"] = rng.normal(0.5, 0.3, channels).astype(np.float32)
        state[f"{name}.running_mean"] = rng.normal(0, 0.3, channels).astype(np.float32)
        state[f"{name}.running_var"] = rng.uniform(0.5, 2, channels).astype(np.float32)
        state[f"{name}.num_batches_tracked"] = np.array(9, np.int64)

    layer("head.conv1", 2, 1, 3, 3)
    norm("head.bn1", 2)
    for block in ("head.layer1", "head.layer2"):
        for k in (0, 1):
            for part in (1, 2):
                layer(f"{block}.{k}.conv{part}", 2, 2, 3, 3)
                norm(f"{block}.{k}.bn{part}", 2)
        layer(f"{block}.0.shortcut.0", 2, 2, 1, 1)
        norm(f"{block}.0.shortcut.1", 2)
    layer("head.conv2", 2, 2, 3, 3)
    norm("head.bn2", 2)
    layer("xvector.tdnn.linear", WIDE, 20, 5)
    norm("xvector.tdnn.nonlinear.batchnorm", WIDE)
    for block in (1, 2, 3):
        name = f"xvector.block{block}.tdnnd1"
        norm(f"{name}.nonlinear1.batchnorm", WIDE)
        layer(f"{name}.linear1", WIDE, WIDE, 1)
        norm(f"{name}.nonlinear2.batchnorm", WIDE)
        layer(f"{name}.cam_layer.linear_local", WIDE, WIDE, 3)
        layer(f"{name}.cam_layer.linear1", 2, WIDE, 1, bias=True)
        layer(f"{name}.cam_layer.linear2", WIDE, 2, 1, bias=True)
        norm(f"xvector.transit{block}.nonlinear.batchnorm", 2 * WIDE)
        layer(f"xvector.transit{block}.linear", WIDE, 2 * WIDE, 1)
    norm("xvector.out_nonlinear.batchnorm", WIDE)
    layer("xvector.dense.linear", EMBEDDING, 2 * WIDE, 1)
    norm("xvector.dense.nonlinear.batchnorm", EMBEDDING, affine=False)
    return state

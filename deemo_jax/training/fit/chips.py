"""What a chip can do, from the makers' pages.

TPUs: Google Cloud's pages on TPU v5e, v5p and v6e (docs.cloud.google.com/tpu/docs): peak bf16, HBM, and inter-chip
links, of which the pages count both directions in GB/s and one in Gbit/s. GPUs: NVIDIA's data sheets of the A100 80 GB,
H100 and H200 SXM (dense bf16, without sparsity), with NVLink in the host and, between hosts, the network cards of a DGX
(200 Gbit/s a GPU of the A100, 400 of the others).
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Chip:
    """One accelerator.

    Attributes:
        name: as topologies name it.
        kinds: how JAX's `device_kind` begins.
        platform: 'tpu' or 'gpu'.
        flops: peak bf16 FLOP/s of matrix products.
        memory: bytes a program may use. Of a TPU what its compiler allows; of a GPU nine tenths, since the driver,
            libraries and fragments take the rest.
        memory_rate: bytes/s between memory and cores.
        link_rate: bytes/s that a chip sends over all its fast links together (ICI, NVLink).
        network_rate: bytes/s that a chip sends beyond those links, its share of the host's network cards.
        per_host: chips of a usual host.
        most: chips that the fast links connect at most; for GPUs those of a host.
    """

    name: str
    kinds: tuple[str, ...]
    platform: str
    flops: float
    memory: int
    memory_rate: float
    link_rate: float
    network_rate: float
    per_host: int
    most: int


GIB = 1 << 30
CHIPS = {
    chip.name: chip
    for chip in (
        Chip("v5e", ("TPU v5 lite", "TPU v5e"), "tpu", 197e12, int(15.75 * GIB), 819e9, 200e9, 3.1e9, 4, 256),
        Chip("v5p", ("TPU v5p", "TPU v5"), "tpu", 459e12, int(95.74 * GIB), 2765e9, 600e9, 6.2e9, 4, 6144),
        Chip("v6e", ("TPU v6 lite", "TPU v6e"), "tpu", 918e12, int(31.25 * GIB), 1640e9, 400e9, 12.5e9, 4, 256),
        Chip("a100", ("NVIDIA A100",), "gpu", 312e12, int(0.9 * 80e9), 2039e9, 300e9, 25e9, 8, 8),
        Chip("h100", ("NVIDIA H100",), "gpu", 989e12, int(0.9 * 80e9), 3350e9, 450e9, 50e9, 8, 8),
        Chip("h200", ("NVIDIA H200",), "gpu", 989e12, int(0.9 * 141e9), 4800e9, 450e9, 50e9, 8, 8),
    )
}


def chip_of_kind(device_kind: str) -> Chip | None:
    """The chip of a JAX device; None where the table has none, as for CPUs."""
    return next((chip for chip in CHIPS.values() if device_kind.startswith(chip.kinds)), None)

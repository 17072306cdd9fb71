"""What an epoch takes: hours of chips, money, and the processor cores that decode for them."""

import dataclasses

from deemo_jax.training.fit.plan import Plan

# Share of the peak that published training of 7B and 8B models reaches on these chips: MaxText, torchtitan and levanter
# report 33 to 65 %.
USUAL_MFU = 0.4


@dataclasses.dataclass(frozen=True)
class Question:
    """What a person wants to know beside the fit.

    Attributes:
        clips: of an epoch; None where it is not known.
        price: of a chip for an hour, in any currency; None for no money.
        decode_rate: clips that a core prepares in a second, without the feature cache; None where it is not known.
    """

    clips: int | None = None
    price: float | None = None
    decode_rate: float | None = None


@dataclasses.dataclass(frozen=True)
class Cost:
    """At one speed.

    Attributes:
        mfu: model FLOPs as a share of the peak.
        step: seconds.
        samples: a second, over all chips.
        cores: that prepare the samples without the feature cache, over all hosts; None where it is not known how many
            one core prepares.
        hours: of an epoch; None where its length is not known.
        chip_hours: of an epoch.
        money: of an epoch; None without a price.
    """

    mfu: float
    step: float
    samples: float
    cores: float | None
    hours: float | None
    chip_hours: float | None
    money: float | None


def costs(plan: Plan, question: Question) -> dict[str, Cost]:
    """'bound': at the least time of a step; 'usual': at `USUAL_MFU`, where that is slower. Empty for unknown chips."""
    chip, chips = plan.topology.chip, plan.topology.chips
    if plan.bound is None or chip is None:
        return {}
    usual = plan.model_flops / (USUAL_MFU * chip.flops * chips)
    steps = {"bound": plan.bound.step, "usual": max(usual, plan.bound.step)}
    return {name: _cost(plan, seconds, chip.flops * chips, question) for name, seconds in steps.items()}


def _cost(plan: Plan, step: float, peak: float, question: Question) -> Cost:
    samples = plan.recipe.data.batch_size / step
    hours = None if question.clips is None else question.clips / samples / 3600
    chip_hours = None if hours is None else hours * plan.topology.chips
    money = None if chip_hours is None or question.price is None else chip_hours * question.price
    cores = None if question.decode_rate is None else samples / question.decode_rate
    mfu = plan.model_flops / (step * peak)
    return Cost(mfu, step, samples, cores, hours, chip_hours, money)

"""Spikes of the loss, and the checkpoint from before one."""

import json
import math

from deemo_jax.training.loss_spikes import CALM, LossSpikes


def seen(*losses: float) -> LossSpikes:
    health = LossSpikes()
    for step, loss in enumerate(losses, 1):
        health.see(step, loss, not math.isfinite(loss))
    return health


def test_a_falling_and_a_noisy_loss_are_no_spike() -> None:
    assert seen(*(10 * 0.97**step for step in range(200))).since is None
    assert seen(*(0.05 + 0.4 * (step % 3 == 0) for step in range(100))).since is None


def test_a_spike_begins_where_the_loss_leaves_its_level_and_lasts_through_good_steps_between() -> None:
    assert seen(5, 4, 3, 2, 1, 1, 1, 60).since == 8
    assert seen(1, 1, 1, 9, 1, 1, 400, math.nan).since == 4
    assert seen(1, math.nan).since == 2
    assert seen(1, 1, 9, *[1.0] * (CALM - 1)).since == 3
    assert seen(1, 1, 9, *[1.0] * CALM).since is None


def test_a_spike_is_above_one_and_a_half_times_the_usual_and_a_half_and_ends_after_ten_calm_steps() -> None:
    assert seen(*[2.0] * 8, 3.5).since is None
    assert seen(*[2.0] * 8, 3.51).since == 9
    assert seen(1, 1, 9, *[1.0] * 9).since == 3
    assert seen(1, 1, 9, *[1.0] * 10).since is None


def test_the_usual_is_the_median_of_the_last_32_steps() -> None:
    assert seen(*[8.0] * 40, *[4.0] * 17, 7).since == 58
    assert seen(*[8.0] * 40, *[4.0] * 15, 7).since is None


def test_what_a_spike_reaches_does_not_become_usual() -> None:
    assert seen(*[1.0] * 10, *[12.0] * 200).since == 11


def test_the_checkpoint_is_from_before_the_update_that_did_the_harm() -> None:
    health = seen(*[1.0] * 20, 50)
    assert health.since == 21
    assert health.before([5, 10, 19, 20, 21, 30]) == 19
    assert health.before([20, 25]) == 20  # none is older
    assert health.before([21, 25]) is None
    assert seen(1, 1).before([1]) is None


def test_it_goes_on_where_a_checkpoint_left_it() -> None:
    health = seen(1, 1, 1, 9, 1)
    again = LossSpikes(json.loads(json.dumps(health.to_json())))
    assert again.since == 4 and again.to_json() == health.to_json()
    again.see(6, 3.0, False)
    assert again.to_json()["calm"] == 0


def test_while_steps_teach_nothing_the_last_checkpoint_from_before_is_an_anchor() -> None:
    health = LossSpikes()
    for step, taught in enumerate([True, True, True, False, False, False], 1):
        health.see(step, 1.0, False)
        health.see_taught(step, taught)
    assert health.anchors([1, 2, 3, 4, 5]) == {3} and health.anchors([4, 5]) == set()
    health = LossSpikes(json.loads(json.dumps(health.to_json())))
    assert health.anchors([3, 6]) == {3}
    health.see_taught(7, True)
    assert health.anchors([3, 6]) == set()


def test_a_spike_and_barren_steps_have_an_anchor_each() -> None:
    health = seen(*[1.0] * 9, 50.0, 60.0)
    health.see_taught(13, False)
    assert health.anchors([4, 8, 12]) == {8, 12}

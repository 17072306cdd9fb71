import numpy as np
import pytest

from deemo_jax.sample.cues import Tone
from deemo_jax.sample.render import motion
from deemo_jax.sample.seeds import generator


@pytest.mark.parametrize("tone", list(Tone))
def test_a_gesture_shows_the_cue_for_most_of_the_clip(tone):
    seen = set()
    for index in range(60):
        drawn = motion.draw_motion(generator("motion", index), tone, 3.0)
        seen.add(drawn.gesture)
        for segment in drawn.segments():
            assert segment.label in motion.GESTURES[tone]
            assert segment.start_s >= 0 and segment.end_s <= 3.0 and segment.end_s - segment.start_s >= 0.6 * 3.0
        if tone is not Tone.NEUTRAL:
            assert len(drawn.segments()) == 1
    assert seen == set(motion.GESTURES[tone]) | ({""} if tone is Tone.NEUTRAL else set())


def test_hands_are_where_the_gesture_is_while_it_is_held_and_at_rest_before():
    held = motion.Motion("raising fists", 1.0, 3.0, False, (0.0,) * 7, (0.0, 0.0))
    assert held.pose(2.0).left.wrist[1] < 150 < held.pose(0.0).left.wrist[1]
    np.testing.assert_allclose(
        held.pose(2.0).left.wrist, motion.GESTURES[Tone.POSITIVE]["raising fists"].left.wrist, atol=7
    )


def test_a_blend_is_between_and_a_double_mirror_is_the_same():
    pose = motion.GESTURES[Tone.NEGATIVE]["touching neck"]
    assert motion.mirrored(motion.mirrored(pose)) == pose != motion.mirrored(pose)
    assert motion.blend(motion.IDLE, pose, 0.0) == motion.IDLE and motion.blend(motion.IDLE, pose, 1.0) == pose
    half = motion.blend(motion.IDLE, pose, 0.5).right.wrist
    np.testing.assert_allclose(half, np.add(motion.IDLE.right.wrist, pose.right.wrist) / 2)


def test_random_poses_go_beyond_the_cues_and_leave_the_face_free():
    poses = [motion.random_pose(generator("poses", index)) for index in range(400)]
    wrists = np.array([arm.wrist for pose in poses for arm in (pose.left, pose.right)])
    assert wrists[:, 1].min() < 125 and wrists[:, 1].max() > 215 and np.abs(wrists[:, 0]).max() > 110
    assert not np.any((np.abs(wrists[:, 0]) < 60) & (wrists[:, 1] < 150))

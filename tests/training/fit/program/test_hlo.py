"""Compiled text is read as it runs: loops turn, branches exclude one another, two halves of a collective are one."""

from pathlib import Path

from deemo_jax.training.fit.program.collectives import collectives, sent_bytes, table
from deemo_jax.training.fit.program.hlo import array_bytes, running

MESH = {"data": 2, "fsdp": 4, "tensor": 1}
TEXT = Path(__file__).with_name("step.hlo").read_text()


def test_what_stands_in_loops_counts_as_often_as_they_turn() -> None:
    found = {one.kind: one for one in collectives(TEXT, MESH)}
    gathered = found["all-gather"]
    assert (gathered.times, gathered.loops, gathered.group, gathered.axes) == (32, 1, 4, ("fsdp",))
    assert gathered.sent == 3 * 2 * 16 * 2 and gathered.per_step == 32 * gathered.sent
    reduced = found["all-reduce"]
    # The condition of the inner loop says 3; the groups are {0, 4}, {1, 5}, ...: along 'data'.
    assert (reduced.times, reduced.loops, reduced.axes) == (96, 2, ("data",))
    assert reduced.sent == 8 * 16 * 2 and reduced.op_name == "jit(step)/(inner)/add" and reduced.sure


def test_of_branches_one_runs_and_of_halves_one_counts() -> None:
    found = collectives(TEXT, MESH)
    permuted = [one for one in found if one.kind == "collective-permute"]
    assert [(one.sent, one.axes, one.times) for one in permuted] == [(1600, ("data",), 1)]
    exchanged = [one for one in found if one.kind == "all-to-all"]
    assert [(one.sent, one.axes, one.times) for one in exchanged] == [(56, ("data", "fsdp"), 1)]
    assert [row[:3] for row in table(found)] == [
        ("all-reduce", "data", 96),
        ("all-gather", "fsdp", 32),
        ("collective-permute", "data", 1),
        ("all-to-all", "data+fsdp", 1),
    ]


def test_groups_may_be_named_along_axes_of_xlas_own() -> None:
    for named, axes in (
        ("mesh['a'=2,'b'=4] {'b'}", ("fsdp",)),
        ("mesh['a'=2,'b'=4] {'a'}", ("data",)),
        ("mesh['a'=4,'b'=2], device_ids=([2,4]T(1,0)) {'a'}", ("fsdp",)),
        ("mesh['a'=8] {'a':(2)4}", ("fsdp",)),
        ("mesh['a'=8] {'a':(1)2}", ("data",)),
    ):
        text = TEXT.replace("replica_groups={{0,1,2,3},{4,5,6,7}}", f"replica_groups={named}")
        assert next(one for one in collectives(text, MESH) if one.kind == "all-gather").axes == axes


def test_a_collective_that_is_spread_over_several_fusions_counts_once() -> None:
    line = next(line for line in TEXT.splitlines() if "%exchanged" in line)
    part = line.replace("channel_id=7", 'channel_id=7, frontend_attributes={chain_id="3"}')
    more = part.replace("ROOT ", "").replace("%exchanged", "%once_more")
    text = TEXT.replace(line, f"{more}\n{part}")
    assert [one.times for one in collectives(text, MESH) if one.kind == "all-to-all"] == [1]


def test_a_counter_may_rise_by_more_than_one() -> None:
    text = TEXT.replace("%limit = s32[] constant(3)", "%limit = s32[] constant(8)")
    text = text.replace("constant(1)", "constant(4)")
    assert next(one for one in collectives(text, MESH) if one.kind == "all-reduce").times == 64


def test_a_counter_may_be_copied_before_it_is_given_on() -> None:
    line = "  ROOT %t = (s32[], bf16[8,16]) tuple(%next, %reduced)"
    assert line in TEXT
    text = TEXT.replace(line, f"  %copied = s32[] copy(%next)\n{line.replace('%next', '%copied')}")
    reduced = next(one for one in collectives(text, MESH) if one.kind == "all-reduce")
    assert reduced.times == 96 and reduced.sure


def test_a_loop_that_turns_an_unknown_number_of_times_counts_once_and_says_so() -> None:
    unknown = TEXT.replace('"known_trip_count":{"n":"32"},', "")
    gathered = next(one for one in collectives(unknown, MESH) if one.kind == "all-gather")
    assert gathered.times == 1 and not gathered.sure


def test_bytes_of_shapes() -> None:
    assert array_bytes("bf16[2,3]{1,0:T(8,128)(2,1)S(1)}") == 12
    assert array_bytes("(f32[4]{0}, (pred[3], s8[2]), u32[])") == 16 + 3 + 2 + 4
    assert array_bytes("f8e4m3fn[10]") == 10 and array_bytes("token[]") == 0


def test_bytes_that_a_ring_sends() -> None:
    sizes = {kind: sent_bytes(kind, 80, 4) for kind in ("all-gather", "all-reduce", "reduce-scatter", "all-to-all")}
    assert sizes == {"all-gather": 240, "all-reduce": 120, "reduce-scatter": 60, "all-to-all": 60}


def test_a_program_without_collectives_has_none() -> None:
    assert (
        collectives("HloModule m\n\nENTRY %main (p: f32[2]) -> f32[2] {\n  ROOT %p = f32[2]{0} parameter(0)\n}\n", MESH)
        == []
    )
    assert running("", {"add"}) == []

"""Compiled text is read as it runs: loops turn, branches exclude one another, two halves of a collective are one."""

from deemo_jax.training.fit.collectives import Collective, collectives, sent_bytes, table
from deemo_jax.training.fit.hlo import Program, array_bytes

MESH = {"data": 2, "fsdp": 4, "tensor": 1}
TEXT = """
HloModule jit_step, is_scheduled=true, num_partitions=8

%sum (a: f32[], b: f32[]) -> f32[] {
  %a = f32[] parameter(0)
  %b = f32[] parameter(1)
  ROOT %add = f32[] add(%a, %b)
}

%inner_body (p: (s32[], bf16[8,16])) -> (s32[], bf16[8,16]) {
  %p = (s32[], bf16[8,16]{1,0:T(8,128)(2,1)}) parameter(0)
  %x = bf16[8,16]{1,0:T(8,128)(2,1)} get-tuple-element(%p), index=1
  %i = s32[] get-tuple-element(%p), index=0
  %reduced = bf16[8,16]{1,0} all-reduce(%x), channel_id=3, replica_groups=[4,2]<=[2,4]T(1,0), to_apply=%sum, metadata={op_name="jit(step)/(inner)/add"}
  ROOT %t = (s32[], bf16[8,16]) tuple(%i, %reduced)
}

%inner_condition (p: (s32[], bf16[8,16])) -> pred[] {
  %p.1 = (s32[], bf16[8,16]) parameter(0)
  %i.1 = s32[] get-tuple-element(%p.1), index=0
  %limit = s32[] constant(3)
  ROOT %less = pred[] compare(%i.1, %limit), direction=LT
}

%outer_body (q: (s32[], bf16[8,16])) -> (s32[], bf16[8,16]) {
  %q = (s32[], bf16[8,16]) parameter(0)
  %y = bf16[2,16]{1,0} custom-call(%q), custom_call_target="part"
  %start = (bf16[2,16]{1,0}, bf16[8,16]{1,0}) all-gather-start(%y), channel_id=1, replica_groups={{0,1,2,3},{4,5,6,7}}, dimensions={0}
  %done = bf16[8,16]{1,0} all-gather-done(%start)
  ROOT %w = (s32[], bf16[8,16]) while(%q), condition=%inner_condition, body=%inner_body
}

%outer_condition (q: (s32[], bf16[8,16])) -> pred[] {
  %q.1 = (s32[], bf16[8,16]) parameter(0)
  ROOT %go = pred[] custom-call(%q.1), custom_call_target="ask"
}

%small (r: f32[4]) -> f32[4] {
  %r = f32[4]{0} parameter(0)
  ROOT %moved = f32[4]{0} collective-permute(%r), channel_id=5, source_target_pairs={{0,1},{1,0}}
}

%large (s: f32[400]) -> f32[400] {
  %s = f32[400]{0} parameter(0)
  ROOT %moved.1 = f32[400]{0} collective-permute(%s), channel_id=6, source_target_pairs={{0,4},{4,0}}
}

%wrapped (v: f32[16]) -> f32[16] {
  %v = f32[16]{0} parameter(0)
  ROOT %exchanged = f32[16]{0} all-to-all(%v), channel_id=7, replica_groups=[1,8]<=[8], dimensions={0}
}

ENTRY %main (arg: (s32[], bf16[8,16]), z: f32[4], u: f32[400], k: s32[], v: f32[16]) -> bf16[8,16] {
  %arg = (s32[], bf16[8,16]) parameter(0)
  %z = f32[4]{0} parameter(1)
  %u = f32[400]{0} parameter(2)
  %k = s32[] parameter(3)
  %v.1 = f32[16]{0} parameter(4)
  %alone = f32[4]{0} all-reduce(%z), channel_id=9, replica_groups=[8,1]<=[8], to_apply=%sum
  %loop = (s32[], bf16[8,16]) while(%arg), condition=%outer_condition, body=%outer_body, backend_config={"known_trip_count":{"n":"32"},"known_init_step":{"init":"0","step":"1"}}
  %chosen = f32[400]{0} conditional(%k, %z, %u), branch_computations={%small, %large}
  %async = ((f32[16]), f32[16], u32[]) async-start(%v.1), calls=%wrapped
  %finished = f32[16]{0} async-done(%async)
  ROOT %out = bf16[8,16] get-tuple-element(%loop), index=1
}
"""


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
    assert collectives("HloModule m\n\nENTRY %main (p: f32[2]) -> f32[2] {\n  ROOT %p = f32[2]{0} parameter(0)\n}\n", MESH) == []
    assert list(Program("").running(frozenset({"add"}))) == []
    assert isinstance(collectives(TEXT, MESH)[0], Collective)

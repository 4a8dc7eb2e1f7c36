"""The sliding-window formula against a loop that slides a window tap by tap."""

from __future__ import annotations

import json
from itertools import product

import pytest
from running import run

import shapecalc
from shapecalc.dims import holds
from shapecalc.errors import LayerError
from shapecalc.layers import KINDS, find_kind
from shapecalc.layers.base.layer import Composite
from shapecalc.layers.base.shape import Shape
from shapecalc.layers.base.window import (
    CAFFE,
    CEIL,
    FLOOR,
    HALF,
    WindowAxis,
    spatial_axes,
    transposed_constraints,
    transposed_size,
)

GRID = list(product(range(1, 11), range(1, 6), range(1, 5), range(1, 4), range(3), range(3)))
AXES = [
    WindowAxis("width", size, kernel, stride, dilation, before, after)
    for size, kernel, stride, dilation, before, after in GRID
]


def taps(axis: WindowAxis, start: int) -> list[int]:
    """Return the positions of the taps of a window that starts there; the input is at 0 to size - 1."""
    return [start + axis.dilation * tap for tap in range(axis.kernel)]


def slide(axis: WindowAxis) -> int:
    """Count the windows inside the padded input, by moving one over it."""
    count, start = 0, -axis.before
    while taps(axis, start)[-1] <= axis.size - 1 + axis.after:
        count += 1
        start += axis.stride
    return count


def slide_up(axis: WindowAxis) -> int:
    """Count the windows, adding one as long as part of the padded input is beyond the last."""
    count, start, end = 0, -axis.before, axis.size - 1 + axis.after
    while count == 0 or taps(axis, start - axis.stride)[-1] < end:
        bounded = axis.rounding == CEIL or axis.before  # it must start in the input or the padding before it
        if bounded and start >= axis.size:
            break
        count += 1
        start += axis.stride
    return count


def test_floor_counts_the_windows_that_fit() -> None:
    tried = 0
    for axis in AXES:
        fits = axis.constraint()
        assert fits
        assert holds(fits) == (slide(axis) > 0)
        if holds(fits):
            assert axis.output() == slide(axis), axis
            tried += 1
    assert tried > 4000


@pytest.mark.parametrize("rounding", [CEIL, CAFFE])
def test_rounding_up_adds_a_window_for_the_remainder(rounding: str) -> None:
    tried = 0
    for plain in AXES:
        axis = plain._replace(rounding=rounding)
        fits = axis.constraint()
        assert fits
        if holds(fits) and 2 * max(axis.before, axis.after) <= axis.kernel:
            assert axis.output() == slide_up(axis), axis
            tried += 1
    assert tried > 2000


def test_same_padding_is_minimal() -> None:
    for axis in AXES:
        same = axis._replace(before=0, after=0, same=True)
        assert same.constraint() is None
        before, after = same.same_padding()
        assert before <= after <= before + 1
        padded = axis._replace(before=before, after=after)
        assert same.output() == slide(padded) == -(-axis.size // axis.stride)
        if after:
            less = padded._replace(after=after - 1)
            assert slide(less) < same.output()
        if axis.stride == 1:
            assert same.output() == axis.size


def test_a_transposed_window_outputs_what_its_taps_cover() -> None:
    for axis in AXES:
        covered = max(i * axis.stride + axis.dilation * tap for i in range(axis.size) for tap in range(axis.kernel)) + 1
        assert transposed_size(axis, 0) == covered - axis.before - axis.after
        plain = axis._replace(before=0, after=0)
        assert transposed_size(plain, 0, "valid") == max(covered, axis.size * axis.stride)
        assert transposed_size(plain, 0, "same") == axis.size * axis.stride


def test_a_window_over_a_transposed_output_restores_the_size() -> None:
    for axis in AXES:
        size = transposed_size(axis, 0)
        for extra in range(axis.stride):
            back = axis._replace(size=size + extra)
            if size >= 1:
                assert slide(back) == axis.size


def test_output_padding_is_less_than_stride_or_dilation() -> None:
    for stride, dilation, extra in product(range(1, 4), range(1, 4), range(4)):
        axis = WindowAxis("width", 5, 3, stride, dilation)
        assert all(map(holds, transposed_constraints(axis, extra))) == (extra < max(stride, dilation))


def test_half_a_window_of_padding_leaves_input_in_every_window() -> None:
    for axis in AXES:
        if axis.dilation == 1 and holds(axis.padding_constraint(HALF)):
            for i in range(slide(axis)):
                positions = taps(axis, i * axis.stride - axis.before)
                assert any(0 <= position < axis.size for position in positions), axis


def test_suggestions_of_errors_fit() -> None:
    seen = 0
    for axis in AXES:
        fits = axis.constraint()
        assert fits
        if holds(fits):
            continue
        error = fits.error()
        assert isinstance(error, LayerError)
        for words in error.hint.split(", or "):
            number = int("".join(c for c in words if c.isdigit()))
            if words.startswith("padding"):
                mended = axis._replace(before=number, after=number)
                if axis.dilation > 1 and axis.kernel % 2 == axis.stride == 1:  # the padding that keeps the size
                    assert slide(mended) == axis.size
                else:
                    assert slide(mended._replace(before=number - 1, after=number - 1)) == 0
            elif words.startswith("kernel_size"):
                mended = axis._replace(kernel=number)
                assert slide(axis._replace(kernel=number + 1)) == 0
            else:
                mended = axis._replace(dilation=number)
                assert slide(axis._replace(dilation=number + 1)) == 0
            assert slide(mended) > 0, (axis, words)
            seen += 1
    assert seen > 500


def test_causal_padding_sees_no_later_position() -> None:
    layer = KINDS["conv"](out_channels=4, kernel_size=3, dilation=2, padding="causal")
    (axis,) = spatial_axes(layer, Shape((8, 20)))
    assert (axis.before, axis.after) == (4, 0)
    assert axis.output() == 20
    assert all(taps(axis, i - axis.before)[-1] == i for i in range(20))


@pytest.mark.parametrize("name", ["kernel_size", "stride", "padding", "dilation"])
def test_lists_must_have_one_number_for_each_axis(name: str) -> None:
    cls = find_kind("conv")
    assert cls
    layer = cls(**{"out_channels": 4, "kernel_size": 3, name: [1, 1, 1]})
    with pytest.raises(LayerError, match=f"{name} has 3 numbers, but the input has 2 spatial axes"):
        spatial_axes(layer, Shape((3, 9, 9)))


@pytest.mark.parametrize("sizes", [(), (3,), (3, 4, 5, 6, 7)])
def test_an_input_needs_one_to_three_spatial_axes(sizes: tuple[int, ...]) -> None:
    layer = KINDS["conv"](out_channels=4, kernel_size=3)
    with pytest.raises(LayerError, match="needs channels and 1, 2 or 3 spatial axes"):
        spatial_axes(layer, Shape(sizes))


def test_padding_may_differ_between_sides() -> None:
    layer = KINDS["max_pool"](kernel_size=3, stride=2, padding=[[0, 1], [1, 0]])
    assert [(axis.before, axis.after) for axis in spatial_axes(layer, Shape((3, 8, 8)))] == [(0, 1), (1, 0)]
    assert {axis.rounding for axis in spatial_axes(layer, Shape((3, 8, 8)))} == {FLOOR}


# ── ranks ─────────────────────────────────────────────────────────────────────────────────────────────────────────

WINDOWED = [
    kind for kind, cls in KINDS.items() if not issubclass(cls, Composite) and set(cls.arguments) & {
        "kernel_size", "output_size", "scale_factor", "patch_size", "upscale_factor", "downscale_factor", "output_ratio",
    }
]  # fmt: skip
QUESTIONS = [["summary"], ["explain"], ["rf"], ["sizes"], ["formula"], ["memory", "--train"], ["solve", "--fix"]]


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=() if kind in ("conv", "max_pool") else pytest.mark.slow) for kind in WINDOWED]
)
def test_a_kind_with_windows_at_every_rank_through_every_question(kind):
    """No number of axes is a traceback: there is an answer, or an error (exit status 1 or 2)."""
    example = KINDS[kind].examples[0]
    for rank in range(7):
        for flatten in ([], [{"flatten": {"start_dim": max(rank - 2, 0)}}]):
            spec = {"input": [2, 3, 4, 5, 6, 7][:rank], "layers": [*flatten, {kind: example.arguments or None}]}
            for question in QUESTIONS if rank > 3 or not flatten else []:
                assert run(*question, "-", text=json.dumps(spec)).status in (0, 1, 2), (question, spec)


def test_axes_without_names():
    layers = [{"flatten": {"start_dim": 3}}, {"conv": {"out_channels": 2, "kernel_size": 9}}]
    ran = run("summary", "-", text=json.dumps({"input": [2, 3, 4, 5, 6], "layers": layers}))
    assert ran.status == 1
    assert "with this stack the input must be at least 9 along axis 1\n" in ran.out + ran.err
    (axes,) = shapecalc.load([{"reshape": [-1]}], input=(2, 3, 4, 5, 6)).legal_sizes().axes
    assert axes.axes == ("axis 1", "axis 2", "axis 3", "axis 4")

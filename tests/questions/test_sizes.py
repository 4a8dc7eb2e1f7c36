"""Legal and exact sizes against exhaustive search, and against papers."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from running import run
from searching import examples, some
from test_window import slide, slide_up, taps

import shapecalc
from shapecalc.layers.base.window import WindowAxis
from shapecalc.model.inference import sizings_of
from shapecalc.questions.sizes import with_sizes
from shapecalc.questions.sizes.periodic import SizeSet, find_pattern

KNOWN = {
    # Ronneberger et al. 2015: tiles such that every pooling is of an even size; 572 of figure 1 among them.
    "unet": ("188 + 16·k", "188 + 16·k"),
    "unet_padded": ("multiples of 16", "multiples of 16"),
    "alexnet": ("every size from 67 on", "67 + 32·k"),
    # Chen et al., DeepLab: sizes of 32·k + 1 keep the corners of a ResNet aligned.
    "resnet50": ("every size from 1 on", "1 + 32·k"),
    "vit_b_16": ("every size from 16 on", "multiples of 16"),
    "gpt2": ("1 to 1024", "1 to 1024"),
    "yolov3": ("(25 to 32) + 32·k", "none up to 16384"),
}


@pytest.mark.parametrize("spec", some(KNOWN, 3))
def test_known_sizes(spec):
    (entry,) = shapecalc.load(spec).legal_sizes().axes
    assert (entry.legal.text(), entry.exact.text()) == KNOWN[spec]


def test_inputs_that_change_together():
    (entry,) = shapecalc.load("bert-base-uncased").legal_sizes().axes
    assert entry.inputs == ("tokens", "segments")
    assert entry.legal.text() == "1 to 512"


def test_shared_weights_fix_the_size():
    layers = [{"fc": 8, "name": "a"}, {"fc": 8, "share": "a"}]
    (entry,) = shapecalc.load(layers, input=[9]).legal_sizes().axes
    assert entry.legal.text() == "8"


@pytest.mark.parametrize(
    ("factor", "legal", "exact"),
    [(0.5, "every size from 2 on", "multiples of 2"), (0.25, "every size from 4 on", "multiples of 4"),
     (1.5, "every size from 1 on", "multiples of 2"), (2.0, "every size from 1 on", "every size from 1 on")],
)  # fmt: skip
def test_a_size_that_a_factor_rounds_is_not_exact(factor, legal, exact):
    (entry,) = shapecalc.load([{"upsample": {"scale_factor": factor}}], input="1x8").legal_sizes().axes
    assert (entry.legal.text(), entry.exact.text()) == (legal, exact)


def test_independent_axes():
    depth, plane = shapecalc.load("r3d_18").legal_sizes().axes
    assert (depth.axes, plane.axes) == (("depth",), ("height", "width"))
    assert (depth.exact.text(), plane.exact.text()) == ("1 + 8·k", "1 + 16·k")


def dropped(network, size):
    """Whether any window of a network does not end at the edge, by the definition."""
    report = network.infer(input=(1, size))
    for row in report:
        axes = row.node.layer.axes(row.sizing.inputs[0]) if hasattr(row.node.layer, "axes") else ()
        for axis in axes:
            rest = axis.size % axis.stride if axis.same else (axis.padded - axis.reach) % axis.stride
            if rest:
                return True
    return False


WINDOWS = st.fixed_dictionaries(
    {"kernel_size": st.integers(1, 5), "stride": st.integers(1, 3), "padding": st.integers(0, 2)}
)


@pytest.mark.slow
@examples(0.5)
@given(st.lists(WINDOWS, min_size=1, max_size=3))
def test_legal_and_exact_are_those_of_an_exhaustive_search(windows):
    layers = [{"conv": {"out_channels": 2, **window}} for window in windows]
    network = shapecalc.load(layers, input=(1, 64))
    (entry,) = network.legal_sizes().axes
    for size in range(1, 200):
        legal = not sizings_of(with_sizes(network.graph, {("input", 0): size}))[1]
        assert (size in entry.legal) == legal, size
        if legal:
            assert (size in entry.exact) == (not dropped(network, size)), size


@pytest.mark.slow
@examples(0.25)
@given(st.integers(1, 3), st.integers(2, 3), st.integers(0, 1))
def test_skip_connections_must_have_equal_sizes(levels, factor, padding):
    layers: list = []
    for level in range(levels):
        conv = {"out_channels": 2, "kernel_size": 3, "padding": padding}
        layers += [{"conv": conv, "name": f"skip{level}"}, {"max_pool": factor}]
    for level in reversed(range(levels)):
        layers += [{"upsample": factor, "name": f"up{level}"}, {"concat": [f"skip{level}", f"up{level}"]}]
    network = shapecalc.load(layers, input="1x64")
    try:
        (entry,) = network.legal_sizes().axes
        legal = [size for size in range(1, 150) if size in entry.legal]
    except shapecalc.ShapeError:  # no size fits
        legal = []
    graphs = {size: with_sizes(network.graph, {("input", 0): size}) for size in range(1, 150)}
    assert legal == [size for size, graph in graphs.items() if not sizings_of(graph)[1]]


@given(st.sets(st.integers(1, 12)), st.integers(1, 12), st.integers(0, 20))
def test_a_pattern_is_found(residues, period, start):
    residues = {n for n in residues if n <= period}
    assume(residues)
    members = [n > start and (n - 1) % period + 1 in residues for n in range(1, 129)]
    found = find_pattern(members, final=False)
    assert found is not None
    assert [n in found for n in range(1, 129)] == members
    far = range(1_000, 1_100)
    assert [n in found for n in far] == [(n - 1) % period + 1 in residues for n in far]
    assert found.smallest == min(n for n in range(1, 129) if members[n - 1])


def test_irregular_sizes_have_no_pattern():
    squares = [int(n**0.5) ** 2 == n for n in range(1, 129)]
    assert find_pattern(squares, final=False) is None
    whole = find_pattern([n < 40 for n in range(1, 129)], final=True)
    assert whole == SizeSet(tuple(range(1, 40)), 0, 0, (), 128)
    assert whole.text() == "1 to 39"
    assert whole.nearest(50) == (39,)


CONV = {"out_channels": 2, "kernel_size": 3}
FAR = {
    "a long window": ("1x20000", [{"conv": {**CONV, "kernel_size": 17_000}}],
                      "every size from 17000 on", "every size from 17000 on"),
    "a long window with a stride": ("1x20000", [{"conv": {**CONV, "kernel_size": 30_001, "stride": 4}}],
                                    "every size from 30001 on", "30001 + 4·k"),
    "a window between the steps of the search": ("1x9", [{"conv": {**CONV, "kernel_size": 1_000_001}}],
                                                 "every size from 1000001 on", "every size from 1000001 on"),
    "a window longer than the input": ("1x9", [{"conv": {**CONV, "kernel_size": 10**9 + 1}}],
                                       "every size from 1000000001 on", "every size from 1000000001 on"),
    "features that are asserted": ("1x160000", [{"conv": {"out_channels": 4, "kernel_size": 400, "stride": 160}},
                                   "flatten", {"fc": {"out_features": 10, "in_features": 3992}}],
                                   "159920 to 160079", "159920"),
    "positions that come to an end": ([131_072], [{"embedding": {"num_embeddings": 9, "embedding_dim": 8}},
                                      {"position_embedding": {"num_positions": 131_072}}],
                                      "1 to 131072", "1 to 131072"),
    "a slice that comes to begin at its end": ([9], [{"slice": {"dim": 1, "start": -3, "end": 100_000}}],
                                               "1 to 100002", "1 to 100002"),
    "a divisor": ("2x9", [{"reshape": [2, -1, 20_000]}], "multiples of 20000", "multiples of 20000"),
    "a divisor seen twice": ("3x6000", [{"reshape": [3, -1, 6_000]}], "multiples of 6000", "multiples of 6000"),
    "a divisor behind a window": ("2x9", [{"conv": {**CONV, "stride": 2}}, {"reshape": [2, -1, 20_000]}],
                                  "(40001, 40002) + 40000·k", "40001 + 40000·k"),
    "two divisors": ("2x9", [{"reshape": [2, -1, 700]}, {"reshape": [-1, 12_000]}],
                     "multiples of 42000", "multiples of 42000"),
    "a divisor of what a divisor rounds": ("2x9", [{"upsample": 6}, {"reshape": [2, -1, 9_001]}, "flatten",
                                           {"reshape": [-1, 14_000]}],
                                           "multiples of 31503500", "multiples of 31503500"),
}  # fmt: skip


@pytest.mark.parametrize("case", some(FAR, 4))
def test_sizes_beyond_the_range_tried(case):
    size, layers, legal, exact = FAR[case]
    (entry,) = shapecalc.load(layers, input=size).legal_sizes().axes
    assert (entry.legal.text(), entry.exact.text()) == (legal, exact)
    near = [n for n in (entry.legal.smallest, 20_000, 40_001, 131_072, 160_000, 10**9 + 1) if n]
    graph = shapecalc.load(layers, input=size).graph
    for n in {abs(n + i) or 1 for n in near for i in (-2, -1, 0, 1, 2)}:
        assert (n in entry.legal) == (not sizings_of(with_sizes(graph, {("input", 0): n}))[1]), n


@pytest.mark.slow
def test_incomplete_answers_are_marked():
    """A divisor after a long stride, beyond the sizes that are tried."""
    layers = [{"conv": {**CONV, "stride": 100}}, {"reshape": [2, -1, 20_000]}]
    (entry,) = shapecalc.load(layers, input="2x9").legal_sizes().axes
    assert entry.legal.text() == "1999903 to 2000002; beyond 16384, not every size was tried"
    assert entry.legal.to_dict()["complete"] is False
    layers = [{"conv": {**CONV, "padding": 1}, "repeat": 1_400}]
    (entry,) = shapecalc.load(layers, input="2x20000").legal_sizes().axes
    assert entry.legal.text() == "every size from 1 on; beyond 512, not every size was tried"


def test_formulas_and_advice_beyond_the_range_tried():
    layers = [{"conv": {**CONV, "kernel_size": 17_000}}]
    (symbol,) = shapecalc.load(layers, input="1x20000").formula().symbols
    assert symbol.domain.text() == "every size from 17000 on"
    layers = [{"conv": {**CONV, "kernel_size": 100_000}}, {"conv": {**CONV, "kernel_size": 50_000}}]
    ran = run("summary", "-", text=json.dumps({"input": [1, 1], "layers": layers}))
    assert "the smallest input that works is 149999" in ran.out + ran.err


def test_a_pattern_with_a_maximum():
    sizes = SizeSet((2,), 10, 5, (10, 12), 100, end=21)
    members = [2, 10, 12, 15, 17, 20]
    assert list(sizes.members()) == members
    assert [n for n in range(1, 60) if n in sizes] == members
    for n in range(1, 60):
        below, above = [m for m in members if m < n], [m for m in members if m > n]
        assert sizes.nearest(n) == ((n,) if n in members else (*below[-1:], *above[:1])), n
    assert sizes.text() == "2, (10, 12) + 5·k up to 21"
    assert SizeSet((5, 7), 10, 5, (10, 12), 100).folded() == SizeSet((), 5, 5, (5, 7), 100)
    assert SizeSet((6, 7), 10, 5, (10, 12), 100).folded().irregular == (6, 7)


def test_nearest_sizes_of_a_pattern_with_a_late_start():
    sizes = SizeSet((), 10**11, 7, (10**11, 10**11 + 3), 512)
    assert sizes.nearest(5) == (10**11,)
    assert sizes.nearest(10**11 + 4) == (10**11 + 3, 10**11 + 7)


def test_the_command():
    ran = run("sizes", "unet", "--input", "1x570x572")
    assert ran.status == 0
    assert "570 is not legal: the nearest are 556 and 572" in ran.out
    found = json.loads(run("sizes", "unet", "--format", "json").out)
    assert found["version"] == 1
    assert found["inputs"][0]["legal"] == {
        "text": "188 + 16·k",
        "smallest": 188,
        "period": 16,
        "start": 188,
        "residues": [188],
        "irregular": [],
        "end": None,
        "searched": 512,
        "complete": True,
    }
    assert found["verified"] > 10


WITHOUT_A_LEGAL_SIZE = {
    "groups": ("3x8x8", [{"conv": {"out_channels": 4, "kernel_size": 3, "groups": 2}}]),
    "stated channels": ("3x32x32", [{"Conv2d": {"in_channels": 4, "out_channels": 4, "kernel_size": 3}}]),
    "a batch axis": ("8x3x32x32", ["BatchNorm2d", "Flatten", {"Linear": 10}]),
    "a batch of one": ("1x3x32x32", [{"BatchNorm1d": 3}]),
    "a class token with a batch axis": (
        "196x16",
        [{"Parameter": [1, 1, 16], "name": "cls"}, {"cat": ["cls", "input"]}],
    ),
}


@pytest.mark.parametrize("case", WITHOUT_A_LEGAL_SIZE.values(), ids=WITHOUT_A_LEGAL_SIZE)
def test_without_a_legal_size_the_error_is_that_of_the_summary(case, tmp_path):
    size, layers = case
    spec = tmp_path / "net.yaml"
    spec.write_text(json.dumps({"input": size, "layers": layers}))
    ran, summary = run("sizes", str(spec)), run("summary", str(spec))
    assert (ran.status, ran.out) == (1, "")
    assert ran.err == summary.err != ""


ROUNDED = ["floor", "ceil", "caffe"]


def ends_at_the_edge(axis):
    """Whether the last window of a loop ends at the end of the padded input."""
    slid = slide(axis) if axis.rounding == "floor" else slide_up(axis)
    last = -axis.before + (slid - 1) * axis.stride
    return taps(axis, last)[-1] == axis.size - 1 + axis.after


@pytest.mark.slow
@pytest.mark.parametrize("rounding", ROUNDED)
def test_exact_if_the_last_window_ends_at_the_edge(rounding):
    """In `sizes` and in `solve`, with any rounding of the number of windows, and any fixed arguments."""
    tried = inexact = 0
    for kernel, stride, padding, dilation in itertools.product((1, 2, 3), (2, 3), (0, 1), (1, 2)):
        if 2 * padding > kernel:
            continue
        window = {"kernel_size": kernel, "stride": stride, "padding": padding, "dilation": dilation}
        network = shapecalc.load([{"max_pool": {**window, "rounding": rounding}}], input="1x30")
        (entry,) = network.legal_sizes().axes
        for size in range(1, 31):
            axis = WindowAxis("length", size, kernel, stride, dilation, padding, padding, rounding)
            if size not in entry.legal or axis.output() < 1:
                assert size not in entry.exact
                continue
            exact = ends_at_the_edge(axis)
            assert (size in entry.exact) == exact, (window, size)
            tried, inexact = tried + 1, inexact + (not exact)
            if size not in range(6, 10):
                continue
            answer = shapecalc.solve("max_pool", input=size, output=axis.output(), rounding=rounding, **window)
            assert [solution.exact for solution in answer.solutions] == [exact], (window, size)
    assert inexact > 200
    assert tried - inexact > 200


def test_exact_with_computed_padding():
    """A remainder of the stride is compensated by padding, or rows beyond the last window are dropped."""
    for kernel, stride in itertools.product(range(1, 5), range(1, 5)):
        layers = [{"conv": {"out_channels": 1, "kernel_size": kernel, "stride": stride, "padding": "same"}}]
        (entry,) = shapecalc.load(layers, input="1x30").legal_sizes().axes
        for size in range(1, 40):
            windows = -(-size // stride)
            ends = (windows - 1) * stride + min(kernel, stride)
            assert (size in entry.exact) == (ends == size), (kernel, stride, size)


def test_rounding_also_counts_in_later_layers():
    layers = [
        {"conv": {"out_channels": 1, "kernel_size": 2, "stride": 2}},
        {"max_pool": {"kernel_size": 2, "stride": 3, "ceil_mode": True}},
    ]
    (entry,) = shapecalc.load(layers, input="1x7").legal_sizes().axes
    for size in range(2, 60):
        halved = size // 2
        axis = WindowAxis("length", halved, 2, 3, 1, 0, 0, "ceil")
        assert (size in entry.exact) == (size % 2 == 0 and ends_at_the_edge(axis)), size
    assert entry.rounded == ("conv1", "max_pool1")


@pytest.mark.slow
def test_large_networks_are_inferred_at_fewer_sizes(monkeypatch):
    network = shapecalc.load("yolov3")
    monkeypatch.setattr("shapecalc.questions.sizes.patterns._MOST_WORK", 600_000)
    (entry,) = network.legal_sizes().axes
    assert entry.legal.text() == f"{KNOWN['yolov3'][0]}; beyond 2048, not every size was tried"
    assert entry.exact.text() == "none up to 2048; beyond, not every size was tried"

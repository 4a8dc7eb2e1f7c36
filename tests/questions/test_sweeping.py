"""Sweeps: every row agrees with inference, whatever varies; and the selection of rows."""

from __future__ import annotations

import multiprocessing
import os
import random
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from searching import examples, some

import shapecalc
from shapecalc.errors import UsageError
from shapecalc.language.files import bundled_members
from shapecalc.language.members import find_members
from shapecalc.questions.memory import memory

np = pytest.importorskip("numpy")

from shapecalc.dims.columns import ColumnNumber, Ledger, NeedsValueError  # noqa: E402
from shapecalc.network import plan_sweep, sweep  # noqa: E402
from shapecalc.questions.sweep import plan as planning  # noqa: E402
from shapecalc.questions.sweep.axes import SweepAxis, SweepGrid, parse_values  # noqa: E402
from shapecalc.questions.sweep.selection import front, read_condition  # noqa: E402

ALEXNET = str(Path(__file__).parents[2] / "benchmarks" / "alexnet_width.yaml")
PER_MEMBER = 24

SMALL = {
    "input": [3, 8, 8],
    "vars": {"width": 4, "depth": 2, "kind": "a", "wide": False, "stride": 1},
    "layers": [
        {"conv": {"out_channels": "width * 2", "kernel_size": 3, "stride": "stride", "bias": "kind == 'a'"}},
        {"conv": {"out_channels": "width", "kernel_size": 1}, "repeat": "depth"},
        {"fc": "width * 3 if wide else 5"},
    ],
}


def plain(network, variables, inputs):
    """Return the result of inference of one variant; None if it raises."""
    try:
        report = network.infer(vars=variables, input=inputs or None)
    except shapecalc.ShapecalcError:
        return None
    total, activations = report.total, sum(row.activations for row in report)
    outputs = [report.shape_of(*ref).sizes for ref in report.graph.outputs]
    return {
        "params": total.params,
        "macs": total.macs,
        "buffers": total.buffers,
        "activations": activations,
        "memory": memory(report).total,
        "output": "; ".join("x".join(map(str, sizes)) for sizes in outputs),
    }


def check(network, result, numbers=None):
    rows = result.to_dicts()
    for number in range(len(rows)) if numbers is None else numbers:
        row = rows[number]
        due = plain(network, *result.settings(number))
        assert row["valid"] == (due is not None), (result.settings(number), row)
        assert {key: row[key] for key in ("params", "macs", "buffers", "activations", "memory", "output")} == (
            due or dict.fromkeys(("params", "macs", "buffers", "activations", "memory", "output"))
        ), result.settings(number)


FILES = sorted({path for path, _ in bundled_members()})


@pytest.mark.parametrize("path", some(FILES, 3), ids=lambda path: Path(path).stem)
def test_rows_of_a_bundled_network_agree_with_inference(path):
    choose = random.Random(Path(path).stem)
    network = shapecalc.load(choose.choice(find_members(path)))
    own = network.graph.variables
    variables = {}
    numbers = [name for name, value in own.items() if type(value) is int]
    for name in choose.sample(numbers, min(2, len(numbers))):
        usual = own[name]
        values = [-1, 0, 1, 2, 3, 8, usual, usual + 1, 2 * usual, max(1, usual // 2)]
        variables[name] = sorted({choose.choice(values), choose.choice(values), usual})
    for name, value in own.items():
        if type(value) is bool and choose.random() < 0.3:
            variables[name] = [False, True]
    inputs = {}
    for name, shape in network.graph.inputs.items():
        sizes = []
        for size in shape.sizes:
            near = sorted({choose.choice([1, size + 1, 2 * size, max(1, size // 2), size + 32, 17]), size})
            sizes.append("{" + ",".join(map(str, near)) + "}" if choose.random() < 0.6 else str(size))
        inputs[name] = "x".join(sizes)
    result = sweep(network, vars=variables, input=inputs)
    assert len(result) == plan_sweep(network, variables, inputs).grid.rows
    check(network, result, choose.sample(range(len(result)), min(PER_MEMBER, len(result))))


@examples(0.6)
@given(st.data())
def test_rows_of_a_small_network_agree_with_inference(data):
    several = {
        "width": st.integers(-2, 9),
        "depth": st.integers(-1, 3),
        "stride": st.integers(0, 4),
        "kind": st.sampled_from(["a", "b"]),
        "wide": st.booleans(),
    }
    chosen = data.draw(st.sets(st.sampled_from(sorted(several)), min_size=1, max_size=4))
    variables = {name: data.draw(st.lists(several[name], min_size=1, max_size=3), label=name) for name in chosen}
    sizes = data.draw(
        st.lists(st.tuples(st.integers(1, 4), st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=3)
    )
    network = shapecalc.load(SMALL)
    check(network, sweep(network, vars=variables, input=sizes))


def test_shared_weights_count_once_and_must_be_equal():
    layers = [{"linear": "width", "name": "a"}, {"batch_norm": {}, "name": "n"}, {"linear": "width", "share": "a"},
              {"batch_norm": {}, "share": "n"}, {"linear": 3, "when": "deep"}]  # fmt: skip
    network = shapecalc.load({"input": [8, 8], "vars": {"width": 8, "deep": False}, "layers": layers})
    result = sweep(network, vars={"width": [7, 8, 9], "deep": [False, True]}, input="8x{7,8}")
    assert int(result["valid"].sum()) == 4  # valid if the second layer has as many inputs as the first
    check(network, result)
    check(network, sweep(network, vars={"deep": [False, True]}))  # one by one, without columns


def test_an_output_of_the_network_is_not_overwritten():
    layers = [{"linear": "width", "name": "a"}, "relu"]
    network = shapecalc.load({"input": [9, 2], "vars": {"width": 8}, "layers": layers, "outputs": ["a", "relu1"]})
    check(network, sweep(network, vars={"width": [1, 8, 64]}))


def test_in_place_where_only_one_size_allows_it():
    """The sum overwrites `b` if that has the same size: at a width of 8. `a` is an output, and is kept."""
    layers = [{"linear": 8, "name": "a"}, {"linear": "width", "name": "b", "from": "input"}, {"add": ["a", "b"]}]
    network = shapecalc.load({"input": [2], "vars": {"width": 8}, "layers": layers, "outputs": ["a", "add1"]})
    result = sweep(network, vars={"width": [1, 8]})
    assert (result["memory"] - 4 * result["params"]).tolist() == [4 * (8 + 1 + 8), 4 * (8 + 2 + 8)]
    check(network, result)


def test_numbers_beyond_64_bits_are_exact():
    network = shapecalc.load(ALEXNET)
    result = sweep(network, vars={"width": [64, 10**9, 10**11, 10**12]}, input=[(227, 227, 3), (10**9, 10**8, 3)])
    assert result["macs"].dtype == object
    assert max(result["macs"]) > 2**63
    check(network, result)


EDGES = [2**31, 2**53, 2**62, 2**63, 2**64, 10**18, 10**30]


@pytest.mark.parametrize("edge", EDGES)
def test_macs_around_a_limit(edge):
    """A 1×1 convolution of a channels to b, on c positions: a·b·c MACs, of any size."""
    near = round(edge ** (1 / 3))
    spec = {
        "input": [near, near],
        "vars": {"out": near},
        "layers": [{"conv": {"out_channels": "out", "kernel_size": 1}}],
    }
    network = shapecalc.load(spec)
    numbers = [near - 1, near, near + 1, near + 2]
    result = sweep(network, vars={"out": numbers}, input=[(a, b) for a in numbers for b in numbers[1:]])
    assert min(result["macs"]) <= edge <= max(result["macs"])
    check(network, result)
    written = f"{edge // 10**15} * 10**15 + {edge % 10**15}"  # no constant of an expression is beyond 10**18
    for sign in ("<", ">="):
        due = [row for row in result.to_dicts() if (row["macs"] < edge) == (sign == "<")]
        assert result.where(f"macs {sign} {written}").to_dicts() == due
        assert result.where(f"macs * 1000 {sign} ({written}) * 1000").to_dicts() == due
    assert result.sort("-macs,out")["macs"].tolist() == sorted(result["macs"].tolist(), reverse=True)


WRAPS = {"input": [100_000, 31_623, 31_623], "vars": {"out": 100_000},
         "layers": [{"conv": {"out_channels": "out", "kernel_size": 1, "bias": False}}]}  # fmt: skip


@pytest.mark.parametrize("out", [[100_000], [100_000, 100_001], range(99_999, 100_002)])
def test_a_count_does_not_wrap_at_64_bits(out):
    result = sweep(WRAPS, vars={"out": out}, where="macs < 1e9")
    assert len(result) == 0
    assert 10_000_141_290_000_000_000 in sweep(WRAPS, vars={"out": out})["macs"].tolist()
    assert len(sweep(WRAPS, input="100000x31623x{31623,1}", where="macs > 1e9")) == 2


def test_tensors_beyond_the_limit_are_invalid():
    sizes = [10**6 - 1, 10**6, 10**6 + 1]
    result = sweep(WRAPS, vars={"out": sizes}, input=[(1, 10**12, 10**12), (10**6, 10**12, 10**12), (1, 1, 1)])
    assert result["valid"].tolist() == [True, True, True, True, True, True, False, False, True]
    assert result["output"][4] == "1000000x1000000000000x1000000000000"
    check(shapecalc.load(WRAPS), result)


def test_a_size_beyond_64_bits_is_printed_in_full():
    spec = {"input": [10, 10, 10], "layers": ["flatten"]}
    result = sweep(spec, input=[(10**9, 10**9, 10), (10**12, 10**12, 10**5), (2, 2, 2)])
    assert result["output"].tolist() == [str(10**19), str(10**29), "8"]
    check(shapecalc.load(spec), result)


@pytest.mark.parametrize("values", [[1, 2**63], [2**62, 2**64], range(2**63 - 2, 2**63 + 2), [10**18, 10**18 + 1]])
def test_variables_beyond_any_size(values):
    result = sweep(SMALL, vars={"width": values})
    assert result["width"].tolist() == list(values)
    check(shapecalc.load(SMALL), result)
    divided = {"input": [3], "vars": {"width": 10**17}, "layers": [{"fc": "width // 10**17"}]}
    check(shapecalc.load(divided), sweep(divided, vars={"width": values}))


NEAR_EDGES = st.one_of(
    st.integers(1, 40),
    st.sampled_from([2**15, 46_341, 2**20, 2**31, 2**32, 10**9, 10**10, 10**12]).flatmap(
        lambda n: st.integers(max(1, n - 2), min(n + 2, 10**12))
    ),
)


@examples(0.8)
@given(st.data())
def test_large_rows_agree_with_inference(data):
    """Kinds whose formulas add, multiply, divide and round, on sizes at the limits of 32, 53 and 64 bits."""
    layers = data.draw(st.lists(st.sampled_from([
        {"conv": {"out_channels": "n", "kernel_size": 3, "padding": "m % 3"}},
        {"conv": {"out_channels": "m", "kernel_size": 1, "groups": "gcd"}},
        {"max_pool": {"kernel_size": 3, "stride": "m", "ceil_mode": True}},
        {"conv": {"out_channels": "n // 2 + 1", "kernel_size": "m", "stride": 2, "padding": "same"}},
        {"upsample": {"scale_factor": 1.5}}, {"batch_norm": {}}, {"adaptive_avg_pool": "m"},
        {"conv_transpose": {"out_channels": 3, "kernel_size": "m", "stride": "m"}},
    ]), min_size=1, max_size=3), label="layers")  # fmt: skip
    spec = {"input": [4, 9], "vars": {"n": 4, "m": 2, "gcd": 1}, "layers": [*layers, "flatten", {"fc": "n"}]}
    network = shapecalc.load(spec) if "m" in str(layers) and "gcd" in str(layers) else None
    if network is None:  # every variable is used
        spec["layers"].insert(0, {"conv": {"out_channels": "m * gcd", "kernel_size": 1}})
        network = shapecalc.load(spec)
    variables = {name: data.draw(st.lists(NEAR_EDGES, min_size=1, max_size=3), label=name) for name in ("n", "m")}
    sizes = data.draw(st.lists(st.tuples(NEAR_EDGES, NEAR_EDGES), min_size=1, max_size=3))
    check(network, sweep(network, vars=variables, input=sizes))


@pytest.mark.parametrize(
    ("layer", "values"),
    [
        ({"lstm": {"hidden_size": 6, "proj_size": "n"}}, [0, 1, 2, 3]),
        ({"reshape": ["n", 4]}, [-1, 2, 3, 10]),
        ({"slice": {"dim": 1, "start": "n", "end": 4}}, [-3, -1, 0, 1, 2]),
        ({"slice": {"dim": 1, "start": 0, "end": "n"}}, [-3, 0, 1, 9]),
    ],
)
def test_a_number_that_changes_the_structure(layer, values):
    """Numbers of 0 or less with another meaning: no projection, an inferred size, counting from the end."""
    spec = {"input": [5, 8], "vars": {"n": 2}, "layers": [layer]}
    result = sweep(spec, vars={"n": values})
    assert result["valid"].any()
    check(shapecalc.load(spec), result)


def test_overflow_is_detected():
    column = ColumnNumber(np.array([2, 3 * 10**18]), ledger := Ledger())
    with pytest.raises(NeedsValueError):
        column * column  # numbers of a specification are bounded
    ledger.is_reading = False
    assert (column * column).values.tolist() == [4, 9 * 10**36]
    assert (column * column // column).values.dtype == np.int64


def test_branching_on_a_column_is_an_error():
    column = ColumnNumber(np.array([1, 2]), Ledger())
    for question in (
        bool,
        int,
        float,
        range,
        len,
        lambda c: c > 1,
        lambda c: c == 1,
        lambda c: c in (1, 2),
        lambda c: c * 0.5,
    ):
        with pytest.raises(NeedsValueError):
            question(column)


def test_structural_variables_are_detected():
    network = shapecalc.load(SMALL)
    values = {"width": [1, 2, 3], "stride": [1, 2], "depth": [0, 1, 2], "kind": ["a", "b"], "wide": [False, True]}
    plan = plan_sweep(network, values, None)
    named = {name for name, axis in plan.grid.variables.items() if axis in plan.slow_axes()}
    assert named == {"depth", "kind", "wide"}


def test_columns_and_rows():
    result = sweep(ALEXNET, vars={"width": [32, 64]}, input="{227,32}x=x3")
    assert result.names == ("variant", "width", "input_height", "input_width", "params", "active_params", "macs",
                            "buffers", "activations", "memory", "output", "valid")  # fmt: skip
    assert result["params"].tolist() == [40702632, 0, 62378344, 0]
    assert result.to_dicts()[3] == {"variant": 3, "width": 64, "input_height": 32, "input_width": 32, "params": None,
                                    "active_params": None, "macs": None, "buffers": None, "activations": None, "memory": None,
                                    "output": None, "valid": False}  # fmt: skip
    assert list(result)[2]["output"] == "1000"
    assert result.settings(2) == ({"width": 64}, {"": (227, 227, 3)})
    with pytest.raises(ValueError, match="read-only"):
        result["params"][0] = 1
    with pytest.raises(UsageError, match="the sweep has no column param"):
        result["param"]


def test_a_list_variable_has_lists_as_values():
    one = sweep("resnet18", vars={"depths": [1, 1, 1, 1]})
    two = sweep("resnet18", vars={"depths": [[1, 1, 1, 1], [2, 2, 2, 2]]})
    assert len(one) == 1
    assert two["params"].tolist() == [one["params"][0], 11689512]


@pytest.mark.slow
def test_chunking_does_not_change_rows(monkeypatch):
    variables, sizes = {"width": range(1, 30), "depth": [1, 0, 2]}, "3x{3:9}x{8,9}"
    whole = sweep(SMALL, vars=variables, input=sizes)
    monkeypatch.setattr(planning, "_NUMBERS", 1)
    monkeypatch.setattr(planning, "_MOST_BUILDS", 2)
    assert sweep(SMALL, vars=variables, input=sizes).to_dicts() == whole.to_dicts()
    plan = plan_sweep(SMALL, variables, sizes)
    for start in (0, 1, 77, len(whole) - 1, len(whole)):
        rest = [row for part in plan.run(start=start) for row in part]
        assert rest == whole.to_dicts()[start:]


@given(st.lists(st.integers(1, 7), min_size=0, max_size=4), st.integers(1, 50), st.integers(1, 9), st.data())
def test_chunks_cover_the_grid_in_order(shape, limit, steps, data):
    slow = frozenset(data.draw(st.sets(st.integers(0, 3)))) & frozenset(range(len(shape)))
    grid = SweepGrid(tuple(SweepAxis(str(i), range(size)) for i, size in enumerate(shape)), {}, {}, {})
    start = data.draw(st.integers(0, grid.rows))
    seen = []
    for first, ranges in grid.chunks(limit, steps, slow, start):
        rows = [1]
        for begin, end in ranges:
            rows.append(rows[-1] * (end - begin))
        assert grid.indices(first) == tuple(begin for begin, _ in ranges)
        assert rows[-1] <= limit or not shape
        seen += range(first, first + rows[-1])
    assert seen == list(range(min(seen, default=grid.rows), grid.rows))
    assert start >= min(seen, default=grid.rows) or not seen


ON_EXECUTORS = {"vars": {"width": range(1, 40), "depth": [1, 2, 3], "kind": ["a", "b"]}, "input": "3x{4:40}x="}


def same(one, other):
    return one.to_dicts() == other.to_dicts()


def test_on_threads():
    with ThreadPoolExecutor(3) as executor:
        assert same(sweep(SMALL, executor=executor, **ON_EXECUTORS), sweep(SMALL, **ON_EXECUTORS))


@pytest.mark.slow
def test_on_processes(monkeypatch):
    monkeypatch.setattr(planning, "_NUMBERS", 3_000)
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as executor:
        assert same(sweep(SMALL, executor=executor, **ON_EXECUTORS), sweep(SMALL, **ON_EXECUTORS))


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_on_a_dask_cluster(monkeypatch):
    if os.environ.get("SHAPECALC_REQUIRE_DASK"):
        import distributed
    else:
        distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(planning, "_NUMBERS", 3_000)
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        found = sweep(SMALL, executor=client.get_executor(), **ON_EXECUTORS)
    assert same(found, sweep(SMALL, **ON_EXECUTORS))


CONDITIONS = [
    "params < 50e6 and macs < 300e6",
    "not valid",
    "width in [16, 48] or input_height >= 240",
    "100 < macs / 1e6 <= 400",
    "max(params, macs) == macs and min(width, 20) < 20",
    "(params if width > 32 else macs) % 2 == 0",
    "valid and floor(width / 3) * 3 == width",
]


@pytest.mark.parametrize("text", CONDITIONS)
def test_a_condition_filters_rows(text):
    from shapecalc.language.expressions import parse

    whole = sweep(ALEXNET, vars={"width": range(16, 80, 16)}, input="{32,64,128,227,256}x=x3")
    kept = sweep(ALEXNET, vars={"width": range(16, 80, 16)}, input="{32,64,128,227,256}x=x3", where=text)
    due = []
    for row in whole.to_dicts():
        costs = {key: value if value is not None else 0 for key, value in row.items()}
        if (row["valid"] or "valid" in text) and parse(text).evaluate(costs):
            due.append(row)
    assert kept.to_dicts() == due == whole.where(text).to_dicts()
    assert 0 < len(due) < len(whole)


def test_signs_of_mathematics_are_comparisons():
    whole = sweep(SMALL, vars={"width": range(1, 9)})
    for text, ascii_ in (("width ≤ 4", "width <= 4"), ("width≥5 and macs ≠ 0", "width>=5 and macs != 0")):
        assert whole.where(text).to_dicts() == whole.where(ascii_).to_dicts()
        assert 0 < len(whole.where(text)) < 8


EXACT = st.sampled_from([0, 1, 2, 3, 7, *[edge + i for edge in (2**31, *EDGES) for i in (-1, 0, 1)]])
FLOATS = st.sampled_from([0.0, 0.5, 1.0, 3.5, 1e9, float(2**53), float(2**53 + 2), float(2**63), 1e18])
TERMS = st.recursive(
    st.one_of(
        st.sampled_from(["a", "b", "f"]),
        st.integers(0, 5).map(str), st.sampled_from([str(2**53 + 1), "1e9", "2.5", "10**18", "9007199254740992.0"]),
    ),
    lambda terms: st.one_of(
        st.tuples(terms, st.sampled_from(["+", "-", "*", "/", "//", "%"]), terms).map(lambda t: f"({' '.join(t)})"),
        st.tuples(st.sampled_from(["max", "min"]), terms, terms).map(lambda t: f"{t[0]}({t[1]}, {t[2]})"),
        st.tuples(st.sampled_from(["floor", "ceil", "round"]), terms).map(lambda t: f"{t[0]}({t[1]})"),
        st.tuples(terms, terms).map(lambda t: f"ceil({t[0]} / {t[1]})"),
        st.tuples(terms, terms).map(lambda t: f"floor({t[0]} / {t[1]})"),
        st.tuples(terms, terms).map(lambda t: f"sum([{t[0]}, {t[1]}])"),
        st.tuples(terms, terms).map(lambda t: f"({t[0]} if valid else {t[1]})"),
        terms.map(lambda t: f"-({t})"), terms.map(lambda t: f"({t}) ** 2"), terms.map(lambda t: f"round({t}, digits=1)"),
    ),
    max_leaves=4,
)  # fmt: skip
COMPARISONS = st.one_of(
    st.tuples(TERMS, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), TERMS).map(" ".join),
    st.tuples(TERMS, TERMS, TERMS).map(lambda t: f"{t[0]} < {t[1]} <= {t[2]}"),
    st.tuples(TERMS, TERMS, TERMS).map(lambda t: f"{t[0]} in [{t[1]}, {t[2]}]"),
    st.tuples(TERMS, TERMS).map(lambda t: f"{t[0]} not in [{t[1]}, 3]"),
    st.sampled_from(["valid", "not valid", "valid == true", "valid != (a < b)"]),
)
WHOLE = st.recursive(
    COMPARISONS,
    lambda parts: st.one_of(
        st.tuples(parts, st.sampled_from([" and ", " or "]), parts).map(lambda t: f"({t[0]}{t[1]}{t[2]})"),
        parts.map(lambda part: f"not ({part})"),
    ),
    max_leaves=3,
)


@examples(1.5)
@given(WHOLE, st.lists(st.tuples(EXACT, EXACT, FLOATS, st.booleans()), min_size=1, max_size=5))
def test_conditions_agree_with_python_numbers(text, rows):
    """Row by row as in the specification language, but without limits of numbers."""
    from shapecalc.language.expressions import ExpressionError, operands, parse

    rows = [dict(zip(("a", "b", "f", "valid"), row, strict=True)) for row in rows]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(operands, "MAX_SIZE", 10**400)
        try:
            due = [parse(text).evaluate(row) for row in rows]
        except ExpressionError as error:
            assume("divides by zero" in str(error))
            due = None
    columns = {name: [row[name] for row in rows] for name in ("a", "b")}
    columns = {name: np.array(v, dtype=np.int64 if max(v) < 2**63 else object) for name, v in columns.items()}
    columns |= {"f": np.array([row["f"] for row in rows]), "valid": np.array([row["valid"] for row in rows])}
    condition = read_condition(text, list(columns))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(operands, "MAX_SIZE", 10**400)
        if due is None:
            with pytest.raises(UsageError, match="divides by zero"):
                condition.holds(columns, len(rows))
        else:
            assert condition.holds(columns, len(rows)).tolist() == due


@pytest.mark.parametrize(
    ("text", "due"),
    [
        ("a + b > 0", [True, True]),
        ("a - (0 - b) > 0", [True, True]),
        ("a * 2 > a", [True, True]),
        ("a + b == b + a", [True, True]),
        ("a / 3 == floor(a / 3)", [False, True]),
        ("-a - b < 0", [True, True]),
        ("c / 7 + d - d == 1", [True, False]),  # a quotient that is whole is an int, row by row
    ],
)
def test_conditions_do_not_wrap_at_64_bits(text, due):
    columns = {"a": np.array([2**63 - 1, 3]), "b": np.array([2**62, 1])}
    columns |= {"c": np.array([7, 8]), "d": np.array([2**60 + 1, 2**60 + 1])}
    assert read_condition(text, list(columns)).holds(columns, 2).tolist() == due


def test_conditions_short_circuit_per_row():
    result = sweep(SMALL, vars={"width": [1, 2, 0]}, where="valid and (buffers == 0 or macs / buffers > 1)")
    assert result["width"].tolist() == [1, 2]
    assert len(sweep(SMALL, vars={"width": [1, 0]}, where="macs / params > 1")) == 1  # one that is not valid costs 0
    with pytest.raises(UsageError, match="`macs / buffers` divides by zero"):
        sweep(SMALL, vars={"width": [1, 2]}, where="macs / buffers > 1")


def test_columns_of_every_type_are_sorted():
    spec = {"input": [3], "vars": {"p": 0.5, "out": 2},
            "layers": [{"dropout": "p"}, {"fc": {"out_features": "out", "bias": False}}]}  # fmt: skip
    result = sweep(spec, vars={"p": [0.5, 0.25, 1], "out": [2, 3]})
    assert result.sort("-p,-out")["p"].tolist() == [1, 1, 0.5, 0.5, 0.25, 0.25]
    large = {"input": [3], "vars": {"p": 0.5, "out": 2, "r": 1},
             "layers": [{"dropout": "p"}, {"fc": {"out_features": "out", "bias": False}, "repeat": "r"}]}  # fmt: skip
    result = sweep(large, vars={"p": [0.5, 0.25], "out": [10**11, 10**12 - 1, 10**12], "r": [1, 2]})
    assert result.sort("macs")["macs"].tolist() == sorted(result["macs"].tolist())
    front_ = result.pareto("p,+macs")  # fractions, and numbers beyond the precision of floats
    assert front_.to_dicts() == [
        row for row in result.to_dicts() if (row["p"], row["out"], row["r"]) == (0.25, 10**12, 2)
    ]
    nearly = sweep(large, vars={"p": [0.5, 0.25], "out": [10**8, 10**8 + 1], "r": [2]})
    assert nearly.pareto("p,+macs")["out"].tolist() == [10**8 + 1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("param < 5", "the sweep has no column param\n   did you mean params?"),
        ("params", "`params` is not true or false"),
        ("params <", "is not an expression: it ends too early"),
        ("__import__('os')", "is not a function of expressions"),
        ("width < 'a'", "cannot be computed for every variant"),
        (
            "width > 8, params < 100k",
            "where: `width > 8, params < 100k` is a tuple, which an expression cannot contain\n   join conditions with `and`",
        ),
        ("width > 8 params < 320 KiB", "it cannot be read from `params < 320 KiB` on"),
        ("params => 3M", "where: `=> 3M` is not a comparison\n   write `>= 3M`"),
        ("params < 3 and memory = 320 KiB", "where: `= 320 KiB` is not a comparison\n   write `== 320 KiB`"),
    ],
)
def test_invalid_conditions(text, message):
    with pytest.raises(UsageError) as caught:
        sweep(SMALL, vars={"width": [1, 2]}, where=text)
    assert message in str(caught.value)


@given(st.lists(st.tuples(*[st.integers(0, 6)] * 3), max_size=30), st.integers(2, 3), st.data())
def test_the_pareto_front_is_not_dominated(points, count, data):
    signs = [data.draw(st.sampled_from([1, -1])) for _ in range(count)]
    columns = {str(i): np.array([point[i] for point in points], dtype=np.int64) for i in range(count)}
    found = front(columns, [(str(i), sign) for i, sign in enumerate(signs)]).tolist()
    ranked = [tuple(sign * value for sign, value in zip(signs, point, strict=False)) for point in points]

    def beaten(mine):
        return any(all(a <= b for a, b in zip(other, mine, strict=True)) and other != mine for other in ranked)

    assert sorted(found) == [i for i, mine in enumerate(ranked) if not beaten(mine)]
    assert [ranked[i][0] for i in found] == sorted(ranked[i][0] for i in found)


def test_order_and_front_of_a_sweep():
    result = sweep(ALEXNET, vars={"width": [48, 16, 32]}, input="{32,227,128}x=x3")
    assert result.sort("-width,macs")["variant"].tolist() == [2, 1, 8, 7, 5, 4, 0, 6, 3]
    assert result.pareto("params,macs")["variant"].tolist() == [5]
    with pytest.raises(UsageError, match="a front needs two columns or more, not only params"):
        result.pareto("params")


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("16:128:16", [16, 32, 48, 64, 80, 96, 112, 128]),
        ("2,3,4", [2, 3, 4]),
        ("1:4", [1, 2, 3, 4]),
        ("1:6:2", [1, 3, 5]),
        ("8:2:-3", [8, 5, 2]),
        ("0.25:1:0.25", [0.25, 0.5, 0.75, 1.0]),
        ("1,4:6,9", [1, 4, 5, 6, 9]),
        ("[3,4],[2,2]", [[3, 4], [2, 2]]),
    ],
)
def test_parsing_of_values(text, values):
    import json

    assert list(parse_values(text, "x", json.loads)) == values


@pytest.mark.parametrize("text", ["1:5:0", "5:1", "1:2:.", "1:1000000000", "1,,2"])
def test_invalid_values_of_variables(text):
    with pytest.raises(UsageError):
        list(parse_values(text, "x", int))


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ("3x{4,6}x=", [(3, 4, 4), (3, 6, 6)]),
        ("{1,2}x{4:6:2}x5", [(1, 4, 5), (1, 6, 5), (2, 4, 5), (2, 6, 5)]),
        ("3×5×7", [(3, 5, 7)]),
        ("{1,3}x=x=", [(1, 1, 1), (3, 3, 3)]),
        ("3x{8,1000000000000}x8", [(3, 8, 8), (3, 10**12, 8)]),
    ],
)
def test_parsing_of_inputs(text, sizes):
    plan = plan_sweep(SMALL, {}, text)
    assert [plan.grid.at(row)[1][""] for row in range(plan.grid.rows)] == sizes


@pytest.mark.parametrize(
    "text", ["=x3x3", "3x{0,4}x4", "3x{}x4", "3x4x", "3x{4", "3x-4x4", "3x1.5x4", "3xax4", "3x4x1000000000001"]
)
def test_invalid_input_sizes(text):
    with pytest.raises(UsageError):
        sweep(SMALL, input=text)


def test_an_unknown_variable():
    with pytest.raises(UsageError, match="there is no variable widht to set\n   did you mean width"):
        sweep(SMALL, vars={"widht": [1, 2]})


def test_a_variable_named_like_a_column():
    spec = {"input": [3], "vars": {"params": 2}, "layers": [{"fc": "params"}]}
    result = sweep(spec, vars={"params": [2, 3]}, where="var_params == 3 and params == 12")
    assert result["var_params"].tolist() == [3]


def test_several_inputs():
    spec = {
        "inputs": {"left": [2, 4, 4], "right": [2, 4, 4]},
        "layers": [{"add": {}, "from": ["left", "right"]}, "flatten"],
    }
    result = sweep(spec, input={"left": "2x{4,5}x4", "right": "2x{4,5}x4"})
    assert result.names[1:3] == ("left_height", "right_height")
    assert result["valid"].tolist() == [True, False, False, True]
    check(shapecalc.load(spec), result)


def test_without_numpy_the_extra_is_named():
    script = (
        "import sys; sys.modules['numpy'] = None\n"
        "from shapecalc.errors import MissingExtraError\n"
        "import shapecalc\ntry:\n    shapecalc.sweep('alexnet')\n"
        "except MissingExtraError as error: print(error)"
    )
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert "pip install 'shapecalc-nn[sweep]'" in printed


def test_a_condition_is_parsed_before_the_sweep_starts():
    assert read_condition("a < 1 and b == 2", ["a", "b"]).names == {"a", "b"}

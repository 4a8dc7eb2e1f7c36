"""Where the batch of an ONNX file is, in batches of several samples: sums by letters, tables by index, and where it is lost."""

from __future__ import annotations

import pytest
from crafted_onnx import FLOAT, INT64, model, node, tensor, value

import shapecalc
from shapecalc.errors import ShapeError
from shapecalc.renderers import render


def report_of(nodes, inputs, weights=(), due=None):
    network = shapecalc.load(model(nodes, [value(*one) for one in inputs], [value("y", due)], weights=weights))
    assert network.warnings == ()
    return network.infer()


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize(
    ("equation", "x", "w", "size", "macs"),
    [
        ("...i,ij->...j", (5, 8), (8, 6), (5, 6), 240),
        ("...i,io", (5, 8), (8, 6), (5, 6), 240),
        ("bij,jk", (5, 8), (8, 6), (5, 6), 240),
        ("...ij->...ji", (5, 8), None, (8, 5), 0),
        ("b...i,ij->b...j", (5, 8), (8, 6), (5, 6), 240),
    ],
)
def test_a_sum_by_letters_is_that_of_a_sample(batch, equation, x, w, size, macs):
    """Sizes and MACs are those of torch.einsum (PyTorch 2.13.0) on one sample."""
    inputs = ["x", *(["w"] if w else [])]
    report = report_of([node("Einsum", inputs, ["y"], equation=equation)], [("x", (batch, *x))],
                       [tensor("w", w)] if w else (), (batch, *size))  # fmt: skip
    assert (report.rows[-1].output_shape, report.total.macs) == (size, macs)


@pytest.mark.parametrize(
    ("inputs", "stored"),
    [([("x", (2, 8))], [3, 2, 8]), ([("x", (2, 8))], [2, 8]), ([("x", (2, 8)), ("w", (2, 2, 8))], None)],
)
def test_axes_without_letters_that_meet_the_batch_of_another_term_are_of_the_whole_input(inputs, stored):
    one = node("Einsum", ["x", "w"], ["y"], equation="...i,...i->...")
    assert report_of([one], inputs, [tensor("w", stored)] if stored else ()).graph.includes_batch


@pytest.mark.parametrize(("size", "layout"), [((1, 7, 4), "without"), ((1, 3, 8, 8), "C×H×W, without")])
def test_heads_of_tokens_are_no_channels_of_a_map(size, layout):
    heads = node("Reshape", ["x", "heads"], ["y"]) if len(size) == 3 else node("Relu", ["x"], ["y"])
    report = report_of([heads], [("x", size)], [tensor("heads", [4], [1, 7, 2, 2], INT64)])
    assert f"Sizes are {layout} the batch axis." in " ".join(render(report, "text").split())


def mask(*rows):
    return tensor("i", [len(rows), 1, len(rows[0]), 2], [n for row in rows for at in row for n in at], INT64)


PICKED = [node("GatherND", ["x", "i"], ["m"]), node("Relu", ["m"], ["y"])]


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_samples_that_pick_from_themselves_at_the_same_positions_keep_the_batch(batch):
    """As PyTorch's newer exporter writes the mask of BERT: with the number of each sample in the indices."""
    weights = [mask(*([(sample, at) for at in (0, 2, 5)] for sample in range(batch)))]
    report = report_of(PICKED, [("x", (batch, 7, 4))], weights, (batch, 1, 3, 4))
    assert [row.output_shape for row in report.rows if row.kind in ("gather", "relu")] == [(1, 3, 4), (1, 3, 4)]
    assert not report.graph.includes_batch


def test_several_indices_within_a_sample():
    indices = tensor("i", [2, 5, 3], [n for sample in (0, 1) for at in range(5) for n in (sample, at, 1)], INT64)
    report = report_of(PICKED, [("x", (2, 7, 4, 6))], [indices], (2, 5, 6))
    assert [row.output_shape for row in report.rows if row.kind in ("gather", "relu")] == [(5, 6), (5, 6)]


@pytest.mark.parametrize("rows", [([(1, 0), (1, 2)], [(0, 0), (0, 2)]), ([(0, 0), (0, 2)], [(1, 0), (1, 3)])])
def test_samples_that_pick_from_others_or_elsewhere_are_shown_as_the_whole_input(rows):
    report = report_of(PICKED, [("x", (2, 7, 4))], [mask(*rows)], (2, 1, 2, 4))
    assert (report.graph.includes_batch, report.rows[-1].output_shape) == (True, (2, 1, 2, 4))


def test_what_is_shown_of_a_whole_input_is_called_so():
    report = report_of([*PICKED[:1], node("MatMul", ["m", "w"], ["y"])], [("x", (2, 7, 4))],
                       [mask([(1, 0)], [(0, 0)]), tensor("w", [4, 5])], (2, 1, 1, 5))  # fmt: skip
    text = " ".join(render(report, "text").split())
    assert "40 MACs for the whole input: convolutions" in text
    assert "with the batch of the example. Bytes: the output of each layer for the whole input" in text
    assert "one sample" not in text


@pytest.mark.parametrize("batch", [1, 2, 3])
@pytest.mark.parametrize(("op", "weights", "due"), [
    ("Conv", [tensor("w", [4, 1, 3])], ((4, 18), 12, 216)), ("MaxPool", [], ((1, 18), 0, 0)),
])  # fmt: skip
def test_an_axis_of_one_is_the_channel_of_what_reads_maps(batch, op, weights, due):
    """Sizes, parameters and MACs are those of nn.Conv1d(1, 4, 3, bias=False) and nn.MaxPool1d(3, 1) on one sample."""
    read = node(op, ["x", "w"] if weights else ["x"], ["y"], kernel_shape=[3])
    report = report_of([read], [("x", (batch, 1, 20))], weights, (batch, *due[0]))
    assert (report.rows[-1].output_shape, report.total.params, report.total.macs) == due
    assert report.inputs == {"x": (1, 20)}
    assert not report.graph.includes_batch


def with_steps(batch, steps):
    """A map, to which what a linear layer makes of a number for each sample is added, as in a U-Net of diffusion."""
    nodes = [
        node("Cast", ["t"], ["f"], to=1),
        node("Unsqueeze", ["f", "last"], ["u"]),
        node("Mul", ["u", "w"], ["a"]),
        node("Sin", ["a"], ["s"]),
        node("Cos", ["a"], ["c"]),
        node("Concat", ["s", "c"], ["e"], axis=-1),
        node("Gemm", ["e", "v", "b"], ["l"], transB=1),
        node("Unsqueeze", ["l", "both"], ["m"]),
        node("Conv", ["x", "k"], ["h"], kernel_shape=[1, 1]),
        node("Add", ["h", "m"], ["y"]),
    ]
    weights = [
        tensor("last", [1], [1], INT64), tensor("both", [2], [2, 3], INT64), tensor("w", [1, 3], [1.0, 0.1, 0.01]),
        tensor("v", [5, 6]), tensor("b", [5]), tensor("k", [5, 4, 1, 1]),
    ]  # fmt: skip
    return model(nodes, [value("x", (batch, 4, 8, 8)), value("t", (steps,), INT64)],
                 [value("y", (batch, 5, 8, 8))], weights=weights)  # fmt: skip


@pytest.mark.parametrize(("batch", "steps"), [(1, 1), (2, 2), (3, 3), ("batch", "batch"), (2, 1), ("batch", 1)])
def test_an_input_as_long_as_the_batch_has_a_number_for_each_sample(batch, steps):
    """MACs are those of one sample: 6 · 5 of the linear layer, 4 · 5 · 8 · 8 of the convolution."""
    network = shapecalc.load(with_steps(batch, steps))
    report = network.infer()
    assert (network.warnings, report.graph.includes_batch, report.total.macs) == ((), False, 6 * 5 + 4 * 5 * 8 * 8)
    assert (report.inputs["t"], report.outputs) == ((1,) if steps == 1 else (), {"y": (5, 8, 8)})


def test_numbers_for_other_than_each_sample_are_a_list():
    report = report_of([node("Add", ["x", "t"], ["y"])], [("x", (2, 4)), ("t", (4,))], (), (2, 4))
    assert (report.inputs["t"], report.outputs["y"]) == ((4,), (4,))


def of_the_last_token(batch, form):
    """x[arange(b), i] as PyTorch's exporters write it: rows of all samples, at positions with the number of a sample."""
    rows = [tensor("rows", [2], [-1, 4], INT64), tensor("starts", [batch], [7 * i for i in range(batch)], INT64)]
    number = tensor("number", [batch, 1], list(range(batch)), INT64)
    last = tensor("last", [1], [-1], INT64)
    nodes = {
        "older": [node("Flatten", ["x"], ["r"], axis=2), node("Add", ["i", "starts"], ["at"]),
                  node("Gather", ["r", "at"], ["p"])],
        "rows": [node("Reshape", ["x", "rows"], ["r"]), node("Add", ["starts", "i"], ["at"]),
                 node("Unsqueeze", ["at", "last"], ["u"]), node("GatherND", ["r", "u"], ["p"])],
        "newer": [node("Unsqueeze", ["i", "last"], ["u"]), node("Concat", ["number", "u"], ["at"], axis=-1),
                  node("GatherND", ["x", "at"], ["p"])],
    }[form]  # fmt: skip
    return model([node("ArgMax", ["t"], ["i"], axis=-1, keepdims=0), *nodes, node("Gemm", ["p", "w"], ["y"])],
                 [value("x", (batch, 7, 4)), value("t", (batch, 7), INT64)], [value("y", (batch, 5))],
                 weights=[*rows, number, last, tensor("w", [4, 5])])  # fmt: skip


@pytest.mark.parametrize("batch", [1, 2, 3])
@pytest.mark.parametrize("form", ["older", "rows", "newer"])
def test_features_at_a_position_of_each_sample_are_of_one_sample(batch, form):
    network = shapecalc.load(of_the_last_token(batch, form))
    report = network.infer()
    assert (network.warnings, report.graph.includes_batch) == ((), False)
    assert (report.rows[-1].output_shape, report.total.macs) == ((5,), 4 * 5)


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize(("first", "x", "i", "due"), [
    (1, (7, 4), (3, 1), (3, 4)), (1, (7, 4), (3, 2), (3,)), (2, (7, 4, 6), (7, 1), (7, 6)),
])  # fmt: skip
def test_elements_are_picked_for_each_of_the_first_axes(batch, first, x, i, due):
    """Sizes are those of ONNX' definition of GatherND: batch_dims axes, those of the indices, the rest."""
    nodes = [node("GatherND", ["x", "i"], ["p"], batch_dims=first), node("Relu", ["p"], ["y"])]
    report = report_of(nodes, [("x", (batch, *x)), ("i", (batch, *i), INT64)], (), (batch, *due))
    assert (report.rows[-1].output_shape, report.graph.includes_batch) == (due, False)


@pytest.mark.parametrize("batch", [1, 2])
def test_a_row_of_what_is_the_same_for_all_samples_is_picked_for_each(batch):
    nodes = [node("Relu", ["w"], ["r"]), node("Gather", ["r", "i"], ["p"], axis=1), node("Relu", ["p"], ["y"])]
    report = report_of(nodes, [("i", (batch, 3), INT64)], [tensor("w", [6, 5])], (6, batch, 3))
    assert (report.rows[-1].output_shape, report.graph.includes_batch) == ((6, 3), False)


def test_positions_of_each_sample_in_that_of_another_are_of_the_whole_input():
    nodes = [node("Gather", ["x", "i"], ["p"], axis=1), node("Relu", ["p"], ["y"])]
    report = report_of(nodes, [("x", (2, 7, 4)), ("i", (2, 3), INT64)], (), (2, 2, 3, 4))
    assert (report.rows[-1].output_shape, report.graph.includes_batch) == ((2, 2, 3, 4), True)
    assert "where the batch is could not be found: sizes and MACs are of the whole input of the file" in report.notes


def made_for(batch, values):
    """Learned queries as the newer exporter stores them: expanded to the batch of its example."""
    nodes = [node("MatMul", ["q", "w"], ["m"]), node("MatMul", ["m", "x"], ["s"]), node("Softmax", ["s"], ["y"])]
    weights = [tensor("q", [batch, 2, 4], values), tensor("w", [4, 5], [0.1 * i for i in range(20)])]
    return model(nodes, [value("x", (batch, 5, 7))], [value("y", (batch, 2, 7))], weights=weights)


QUERIES = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_a_weight_that_is_stored_for_each_sample_counts_once(batch):
    """MACs are those of nn.Linear(4, 5) on 2 queries and of a product of 2 × 5 and 5 × 7."""
    report = shapecalc.load(made_for(batch, QUERIES * batch)).infer()
    assert (report.total.params, report.total.macs) == (8 + 20, 2 * 4 * 5 + 2 * 5 * 7)
    assert (report.outputs["y"], report.graph.includes_batch) == ((2, 7), False)


@pytest.mark.parametrize("values", [[*QUERIES, *QUERIES[::-1]], [0.0] * 16])
def test_a_weight_that_differs_or_says_nothing_is_whole(values):
    """As attention without a batch, of two heads."""
    report = shapecalc.load(made_for(2, values)).infer()
    assert (report.total.params, report.graph.includes_batch) == (16 + 20, True)


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("count", [1, 3])
def test_a_learned_first_state_that_is_stored_for_each_sample_counts_once(batch, count):
    """Of 3 chunks of each sample as well: nn.GRU(6, 4) has 12·(6 + 4) + 24 parameters."""
    nodes = [node("Reshape", ["x", "join"], ["j"]), node("Transpose", ["j"], ["t"], perm=[1, 0, 2]),
             node("GRU", ["t", "w", "r", "b", "", "h"], ["", "z"], hidden_size=4),
             node("Reshape", ["z", "split"], ["y"])]  # fmt: skip
    weights = [tensor("w", [1, 12, 6]), tensor("r", [1, 12, 4]), tensor("b", [1, 24]),
               tensor("h", [1, batch * count, 4], QUERIES[:4] * batch * count),
               tensor("join", [3], [batch * count, 5, 6], INT64),
               tensor("split", [3], [batch, count, 4], INT64)]  # fmt: skip
    network = shapecalc.load(model(nodes, [value("x", (batch, count, 5, 6))], [value("y", (batch, count, 4))],
                                   weights=weights))  # fmt: skip
    report = network.infer()
    states = 4 if batch > 1 else 4 * count
    assert (report.total.params, report.total.macs) == (12 * 10 + 24 + states, count * 5 * 12 * 10)
    assert (network.warnings, report.outputs["y"], report.graph.includes_batch) == ((), (count, 4), False)


@pytest.mark.parametrize("batch", [1, 2, 3])
@pytest.mark.parametrize("are_apart", [True, False])
def test_boxes_of_several_samples_are_as_many_for_each(batch, are_apart):
    """The head of Fast R-CNN on 4 boxes: they are an input of all boxes, or of those of each sample."""
    nodes = [
        node("Conv", ["x", "k"], ["f"], kernel_shape=[1, 1]),
        *([] if are_apart else [node("Reshape", ["boxes", "rows"], ["all"])]),
        node("Slice", ["boxes" if are_apart else "all", "one", "five", "axis"], ["corners"]),
        node("RoiAlign", ["f", "corners", "numbers"], ["r"], output_height=3, output_width=3),
        node("ConvTranspose", ["r", "m"], ["masks"], kernel_shape=[2, 2], strides=[2, 2]),
        node("Flatten", ["r"], ["a"]),
        node("Gemm", ["a", "w"], ["y"]),
    ]  # fmt: skip
    weights = [tensor("k", [5, 3, 1, 1]), tensor("w", [45, 6]), tensor("m", [5, 2, 2, 2]),
               tensor("rows", [2], [-1, 5], INT64), tensor("axis", [1], [1], INT64), tensor("one", [1], [1], INT64),
               tensor("five", [1], [5], INT64),
               tensor("numbers", [4 * batch], [i // 4 for i in range(4 * batch)], INT64)]  # fmt: skip
    boxes = (4 * batch, 5) if are_apart else (batch, 4, 5)
    network = shapecalc.load(model(nodes, [value("x", (batch, 3, 8, 8)), value("boxes", boxes)],
                                   [value("y", (4 * batch, 6)), value("masks", (4 * batch, 2, 6, 6))], weights=weights))  # fmt: skip
    report = network.infer()
    assert (network.warnings, report.graph.includes_batch) == ((), False)
    assert report.outputs == {"y": (4, 6), "masks": (4, 2, 6, 6)}
    assert report.total.macs == 15 * 64 + 4 * 45 * 6 + 4 * 5 * 2 * 4 * 9


def unequal_boxes(due):
    nodes = [node("Conv", ["x", "k"], ["f"], kernel_shape=[1, 1]), node("RoiAlign", ["f", "boxes", "i"], ["y"])]
    return model(nodes, [value("x", (2, 3, 8, 8)), value("boxes", (3, 4)), value("i", (3,), INT64)],
                 [value("y", due)], weights=[tensor("k", [5, 3, 1, 1])])  # fmt: skip


def test_boxes_that_are_not_as_many_for_each_sample_are_unknown():
    report = shapecalc.load(unequal_boxes((3, 5, 1, 1))).infer()
    assert (report.rows[-1].kind, report.rows[-1].output_shape) == ("opaque", (3, 5, 1, 1))


def test_a_value_is_only_asked_for_where_it_decides_a_size():
    with pytest.raises(ShapeError) as caught:
        shapecalc.load(unequal_boxes(None)).infer()
    assert "its boxes are not as many for each sample of the batch" in str(caught.value)
    assert "give it, without the batch: --input y=" in str(caught.value)


def of_pairs(batch, size):
    """CLIP in small: the products of the features of each image with those of each text."""
    nodes = [
        node("GlobalAveragePool", ["x"], ["p"]), node("Flatten", ["p"], ["i"]),
        node("Transpose", ["t"], ["columns"], perm=[1, 0]), node("MatMul", ["i", "columns"], ["of_images"]),
        node("Transpose", ["of_images"], ["of_texts"], perm=[1, 0]),
    ] if len(size) == 3 else [
        node("Relu", ["x"], ["i"]), node("Transpose", ["t"], ["columns"], perm=[1, 0]),
        node("MatMul", ["i", "columns"], ["of_images"]), node("Relu", ["of_images"], ["of_texts"]),
    ]  # fmt: skip
    outputs = [value("of_images", (batch, batch)), value("of_texts", (batch, batch))]
    return model(nodes, [value("x", (batch, *size)), value("t", (batch, 6), FLOAT)], outputs)


@pytest.mark.parametrize("batch", [2, 3])
def test_a_sample_that_is_compared_with_all_of_the_batch_stays_one(batch):
    report = shapecalc.load(of_pairs(batch, (6, 8, 8))).infer()
    assert (report.outputs, report.total.macs) == ({"of_images": (batch,), "of_texts": (batch,)}, batch * 6)
    note = f"where samples are compared with each other, each is with the {batch} of the batch"
    assert (note in report.notes, report.graph.includes_batch) == (True, False)


def test_rows_that_may_be_no_samples_are_compared_as_a_whole():
    report = shapecalc.load(of_pairs(3, (6,))).infer()
    assert (report.outputs["of_images"], report.graph.includes_batch) == ((3, 3), True)


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_known_positions_of_each_sample_among_the_rows_of_all(batch):
    """As PyTorch's older exporter writes the mask of BERT: x[arange(b)[:, None], arange(5)]."""
    starts = tensor("starts", [batch, 1], [7 * i for i in range(batch)], INT64)
    nodes = [node("Reshape", ["x", "rows"], ["r"]), node("Add", ["starts", "first"], ["i"]),
             node("Gather", ["r", "i"], ["p"]), node("Relu", ["p"], ["y"])]  # fmt: skip
    weights = [tensor("rows", [2], [-1, 4], INT64), tensor("first", [5], list(range(5)), INT64), starts]
    report = report_of(nodes, [("x", (batch, 7, 4))], weights, (batch, 5, 4))
    assert report.graph.includes_batch is False
    assert report.rows[-1].output_shape in ((5, 4), (1, 5, 4)[batch > 1 :])


@pytest.mark.parametrize("batch", [2, 3])
def test_elements_of_what_is_the_same_for_all_samples_are_picked_for_each(batch):
    """As RoBERTa's types of tokens, zeros that are expanded to the batch; and its opposite."""
    nodes = [
        node("Expand", ["types", "size"], ["e"]), node("GatherElements", ["e", "i"], ["p"], axis=1),
        node("Expand", ["known", "size"], ["k"]), node("GatherElements", ["i", "k"], ["q"], axis=1),
        node("Add", ["p", "q"], ["y"]),
    ]  # fmt: skip
    weights = [tensor("types", [1, 7], [0] * 7, INT64), tensor("known", [1, 7], list(range(7)), INT64),
               tensor("size", [2], [batch, 7], INT64)]  # fmt: skip
    one = model(nodes, [value("i", (batch, 7), INT64)], [value("y", (batch, 7), INT64)], weights=weights)
    report = shapecalc.load(one).infer()
    assert (report.outputs, report.graph.includes_batch) == ({"y": (7,)}, False)

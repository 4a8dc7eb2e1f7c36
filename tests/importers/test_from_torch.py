"""Modules of PyTorch in memory: their tables, and what is said of those that fail."""

from __future__ import annotations

import pytest

import shapecalc
from shapecalc.errors import ShapeError, UsageError

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402  (only where there is torch)

pytestmark = pytest.mark.torch


class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x):
        return torch.relu(self.norm(self.conv(x)) + x)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, 2, 1)
        self.layers = nn.Sequential(Block(8), Block(8))
        self.fc = nn.Linear(8, 10)

    def forward(self, x):
        return self.fc(self.layers(self.stem(x)).mean((2, 3)))


class Branching(nn.Module):
    """What a module does that torch.export cannot follow."""

    def __init__(self):
        super().__init__()
        self.net = Net()
        self.head = nn.Linear(10, 4)

    def forward(self, x):
        x = self.net(x)
        return self.head(x * 2 if x.sum() > 0 else x + 1)


def rows(network):
    return [(row.name, row.kind, row.output_shape) for row in network.infer().rows]


ROWS = [
    ("stem", "conv", (8, 8, 8)), ("layers.0.conv", "conv", (8, 8, 8)), ("layers.0.norm", "batch_norm", (8, 8, 8)),
    ("layers.0.add", "add", (8, 8, 8)), ("layers.0.relu", "relu", (8, 8, 8)), ("layers.1.conv", "conv", (8, 8, 8)),
    ("layers.1.norm", "batch_norm", (8, 8, 8)), ("layers.1.add", "add", (8, 8, 8)),
    ("layers.1.relu", "relu", (8, 8, 8)), ("mean", "mean", (8,)), ("fc", "linear", (10,)),
]  # fmt: skip


@pytest.mark.parametrize("example", [torch.zeros(1, 3, 16, 16), torch.zeros(4, 3, 16, 16), "3x16x16", (3, 16, 16),
                                     torch.Size((2, 3, 16, 16))], ids=str)  # fmt: skip
def test_the_table_of_a_module(example):
    module = Net()
    network = shapecalc.from_torch(module, example)
    assert rows(network) == ROWS
    report = network.infer()
    assert report.total.params == sum(one.numel() for one in module.parameters())
    assert report.total.macs == 27 * 8 * 64 + 2 * 72 * 8 * 64 + 80
    assert "11 nodes: 11 layers, 0 shape arithmetic, 0 unknown; 11 stated sizes agree" in report.notes


def test_questions_about_a_module():
    network = shapecalc.from_torch(Net(), "3x16x16")
    assert network.name == "Net"
    assert "test_from_torch.py:" in str(network.explain("stem"))
    assert "H" in str(network.formula(what="macs"))
    assert network.memory().total > 0
    assert "<table" in network._repr_html_()


def test_the_module_stays_as_it_is():
    module = Net().train()
    before = {name: one.clone() for name, one in module.state_dict().items()}
    pointers = [one.data_ptr() for one in module.parameters()]
    shapecalc.from_torch(module, torch.zeros(2, 3, 16, 16))
    assert module.training
    assert all(one.training for one in module.modules())
    assert [one.data_ptr() for one in module.parameters()] == pointers
    assert all(torch.equal(one, before[name]) for name, one in module.state_dict().items())
    assert not any(one._forward_hooks for one in module.modules())


def test_a_module_on_the_meta_device_needs_no_memory():
    with torch.device("meta"):
        module = nn.Sequential(nn.Linear(100_000, 200_000), nn.ReLU())
    report = shapecalc.from_torch(module, torch.zeros(1, 100_000)).infer()
    assert report.total.params == 100_001 * 200_000


def test_frozen_and_shared_parameters():
    module = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8), nn.Linear(8, 4))
    module[2].weight = module[0].weight
    module[3].requires_grad_(False)
    report = shapecalc.from_torch(module, torch.zeros(1, 8)).infer()
    assert report.total.params == sum(one.numel() for one in module.parameters())
    assert report.total.trainable == sum(one.numel() for one in module.parameters() if one.requires_grad)


def test_a_module_that_cannot_be_exported_is_shown_by_its_parts():
    module = Branching()
    network = shapecalc.from_torch(module, torch.zeros(1, 3, 16, 16))
    names = [(f"net.{name}", kind, size) for name, kind, size in ROWS]
    assert rows(network) == [*names, ("forward", "opaque", (10,)), ("head", "linear", (4,))]
    report = network.infer()
    assert report.total.params == sum(one.numel() for one in module.parameters())
    (note,) = [one for one in report.notes if "torch.export" in one]
    assert note.startswith("torch.export could not export Branching (test_from_torch.py:")
    assert "Could not guard on data-dependent expression" in note
    assert note.endswith("the modules in it that it could are shown one after the other, and what is computed between "
                         "them is not known")  # fmt: skip


class OneOfTwo(nn.Module):
    """Which of its layers run depends on the values of its input; one is a leaf with parameters of its own."""

    class Leaf(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(20))

        def forward(self, x):
            return x * self.scale if x.sum() > 0 else x * self.scale + 1

    def __init__(self):
        super().__init__()
        self.a, self.b, self.head, self.leaf = nn.Linear(10, 20), nn.Linear(20, 20), nn.Linear(20, 2), self.Leaf()
        self.shift = nn.Parameter(torch.ones(20))

    def forward(self, x):
        inner = self.a(x)
        return self.head(self.leaf(self.b(inner) if x.sum() > 0 else inner) + self.shift)


@pytest.mark.parametrize(("example", "unused"), [(torch.ones(1, 10), 0), (-torch.ones(1, 10), 420), ("10", 420)])
def test_parameters_that_were_not_used_are_named_where_values_decide(example, unused):
    module = OneOfTwo()
    report = shapecalc.from_torch(module, example).infer()
    assert report.total.params == sum(one.numel() for one in module.parameters()) - unused
    notes = [note for note in report.notes if note.startswith("not used")]
    assert notes == (["not used, and not counted: b.weight and 1 more (420 parameters)"] if unused else [])
    values = "which modules run depends on the values of the example: others may run with other values"
    assert report.notes.count(values) == 1


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_a_size_has_the_type_of_the_module(kind):
    module = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU()).to(kind)
    assert (
        shapecalc.from_torch(module, "3x8x8").infer().notes
        == shapecalc.from_torch(module.float(), "3x8x8").infer().notes
    )


def test_a_dynamic_size_of_which_the_export_allows_one_value_is_that():
    """PyTorch's LSTM is exported for one length, whatever Dim.AUTO allows."""
    auto = torch.export.Dim.AUTO
    program = torch.export.export(nn.LSTM(8, 4, batch_first=True), (torch.zeros(2, 9, 8),), dynamic_shapes=({1: auto},))
    assert shapecalc.from_torch(program, "9x8").infer().rows[-1].output_shapes[0] == (9, 4)


def test_an_array_is_no_example():
    numpy = pytest.importorskip("numpy")
    with pytest.raises(UsageError) as error:
        shapecalc.from_torch(nn.Conv2d(3, 8, 3), numpy.zeros((1, 3, 8, 8)))
    (problem,) = error.value.problems
    assert problem.message == "an example is a tensor of PyTorch, not ndarray"
    assert problem.hint.startswith("give torch.as_tensor(array), ")
    assert problem.hint.endswith(' or a size without the batch, "3x8x8"')


def test_layers_of_keras_are_no_modules():
    """With the backend torch they are, and torch.export sees constants in place of their weights."""
    kind = type("Dense", (nn.Linear,), {"__module__": "keras.src.layers.core.dense"})
    for module, message, hint in (
        (kind(3, 2), "from_torch expects a module of PyTorch, and Dense is one of Keras", ""),
        (nn.Sequential(nn.ReLU(), kind(3, 2)), "Sequential holds the layer 1 of Keras", ", by themselves"),
    ):
        with pytest.raises(UsageError) as error:
            shapecalc.from_torch(module, "3")
        (problem,) = error.value.problems
        assert (problem.message, problem.hint) == (message, f"shapecalc.from_keras reads models of Keras{hint}")


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_bags_of_embeddings(mode):
    module = nn.Sequential(nn.EmbeddingBag(10, 8, mode=mode), nn.Linear(8, 4))
    for batch in (1, 3, 70):
        report = shapecalc.from_torch(module, torch.zeros(batch, 5, dtype=torch.long)).infer()
        assert [(row.kind, row.output_shape) for row in report.rows] == [
            ("embedding", (5, 8)),
            (mode, (8,)),
            ("linear", (4,)),
        ]
        assert (report.total.params, report.total.macs) == (116, 32)


class Uneven(nn.Module):
    def __init__(self):
        super().__init__()
        self.bag, self.offsets = nn.EmbeddingBag(10, 8), torch.tensor([0, 2])

    def forward(self, x):
        return self.bag(x.flatten(), self.offsets if len(x) == 1 else torch.arange(0, 2, device=x.device))


def test_bags_of_unequal_lengths_are_opaque():
    for batch in (1, 2):
        report = shapecalc.from_torch(Uneven(), torch.zeros(batch, 6, dtype=torch.long)).infer()
        assert "opaque" in [row.kind for row in report.rows]


class Moving(nn.Module):
    """A module that keeps tensors in a list, on the device of its input, as anchors of a detector."""

    def __init__(self):
        super().__init__()
        self.head, self.kept = nn.Linear(8, 3), [torch.zeros(4, 8)]

    def forward(self, x):
        self.kept = [one.to(x.device) for one in self.kept]
        return self.head(x + self.kept[0] if x.sum() > 3 else x)


def test_a_trial_leaves_no_tensor_in_the_module_of_the_next():
    module = Moving()
    assert shapecalc.from_torch(module, torch.zeros(2, 4, 8)).infer().total.macs == 4 * 8 * 3
    assert module.kept[0].device.type == "cpu"


def lazy():
    return nn.Sequential(nn.LazyConv2d(4, 3), nn.ReLU(), nn.LazyBatchNorm2d(), nn.Flatten(), nn.LazyLinear(5))


@pytest.mark.filterwarnings("ignore:Lazy modules")
def test_lazy_layers_take_their_sizes_in_a_copy():
    module, state = lazy(), torch.get_rng_state()
    network = shapecalc.from_torch(module, torch.zeros(2, 3, 8, 8))
    assert [row.kind for row in network.infer().rows] == ["conv", "relu", "batch_norm", "flatten", "linear"]
    assert torch.equal(torch.get_rng_state(), state)
    assert all(nn.parameter.is_lazy(one) for one in module.parameters())
    module(torch.zeros(2, 3, 8, 8))
    assert network.infer().total.params == sum(one.numel() for one in module.parameters())


@pytest.mark.filterwarnings("ignore:Lazy modules")
def test_lazy_layers_that_fail_or_cannot_be_copied():
    with pytest.raises(UsageError, match="fails with these inputs: 0: Calculated padded input size"):
        shapecalc.from_torch(lazy(), torch.zeros(2, 3, 2, 2))
    module = lazy()
    module.other = (one for one in ())
    with pytest.raises(UsageError, match="has lazy layers, whose sizes") as caught:
        shapecalc.from_torch(module, torch.zeros(2, 3, 8, 8))
    assert caught.value.problems[0].hint == "call it once before: module(example)"
    assert nn.parameter.is_lazy(module[0].weight)


class Cache:
    """What a decoder hands on to its next step, of a class that torch.export does not know."""

    def __init__(self, keys):
        self.keys = keys


def test_outputs_of_unknown_classes_are_left_out():
    class Decoder(Net):
        def forward(self, x):
            return {"logits": super().forward(x), "cache": Cache(x)}

    module = Decoder()
    assert rows(shapecalc.from_torch(module, torch.zeros(1, 3, 16, 16))) == ROWS
    assert isinstance(module(torch.zeros(1, 3, 16, 16))["cache"], Cache), "the module itself is as it was"


def test_a_module_that_fails_says_where_and_why():
    module = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(100, 10))
    with pytest.raises(UsageError) as caught:
        shapecalc.from_torch(module, torch.zeros(1, 3, 16, 16))
    (problem,) = caught.value.problems
    assert problem.message == (
        "Sequential fails with these inputs: 2: mat1 and mat2 shapes cannot be multiplied (1x1568 and 100x10)"
    )
    assert problem.why == ("its examples are 1×3×16×16",)
    assert str(problem.hint) == "the first axis of an example is the batch"


TENSOR = 'an example is a tensor, torch.zeros(1, {}), or its size without the batch, "{}"'
SIZE = 'a size is given without the batch axis: "{}" is torch.zeros({})'


@pytest.mark.parametrize(("module", "examples", "hint"), [
    (nn.Conv2d(3, 8, 3), ("1x3x32x32",), SIZE.format("1x3x32x32", "1, 1, 3, 32, 32") + '; write "3x32x32" if its 1 is the batch'),
    (nn.Conv2d(3, 8, 3), ((1, 3, 32, 32),), SIZE.format("1x3x32x32", "1, 1, 3, 32, 32") + '; write "3x32x32" if its 1 is the batch'),
    (nn.Conv2d(3, 8, 3), ("4x32x32",), SIZE.format("4x32x32", "1, 4, 32, 32")),
    (nn.Conv2d(3, 8, 3), ("224",), SIZE.format("224", "1, 224")),
    (nn.Conv2d(3, 8, 3), ([1, 3, 32, 32],), TENSOR.format("3, 32, 32", "3x32x32")),
    (nn.Conv2d(3, 8, 3), (3, 32, 32), TENSOR.format("3, 32, 32", "3x32x32")),
    (nn.Conv2d(3, 8, 3), (32,), TENSOR.format("3, 224, 224", "3x224x224")),
    (nn.Conv2d(3, 8, 3), (None,), TENSOR.format("3, 224, 224", "3x224x224")),
    (nn.Embedding(100, 8), ("16",), "ids are whole numbers: give torch.zeros(1, 16, dtype=torch.long)"),
])  # fmt: skip
def test_examples_that_are_no_tensors_have_a_hint_on_what_an_example_is(module, examples, hint):
    with pytest.raises(UsageError) as caught:
        shapecalc.from_torch(module, *examples)
    assert [str(problem.hint) for problem in caught.value.problems] == [hint]


@pytest.mark.parametrize(("arguments", "message"), [
    ((Net, "3x16x16"), "from_torch expects a module, not the class Net"),
    ((3, "3x16x16"), "from_torch expects a torch.nn.Module, not int"),
    ((nn.ReLU(),), "from_torch needs an example of the input of ReLU"),
])  # fmt: skip
def test_what_is_no_module_or_has_no_example(arguments, message):
    with pytest.raises(UsageError, match=message):
        shapecalc.from_torch(*arguments)


def test_an_exported_program_with_a_dynamic_size():
    batch, size = torch.export.Dim("batch"), torch.export.Dim("size", min=8, max=64)
    program = torch.export.export(
        Net().eval(), (torch.zeros(2, 3, 16, 16),), dynamic_shapes=({0: batch, 2: size, 3: size},), strict=False
    )
    origin = shapecalc.from_torch
    with pytest.raises(shapecalc.SpecError, match="is dynamic: 3×"):
        origin(program)


class Decoder(nn.Module):
    """A causal language model of one layer, whose mask and positions are made of the length."""

    def __init__(self):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(50, 16), nn.Embedding(64, 16)
        self.qkv, self.head = nn.Linear(16, 48), nn.Linear(16, 50)

    def forward(self, x):
        length = x.size(1)
        y = self.tokens(x) + self.positions(torch.arange(length))
        q, k, v = self.qkv(y).chunk(3, -1)
        mask = torch.ones(length, length).tril()
        scores = (q @ k.transpose(1, 2)).masked_fill(mask == 0, float("-inf"))
        return self.head(scores.softmax(-1) @ v)


def exported(module, example, size, *dynamic):
    axes = dict.fromkeys(dynamic, torch.export.Dim.AUTO)
    program = torch.export.export(module.eval(), (example,), dynamic_shapes=(axes,), strict=False)
    return shapecalc.from_torch(program, *([size] if size else []))


@pytest.mark.parametrize("batch", [1, 2])
def test_formulas_of_a_language_model_hold_for_every_length(batch):
    module = Decoder()
    network = exported(module, torch.zeros(batch, 8, dtype=torch.long), "8", 1)
    formula = network.formula(what=["output", "macs"])
    assert [str(size) for size in formula.formulas["output"]["linear_1"]] == ["L", "50"]
    macs = formula.formulas["macs"]
    (symbol,) = macs.free_symbols
    for length in (1, 5, 11):
        with torch.utils.flop_counter.FlopCounterMode(display=False) as counter:
            module(torch.zeros(1, length, dtype=torch.long))
        assert macs.subs(symbol, length) == counter.get_total_flops() // 2
    assert "L²" in str(formula)


def test_an_export_of_one_size_says_how_to_export_for_more():
    network = exported(Decoder(), torch.zeros(2, 8, dtype=torch.long), None)
    with pytest.raises(UsageError) as caught:
        network.formula()
    (problem,) = caught.value.problems
    assert problem.message == "add of program has numbers that are right for one size of the input only"
    assert "torch.export.export(module, examples, dynamic_shapes=({1: AUTO},))" in problem.hint
    assert str(network.formula("N", what="macs").formulas["macs"]) == f"{network.infer().total.macs}*N"


@pytest.mark.parametrize(("module", "example", "size"), [
    (nn.TransformerEncoderLayer(16, 4, 32, batch_first=True), (2, 6, 16), "9x16"),
    (nn.TransformerEncoderLayer(16, 4, 32), (6, 2, 16), "9x16"),
    (nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d((1, None)), nn.Unflatten(1, (2, 2))), (2, 3, 8, 9), "3x9x7"),
])  # fmt: skip
def test_what_the_hint_says_allows_other_sizes(module, example, size):
    network = exported(module, torch.zeros(example), None)
    hint = network.origin.hint_on_sizes.partition("torch.export.export(")[2]
    names = {"module": module, "examples": (torch.zeros(example),), "AUTO": torch.export.Dim.AUTO}
    program = eval(f"torch.export.export({hint}", {"torch": torch, **names})
    sizes = [int(one) for one in size.split("x")]
    at = example.index(2)
    of_it = shapecalc.from_torch(module.eval(), torch.zeros([*sizes[:at], 2, *sizes[at:]])).infer()
    assert shapecalc.from_torch(program, size).infer().total.macs == of_it.total.macs
    assert not shapecalc.from_torch(program, torch.zeros([*sizes[:at], 2, *sizes[at:]])).origin.hint_on_sizes


def test_sizes_of_a_program_are_given_by_the_order_of_its_inputs():
    program = torch.export.export(nn.ReLU(), (torch.zeros(2, 8),))
    for more, named in ((["8", "8"], {}), ([], {"input": "8"})):
        with pytest.raises(UsageError, match="give sizes of them alone, at most 1, by their order"):
            shapecalc.from_torch(program, *more, **named)


FIXED = "alone, and not run by PyTorch at other sizes: what forward computed of them"


@pytest.mark.parametrize(("dynamic", "size", "stated"), [
    ((), "3x16x8", "x = 3×8×8"), ((2,), "3x16x8", ""), ((2,), "3x16x16", "x = 3×s"), ((), "5x3x8x8", ""),
])  # fmt: skip
def test_another_size_than_that_of_the_export_is_noted(dynamic, size, stated):
    network = exported(nn.Conv2d(3, 4, 3), torch.zeros(2, 3, 8, 8), size, *dynamic)
    notes = [note for note in network.infer().notes if FIXED in note]
    assert len(notes) == bool(stated)
    assert all(f"exported for input = {stated[4:]}" in note for note in notes)


def test_numbers_of_the_export_that_contradict_another_size_are_errors():
    network = exported(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Unflatten(2, (2, 3))), torch.zeros(2, 3, 8, 8), None)
    with pytest.raises(ShapeError) as caught:
        network.infer(input="3x16x8")
    (problem,) = caught.value.problems
    assert "it makes 2×4×2×3×6 (288 elements) of its input, which is 2×4×14×6 (672 elements)" in problem.message
    assert problem.hint == "dynamic_shapes of torch.export allow other sizes"
    network = exported(nn.TransformerEncoderLayer(16, 4, 32, batch_first=True), torch.zeros(2, 6, 16), None)
    with pytest.raises(ShapeError) as caught:
        network.infer(input="9x16")
    assert [one.hint for one in caught.value.problems] == [problem.hint, "", ""]


def test_a_dynamic_dimension_is_the_symbol_of_its_axis():
    network = exported(nn.Conv2d(3, 4, 3), torch.zeros(2, 3, 8, 8), "3x9x8", 2)
    (name,) = network.infer().graph.variables
    with pytest.raises(UsageError) as caught:
        network.formula(name)
    (problem,) = caught.value.problems
    assert problem.message == f"{name} cannot be a symbol: it is a dimension of an input of the file"
    assert problem.hint == "choose that of its axis: H, W"


def test_a_formula_is_of_the_length_of_a_sequence_and_not_of_its_features():
    network = exported(nn.TransformerEncoderLayer(16, 4, 32, batch_first=True), torch.zeros(2, 6, 16), "6x16", 0, 1)
    assert str(network.formula(what="macs").formulas["macs"]) == "32*L**2 + 2048*L"
    assert network.legal_sizes().axes[0].given == (6,)


class Lengths(nn.Module):
    """A tagger of sentences of several lengths, as they are packed in PyTorch's own examples: two recurrent layers."""

    def __init__(self, *, keyword):
        super().__init__()
        self.keyword = keyword
        self.embed = nn.Embedding(50, 8)
        self.first = nn.LSTM(8, 16, 2, batch_first=True, bidirectional=True)
        self.second = nn.GRU(32, 6, batch_first=True)
        self.fc = nn.Linear(6, 4)

    def forward(self, x, lengths):
        rnn = nn.utils.rnn
        packed = rnn.pack_padded_sequence(self.embed(x), lengths, batch_first=True, enforce_sorted=False)
        packed, _ = self.first(input=packed) if self.keyword else self.first(packed)
        packed, state = self.second(packed)
        padded, _ = rnn.pad_packed_sequence(packed, batch_first=True)
        assert padded.shape == (3, 7, 6)
        assert state.shape == (1, 3, 6)
        return self.fc(padded)


@pytest.mark.parametrize("keyword", [False, True])
def test_packed_sequences_are_read_as_padded_ones(keyword):
    module = Lengths(keyword=keyword)
    report = shapecalc.from_torch(module, torch.zeros(3, 7, dtype=torch.long), torch.tensor([5, 7, 2])).infer()
    assert report.total.params == sum(one.numel() for one in module.parameters())
    assert [row.kind for row in report.rows if row.kind != "opaque"] == ["embedding", "lstm", "gru", "linear"]
    shapes = {row.name: row.output_shapes[0] for row in report.rows}
    assert (shapes["first"], shapes["second"], shapes["fc"]) == ((7, 32), (7, 6), (7, 4))


class Routed(nn.Module):
    """A mixture of experts written as a loop, as many are: what each expert is given depends on the data."""

    def __init__(self):
        super().__init__()
        self.gate, self.experts = nn.Linear(8, 4), nn.ModuleList(nn.Linear(8, 8) for _ in range(4))

    def forward(self, x):
        x = x.view(-1, 8)
        weights, chosen = self.gate(x).softmax(-1).topk(2, -1)
        out, mask = torch.zeros_like(x), nn.functional.one_hot(chosen, 4).permute(2, 1, 0)
        for number, expert in enumerate(self.experts):
            rank, token = torch.where(mask[number])
            out.index_add_(0, token, expert(x[token]) * weights[token, rank, None])
        return out


def test_an_error_in_a_loop_over_experts_is_shown_once():
    with pytest.raises(shapecalc.ShapeError) as caught:
        shapecalc.from_torch(Routed(), "5x8").infer()
    (problem,) = caught.value.problems
    assert problem.headline.endswith(
        "the size of the output of aten.where is not known before the network runs (in 4 copies)"
    )


class Counted(nn.Module):
    def __init__(self, **options):
        super().__init__()
        self.scores, self.options = nn.Linear(8, 4), options

    def forward(self, x):
        chosen = self.scores(x).argmax(-1)
        return nn.functional.one_hot(chosen, 6), torch.bincount(chosen.flatten(), **self.options)


def test_ids_that_are_counted():
    report = shapecalc.from_torch(Counted(minlength=4), "5x8").infer()
    assert [*report.outputs.values()] == [tuple(one.shape[-2:]) for one in Counted(minlength=4)(torch.zeros(1, 5, 8))]
    assert ", 0 unknown; " in report.notes[0]
    with pytest.raises(shapecalc.ShapeError, match="it has as many elements as the largest id says"):
        shapecalc.from_torch(Counted(), "5x8").infer()

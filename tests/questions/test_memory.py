"""Memory: against liveness simulated from its definition, exhaustive search of orders, PyTorch, and known figures."""

from __future__ import annotations

import itertools
import json
import random

import pytest
from searching import some

import shapecalc
from shapecalc.errors import UsageError
from shapecalc.layers import KINDS
from shapecalc.layers.base.layer import BOTH, DERIVED, INPUTS, NOTHING, OUTPUTS, TRAINED, UPCAST, WIDENED
from shapecalc.model.graph import Reference
from shapecalc.questions.memory import memory
from shapecalc.questions.memory.in_place import InPlace
from shapecalc.questions.memory.liveness import run
from shapecalc.questions.memory.order import best_order
from shapecalc.questions.memory.plan import make_plan, stored
from shapecalc.questions.memory.training.backward import train
from shapecalc.text.units import parse_bits, parse_bytes


def report_of(layers, size="16", **rest):
    return shapecalc.load({"input": [int(n) for n in size.split("x")], "layers": layers, **rest}).infer()


# Known figures.


def test_resnet50_at_its_peak():
    """The figure of this project's issue 4: (64 + 256 + 256)·56·56 elements × 4 bytes, element-wise layers in place."""
    found = shapecalc.load("resnet50").memory()
    assert found.activations.peak == (64 + 256 + 256) * 56 * 56 * 4 == 7_225_344
    assert found.weights == 25_557_032 * 4
    assert found.buffers == 53_120 * 4
    assert found.total == 7_225_344 + (25_557_032 + 53_120) * 4
    # it is in the first block, where a branch is added to its projected shortcut
    assert found.activations.at == "layer1.0.downsample.conv1"
    assert [held.bytes for held in found.activations.held] == [802_816, 3_211_264, 3_211_264]


def test_a_lenet_by_hand():
    layers = [
        {"conv": {"out_channels": 6, "kernel_size": 5}},  # 1×32×32 → 6×28×28
        "tanh",
        {"avg_pool": 2},  # 6×14×14
        "flatten",
        {"fc": 10},
    ]
    found = memory(report_of(layers, "1x32x32"))
    assert found.activations.peak == (6 * 28 * 28 + 6 * 14 * 14) * 4
    assert found.activations.at == "avg_pool1"
    assert [layer.live for layer in found.layers] == [
        (1024 + 4704) * 4,
        4704 * 4,
        (4704 + 1176) * 4,
        None,
        (1176 + 10) * 4,
    ]
    assert [layer.overwrites for layer in found.layers] == ["", "conv1", "", "", ""]
    without = memory(report_of(layers, "1x32x32"), in_place="none")
    assert without.activations.peak == 2 * 4704 * 4 == found.activations.peak_without_in_place


# PyTorch 2.13 with torchvision 0.28, batch 2: bytes of all tensors that autograd's saved_tensors_hooks see in one
# forward pass in training mode, each storage once, without parameters and buffers, and without the statistics of
# batch normalisation (tensors of one axis), which are kept once for a batch and not counted here.
KEPT_BY_PYTORCH = {
    "resnet18": 44_359_680,
    "resnet50": 171_819_008,
    "densenet121": 260_722_688,
    "shufflenet_v2_x1_0": 40_769_920,
    "regnet_x_400mf": 50_373_632,
    "regnet_y_400mf": 67_261_696,
}


@pytest.mark.parametrize("spec", KEPT_BY_PYTORCH)
def test_saved_activations_agree_with_pytorch(spec):
    found = shapecalc.load(spec).memory(batch=2, training=True)
    assert found.training.kept == KEPT_BY_PYTORCH[spec]


@pytest.mark.parametrize(("spec", "by_pytorch"), [("vit_b_32", 60_878_624), ("vit_b_16", 236_321_360)])
def test_saved_activations_of_transformers(spec, by_pytorch):
    """Fused attention saves no scores; layer normalisation saves the mean and deviation of each token."""
    assert shapecalc.load(spec).memory(batch=2, training=True).training.kept == by_pytorch


@pytest.mark.parametrize(
    ("optimizer", "mixed", "bytes_each"),
    [
        ("none", False, 8),
        ("sgd", False, 8),
        ("momentum", False, 12),
        ("adam", False, 16),
        ("adamw", False, 16),
        ("sgd", True, 8),
        ("momentum", True, 12),
        ("adam", True, 16),  # Rajbhandari et al. 2020 (ZeRO), section 3.1: 2 + 2 + 12
        ("adamw", True, 16),
    ],
)
def test_bytes_for_each_parameter(optimizer, mixed, bytes_each):
    found = shapecalc.load("alexnet").memory(optimizer=optimizer, mixed_precision=mixed)
    parameters = 62_378_344
    assert found.weights + found.training.gradients + found.training.state == bytes_each * parameters
    assert found.total == bytes_each * parameters + found.training.peak


def test_frozen_layers_have_no_gradients_and_save_nothing_before_the_first_trainable_layer():
    layers = [
        {"fc": 8, "frozen": True},
        "relu",
        {"fc": 8, "frozen": True},
        {"fc": 4},
        "relu",
        {"fc": 4, "frozen": True},
    ]
    found = memory(report_of(layers), training=True)
    assert found.training.gradients == (8 * 4 + 4) * 4
    assert found.training.kept == (8 + 4) * 4  # the input of the trainable layer, and the output of the ReLU after it


def test_kv_cache():
    assert shapecalc.load("llama-2-7b").memory(activations=16).kv_cache == 2 * 32 * 4096 * 2  # keys and values, fp16
    assert shapecalc.load("llama-3-8b").memory(activations=16).kv_cache == 2 * 32 * 1024 * 2  # 8 heads of 128
    assert shapecalc.load("resnet18").memory().kv_cache == 0


@pytest.mark.parametrize(("buffer", "once"), [(False, 8 * 4), (True, 0)])
def test_a_constant_is_stored_once_for_all_samples(buffer, once):
    layers = [{"constant": {"shape": [8], "buffer": buffer}, "name": "c"}, {"sub": {}, "from": ["input", "c"]}]
    found = shapecalc.load({"input": [8], "layers": layers}).memory(batch=3)
    assert found.activations.peak == 3 * (8 + 8) * 4 - 3 * 8 * 4 + once  # the difference overwrites the input
    assert found.buffers == (8 * 4 if buffer else 0)


def test_dropout_is_a_view_at_inference():
    layers = [{"fc": 100, "name": "a"}, {"dropout": 0.5}, {"fc": 1}]
    found = memory(report_of(layers), in_place="none", training=True)
    assert found.activations.peak == (16 + 100) * 4
    assert found.training.kept == (16 + 100) * 4 + 100  # inputs of both layers, and a byte of mask for each element


def test_an_input_that_is_an_output_is_live_to_the_end():
    spec = {
        "inputs": {"x": [8], "y": [100]},
        "layers": [{"linear": 4, "name": "a", "from": "x"}],
        "outputs": ["a", "y"],
    }
    found = memory(shapecalc.load(spec).infer(), training=True, loss="none")
    assert found.activations.peak == (8 + 4 + 100) * 4
    assert found.training.peak == (8 + 4 + 100 + 4) * 4  # with the gradient of `a`


def test_a_shared_layer_is_counted_once():
    layers = [{"fc": 16, "name": "a"}, {"fc": 16, "share": "a"}]
    assert memory(report_of(layers)).weights == (16 * 16 + 16) * 4


def test_an_input_used_only_for_its_size_is_not_live():
    layers = [
        {"conv": {"out_channels": 8, "kernel_size": 1}, "name": "large"},
        {"conv": {"out_channels": 1, "kernel_size": 2, "stride": 2}, "name": "small"},
        {"upsample": {}, "from": ["small", "large"], "name": "up"},
    ]
    live = {layer.name: layer.live for layer in memory(report_of(layers, "1x8x8")).layers}
    assert live == {"large": (64 + 512) * 4, "small": (512 + 16) * 4, "up": (16 + 64) * 4}


def test_widths():
    one, other = (
        shapecalc.load("resnet50").memory(**widths) for widths in ({}, {"weights": 8, "activations": "int16"})
    )
    assert other.weights * 4 == one.weights
    assert other.activations.peak * 2 == one.activations.peak
    assert other.buffers == one.buffers
    assert shapecalc.load("resnet50").memory(buffers=16).buffers * 2 == one.buffers
    assert stored(7, 4) == 4
    odd = memory(report_of([{"fc": 3}], "5"), weights=4, activations=4)
    assert odd.weights == 8 + 2  # each tensor rounded up: 15 and 3 elements of half a byte
    assert odd.activations.peak == 3 + 2


# Random graphs.

FEATURES = (4, 8, 8)


def random_layers(rng, most=8):
    """Return layers over features: branches, views, and layers that may run in place."""
    sizes = {"input": 8}
    layers, unused = [], {"input"}
    for number in range(rng.randint(3, most)):
        name = f"n{number}"

        def pick(size=None, sizes=sizes):
            names = [n for n, s in sizes.items() if size in (None, s)]
            fresh = [n for n in names if n in unused]
            return rng.choice(fresh if fresh and rng.random() < 0.6 else names)

        kind = rng.choice(["relu", "relu", "linear", "linear", "add", "add", "concat", "flatten", "identity", "chunk"])
        first = pick()
        inputs = [first]
        size = sizes[first]
        item = {kind: {}}
        if kind == "linear":
            size = rng.choice(FEATURES)
            item = {kind: size}
        elif kind in ("add", "concat"):
            inputs += [pick(size) for _ in range(rng.randint(1, 2))]
            size = size * len(inputs) if kind == "concat" else size
            if size > 40:
                continue
        elif kind == "chunk":
            if size % 2:
                continue
            item, size = {kind: 2}, size // 2
            name = f"n{number}"
        layers.append({**item, "name": name, "from": inputs if len(inputs) > 1 else inputs[0]})
        unused.difference_update(inputs)
        if kind == "chunk":
            sizes[f"{name}[0]"] = sizes[f"{name}[1]"] = size
            unused.update((f"{name}[0]", f"{name}[1]"))
        else:
            sizes[name] = size
            unused.add(name)
    return layers, sorted(unused - {"input"})


def random_reports(seeds, most=8):
    for seed in seeds:
        rng = random.Random(seed)
        layers, outputs = random_layers(rng, most)
        if not layers:
            continue
        try:
            yield seed, rng, report_of(layers, "8", outputs=outputs)
        except shapecalc.ShapecalcError:
            continue


VIEWS = {"flatten", "identity", "chunk"}
ELEMENTWISE = {"relu", "add", "identity"}


def simulate(report, order, in_place=True):
    """Return what is live while each layer runs, by checking for every tensor whether it is still needed.

    `order` are indices of layers. Every tensor is in a storage; storages are compared by identity.
    """
    storage = {Reference(-1, 0): "input"}
    size = {"input": 8 * 4}
    contents = {"input": {Reference(-1, 0)}}  # the tensors in a storage
    done, live_at = set(), []

    def needed(where, *, but=None):
        """Whether a tensor in a storage, or a later view of one, is read later or is an output."""
        inside = set(contents[where])
        views = True
        while views:  # the views that later layers will make of it
            views = {
                Reference(i, k)
                for i, row in enumerate(report.rows)
                if row.kind in VIEWS and row.node.inputs[0] in inside
                for k in range(len(row.sizing.outputs))
            } - inside
            inside |= views
        readers = {
            i
            for i, row in enumerate(report.rows)
            if row.kind not in VIEWS and i not in done and i != but and inside & set(row.node.inputs)
        }
        return bool(readers) or bool(inside & set(report.graph.outputs))

    def live(*extra):
        return {where for where in size if needed(where)} | set(extra)

    for i in order:
        row = report.rows[i]
        if row.kind in VIEWS:
            for k in range(len(row.sizing.outputs)):
                storage[Reference(i, k)] = storage[row.node.inputs[0]]
                contents[storage[row.node.inputs[0]]].add(Reference(i, k))
            live_at.append(0)
            continue
        needs = row.sizing.outputs[0].elements * 4
        read = [storage[ref] for ref in row.node.inputs]
        free = [
            where
            for where in read
            if in_place and row.kind in ELEMENTWISE and size[where] == needs and not needed(where, but=i)
        ]
        before = live(*read)
        if free:
            live_at.append(sum(size[where] for where in before))
            done.add(i)
            contents[free[0]] = {Reference(i)}
            storage[Reference(i)] = free[0]
        else:
            name = f"storage {i}"
            size[name], contents[name] = needs, {Reference(i)}
            storage[Reference(i)] = name
            live_at.append(sum(size[where] for where in before | {name}))
            done.add(i)
    return live_at


@pytest.mark.slow
@pytest.mark.parametrize("in_place", [True, False])
def test_liveness_agrees_with_its_definition(in_place):
    tried = 0
    for seed, _, report in random_reports(range(400)):
        found = memory(report, in_place="all" if in_place else "none")
        expected = simulate(report, range(len(report.rows)), in_place)
        by_name = {layer.name: layer.live or 0 for layer in found.layers}
        assert [by_name[row.name] for row in report] == expected, seed
        assert found.activations.peak == max([*expected, 32]), seed
        tried += 1
    assert tried > 250


def orders(plan):
    """Yield every order of the steps in which each is after those that write its inputs."""
    writer = {storage: i for i, step in enumerate(plan.steps) for storage in step.writes}
    needs = [{writer[s] for s in step.reads if s in writer} for step in plan.steps]

    def extend(order):
        if len(order) == len(needs):
            yield list(order)
        for i, needed in enumerate(needs):
            if i not in order and needed <= set(order):
                yield from extend([*order, i])

    return extend([])


@pytest.mark.slow
@pytest.mark.parametrize("in_place", [True, False])
def test_the_best_order_has_the_minimum_peak(in_place):
    better = 0
    for seed, rng, report in random_reports(range(1000, 1160), most=7):
        plan = make_plan(report, 32, InPlace(lambda _: in_place))
        peaks = [run(plan, order).peak.live for order in itertools.islice(orders(plan), 20_000)]
        if len(peaks) == 20_000:
            continue
        order, is_exact = best_order(plan)
        assert is_exact, seed
        assert run(plan, order).peak.live == min(peaks), seed
        better += min(peaks) < run(plan).peak.live
        guess, is_exact = best_order(plan, most=0)
        assert sorted(guess) == list(range(len(plan.steps))), seed
        assert min(peaks) <= run(plan, guess).peak.live <= run(plan).peak.live, seed
        # and the definition of liveness agrees on an order at random
        chosen = rng.choice([order, guess])
        nodes = [layer.name for layer in memory(report, order="best", in_place="all" if in_place else "none").layers]
        indices = [[row.name for row in report].index(name) for name in nodes]
        assert max([*simulate(report, indices, in_place), 32]) == run(plan, order).peak.live, (seed, chosen)
    assert better > 10


def test_a_branch_that_shrinks_is_run_first():
    layers = [
        {"linear": 64, "name": "wide", "from": "input"},
        {"linear": 4, "name": "wide_to_small", "from": "wide"},
        {"linear": 64, "name": "other", "from": "input"},
        {"linear": 4, "name": "other_to_small", "from": "other"},
        {"concat": ["wide_to_small", "other_to_small"]},
    ]
    given = [layers[0], layers[2], layers[1], layers[3], layers[4]]
    assert memory(report_of(given)).activations.peak == (16 + 64 + 64) * 4
    found = memory(report_of(given), order="best")
    assert found.order == "exact"
    assert found.activations.peak == (16 + 64 + 4) * 4
    assert sorted(layer.name for layer in found.layers) == sorted(row.name for row in report_of(given))


def test_too_many_orders_are_not_all_tried(monkeypatch):
    layers = []
    for i in range(14):
        layers += [{"linear": 8 + i % 3, "name": f"a{i}", "from": "input"}, {"linear": 5 + i % 4, "name": f"b{i}"}]
    report = report_of([*layers, {"concat": [f"b{i}" for i in range(14)]}])
    shuffled = make_plan(report, 32, InPlace(lambda _: True))
    order, is_exact = best_order(shuffled, most=10)
    assert not is_exact or run(shuffled, order).peak.live <= run(shuffled).peak.live
    monkeypatch.setattr("shapecalc.questions.memory.order._MOST_SETS", 10)
    assert memory(report, order="best").order in ("heuristic", "exact")


# Training, by its definition.


class Training:
    """A training step from its definition: liveness is computed from the whole network at every moment."""

    def __init__(self, report):
        self.report = report
        self.steps = [i for i, row in enumerate(report.rows) if row.kind not in VIEWS]
        self.outputs = {self.root(ref) for ref in report.graph.outputs}
        self.reads = {i: {self.root(ref) for ref in report.rows[i].node.inputs} for i in self.steps}
        self.learns = {i: bool(report.rows[i].sizing.weights) and not report.rows[i].node.frozen for i in self.steps}

    def root(self, ref):
        while ref.node >= 0 and self.report.rows[ref.node].kind in VIEWS:
            ref = self.report.rows[ref.node].node.inputs[0]
        return ref.node

    def size(self, root):
        return (8 if root < 0 else self.report.rows[root].sizing.outputs[0].elements) * 4

    def trains(self, i):
        return i >= 0 and (self.learns[i] or any(self.trains(root) for root in self.reads[i]))

    def saves(self, i):
        saves = self.report.rows[i].node.layer.saves
        if not self.trains(i):
            return set()
        inputs = saves in (INPUTS, BOTH) or (saves == TRAINED and self.learns[i])
        return (self.reads[i] if inputs else set()) | ({i} if saves in (OUTPUTS, BOTH) else set())

    def is_read_after(self, root, i):
        return root in self.outputs or any(root in self.reads[j] for j in self.steps if j > i)

    def saved_by(self, i):
        return set().union(*(self.saves(j) for j in self.steps if j <= i))

    def overwritten(self, i):
        if self.report.rows[i].kind not in ELEMENTWISE:
            return set()
        alike = [
            root
            for root in dict.fromkeys(self.root(ref) for ref in self.report.rows[i].node.inputs)
            if self.size(root) == self.size(i) and not self.is_read_after(root, i) and root not in self.saved_by(i)
        ]
        return set(alike[:1])

    def forward(self):
        for i in self.steps:
            there = {root for root in (-1, *self.steps) if root < i and self.is_read_after(root, i - 1)}
            live = (there | self.reads[i] | {i}) - self.overwritten(i) | self.saved_by(i)
            yield sum(map(self.size, live))

    def is_reached(self, i):
        """Whether a gradient reaches a layer."""
        return i in self.outputs or any(
            i in self.reads[j] and self.trains(j) and self.is_reached(j) for j in self.steps
        )

    def backward(self):
        for i in reversed([i for i in self.steps if self.trains(i) and self.is_reached(i)]):
            gradients = [
                root
                for root in self.steps
                if self.trains(root) and root <= i and self.is_reached(root)
                if root in self.outputs
                or any(j >= i and root in self.reads[j] and self.is_reached(j) for j in self.steps)
            ]
            yield sum(map(self.size, self.saved_by(i) | self.outputs)) + sum(map(self.size, gradients))


@pytest.mark.slow
@pytest.mark.parametrize("in_place", [True, False])
def test_training_agrees_with_its_definition(in_place):
    tried = gone = 0
    for seed, rng, found in random_reports(range(2000, 2300)):
        rows = [row._replace(node=row.node._replace(frozen=rng.random() < 0.3)) for row in found.rows]
        report = type(found)(found.graph, tuple(rows), found.total, found.layout)
        expected = Training(report)
        if not in_place:
            expected.overwritten = lambda _: set()
        moments = train(make_plan(report, 32, InPlace(lambda _: in_place), training=True))
        assert [moment.live for moment in moments if moment.direction == "forward"] == [*expected.forward()], seed
        assert [moment.live for moment in moments if moment.direction == "backward"] == [*expected.backward()], seed
        result = memory(report, training=True, loss="none", in_place="all" if in_place else "none").training
        last = expected.steps[-1] if expected.steps else -1
        assert result.kept == sum(map(expected.size, expected.saved_by(last))), seed
        assert result.peak == max([moment.live for moment in moments], default=0), seed
        tried += 1
        gone += any(expected.overwritten(i) for i in expected.steps)
    assert tried > 150
    assert gone > 20 or not in_place


# Laws.

SPECS = [
    "alexnet",
    "googlenet",
    "densenet121",
    "shufflenet_v2_x1_0",
    "unet",
    "vit_b_32",
    "siamese",
    "seq2seq_lstm",
    "gpt2",
]


@pytest.mark.parametrize("spec", some(SPECS, 4))
def test_laws(spec):
    net = shapecalc.load(spec)
    one, three = net.memory(), net.memory(batch=3)
    nothing = net.memory(in_place="none")
    some = net.memory(in_place="activations")
    assert one.activations.peak <= some.activations.peak <= nothing.activations.peak
    assert nothing.activations.peak == one.activations.peak_without_in_place
    assert three.activations.peak == 3 * one.activations.peak
    assert (three.weights, three.buffers, three.kv_cache) == (one.weights, one.buffers, one.kv_cache)
    report = net.infer()
    assert nothing.activations.peak >= max(
        4 * sum(shape.elements for shape in {*row.sizing.inputs, *row.sizing.outputs})
        for row in report
        if len(row.sizing.inputs) == 1 and not row.node.layer.view and not row.node.layer.only_training
        if row.node.inputs[0].node < 0 or report.rows[row.node.inputs[0].node].kind != "parameter"
    )
    assert one.activations.peak >= max(layer.live or 0 for layer in one.layers)
    assert sum(held.bytes for held in one.activations.held) == one.activations.peak
    best = net.memory(order="best")
    assert best.activations.peak <= one.activations.peak
    assert sum(layer.weights for layer in one.layers) == one.weights
    assert sum(layer.buffers for layer in one.layers) == one.buffers


@pytest.mark.parametrize("spec", some(SPECS, 4))
def test_laws_of_training(spec):
    net = shapecalc.load(spec)
    one, three = net.memory(training=True).training, net.memory(training=True, batch=3).training
    assert three.peak == 3 * one.peak
    assert three.kept == 3 * one.kept
    assert (three.gradients, three.state) == (one.gradients, one.state)
    assert one.peak >= one.kept
    assert one.optimizer == "adam"
    assert one.state == 2 * one.gradients


@pytest.mark.parametrize("spec", some(["alexnet", "resnet50", "unet"], 1))
@pytest.mark.parametrize("budget", some(["24GiB", "300MiB", "1GB", 10**12], 1))
@pytest.mark.parametrize("options", [{}, {"optimizer": "momentum"}, {"weights": 8, "activations": 4}])
def test_the_largest_batch_fits_and_one_more_does_not(spec, budget, options):
    net = shapecalc.load(spec)
    found = net.memory(budget=budget, **options).budget
    assert found.bytes == parse_bytes(budget)
    assert net.memory(batch=7, budget=budget, **options).budget == found
    if found.batch == 0:
        assert net.memory(**options).total > found.bytes
        return
    assert net.memory(batch=found.batch, **options).total == found.total <= found.bytes
    assert net.memory(batch=found.batch + 1, **options).total > found.bytes


def test_every_kind_declares_what_the_backward_pass_needs():
    from numbers_of_kinds import plain_kinds, samples

    for kind in plain_kinds():
        cls = KINDS[kind]
        assert not (cls.view and cls.elementwise) or kind in ("identity", "unused_parameter"), kind
        for layer, shapes, _ in samples(cls):
            assert layer.saves in (INPUTS, OUTPUTS, BOTH, NOTHING, TRAINED, DERIVED), kind
            assert layer.saves != TRAINED or layer.weights(*shapes), kind
            output = layer.output(*shapes)
            assert layer.saved(*shapes) in (INPUTS, OUTPUTS, BOTH, NOTHING, TRAINED, DERIVED, UPCAST), kind
            for numbers, bits in layer.kept(output, *shapes):
                assert type(numbers) is int, kind
                assert numbers >= 0, kind
                assert bits in (0, 8, 32, 64, WIDENED), kind
            assert layer.kv_cache(*shapes) >= 0, kind


# Values of in_place.


def test_layers_in_place_by_family_and_by_kind():
    layers = [{"conv": {"out_channels": 4, "kernel_size": 1}}, "batch_norm", "relu", "softmax"]
    report = report_of(layers, "4x8x8")

    def over(words):
        return [layer.name for layer in memory(report, in_place=words).layers if layer.overwrites]

    assert over("all") == ["batch_norm1", "relu1", "softmax1"]
    assert over("none") == []
    assert over("activations") == ["relu1", "softmax1"]
    assert over("normalisation,relu") == ["batch_norm1", "relu1"]
    assert over(["Batch_Norm"]) == ["batch_norm1"]
    assert over("bn") == ["batch_norm1"]


# Errors.


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights": 0}, "the bits of weights are 0: they must be a number from 1 to 64"),
        ({"weights": "thin"}, "the format of weights is 'thin', which is not known"),
        ({"activations": 0.5}, "the bits of activations are 0.5"),
        ({"activations": True}, "the bits of activations are True"),
        ({"buffers": 65}, "the bits of buffers are 65"),
        ({"budget": "24G"}, "the budget is not a number of bytes: '24G'"),
        ({"budget": "much"}, "the budget is not a number of bytes: 'much'"),
        ({"budget": "-1GiB"}, "not a number of bytes"),
        ({"budget": 0}, "not a number of bytes"),
        ({"budget": "0.0001B"}, "the budget is less than 1 byte"),
        ({"in_place": "conv"}, "conv cannot run in place: it is not element-wise"),
        ({"in_place": "rellu"}, "in place cannot be rellu"),
        ({"in_place": "all,relu"}, "is not a choice of layers"),
        ({"in_place": ""}, "is not a choice of layers"),
        ({"order": "worst"}, "there is no order worst"),
        ({"order": "best", "training": True}, "not for training"),
        ({"order": "best", "mixed_precision": True}, "not for training"),
        ({"mixed_precision": True, "weights": 8}, "weights of 16 bits, not 8"),
        ({"optimizer": "adan"}, "there is no optimizer adan"),
    ],
)
def test_invalid_options(options, message):
    with pytest.raises(UsageError) as error:
        shapecalc.load("lenet5").memory(**options)
    assert message in str(error.value)


def test_amounts():
    assert parse_bytes("24GiB") == 24 * 2**30
    assert parse_bytes("24 gib") == 24 * 2**30
    assert parse_bytes("512KiB") == 2**19
    assert parse_bytes("16GB") == 16 * 10**9
    assert parse_bytes("1.5 MiB") == 3 * 2**19
    assert parse_bytes("4096") == parse_bytes(4096) == 4096
    assert [parse_bits(given, "x") for given in (8, "16", "fp16", "BF16", "int8", "uint4", "float32")] == [
        8, 16, 16, 16, 8, 4, 32,
    ]  # fmt: skip


def test_json_has_the_documented_keys():
    found = shapecalc.load("siamese").memory(batch=2, optimizer="sgd", budget="1GiB")
    printed = json.loads(json.dumps(found.to_dict()))
    assert list(printed) == [
        "version", "name", "inputs", "batch", "bits", "in_place", "order", "attention", "weights", "buffers", "activations",
        "kv_cache_per_token", "kv_cache_bits", "kv_cache_windows", "cross_kv_cache", "cross_kv_cache_per_source_token",
        "state_cache", "training", "total", "budget", "layers",
    ]  # fmt: skip
    assert printed["version"] == 1
    assert printed["total"] == found.total
    assert printed["activations"]["held"][0] == found.activations.held[0]._asdict()
    assert list(printed["layers"][0]) == ["name", "kind", "weights", "buffers", "output", "live", "overwrites"]
    assert "training" not in shapecalc.load("lenet5").memory().to_dict()


def test_a_result_is_immutable():
    found = shapecalc.load("lenet5").memory()
    with pytest.raises(AttributeError):
        found.weights = 0


# Memory means the same everywhere.


def test_memory_is_the_same_in_all_commands():
    pytest.importorskip("numpy")
    from shapecalc import sweep

    spec = {"input": [3, 32, 32], "vars": {"width": 8, "act": "relu"},
            "layers": [{"conv": {"out_channels": "width", "kernel_size": 3}}, "batch_norm", {"activation": "act"},
                       {"add": [[{"conv": {"out_channels": "width", "kernel_size": 1}}], []]}, {"fc": 10}]}  # fmt: skip
    total = shapecalc.load(spec).memory().total
    for axes in (
        {"width": [4, 8]},
        {"width": [8]},
        {"act": ["tanh", "relu"]},
        {"width": [4, 8], "act": ["gelu", "relu"]},
    ):
        rows = sweep(spec, vars=axes).to_dicts()
        assert rows[-1]["memory"] == total, axes
        assert sweep(spec, vars=axes).where(f"memory == {total}").to_dicts()[-1] == rows[-1]
    fits = shapecalc.solve(spec, find={"width": [8]}, memory=total)
    assert fits.solutions[0].amounts["memory"] == total
    assert not shapecalc.solve(spec, find={"width": [8]}, memory=total - 1).solutions

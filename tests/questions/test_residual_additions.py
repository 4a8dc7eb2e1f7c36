"""Additions of residuals in place, against every schedule that computes the right values, and figures by hand."""

from __future__ import annotations

import random

import pytest
from test_memory import VIEWS, report_of

import shapecalc
from shapecalc.errors import UsageError
from shapecalc.model.graph import Reference
from shapecalc.questions.memory import memory

INT8 = {"weights": 8, "activations": 8}


def network(layers, size="4x8x8", **rest):
    return shapecalc.load({"input": [int(n) for n in size.split("x")], "layers": layers, **rest})


def conv(out, kernel, **rest):
    return {"conv": {"out_channels": out, "kernel_size": kernel, **rest}}


class Machine:
    """A machine with buffers of bytes, on which each layer writes where a schedule says. Values are sums of terms."""

    def __init__(self, report, in_place):
        self.report, self.in_place = report, in_place
        self.rows = list(report.rows)
        self.readers = {}
        for i, row in enumerate(self.rows):
            for ref in row.node.inputs:
                self.readers.setdefault(ref, []).append(i)

    def source(self, ref):
        """Return the tensor whose memory a tensor is a view of."""
        while ref.node >= 0 and self.rows[ref.node].kind in VIEWS:
            ref = self.rows[ref.node].node.inputs[0]
        return ref

    def value(self, ref, of):
        """Return the value of a tensor, where `of` is that of each tensor that is no view."""
        row = self.rows[ref.node] if ref.node >= 0 else None
        if row is None or row.kind not in VIEWS:
            return of(ref)
        inner = self.value(row.node.inputs[0], of)
        return (("part", ref.output, inner),) if row.kind == "chunk" else inner

    def computed(self, i, values):
        row = self.rows[i]
        if row.kind == "add":
            return tuple(sorted((term for value in values for term in value), key=repr))
        return ((row.kind, i if row.kind == "linear" else 0, *values),)

    def expected(self):
        known = {Reference(-1): (("input",),)}
        for i, row in enumerate(self.rows):
            if row.kind not in VIEWS:
                values = [self.value(ref, known.__getitem__) for ref in row.node.inputs]
                known[Reference(i)] = self.computed(i, values)
        return [self.value(ref, known.__getitem__) for ref in self.report.graph.outputs]

    def needed(self, ref, after):
        """Return whether a tensor, or a view of it, is read after a layer, or is an output."""
        if ref in self.report.graph.outputs:
            return True
        return any(
            any(self.needed(Reference(i, k), after) for k in range(len(self.rows[i].sizing.outputs)))
            if self.rows[i].kind in VIEWS
            else i > after
            for i in self.readers.get(ref, ())
        )

    def only_reader(self, ref):
        """Yield the addition that alone reads a tensor, or a view of it."""
        found = {k for k in range(len(self.rows)) if self.rows[k].kind not in VIEWS
                 for other in self.rows[k].node.inputs if self.source(other) == ref}  # fmt: skip
        if len(found) == 1 and self.rows[min(found)].kind == "add":
            yield from found

    def best(self):
        """Return the lowest peak of all schedules that leave the right values in the outputs."""
        self.due, self.lowest = self.expected(), float("inf")
        self.go(0, {"input": (32, (("input",),))}, {Reference(-1): "input"}, frozenset(), 32)
        return self.lowest

    def go(self, i, buffers, where, merged, peak):
        if peak >= self.lowest:
            return
        if i == len(self.rows):
            found = [self.value(ref, lambda r: buffers[where[r]][1]) for ref in self.report.graph.outputs]
            self.lowest = peak if found == self.due else self.lowest
            return
        row = self.rows[i]
        if row.kind in VIEWS:
            self.go(i + 1, buffers, where, merged, peak)
            return
        operands = [ref for ref in row.node.inputs if self.source(ref) not in merged]
        values = [self.value(ref, lambda r: buffers[where[r]][1]) for ref in operands]
        value, size = self.computed(i, values), row.sizing.outputs[0].elements * 4
        read = {where[self.source(ref)] for ref in row.node.inputs}
        choices = [(f"b{i}", value, merged)]
        if (self.in_place and row.kind in ("relu", "add")) or (len(operands) == 1 < len(row.node.inputs)):
            choices += [(name, value, merged) for name in sorted(read) if buffers[name][0] == size]
        if row.kind == "linear":
            for addition in self.only_reader(Reference(i)):
                sources = [self.source(ref) for ref in self.rows[addition].node.inputs]
                if sources.count(Reference(i)) == 1:
                    onto = {where[ref] for ref in sources if ref in where and buffers[where[ref]][0] == size}
                    both = [
                        (name, tuple(sorted((*value, *buffers[name][1]), key=repr))) for name in sorted(onto - read)
                    ]
                    choices += [(name, total, merged | {Reference(i)}) for name, total in both]
        before = {where[ref] for ref in where if self.needed(ref, i - 1)} | read
        for name, written, now in choices:
            after = {**buffers, name: (size, written)}
            live = sum(after[one][0] for one in before | {name})
            self.go(i + 1, after, {**where, Reference(i): name}, now, max(peak, live))


def random_blocks(seed):
    """Return a small network of linear layers and sums, also of one tensor twice and of views, and a seed's outputs."""
    rng = random.Random(seed)
    sizes, layers, unused = {"input": 8}, [], []
    for number in range(rng.randint(3, 7)):
        kind = rng.choice(["linear", "linear", "linear", "add", "add", "add", "relu", "identity", "chunk"])
        recent = [*sizes][-3:]
        first = rng.choice(recent)
        name, inputs, size, item = f"n{number}", [first], sizes[first], kind
        if kind == "linear":
            size = rng.choice([8, 8, 8, 16])
            item = {kind: size}
        elif kind == "add":
            inputs += rng.choices([one for one in sizes if sizes[one] == size], k=rng.choice([1, 1, 2]))
        elif kind == "chunk":
            item, size = {kind: 2}, size // 2
        layers.append({**({item: {}} if isinstance(item, str) else item), "name": name, "from": inputs})
        names = [f"{name}[0]", f"{name}[1]"] if kind == "chunk" else [name]
        sizes.update(dict.fromkeys(names, size))
        unused = [one for one in unused if one not in inputs] + names
    return report_of(layers, "8", outputs=unused)


@pytest.mark.slow
@pytest.mark.parametrize("words", ["residual", "all,residual"])
def test_no_schedule_with_the_right_values_needs_less(words):
    better = 0
    for seed in range(600):
        report = random_blocks(seed)
        found = memory(report, in_place=words).activations.peak
        assert found == Machine(report, "all" in words).best(), seed
        better += found < memory(report, in_place="all" if "all" in words else "none").activations.peak
    assert better > 12


# By hand, on feature maps of 64 positions, at 8 bits.

BLOCK = [conv(16, 1), {"add": [[conv(8, 1), "relu", conv(16, 3, padding=1)], []]}, "relu", conv(2, 1)]


def live(layers, words="all,residual", **options):
    return {
        one.name: (one.live, one.overwrites) for one in network(layers).memory(**INT8, in_place=words, **options).layers
    }


def test_the_second_convolution_of_a_block_is_added_onto_its_shortcut():
    found = live(BLOCK)
    assert found["conv3"] == ((16 + 8) * 64, "conv1"), "the shortcut, and what the convolution reads"
    assert found["add1"] == (16 * 64, "conv3")
    assert found["relu2"] == (16 * 64, "add1")
    assert live(BLOCK, "all")["conv3"] == ((16 + 8 + 16) * 64, "")
    peaks = [network(BLOCK).memory(in_place=words).activations for words in ("none", "residual", "all,residual")]
    assert peaks[0].peak == peaks[1].peak_without_in_place == peaks[2].peak_without_in_place
    assert peaks[2].peak < peaks[1].peak < peaks[0].peak


def test_the_addition_costs_nothing_even_if_no_other_layer_runs_in_place():
    found = live(BLOCK, "residual")
    assert found["conv3"] == ((16 + 8) * 64, "conv1")
    assert found["add1"] == (16 * 64, "conv3")
    assert found["relu2"] == (2 * 16 * 64, "")
    assert live(BLOCK, "none")["add1"] == (3 * 16 * 64, "")


def test_three_branches_are_one_sum_in_one_tensor():
    layers = [{"add": [[conv(16, 1)], [conv(16, 1)], [conv(16, 1)]]}, conv(2, 1)]
    assert [found for found, _ in live(layers).values()] == [20 * 64, 20 * 64, 20 * 64, 16 * 64, 18 * 64]


@pytest.mark.parametrize("layers", [
    [conv(16, 1), {"add": [[conv(16, 3, padding=1)], []]}, conv(2, 1)],  # it reads what it would be added onto
    [conv(16, 1), {"add": [[conv(8, 1), conv(16, 1), "batch_norm"], []]}, conv(2, 1)],  # a layer between
    [conv(16, 1), {"add": [[conv(8, 1)], [conv(8, 1), {"upsample": 1}]]}, conv(2, 1)],  # the later one is no sum
    [conv(16, 1), {"sub": [[], [conv(8, 1), conv(16, 1)]]}, conv(2, 1)],
    [conv(16, 1), {"concat": [[conv(8, 1), conv(16, 1)], []]}, conv(2, 1)],
    [conv(16, 1), {"add": [[conv(8, 1), conv(16, 1)], []]}, {"add": "conv1"}],  # the shortcut is read later
    [conv(16, 1), {"add": [[conv(8, 1), {**conv(16, 1), "name": "a"}], []]}, {"add": "a"}],  # the other operand is
    [conv(16, 1), {"add": [[{"adaptive_avg_pool": 1}, conv(16, 1)], []]}, conv(2, 1)],  # it is broadcast
])  # fmt: skip
@pytest.mark.parametrize("words", ["all", "none"])
def test_where_nothing_is_added_in_place(layers, words):
    with_it = "all,residual" if words == "all" else "residual"
    assert live(layers, with_it) == live(layers, words)


def test_what_is_broadcast_is_no_operand_though_its_storage_is_as_large():
    layers = [
        {"linear": 8, "name": "a"},
        {"chunk": 2, "name": "halves"},
        {"linear": 4, "name": "b", "from": "input"},
        {"linear": 8, "name": "c", "from": "b"},
        {"unflatten": {"dim": 1, "unflattened_size": [2, 4]}, "name": "rows"},
        {"add": ["rows", "halves[0]"]},
    ]
    report = report_of(layers, "8")
    found = memory(report, in_place="residual", activations=8)
    assert found.layers[[one.name for one in found.layers].index("c")].overwrites == ""


def test_parts_of_larger_tensors_are_no_operands():
    layers = [
        {"linear": 16, "name": "a"},
        {"chunk": 2, "name": "halves"},
        {"linear": 16, "name": "b", "from": "input"},
        {"chunk": 2, "name": "others"},
        {"add": ["others[0]", "halves[0]"]},
    ]
    found = memory(report_of(layers, "8"), in_place="residual", activations=8)
    assert [one.overwrites for one in found.layers if one.name in ("b", "add1")] == ["", ""]


def test_a_depthwise_convolution_needs_no_buffer_for_a_channel_where_it_is_added_onto_its_operand():
    layers = [conv(16, 1), {"add": [[conv(16, 1), conv(16, 3, padding=1, groups=16)], []]}, conv(2, 1)]
    assert live(layers, "all,depthwise,residual")["conv3"] == (2 * 16 * 64, "conv1")
    assert live(layers, "all,depthwise")["conv3"] == ((2 * 16 + 1) * 64, "conv2")


def test_in_patches_a_shortcut_with_a_halo_stays_apart():
    """Of 4 patches of 4×4 the shortcut has a halo of one position, for the 3×3 convolution: 5×5 of 8×8 at the corners."""
    block = [conv(8, 3, padding=1), conv(16, 1)]
    layers = [conv(16, 1), {"add": [block, []]}, "relu", {**conv(16, 1), "name": "end"}, conv(1, 1)]
    found = live(layers, patches="2x2,end")
    assert found["conv3"] == (16 * 64 + 16 * 25 + 8 * 16 + 16 * 16, "")
    assert found["add1"] == (16 * 64 + 16 * 25 + 16 * 16, "conv3")
    block[0] = conv(8, 1)
    assert live(layers, patches="2x2,end")["conv3"] == (16 * 64 + 16 * 16 + 8 * 16, "conv1")


def test_a_network_output_is_not_added_onto():
    layers = [{**conv(16, 1), "name": "a"}, {"add": [[conv(8, 1), conv(16, 1)], []], "name": "b"}]
    found = network(layers, outputs=["a", "b"]).memory(**INT8, in_place="all,residual")
    assert all("a" not in one.overwrites for one in found.layers)
    assert found == network(layers, outputs=["a", "b"]).memory(**INT8, in_place="all")._replace(in_place=found.in_place)


def test_resnet_50():
    """Where its first block is merged three maps of (64 + 256 + 256)·56² were live; now a strided block is the peak."""
    net = shapecalc.load("resnet50")
    assert net.memory(**INT8, fold_batch_norm=True).activations.peak == (64 + 256 + 256) * 56**2
    found = net.memory(**INT8, fold_batch_norm=True, in_place="all,residual")
    assert found.activations.peak == (256 + 128) * 56**2 + 128 * 28**2
    merged = {one.name: one.overwrites for one in found.layers}
    assert merged["layer1.0.downsample.conv1"] == "layer1.0.conv3"
    assert merged["layer1.1.conv3"] == "layer1.0.relu3"
    assert net.memory(**INT8, in_place="all,residual").activations == net.memory(**INT8).activations, "norms between"


def test_densenet_adds_nothing():
    net = shapecalc.load("densenet121")
    found = net.memory(**INT8, fold_batch_norm=True, in_place="all,residual")
    assert found.activations == net.memory(**INT8, fold_batch_norm=True).activations


def test_residuals_of_transformers():
    """The last linear layer of a feed-forward block is added onto the tokens that it came from."""
    found = {one.name: one.overwrites for one in shapecalc.load("vit_b_16").memory(in_place="all,residual").layers}
    assert sum(bool(over) and "linear" in name for name, over in found.items()) == 12


def test_in_training_and_in_other_orders_nothing_is_added_in_place():
    net = network(BLOCK)
    assert (
        net.memory(in_place="residual", training=True).training == net.memory(in_place="none", training=True).training
    )
    with pytest.raises(UsageError, match="best order"):
        net.memory(in_place="residual", order="best")
    for words in ("none,residual", "torch,residual", "all,residual,relu"):
        with pytest.raises(UsageError, match="go with all"):
            net.memory(in_place=words)
    assert net.memory(in_place="relu,residual").in_place == ("relu", "residual")


def test_the_notes_say_what_runs_in_place():
    said = {
        words: " ".join(str(network(BLOCK).memory(in_place=words)).split()) for words in ("residual", "all,residual")
    }
    assert ". A convolution or fully connected layer whose output is only added to a tensor" in said["residual"]
    assert "read their input; a convolution or fully" not in said["residual"]
    assert "Element-wise layers run in place where no later layer reads their input; a conv" in said["all,residual"]

"""The declared dependence of every kind on its inputs, against the effect of a change of each input position."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numbers_of_kinds import plain_kinds, samples
from receptive_field_oracle import run_kind
from searching import some

from shapecalc.layers import KINDS
from shapecalc.layers.base.dependence import CIRCULAR, shifted
from shapecalc.layers.base.layer import Layer
from shapecalc.layers.base.shape import Shape
from shapecalc.model.inference import size_layer
from shapecalc.questions.receptive_field.positions import Gaps, seen


def a_map(*sizes):
    return Shape(sizes, is_map=True)


def plain(*sizes):
    return Shape(sizes)


MAP, LINE, TOKENS = a_map(4, 6, 7), a_map(4, 9), plain(5, 6)
WINDOWS = [
    {"kernel_size": 3},
    {"kernel_size": [3, 2], "stride": 2, "padding": 1},
    {"kernel_size": 2, "stride": 3},
]
PADS = [{"padding": [[1, 2], [0, 3]]}, {"padding": [[-2, 1], [2, -3]]}, {"padding": -1}]

CASES = {
    "conv": [
        *[({"out_channels": 2, **window}, [MAP]) for window in WINDOWS],
        ({"out_channels": 2, "kernel_size": [2, 3], "dilation": [1, 2], "padding": "same"}, [MAP]),
        *[({"out_channels": 2, "kernel_size": 3, "padding": 2, "padding_mode": mode}, [MAP])
          for mode in ("zeros", "reflect", "replicate", "circular")],
        ({"out_channels": 2, "kernel_size": 3, "dilation": 2, "padding": "causal"}, [LINE]),
    ],
    "locally_connected": [({"out_channels": 2, **window}, [MAP]) for window in WINDOWS],
    "einsum_dense": [
        ({"equation": "ab,bcd->acd", "output_shape": [-1, 2, 3]}, [TOKENS]),
        ({"equation": "nabc,bd->ndca", "output_shape": [3, -1, -1]}, [plain(3, 4, 5)]),
        ({"equation": "...x,xy->...y", "output_shape": 2}, [TOKENS]),
    ],
    "depthwise_conv": [(window, [MAP]) for window in WINDOWS],
    "separable_conv": [({"out_channels": 3, **window}, [MAP]) for window in WINDOWS],
    "transposed_conv": [
        ({"out_channels": 2, "kernel_size": k, "stride": s, "dilation": d, "padding": p}, [a_map(2, 4, 3)])
        for k, s, d, p in [(3, 2, 1, 1), (2, 3, 1, 0), ([1, 4], [2, 1], 1, 0), (2, 2, 3, 1), (3, 2, 5, 2), (3, 1, 1, "same")]
    ],
    "deformable_conv": [({"out_channels": 2, "kernel_size": 2}, [a_map(1, 3, 3), a_map(8, 2, 2)])],
    "max_pool": [
        *[(window, [MAP]) for window in WINDOWS],
        ({"kernel_size": 2, "stride": 3, "dilation": 2, "ceil_mode": True}, [MAP]),
    ],
    "avg_pool": [({"kernel_size": [3, 2], "dilation": [2, 3]}, [MAP]), *[(window, [MAP]) for window in WINDOWS], ({"kernel_size": 3, "rounding": "caffe", "stride": 2}, [MAP])],
    "lp_pool": [({"norm_type": 2, "kernel_size": 3, "stride": 2, "dilation": [1, 2]}, [MAP])],
    "max_unpool": [
        ({"kernel_size": [2, 3]}, [a_map(4, 3, 2)] * 2), ({"kernel_size": 3, "stride": 2, "padding": 1}, [a_map(4, 3, 4)] * 2),
        ({"kernel_size": 3, "stride": 2, "output_size": [8, 6]}, [a_map(4, 3, 3)] * 2),
    ],
    "grid_sample": [({}, [MAP, plain(3, 5, 2)])],
    "roi_align": [({"output_size": 2}, [a_map(4, 3, 5), plain(3, 4)])],
    "prior_box": [({"min_size": 30}, [MAP])],
    "fractional_max_pool": [({"kernel_size": 2, "output_size": [3, 4]}, [MAP])],
    "adaptive_avg_pool": [({"output_size": size}, [MAP]) for size in (1, [4, 3], [6, None], [9, 2])],
    "adaptive_max_pool": [({"output_size": [4, 5]}, [MAP])],
    "unfold": [(window, [MAP]) for window in WINDOWS],
    "fold": [({"output_size": [4, 5], "kernel_size": 2}, [plain(8, 12)])],
    "conv_lstm": [
        ({"out_channels": 2, "kernel_size": k, "padding": "same", "return_sequences": r}, [plain(t, 1, 7, 8)])
        for k, t, r in [(3, 2, False), (2, 3, False), ([1, 3], 1, True)]
    ],
    "gather_patches": [({"patch_size": [2, 3]}, [MAP])],
    "pad": [({**pad, "mode": mode}, [MAP]) for pad in PADS for mode in ("zeros", "reflect", "replicate", "circular")],
    "reflection_pad": [(pad, [MAP]) for pad in PADS],
    "replication_pad": [(pad, [MAP]) for pad in PADS],
    "circular_pad": [(pad, [MAP]) for pad in PADS],
    "crop": [({"cropping": [[1, 2], [0, 3]]}, [MAP]), ({"size": [3, 4]}, [MAP])],
    "upsample": [
        *[({"scale_factor": r, "mode": mode}, [MAP]) for r in (2, 1.5, 0.5) for mode in ("nearest", "bilinear")],
        *[({"size": [9, 4], "mode": mode}, [MAP]) for mode in ("nearest", "nearest-exact", "bilinear", "area")],
        ({"size": [9, 13], "mode": "bilinear", "align_corners": True}, [MAP]),
    ],
    "up_sampling": [({"size": [2, 3]}, [MAP]), ({"size": 2, "interpolation": "bilinear"}, [MAP])],
    "pixel_shuffle": [({"upscale_factor": 2}, [MAP])],
    "pixel_unshuffle": [({"downscale_factor": 2}, [a_map(1, 4, 6)])],
    "channel_shuffle": [({"groups": 2}, [MAP])],
    "local_response_norm": [({}, [MAP]), ({"size": 3, "norm_region": "within_channel"}, [MAP])],
    "batch_norm": [({}, [MAP])],
    "instance_norm": [({}, [MAP])],
    "group_norm": [({"num_groups": 2}, [MAP])],
    "layer_norm": [({"axis": "channels"}, [MAP]), ({"axis": -1}, [MAP])],
    "rms_norm": [({"axis": -1}, [TOKENS])],
    "normalize": [({}, [MAP]), ({"dim": 2}, [TOKENS])],
    "normalization": [({}, [MAP])],
    **{kind: [({"dim": 2}, [MAP]), ({"dim": -1}, [TOKENS])] for kind in ("softmax", "softmin", "log_softmax")},
    "glu": [({"dim": "channels"}, [MAP]), ({"dim": -1}, [TOKENS])],
    **{kind: [({"dim": [2], "keepdim": True}, [MAP]), ({"dim": [-1]}, [TOKENS])] for kind in ("mean", "sum", "max", "min")},
    "argmax": [({"dim": 2}, [TOKENS]), ({"dim": 2, "keepdim": True}, [MAP])],
    "argmin": [({"dim": 1}, [TOKENS])],
    "reduce": [({"function": "l2", "dim": 2}, [TOKENS]), ({"function": "prod", "dim": 2, "keepdim": True}, [MAP])],
    "top_k": [({"k": 2}, [TOKENS]), ({"k": 3, "dim": 2}, [MAP])],
    "activation": [({"function": "relu"}, [MAP])],
    "linear": [({"out_features": 3}, [MAP])],
    "bilinear": [({"out_features": 3}, [TOKENS, TOKENS])],
    **{kind: [({}, [MAP, MAP]), ({}, [MAP, a_map(4, 1, 7)])] for kind in ("add", "sub", "mul", "div", "maximum", "minimum")},
    "average": [({}, [MAP, MAP])],
    "pointwise": [({"function": "sqrt"}, [MAP]), ({"function": "where"}, [MAP, a_map(4, 1, 7), MAP])],
    "concat": [({"dim": "channels"}, [MAP, MAP]), ({"dim": 2}, [MAP, a_map(4, 2, 7)])],
    "stack": [({"dim": 2}, [TOKENS, TOKENS])],
    "flatten": [({"start_dim": 2}, [plain(5, 6, 1)])],
    "reshape": [({"shape": [5, 2, 3]}, [TOKENS])],
    "unflatten": [({"dim": 2, "unflattened_size": [2, 3]}, [TOKENS])],
    "permute": [({"dims": [2, 3, 1]}, [MAP])],
    "transpose": [({"dim0": 1, "dim1": 2}, [TOKENS])],
    "squeeze": [({"dim": 2}, [plain(5, 1, 6)])],
    "unsqueeze": [({"dim": 2}, [TOKENS])],
    "slice": [
        ({"dim": 2, "start": 1, "step": 2}, [TOKENS]),
        *[({"dim": 2, **words}, [TOKENS]) for words in ({"step": -1}, {"start": 4, "end": 0, "step": -2}, {"step": -3})],
    ],
    "gather": [
        ({"index": [4, 0, 2, 2]}, [TOKENS]), ({"index": [-1, 1], "dim": 2}, [MAP]), ({"index": -2, "keepdim": False}, [TOKENS]),
        ({"dim": 2}, [MAP, plain(3)]), ({"dim": 1}, [TOKENS, plain(2, 3)]), ({"dim": 2}, [TOKENS, plain()]),
        ({"dim": 2, "mode": "elements"}, [TOKENS, plain(4, 7)]),
    ],
    "split": [({"sizes": [2, 3], "dim": 1}, [TOKENS])],
    "chunk": [({"chunks": 2, "dim": 2}, [TOKENS])],
    "expand": [({"sizes": [5, 3, 6]}, [plain(1, 6)]), ({"sizes": [4, 6]}, [plain(1, 6)])],
    "tile": [({"dims": [2, 3]}, [plain(3, 4)])],
    "repeat_vector": [({"n": 3}, [plain(4)])],
    "roll": [({"shifts": [2, -1], "dims": [1, 2]}, [TOKENS])],
    "to_tokens": [({}, [LINE])],
    "class_token": [({}, [TOKENS])],
    "mask_token": [({}, [TOKENS]), ({}, [plain(3, 4, 6)])],
    "position_embedding": [({}, [TOKENS])],
    "multi_head_attention": [
        *[({"num_heads": 2, **more}, [TOKENS]) for more in ({}, {"window": 3}, {"window": 2, "is_causal": True})],
        ({"num_heads": 2}, [TOKENS, plain(4, 6)]),
        ({"num_heads": 2, "window": 2}, [TOKENS, plain(5, 6), plain(5, 6)]),
        ({"num_heads": 2, "window": 3, "is_causal": True}, [plain(2, 5, 6)]),
    ],
    "experts": [({"num_experts": 4, "top_k": 2, "hidden_dim": 3}, [TOKENS, plain(5, 4)])],
    "grouped_linear": [({"num_groups": 3, "out_features": 4}, [TOKENS, plain(3)])],
    **{kind: [({}, [plain(5, 32)]), ({}, [plain(2, 3, 32)])] for kind in ("mamba", "mamba2")},
    "gated_delta_net": [({"linear_num_value_heads": 2}, [TOKENS])],
}  # fmt: skip
"""Arguments and input sizes of each kind with a declared dependence; element-wise kinds need none."""

NOT_TENSORS_OF_SPACE = {
    "embedding": "it looks numbers up: a change of one is another row",
    "rotary_embedding": "tokens alone: held to PyTorch's sizes elsewhere",
    "scaled_dot_product_attention": "tokens alone, which all see one another",
    "window_attention": "tokens of windows alone",
    "relative_position_bias": "scores alone",
    "sinusoidal_embedding": "it adds a table",
}

LOOSE = {
    "fold": "columns are followed along the first axis of the map alone",
    "deformable_conv": "its offsets may lead anywhere",
    "grid_sample": "its grid may point anywhere",
    "roi_align": "its boxes may be anywhere",
    "fractional_max_pool": "its windows start where chance has it",
    "reshape": "an axis that is divided is seen whole",
    "unflatten": "an axis that is divided is seen whole",
    "split": "all its outputs are told of as one",
    "chunk": "all its outputs are told of as one",
    "stack": "all positions of the new axis are told of as one",
}


CHANNELS = {"unfold": 0}
"""The axis of the channels of an output that is not a map: each channel sees a part of what all see."""


def sees_everything(kind):
    """Whether all looks of a kind, in all its examples, are at all of the inputs."""
    return all(
        axis < 0
        for layer, shapes, _ in samples(KINDS[kind])
        for look in layer.looks(layer.output(*shapes), *shapes)
        for _, axis in look.axes
    )


KINDS_THAT_SEE = [kind for kind in plain_kinds() if not sees_everything(kind) and kind not in NOT_TENSORS_OF_SPACE]


def declared(look, box, x):
    """Return the first and last position along each axis of an input that a position depends on, by its look."""
    pairs = zip(look.axes, x.sizes, strict=True)
    return [
        seen([box[axis]] if axis >= 0 else [(0, 0)], dependence, size, Gaps()) for (dependence, axis), size in pairs
    ]


def hulls(runs):
    return [(axis[0][0], axis[-1][1]) for axis in runs]


def check(kind, layer, shapes, run):
    """Compare each position of the output, along every axis of every input except the channels."""
    sizing = size_layer(layer, tuple(shapes))
    output = sizing.outputs[0]
    looks = list(layer.looks(sizing.outputs[0] if len(sizing.outputs) == 1 else sizing.outputs, *shapes))
    rng = np.random.default_rng(0)
    values = [rng.uniform(1, 2, x.sizes) for x in shapes]
    channels = output.channel_axis if output.is_map else CHANNELS.get(kind)
    output_positions = list(itertools.product(*[range(1 if i == channels else n) for i, n in enumerate(output.sizes)]))
    for number, x in enumerate(shapes):
        spatial = [i for i in range(x.rank) if not (x.is_map and i == x.channel_axis)]
        positions = list(itertools.product(*[range(x.sizes[i]) for i in spatial]))
        batch = [np.repeat(value[None], len(positions) + 1, axis=0) for value in values]
        for sample, position in enumerate(positions, start=1):
            where = [slice(None)] * x.rank
            for i, at in zip(spatial, position, strict=True):
                where[i] = at
            batch[number][(sample, *where)] += 1.0
        results = run(layer, batch)
        assert results.shape[1:] == output.sizes, (kind, results.shape, output.sizes)
        changes = ~np.isclose(results[1:], results[:1], rtol=1e-9, atol=0)
        if channels is not None:
            changes = changes.any(axis=1 + channels, keepdims=True)
        changed = dict(zip(positions, changes, strict=True))
        for output_position in output_positions:
            box = [(at, at) if i != channels else (0, output.sizes[i] - 1) for i, at in enumerate(output_position)]
            due = [at for at, change in changed.items() if change[output_position]]
            boxes = [declared(look, box, x) for look in looks if look.input == number]
            found = [hulls(runs) for runs in boxes if all(runs)]
            for k, i in enumerate(spatial):
                first, last = min((h[i][0] for h in found), default=0), max((h[i][1] for h in found), default=-1)
                least = (min(at[k] for at in due), max(at[k] for at in due)) if due else (0, -1)
                if LOOSE.get(kind):
                    assert not due or (first <= least[0] and least[1] <= last), (
                        kind,
                        layer.values(),
                        output_position,
                        i,
                    )
                else:
                    assert (first, last) == least, (kind, layer.values(), output_position, i)


def cases(kind):
    """Return the cases of a kind: arguments and input shapes."""
    if kind in CASES:
        return CASES[kind]
    cls = KINDS[kind]
    assert cls.elementwise, f"{kind} says what it sees, and no case here holds it to that"
    return [({name: 1 for name, argument in cls.arguments.items() if argument.required}, [MAP])]


@pytest.mark.parametrize("kind", some(KINDS_THAT_SEE, 20))
def test_declared_dependences_agree_with_changed_outputs(kind):
    for arguments, shapes in cases(kind):
        check(kind, KINDS[kind](**arguments), shapes, run_kind)


@pytest.mark.parametrize(
    ("size", "output", "kernel", "due"),
    [
        (9, 1, 2, [(7, 8)]),
        (9, 4, 2, [(0, 1), (2, 4), (4, 6), (7, 8)]),
        (8, 4, 2, [(0, 1), (2, 3), (4, 5), (6, 7)]),
        (9, 5, 1, [(0, 0), (2, 2), (4, 4), (6, 6), (8, 8)]),
    ],
)
def test_a_fractional_pool_sees_the_union_of_all_random_windows(size, output, kernel, due):
    """The expected positions are those of the maxima of 300 random maps in PyTorch 2.13.0's FractionalMaxPool2d."""
    layer = KINDS["fractional_max_pool"](kernel_size=kernel, output_size=output)
    x = a_map(1, size, size)
    dependence = next(iter(layer.looks(layer.output(x), x))).axes[1][0]
    assert [(at[0], at[-1]) for at in map(dependence.at, range(output))] == due


def test_circular_padding_of_any_length_wraps_around():
    for size, first, length in itertools.product(range(1, 5), range(-9, 10), range(1, 12)):
        due = sorted({position % size for position in range(first, first + length)})
        runs = seen([(first + 9, first + 8 + length)], shifted(-9, CIRCULAR), size, Gaps())
        assert [position for start, end in runs for position in range(start, end + 1)] == due, (size, first, length)


@pytest.mark.parametrize(
    ("kind", "arguments", "shapes"),
    [
        ("concat", {"dim": 2}, [a_map(2, 3, 4), a_map(2, 1, 4), a_map(2, 2, 4)]),
        ("glu", {"dim": -1}, [a_map(2, 3, 6)]),
        ("stack", {"dim": 2}, [plain(3, 4), plain(3, 4)]),
        ("crop", {"size": [3, 4]}, [a_map(2, 6, 9)]),
        ("class_token", {}, [plain(3, 4)]),
        ("mean", {"dim": [1, 2]}, [plain(3, 4, 5)]),
        ("gather_patches", {"patch_size": [2, 3]}, [a_map(2, 4, 6)]),
        ("grouped_linear", {"num_groups": 3, "out_features": 4}, [TOKENS, plain(3)]),
    ],
)
def test_joined_moved_and_kept_positions_are_traced(kind, arguments, shapes):
    check(kind, KINDS[kind](**arguments), shapes, run_kind)


def test_a_transposed_same_window_with_output_padding_is_aligned_as_with_half_a_window_of_padding():
    """(Its sizes are tested against Keras with the layers.)"""
    words = {"out_channels": 2, "kernel_size": 3, "stride": 2, "dilation": 2, "output_padding": 1}
    same, two = (KINDS["transposed_conv"](**words, padding=padding) for padding in ("same", 2))
    x = a_map(2, 4, 5)
    assert same.output(x) == two.output(x)
    for ours, theirs in zip(same.looks(same.output(x), x), two.looks(two.output(x), x), strict=True):
        assert [([*map(dependence.at, range(9))], axis) for dependence, axis in ours.axes] == [
            ([*map(dependence.at, range(9))], axis) for dependence, axis in theirs.axes
        ]


@pytest.mark.parametrize("kind", [kind for kind in plain_kinds() if "kernel_size" in KINDS[kind].arguments])
def test_a_kind_with_a_window_does_not_see_everything(kind):
    assert not sees_everything(kind), f"{kind} slides a window, and does not say by `looks` what that sees"


def keeps_positions(kind):
    """Whether a kind without declared dependence has an output for each position of a feature map."""
    cls = KINDS[kind]
    return cls.ranks is not None and any(
        x.spatial == output.spatial and max(x.spatial, default=1) > 1
        for layer, shapes, _ in samples(cls)
        for x, output in [(shapes[0], layer.output(*shapes))]
    )


@pytest.mark.parametrize("kind", [kind for kind in plain_kinds() if KINDS[kind].looks is Layer.looks])
def test_a_kind_that_keeps_positions_declares_their_dependence(kind):
    said = KINDS[kind].elementwise or not keeps_positions(kind)
    assert said, f"{kind} has an output for each position of its input: say by `looks` what that sees, be it everything"


def test_a_kind_without_declared_dependence_is_detected(monkeypatch):
    assert keeps_positions("channel_shuffle")
    assert not keeps_positions("global_avg_pool")
    for kind in ("max_pool", "unfold", "conv_lstm"):
        cls = KINDS[kind]
        owner = next(base for base in cls.__mro__ if "looks" in vars(base))
        monkeypatch.setattr(owner, "looks", Layer.looks)
        assert sees_everything(kind)


def torch_layers():
    """Return PyTorch's function for each kind that slides, resizes, pads or unfolds, on two spatial axes."""
    import torch
    from torch.nn import functional

    def pairs(value):
        sides = value if isinstance(value, tuple) else (value, value)
        return [side if isinstance(side, tuple) else (side, side) for side in sides]

    def conv(layer, x, channels=None, groups=1):
        module = torch.nn.Conv2d(
            x.shape[1], channels or layer.out_channels, layer.kernel_size, layer.stride, layer.padding, layer.dilation,
            groups, padding_mode=layer.padding_mode,
        )  # fmt: skip
        return positive(module)(x)

    def positive(module):
        for weight in module.parameters():
            torch.nn.init.constant_(weight, 0.5)
        return module.double()

    def transposed(layer, x):
        stride = layer.stride
        return positive(
            torch.nn.ConvTranspose2d(
                x.shape[1], layer.out_channels, layer.kernel_size, stride, layer.padding, dilation=layer.dilation
            )
        )(x)

    def pad(layer, x):
        (top, bottom), (left, right) = pairs(layer.padding)
        mode = "constant" if layer.mode == "zeros" else layer.mode
        return functional.pad(x, (left, right, top, bottom), mode=mode)

    def resize(layer, x):
        return functional.interpolate(x, layer.size, layer.scale_factor, layer.mode, align_corners=layer.align_corners)

    def windows(layer):
        return layer.kernel_size, layer.stride, layer.padding

    return {
        "conv": conv,
        "depthwise_conv": lambda layer, x: conv(layer, x, x.shape[1], x.shape[1]),
        "transposed_conv": transposed,
        "max_pool": lambda layer, x: functional.max_pool2d(x, *windows(layer), layer.dilation, layer.ceil_mode),
        "avg_pool": lambda layer, x: functional.avg_pool2d(x, *windows(layer), layer.ceil_mode),
        "lp_pool": lambda layer, x: functional.lp_pool2d(x, layer.norm_type, layer.kernel_size, layer.stride),
        "adaptive_avg_pool": lambda layer, x: functional.adaptive_avg_pool2d(x, layer.output_size),
        "adaptive_max_pool": lambda layer, x: functional.adaptive_max_pool2d(x, layer.output_size),
        "unfold": lambda layer, x: functional.unfold(x, layer.kernel_size, layer.dilation, layer.padding, layer.stride),
        "fold": lambda layer, x: functional.fold(x, layer.output_size, layer.kernel_size),
        "pad": pad,
        "reflection_pad": pad,
        "replication_pad": pad,
        "circular_pad": pad,
        "upsample": resize,
        "pixel_shuffle": lambda layer, x: functional.pixel_shuffle(x, layer.upscale_factor),
        "pixel_unshuffle": lambda layer, x: functional.pixel_unshuffle(x, layer.downscale_factor),
    }


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "kind",
    ["conv", "depthwise_conv", "transposed_conv", "max_pool", "avg_pool", "lp_pool", "adaptive_avg_pool",
     "adaptive_max_pool", "unfold", "fold", "pad", "reflection_pad", "replication_pad", "circular_pad", "upsample",
     "pixel_shuffle", "pixel_unshuffle"],
)  # fmt: skip
def test_declared_dependences_agree_with_pytorch(kind):
    torch = pytest.importorskip("torch")
    run = torch_layers()[kind]
    words = {"same", "causal", "caffe"}

    def run_torch(layer, values):
        with torch.no_grad():
            return run(layer, torch.from_numpy(values[0])).numpy()

    for arguments, shapes in cases(kind):
        if kind == "transposed_conv" and arguments["padding"] == "same":
            continue  # Keras' own
        if kind in ("avg_pool", "lp_pool") and "dilation" in arguments:
            continue  # ONNX' own
        if words & {value for value in arguments.values() if isinstance(value, str)} and kind != "conv":
            continue
        if arguments.get("padding") == "causal":
            continue
        check(kind, KINDS[kind](**arguments), shapes, run_torch)

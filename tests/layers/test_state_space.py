"""State-space layers and linear attention, against transformers and the kernels that they are trained with."""

from __future__ import annotations

import random
from math import prod
from typing import TYPE_CHECKING, Any

import pytest

from shapecalc.errors import LayerError
from shapecalc.layers.base.layer import TRAINED
from shapecalc.layers.base.shape import Shape
from shapecalc.layers.kinds.state_space import GatedDeltaNet, Mamba, Mamba2
from shapecalc.model.inference import size_layer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shapecalc.layers.base.layer import Layer

MAMBA2 = {"num_heads": 6, "head_dim": 8, "n_groups": 2, "state_size": 5, "conv_kernel": 3}
DELTA = {
    "linear_num_value_heads": 6, "linear_num_key_heads": 3, "linear_key_head_dim": 4, "linear_value_head_dim": 5,
    "linear_conv_kernel_dim": 3,
}  # fmt: skip

CACHES = [
    (Mamba(state_size=5, conv_kernel=3), (48, 3), (48, 5)),
    (Mamba2(**MAMBA2), (68, 3), (6, 8, 5)),
    (GatedDeltaNet(**DELTA), (54, 3), (6, 4, 5)),
]
"""Layers of 24 features, and the states in the cache of transformers 5.24.0 after 7 tokens: of convolution, recurrence."""


@pytest.mark.parametrize(("layer", "window", "state"), CACHES)
def test_the_state_agrees_with_the_cache_of_transformers(layer: Layer, window: Any, state: Any) -> None:
    for length in (1, 7, 1000):
        assert layer.state_cache(Shape((length, 24))) == prod(window) + prod(state)
        assert layer.recurrent_state(Shape((length, 24))) == prod(state)
    assert layer.state_cache(Shape((4, 7, 24))) == 4 * (prod(window) + prod(state))  # four sequences
    assert layer.kv_cache(Shape((7, 24))) == 0


@pytest.mark.parametrize("layer", [layer for layer, *_ in CACHES])
def test_macs_are_linear_in_the_length(layer: Layer) -> None:
    one, nine = (layer.macs(x, x) for x in (Shape((1, 24)), Shape((9, 24))))
    assert nine == 9 * one


def test_other_names_and_defaults() -> None:
    x = Shape((5, 40))
    assert Mamba(d_model=40).weights(x)["x_proj.weight"] == (3 + 2 * 16, 80)  # 40 / 16, rounded up
    assert Mamba2(head_dim=16).weights(x) == Mamba2(head_dim=16, num_heads=5, expand=3).weights(x)
    assert GatedDeltaNet(linear_num_value_heads=3).linear_num_key_heads == 3


@pytest.mark.parametrize(
    ("layer", "shape", "said"),
    [
        (Mamba(), (40,), "mamba needs a length and features, but its input is 40"),
        (Mamba(d_model=41), (5, 40), "features of the input (=40) must equal d_model (=41)"),
        (Mamba2(head_dim=64), (5, 40), "head_dim (=64) must divide expand·d_model (=80)"),
        (Mamba2(head_dim=16, n_groups=2), (5, 40), "n_groups (=2) must divide num_heads (=5)"),
        (
            GatedDeltaNet(linear_num_value_heads=4, linear_num_key_heads=3),
            (5, 40),
            "linear_num_key_heads (=3) must divide linear_num_value_heads (=4)",
        ),
    ],
)
def test_sizes_that_do_not_fit(layer: Layer, shape: tuple[int, ...], said: str) -> None:
    with pytest.raises(LayerError) as caught:
        size_layer(layer, (Shape(shape),))
    assert str(caught.value) == said


L, WIDTH = 5000, 768

SAVED: list[tuple[Layer, dict[str, tuple[int, ...]], dict[str, tuple[int, ...]]]] = [
    (
        Mamba(),
        {"xz": (3072, L), "x_dbl": (L, 48 + 16 + 16), "B": (1, 16, L), "C": (1, 16, L), "out": (1536, L)},
        {"scan_intermediates": (1536, 3, 2 * 16)},
    ),
    (
        Mamba2(n_groups=2),
        {"zxbcdt": (L, 2 * 1536 + 2 * 2 * 128 + 24), "out_x": (L, 24, 64)},
        {"rstd": (2, L)},
    ),
    (
        GatedDeltaNet(linear_num_value_heads=8, linear_num_key_heads=4, linear_key_head_dim=16, linear_value_head_dim=32),
        {"mixed_qkv": (L, 2 * 64 + 256), "q": (L, 4, 16), "k": (L, 4, 16), "v": (L, 8, 32), "beta": (L, 8),
         "A": (L, 8, 64), "core_attn_out": (L, 8, 32), "z": (L, 8, 32)},
        {"q_rstd": (L, 4), "k_rstd": (L, 4), "a + dt_bias": (L, 8), "softplus": (L, 8), "g": (L, 8), "rstd": (L, 8)},
    ),
]  # fmt: skip
"""By the code of each `save_for_backward`: tensors of one sample in the precision of the activations, and in 32 bits.

mamba_ssm 2.2: MambaInnerFn (checkpoint_lvl 1, scan states every 2048 positions), MambaSplitConv1dScanCombinedFn;
causal_conv1d; flash-linear-attention: ChunkGatedDeltaRuleFunction, within transformers' layer.
"""


@pytest.mark.parametrize(("layer", "plain", "single"), SAVED)
def test_training_keeps_what_the_kernels_save(layer: Layer, plain: Any, single: Any) -> None:
    x = Shape((L, WIDTH))
    expected = [(sum(map(prod, plain.values())), 0), (sum(map(prod, single.values())), 32)]
    assert [*layer.kept(x, x)] == expected
    inputs = L * 8 * 32 if isinstance(layer, GatedDeltaNet) else 0  # of out_proj: the others recompute it
    assert sum(elements for elements, _ in layer.kept_for_weights(x, x)) == inputs
    assert layer.saved(x) == TRAINED


def _drawn(draw: random.Random) -> Iterator[tuple[type[Layer], str, int, dict[str, Any], dict[str, Any]]]:
    """Yield a kind, its module's name, a width, its arguments, and further ones of the configuration."""
    flags = {"use_bias": draw.random() < 0.5, "use_conv_bias": draw.random() < 0.5}
    sizes = {"state_size": draw.randint(1, 9), "conv_kernel": draw.randint(2, 5)}
    rank = {"time_step_rank": draw.randint(1, 9)} if draw.random() < 0.5 else {}
    yield Mamba, "Mamba", draw.randint(1, 40), {**sizes, **flags, **rank, "expand": draw.randint(1, 3)}, {}
    groups, head = draw.randint(1, 3), draw.randint(1, 6)
    width = groups * draw.randint(1, 3) * head
    arguments = {**sizes, **flags, "n_groups": groups, "head_dim": head, "expand": 2}
    yield Mamba2, "Mamba2", width, arguments, {"num_heads": 2 * width // head, "chunk_size": 4}
    keys = draw.randint(1, 3)
    arguments = {"linear_num_key_heads": keys, "linear_num_value_heads": keys * draw.randint(1, 3)}
    arguments |= {f"linear_{word}_head_dim": draw.randint(1, 6) for word in ("key", "value")}
    arguments["linear_conv_kernel_dim"] = draw.randint(2, 5)
    yield GatedDeltaNet, "Qwen3Next", draw.randint(1, 40), arguments, {"layer_types": ["linear_attention"]}


@pytest.mark.slow
@pytest.mark.elsewhere
@pytest.mark.filterwarnings("ignore")
def test_weights_and_projections_agree_with_the_installed_transformers() -> None:
    """The convolution runs over the padding too there, and of the recurrence only Mamba's C·h is counted as it is."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    from torch.utils.flop_counter import FlopCounterMode

    draw = random.Random(0)
    for kind, name, width, arguments, more in (one for _ in range(10) for one in _drawn(draw)):
        package = "qwen3_next" if name == "Qwen3Next" else name.lower()
        modules = getattr(transformers.models, package)
        mixer = f"{name}GatedDeltaNet" if name == "Qwen3Next" else f"{name}Mixer"
        config = getattr(transformers, f"{name}Config")(hidden_size=width, num_hidden_layers=1, **arguments, **more)
        length, layer = draw.randint(1, 9), kind(**arguments)
        x = Shape((length, width))
        with torch.device("meta"):
            module = getattr(getattr(modules, f"modeling_{package}"), mixer)(config, 0)
            with FlopCounterMode(display=False) as counter, torch.no_grad():
                module(torch.zeros(1, length, width))
        weights = layer.weights(x)
        assert weights == {word: tuple(tensor.shape) for word, tensor in module.named_parameters()}
        counts = {str(word): flops // 2 for word, flops in counter.get_flop_counts()["Global"].items()}
        channels, _, kernel = weights["conv1d.weight"]
        assert counts["aten.convolution"] == channels * kernel * (length + kernel - 1)
        matrices = sum(prod(sizes) for word, sizes in weights.items() if "proj" in word and len(sizes) == 2)
        assert counts.get("aten.mm", 0) + counts.get("aten.addmm", 0) == length * matrices
        if name == "Mamba":
            assert counts["aten.bmm"] == length * prod(weights["A_log"])

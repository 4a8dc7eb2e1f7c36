"""Modules for layers that are rare in PyTorch, as they are written into the source that uses them."""

from __future__ import annotations

__all__ = ["RARE"]

_SEPARABLE = '''
class SeparableConv{rank}d(nn.Sequential):
    """A depthwise convolution, then a 1×1 convolution with the only bias."""

    def __init__(self, in_channels, out_channels, depth_multiplier=1, bias=True, **window):
        middle = in_channels * depth_multiplier
        super().__init__(
            nn.Conv{rank}d(in_channels, middle, groups=in_channels, bias=False, **window),
            nn.Conv{rank}d(middle, out_channels, 1, bias=bias),
        )
'''

_LOOPED = '''
class Looped{name}(nn.{name}Cell):
    """A cell at every step of a sequence: the states before and after it are inputs and outputs."""

    def __init__(self, *sizes, last=False, **options):
        super().__init__(*sizes, **options)
        self.last = last

    def forward(self, x, *states):
        states, steps = [one.expand(len(x), -1) for one in states], []
        for step in x.unbind(1):
            states = [{star}super().forward(step, {given})]
            steps.append(states[0])
        return steps[-1] if self.last else torch.stack(steps, 1), *states
'''

RARE = {
    "LoopedLSTM": _LOOPED.format(name="LSTM", star="*", given="tuple(states) or None"),
    **{f"Looped{name}": _LOOPED.format(name=name, star="", given="*states") for name in ("GRU", "RNN")},
    "SinusoidalEmbedding": '''
class SinusoidalEmbedding(nn.Module):
    """Adds sines of every position to the first half of the features, and cosines to the second."""

    def forward(self, x):
        length, features = x.shape[-2:]
        powers = torch.arange(0, features, 2, device=x.device) / features
        angles = torch.arange(length, device=x.device)[:, None] / 10_000**powers
        return x + torch.cat([angles.sin(), angles.cos()], -1)[:, :features]
''',
    "UnusedParameter": '''
class UnusedParameter(nn.Module):
    """A parameter that is stored, but not used: the output is the input."""

    def __init__(self, size):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(size))

    def forward(self, x):
        return x
''',
    **{f"SeparableConv{rank}d": _SEPARABLE.format(rank=rank) for rank in (1, 2, 3)},
    "ElementPReLU": '''
class ElementPReLU(nn.Module):
    """A PReLU with a slope of its own for each element along some axes."""

    def __init__(self, size):
        super().__init__()
        self.slope = nn.Parameter(torch.full(size, 0.25))

    def forward(self, x):
        return x.clamp(min=0) + self.slope * x.clamp(max=0)
''',
    "Normalization": '''
class Normalization(nn.Module):
    """Subtracts a stored mean and divides by a stored deviation, of the inputs that were seen before training."""

    def __init__(self, size):
        super().__init__()
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("variance", torch.ones(size))
        self.register_buffer("count", torch.tensor(0))

    def forward(self, x):
        return (x - self.mean) / self.variance.sqrt()
''',
    "Rescaling": '''
class Rescaling(nn.Module):
    """Multiplies by a number and adds another: put in those of the network."""

    def __init__(self, scale=1.0, offset=0.0):
        super().__init__()
        self.scale, self.offset = scale, offset

    def forward(self, x):
        return x * self.scale + self.offset
''',
    "EinsumDense": '''
class EinsumDense(nn.Module):
    """A fully connected layer along any axes, as an Einstein summation with a learned kernel."""

    def __init__(self, equation, size, bias=None):
        super().__init__()
        self.equation = equation
        self.weight = nn.Parameter(torch.zeros(size))
        self.bias = None if bias is None else nn.Parameter(torch.zeros(bias))

    def forward(self, x):
        x = torch.einsum(self.equation, x, self.weight)
        return x if self.bias is None else x + self.bias
''',
    "GroupedLinear": '''
class GroupedLinear(nn.Module):
    """Linear layers of groups of rows, sorted by groups: each row is multiplied by the weight of its group.

    The weights are copied to the rows, as F.grouped_mm need not.
    """

    def __init__(self, num_groups, in_features, out_features):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(num_groups, out_features, in_features))

    def forward(self, x, offsets):
        rows = torch.arange(x.shape[1], device=x.device)
        groups = (rows[:, None] >= offsets[:, None]).sum(-1).clamp(max=len(self.weight) - 1)
        return torch.einsum("brf,brof->bro", x, self.weight[groups])
''',
}
"""The text of each, by its name."""

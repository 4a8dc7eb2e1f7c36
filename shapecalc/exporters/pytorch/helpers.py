"""Modules that PyTorch has not, as they are written into the source that uses them."""

from __future__ import annotations

from shapecalc.exporters.pytorch.rare_helpers import RARE

__all__ = ["HELPERS"]

_SHIFTED = '''
class ShiftedBatchNorm{rank}d(nn.BatchNorm{rank}d):
    """Batch normalisation with a learned shift, and no scale."""

    def __init__(self, num_features, eps=1e-05, momentum=0.1):
        super().__init__(num_features, eps, momentum, affine=False)
        self.shift = nn.Parameter(torch.zeros(num_features, *(1,) * {rank}))

    def forward(self, x):
        return super().forward(x) + self.shift
'''

_STATEFUL = '''
class Stateful{name}(nn.{name}):
    """A recurrent layer whose states before and after it are inputs and outputs, with the batch first."""

    def __init__(self, *sizes, last=False, **options):
        super().__init__(*sizes, **options)
        self.last = last

    def forward(self, x, *states):
        states = [one.expand(len(x), -1, -1).transpose(0, 1).contiguous() for one in states]
        y, after = super().forward(x, {given})
        if self.last:
            size = y.shape[2] // (2 if self.bidirectional else 1)
            y = torch.cat([y[:, -1, :size], y[:, 0, size:]], -1)
        return y, *[one.transpose(0, 1) for one in {after}]
'''

HELPERS = {
    **RARE,
    "one_bias": '''
def one_bias(module):
    """Return a recurrent layer with one bias in every gate, as in Keras: the second is zeros, and not trained."""
    for name in [name for name in module._parameters if name.startswith("bias_hh")]:
        module.register_buffer(name, torch.zeros_like(module._parameters.pop(name)), persistent=False)
    module._flat_weights = [getattr(module, name) for name in module._flat_weights_names]
    return module
''',
    "uncounted": '''
def uncounted(module, *names):
    """Return a module whose weights of these names are buffers: constants, or those of another layer."""
    for name in names:
        module.register_buffer(name, module._parameters.pop(name).detach(), persistent=False)
    return module
''',
    "StatefulLSTM": _STATEFUL.format(name="LSTM", given="tuple(states) or None", after="after"),
    **{
        f"Stateful{name}": _STATEFUL.format(name=name, given="states[0] if states else None", after="[after]")
        for name in ("GRU", "RNN")
    },
    "GatherAt": '''
class GatherAt(nn.Module):
    """The parts of a tensor along an axis at positions; or `elements`, each at a position of its own."""

    def __init__(self, dim, elements=False):
        super().__init__()
        self.dim, self.elements = dim, elements

    def forward(self, x, positions):
        count = max(len(x), len(positions))
        x, positions = [one.expand(count, *one.shape[1:]) for one in (x, positions)]
        if self.elements:
            return x.gather(self.dim, positions.long())
        size, dim = x.shape[1:], self.dim - 1
        found = [one.index_select(dim, at.flatten().long()) for one, at in zip(x, positions)]
        return torch.stack(found).reshape(count, *size[:dim], *positions.shape[1:], *size[dim + 1 :])
''',
    "StochasticDepth": '''
class StochasticDepth(nn.Module):
    """Leaves a residual branch out of some samples, in training alone."""

    def __init__(self, p):
        super().__init__()
        self.p = p

    def forward(self, x):
        if not self.training:
            return x
        keep = torch.rand(x.shape[:1] + (1,) * (x.dim() - 1), device=x.device) >= self.p
        return x * keep / (1 - self.p)
''',
    "ChannelLinear": '''
class ChannelLinear(nn.Linear):
    """A fully connected layer over the channels of a feature map."""

    def forward(self, x):
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)
''',
    "ChannelNorm": '''
class ChannelNorm(nn.LayerNorm):
    """Layer normalisation over the channels of a feature map."""

    def forward(self, x):
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)
''',
    "LayerScale": '''
class LayerScale(nn.Module):
    """Multiplies each feature by a learned factor, or adds a learned number; `axes` follow that of the features."""

    def __init__(self, features, axes=0, scale=True, shift=False):
        super().__init__()
        size = (features, *(1,) * axes)
        self.scale = nn.Parameter(torch.ones(size)) if scale else 1
        self.shift = nn.Parameter(torch.zeros(size)) if shift else 0

    def forward(self, x):
        return x * self.scale + self.shift
''',
    "ShiftedBatchNorm1d": _SHIFTED.format(rank=1),
    "ShiftedBatchNorm2d": _SHIFTED.format(rank=2),
    "ShiftedBatchNorm3d": _SHIFTED.format(rank=3),
    "PositionEmbedding": '''
class PositionEmbedding(nn.Module):
    """Adds a learned vector to each position; positions count from `offset`, or the table is resized to them."""

    def __init__(self, num_positions, features, offset=0, interpolate=False):
        super().__init__()
        self.table = nn.Parameter(torch.zeros(num_positions, features))
        self.offset, self.interpolate = offset, interpolate

    def forward(self, x):
        length = x.shape[-2]
        if self.interpolate:
            return x + F.interpolate(self.table.T[None], size=length, mode="linear")[0].T
        return x + self.table[self.offset : self.offset + length]
''',
    "MaskToken": '''
class MaskToken(nn.Module):
    """The token that takes the place of hidden patches in masked image modelling; nothing is hidden at inference."""

    def __init__(self, features):
        super().__init__()
        self.token = nn.Parameter(torch.zeros(features))

    def forward(self, x):
        return x
''',
    "Constant": '''
class Constant(nn.Module):
    """A tensor that is not trained, the same for every sample: its elements are not known, and are zeros here."""

    def __init__(self, size, integer=False):
        super().__init__()
        self.register_buffer("value", torch.zeros(1, *size, dtype=torch.long if integer else None))

    def forward(self):
        return self.value
''',
    "GatherPatches": '''
class GatherPatches(nn.Module):
    """The pixels of each patch, one after the other along the channels."""

    def __init__(self, size):
        super().__init__()
        self.size = size

    def forward(self, x):
        rows, columns = self.size
        x = F.pad(x, (0, -x.shape[3] % columns, 0, -x.shape[2] % rows))
        return torch.cat([x[:, :, i::rows, j::columns] for j in range(columns) for i in range(rows)], 1)
''',
    "WindowPartition": '''
class WindowPartition(nn.Module):
    """A feature map as windows of tokens; those of a `grid` are from all over the map."""

    def __init__(self, size, grid=False):
        super().__init__()
        self.size, self.grid = size, grid

    def forward(self, x):
        rows, columns = self.size
        x = F.pad(x, (0, -x.shape[3] % columns, 0, -x.shape[2] % rows))
        if self.grid:
            x = x.unflatten(3, (columns, -1)).unflatten(2, (rows, -1)).permute(0, 3, 5, 2, 4, 1)
        else:
            x = x.unflatten(3, (-1, columns)).unflatten(2, (-1, rows)).permute(0, 2, 4, 3, 5, 1)
        return x.flatten(3, 4).flatten(1, 2)
''',
    "WindowReverse": '''
class WindowReverse(nn.Module):
    """Windows of tokens as the feature map that they are of."""

    def __init__(self, size):
        super().__init__()
        self.size = size

    def forward(self, x, like):
        rows, columns = self.size
        height, width = like.shape[2:]
        x = x.unflatten(2, (rows, columns)).unflatten(1, (-1, -(-width // columns)))
        x = x.permute(0, 5, 1, 3, 2, 4).flatten(4, 5).flatten(2, 3)
        return x[:, :, :height, :width]
''',
    "WindowAttention": '''
class WindowAttention(nn.Module):
    """Attention within windows, with biases of relative positions: from a table, or from a small network."""

    def __init__(self, features, num_heads, size, position="table", qkv_bias=True, bias=True, hidden=512):
        super().__init__()
        self.num_heads, self.position = num_heads, position
        self.qkv = nn.Linear(features, 3 * features, bias=qkv_bias)
        self.proj = nn.Linear(features, features, bias=bias)
        rows, columns = size
        places = torch.cartesian_prod(torch.arange(rows), torch.arange(columns))
        distances = places[:, None] - places + torch.tensor([rows - 1, columns - 1])
        self.register_buffer("index", distances[..., 0] * (2 * columns - 1) + distances[..., 1])
        if position == "table":
            self.table = nn.Parameter(torch.zeros((2 * rows - 1) * (2 * columns - 1), num_heads))
        if position == "mlp":
            self.scale = nn.Parameter(torch.ones(num_heads, 1, 1))
            self.network = nn.Sequential(nn.Linear(2, hidden), nn.ReLU(), nn.Linear(hidden, num_heads, bias=False))
            sides = torch.arange(1.0 - rows, rows), torch.arange(1.0 - columns, columns)
            self.register_buffer("distances", torch.cartesian_prod(*sides))

    def forward(self, x):
        query, key, value = self.qkv(x).unflatten(-1, (3, self.num_heads, -1)).transpose(-4, -2).unbind(-3)
        bias = None
        if self.position == "mlp":
            query, key = F.normalize(query, dim=-1) * self.scale, F.normalize(key, dim=-1)
            bias = self.network(self.distances)[self.index].permute(2, 0, 1)
        if self.position == "table":
            bias = self.table[self.index].permute(2, 0, 1)
        x = F.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        return self.proj(x.transpose(-3, -2).flatten(-2))
''',
    "Experts": '''
class Experts(nn.Module):
    """Feed-forward networks, of which each token passes through the few with the highest scores.

    All of them are computed here, and the others multiplied by 0.
    """

    def __init__(self, num_experts, top_k, features, hidden):
        super().__init__()
        self.top_k = top_k
        self.gate_up = nn.Parameter(torch.zeros(num_experts, features, 2 * hidden))
        self.down = nn.Parameter(torch.zeros(num_experts, hidden, features))

    def forward(self, x, scores):
        values, indices = scores.softmax(-1).topk(self.top_k)
        weights = torch.zeros_like(scores).scatter(-1, indices, values)
        gate, up = torch.einsum("...f,efh->...eh", x, self.gate_up).chunk(2, -1)
        x = torch.einsum("...eh,ehf->...ef", F.silu(gate) * up, self.down)
        return (x * weights[..., None]).sum(-2)
''',
    "ClassToken": '''
class ClassToken(nn.Module):
    """Prepends learned tokens to a sequence."""

    def __init__(self, num_tokens, features):
        super().__init__()
        self.tokens = nn.Parameter(torch.zeros(num_tokens, features))

    def forward(self, x):
        return torch.cat([self.tokens.expand(x.shape[0], -1, -1), x], 1)
''',
    "Attention": '''
def rotate(x, size, base):
    """Rotary position embedding: rotates pairs of the first features by angles of the position."""
    powers = torch.arange(0, size, 2, device=x.device) / size
    angles = torch.arange(x.shape[-2], device=x.device)[:, None] / base**powers
    cos, sin = angles.cos().repeat(1, 2), angles.sin().repeat(1, 2)
    x, rest = x[..., :size], x[..., size:]
    first, second = x.chunk(2, -1)
    return torch.cat([x * cos + torch.cat([-second, first], -1) * sin, rest], -1)


class Attention(nn.Module):
    """Multi-head attention to the own sequence, or to another; several heads may share keys and values."""

    def __init__(
        self, features, num_heads, num_kv_heads, head_dim, value_dim, context, qkv_bias=True, key_bias=True, bias=True,
        qk_norm="none", is_causal=False, window=None, rotary_dim=0, rotary_base=10_000.0,
    ):
        super().__init__()
        self.num_heads, self.num_kv_heads, self.qk_norm = num_heads, num_kv_heads, qk_norm
        self.is_causal, self.window = is_causal, window
        self.rotary_dim, self.rotary_base = rotary_dim, rotary_base
        self.query = nn.Linear(features, num_heads * head_dim, bias=qkv_bias)
        self.key = nn.Linear(context, num_kv_heads * head_dim, bias=key_bias)
        self.value = nn.Linear(context, num_kv_heads * value_dim, bias=qkv_bias)
        if qk_norm != "none":
            is_whole = qk_norm == "width"
            self.query_norm = nn.RMSNorm(head_dim * (num_heads if is_whole else 1))
            self.key_norm = nn.RMSNorm(head_dim * (num_kv_heads if is_whole else 1))
        self.out = nn.Linear(num_heads * value_dim, features, bias=bias)

    def forward(self, x, context=None):
        context = x if context is None else context
        query, key = self.query(x), self.key(context)
        if self.qk_norm == "width":
            query, key = self.query_norm(query), self.key_norm(key)
        query = query.unflatten(-1, (self.num_heads, -1)).transpose(-3, -2)
        key = key.unflatten(-1, (self.num_kv_heads, -1)).transpose(-3, -2)
        value = self.value(context).unflatten(-1, (self.num_kv_heads, -1)).transpose(-3, -2)
        if self.qk_norm == "head":
            query, key = self.query_norm(query), self.key_norm(key)
        if self.rotary_dim:
            query = rotate(query, self.rotary_dim, self.rotary_base)
            key = rotate(key, self.rotary_dim, self.rotary_base)
        groups = self.num_heads // self.num_kv_heads
        key, value = key.repeat_interleave(groups, -3), value.repeat_interleave(groups, -3)
        mask = None if self.window is None else self.visible(x.shape[-2], x.device)
        is_causal = self.is_causal and mask is None
        x = F.scaled_dot_product_attention(query, key, value, attn_mask=mask, is_causal=is_causal)
        return self.out(x.transpose(-3, -2).flatten(-2))

    def visible(self, length, device):
        """The positions that each attends to: as many before it as the window has, or half of them on either side."""
        places = torch.arange(length, device=device)
        back = places[:, None] - places
        if self.is_causal:
            return (back >= 0) & (back < self.window)
        return back.abs() <= self.window // 2
''',
}
"""The text of each, by its name."""

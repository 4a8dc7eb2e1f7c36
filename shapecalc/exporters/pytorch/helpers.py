"""Modules that PyTorch has not, as they are written into the source that uses them."""

from __future__ import annotations

__all__ = ["HELPERS"]

HELPERS = {
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
    """Multiplies each feature by a learned factor; `axes` follow that of the features."""

    def __init__(self, features, axes=0):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(features, *(1,) * axes))

    def forward(self, x):
        return x * self.scale
''',
    "PositionEmbedding": '''
class PositionEmbedding(nn.Module):
    """Adds a learned vector to each position; positions count from `offset`."""

    def __init__(self, num_positions, features, offset=0):
        super().__init__()
        self.table = nn.Parameter(torch.zeros(num_positions, features))
        self.offset = offset

    def forward(self, x):
        return x + self.table[self.offset : self.offset + x.shape[-2]]
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
class Attention(nn.Module):
    """Multi-head attention to the own sequence, or to another; several heads may share keys and values."""

    def __init__(
        self, features, num_heads, num_kv_heads, head_dim, value_dim, context, qkv_bias=True, bias=True, qk_norm=False,
        is_causal=False,
    ):
        super().__init__()
        self.num_heads, self.num_kv_heads, self.is_causal = num_heads, num_kv_heads, is_causal
        self.query = nn.Linear(features, num_heads * head_dim, bias=qkv_bias)
        self.key = nn.Linear(context, num_kv_heads * head_dim, bias=qkv_bias)
        self.value = nn.Linear(context, num_kv_heads * value_dim, bias=qkv_bias)
        self.query_norm = nn.RMSNorm(head_dim) if qk_norm else nn.Identity()
        self.key_norm = nn.RMSNorm(head_dim) if qk_norm else nn.Identity()
        self.out = nn.Linear(num_heads * value_dim, features, bias=bias)

    def forward(self, x, context=None):
        context = x if context is None else context
        query = self.query_norm(self.query(x).unflatten(-1, (self.num_heads, -1))).transpose(-3, -2)
        key = self.key_norm(self.key(context).unflatten(-1, (self.num_kv_heads, -1))).transpose(-3, -2)
        value = self.value(context).unflatten(-1, (self.num_kv_heads, -1)).transpose(-3, -2)
        groups = self.num_heads // self.num_kv_heads
        key, value = key.repeat_interleave(groups, -3), value.repeat_interleave(groups, -3)
        x = F.scaled_dot_product_attention(query, key, value, is_causal=self.is_causal)
        return self.out(x.transpose(-3, -2).flatten(-2))
''',
}
"""The text of each, by its name."""

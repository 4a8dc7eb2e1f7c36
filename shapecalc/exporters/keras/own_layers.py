"""The text of layers that Keras has not, which are written into the source of a model that has them."""

from __future__ import annotations

__all__ = ["LAYERS"]

LAYERS = {
    "LayerScale": '''
@keras.saving.register_keras_serializable()
class LayerScale(layers.Layer):
    """Multiplies each feature by a learned factor, or adds a learned number; `axes` follow that of the features."""

    def __init__(self, size, axes=0, scale=True, shift=False, **kwargs):
        super().__init__(**kwargs)
        shape = (size, *(1,) * axes)
        self.scale = self.add_weight(shape=shape, initializer="ones", name="scale") if scale else 1
        self.shift = self.add_weight(shape=shape, initializer="zeros", name="shift") if shift else 0

    def call(self, x):
        return x * self.scale + self.shift
''',
    "PositionEmbedding": '''
@keras.saving.register_keras_serializable()
class PositionEmbedding(layers.Layer):
    """Adds a learned vector to each position; positions count from `offset`, or the table is resized to them."""

    def __init__(self, num_positions, offset=0, interpolate=False, **kwargs):
        super().__init__(**kwargs)
        self.num_positions, self.offset, self.interpolate = num_positions, offset, interpolate

    def build(self, shape):
        self.table = self.add_weight(shape=(self.num_positions, shape[-1]), initializer="normal", name="table")

    def call(self, x):
        length = x.shape[-2]
        if self.interpolate:
            return x + ops.image.resize(self.table[None, :, None], (length, 1))[0, :, 0]
        return x + self.table[self.offset : self.offset + length]
''',
    "ClassToken": '''
@keras.saving.register_keras_serializable()
class ClassToken(layers.Layer):
    """Prepends learned tokens to a sequence."""

    def __init__(self, num_tokens=1, **kwargs):
        super().__init__(**kwargs)
        self.num_tokens = num_tokens

    def build(self, shape):
        self.tokens = self.add_weight(shape=(1, self.num_tokens, shape[-1]), initializer="zeros", name="tokens")

    def call(self, x):
        tokens = ops.broadcast_to(self.tokens, (ops.shape(x)[0], self.num_tokens, x.shape[-1]))
        return ops.concatenate([tokens, x], axis=1)
''',
    "MaskToken": '''
@keras.saving.register_keras_serializable()
class MaskToken(layers.Layer):
    """The token that takes the place of hidden patches in masked image modelling; nothing is hidden at inference."""

    def __init__(self, size, **kwargs):
        super().__init__(**kwargs)
        self.token = self.add_weight(shape=(size,), initializer="zeros", name="token")

    def call(self, x):
        return x
''',
    "Parameter": '''
@keras.saving.register_keras_serializable()
class Parameter(layers.Layer):
    """A tensor that is trained, for every sample of its input."""

    def __init__(self, size, **kwargs):
        super().__init__(**kwargs)
        self.size = size
        self.value = self.add_weight(shape=size, initializer="zeros", name="value")

    def call(self, x):
        return ops.broadcast_to(self.value, (ops.shape(x)[0], *self.size))
''',
    "Constant": '''
@keras.saving.register_keras_serializable()
class Constant(layers.Layer):
    """A tensor that is not trained, for every sample of its input."""

    def __init__(self, size, **kwargs):
        super().__init__(**kwargs)
        self.size = size

    def call(self, x):
        return ops.zeros((ops.shape(x)[0], *self.size), dtype=self.compute_dtype)
''',
    "WindowAttention": '''
@keras.saving.register_keras_serializable()
class WindowAttention(layers.Layer):
    """Attention within windows, with biases of relative positions: from a table, or from a small network."""

    def __init__(self, num_heads, size, position="table", qkv_bias=True, use_bias=True, hidden=512, **kwargs):
        super().__init__(**kwargs)
        self.num_heads, self.size, self.position, self.hidden = num_heads, size, position, hidden
        self.qkv_bias, self.use_bias = qkv_bias, use_bias

    def build(self, shape):
        rows, columns = self.size
        self.qkv = layers.Dense(3 * shape[-1], use_bias=self.qkv_bias, name="qkv")
        self.qkv.build(shape)
        self.proj = layers.Dense(shape[-1], use_bias=self.use_bias, name="proj")
        self.proj.build(shape)
        places = [(i, j) for i in range(rows) for j in range(columns)]
        self.index = [
            [(i - k + rows - 1) * (2 * columns - 1) + j - m + columns - 1 for k, m in places] for i, j in places
        ]
        distances = (2 * rows - 1) * (2 * columns - 1)
        if self.position == "table":
            self.table = self.add_weight(shape=(distances, self.num_heads), initializer="zeros", name="table")
        if self.position == "mlp":
            self.scale = self.add_weight(shape=(self.num_heads, 1, 1), initializer="ones", name="scale")
            self.first = layers.Dense(self.hidden, activation="relu", name="first")
            self.first.build((distances, 2))
            self.second = layers.Dense(self.num_heads, use_bias=False, name="second")
            self.second.build((distances, self.hidden))
            self.distances = [(float(i), float(j)) for i in range(1 - rows, rows) for j in range(1 - columns, columns)]

    def compute_output_shape(self, shape):
        return shape

    def call(self, x):
        windows, length, features = x.shape[1:]
        x = ops.reshape(self.qkv(x), (-1, windows, length, 3, self.num_heads, features // self.num_heads))
        query, key, value = ops.unstack(ops.transpose(x, (3, 0, 1, 4, 2, 5)), axis=0)
        if self.position == "mlp":
            query, key = ops.normalize(query, axis=-1) * self.scale, ops.normalize(key, axis=-1)
        else:
            query = query / (features // self.num_heads) ** 0.5
        scores = query @ ops.swapaxes(key, -1, -2)
        if self.position == "table":
            scores = scores + ops.transpose(ops.take(self.table, self.index, axis=0), (2, 0, 1))
        if self.position == "mlp":
            table = self.second(self.first(ops.convert_to_tensor(self.distances)))
            scores = scores + ops.transpose(ops.take(table, self.index, axis=0), (2, 0, 1))
        x = ops.swapaxes(ops.softmax(scores) @ value, -2, -3)
        return self.proj(ops.reshape(x, (-1, windows, length, features)))
''',
    "Experts": '''
@keras.saving.register_keras_serializable()
class Experts(layers.Layer):
    """Feed-forward networks, of which each token passes through the few with the highest scores.

    All of them are computed here, and the others multiplied by 0.
    """

    def __init__(self, num_experts, top_k, hidden, **kwargs):
        super().__init__(**kwargs)
        self.num_experts, self.top_k, self.hidden = num_experts, top_k, hidden

    def build(self, x_shape, scores_shape=None):
        sizes = self.num_experts, x_shape[-1], self.hidden
        self.gate = self.add_weight(shape=sizes, name="gate")
        self.up = self.add_weight(shape=sizes, name="up")
        self.down = self.add_weight(shape=(self.num_experts, self.hidden, x_shape[-1]), name="down")

    def compute_output_shape(self, x_shape, scores_shape=None):
        return x_shape

    def call(self, x, scores):
        values, indices = ops.top_k(ops.softmax(scores), self.top_k)
        weights = ops.sum(values[..., None] * ops.one_hot(indices, self.num_experts), axis=-2)
        gate = ops.silu(ops.einsum("btf,efh->bteh", x, self.gate))
        up = ops.einsum("btf,efh->bteh", x, self.up)
        x = ops.einsum("bteh,ehf->btef", gate * up, self.down)
        return ops.sum(x * weights[..., None], axis=-2)
''',
    "Attention": '''
def rotate(x, size, base):
    """Rotary position embedding: rotates pairs of the first features by angles of the position."""
    powers = ops.arange(0, size, 2, dtype="float32") / size
    angles = ops.arange(x.shape[-2], dtype="float32")[:, None] / base**powers
    cos, sin = ops.tile(ops.cos(angles), (1, 2)), ops.tile(ops.sin(angles), (1, 2))
    first, second, rest = x[..., : size // 2], x[..., size // 2 : size], x[..., size:]
    rotated = x[..., :size] * cos + ops.concatenate([-second, first], axis=-1) * sin
    return ops.concatenate([rotated, rest], axis=-1)


@keras.saving.register_keras_serializable()
class Attention(layers.Layer):
    """Multi-head attention to the own sequence, or to another; several heads may share keys and values."""

    def __init__(
        self, num_heads, num_kv_heads, head_dim, value_dim, qkv_bias=True, key_bias=True, use_bias=True,
        qk_norm="none", is_causal=False, window=None, rotary_dim=0, rotary_base=10_000.0, **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_heads, self.num_kv_heads, self.head_dim, self.value_dim = num_heads, num_kv_heads, head_dim, value_dim
        self.qk_norm, self.is_causal, self.window, self.use_bias = qk_norm, is_causal, window, use_bias
        self.rotary_dim, self.rotary_base = rotary_dim, rotary_base
        self.query = layers.Dense(num_heads * head_dim, use_bias=qkv_bias, name="query")
        self.key = layers.Dense(num_kv_heads * head_dim, use_bias=key_bias, name="key")
        self.value = layers.Dense(num_kv_heads * value_dim, use_bias=qkv_bias, name="value")

    def build(self, x_shape, context_shape=None):
        for layer in (self.key, self.value):
            layer.build(context_shape or x_shape)
        self.query.build(x_shape)
        self.out = layers.Dense(x_shape[-1], use_bias=self.use_bias, name="out")
        self.out.build((*x_shape[:-1], self.num_heads * self.value_dim))
        if self.qk_norm != "none":
            is_whole = self.qk_norm == "width"
            self.query_norm, self.key_norm = layers.RMSNormalization(), layers.RMSNormalization()
            self.query_norm.build((self.head_dim * (self.num_heads if is_whole else 1),))
            self.key_norm.build((self.head_dim * (self.num_kv_heads if is_whole else 1),))

    def compute_output_shape(self, x_shape, context_shape=None):
        return x_shape

    def heads(self, x, norm, size, is_normed):
        """The features of a projection as heads: (batch, heads, length, size)."""
        x = norm(x) if is_normed and self.qk_norm == "width" else x
        x = ops.reshape(x, (-1, x.shape[1], x.shape[2] // size, size))
        x = norm(x) if is_normed and self.qk_norm == "head" else x
        return ops.swapaxes(x, 1, 2)

    def call(self, x, context=None):
        context = x if context is None else context
        is_normed = self.qk_norm != "none"
        query = self.heads(self.query(x), self.query_norm if is_normed else None, self.head_dim, is_normed)
        key = self.heads(self.key(context), self.key_norm if is_normed else None, self.head_dim, is_normed)
        value = self.heads(self.value(context), None, self.value_dim, False)
        if self.rotary_dim:
            query = rotate(query, self.rotary_dim, self.rotary_base)
            key = rotate(key, self.rotary_dim, self.rotary_base)
        groups = self.num_heads // self.num_kv_heads
        key, value = ops.repeat(key, groups, axis=1), ops.repeat(value, groups, axis=1)
        scores = query @ ops.swapaxes(key, -1, -2) / self.head_dim**0.5
        if self.is_causal or self.window:
            scores = ops.where(self.visible(x.shape[1], context.shape[1]), scores, -1e9)
        x = ops.swapaxes(ops.softmax(scores) @ value, 1, 2)
        return self.out(ops.reshape(x, (-1, x.shape[1], self.num_heads * self.value_dim)))

    def visible(self, length, keys):
        """The positions that each attends to: as many before it as the window has, or half of them on either side."""
        back = ops.arange(length)[:, None] - ops.arange(keys)
        if not self.is_causal:
            return ops.abs(back) <= self.window // 2
        return ops.logical_and(back >= 0, back < (self.window or length))
''',
}
"""The text of each, by its name."""

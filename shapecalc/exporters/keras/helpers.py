"""Layers and functions that Keras has not, as they are written into the source that uses them."""

from __future__ import annotations

from shapecalc.exporters.keras.own_layers import LAYERS

__all__ = ["HELPERS"]

HELPERS = {
    "as_model": '''
def as_model(block, inputs, *arguments, **options):
    """A block as a model, whose layers are the same in every call."""
    own = [keras.Input(x.shape[1:], dtype=x.dtype) for x in inputs]
    return keras.Model(own, block(*own, *arguments, **options))
''',
    "local_response_norm": '''
def local_response_norm(x, size, alpha, beta, k):
    """Divides each channel by a sum over the channels beside it."""
    channels = x.shape[-1]
    squares = ops.pad(ops.square(x), [(0, 0)] * (len(x.shape) - 1) + [(size // 2, (size - 1) // 2)])
    total = sum(squares[..., i : i + channels] for i in range(size))
    return x / (k + alpha / size * total) ** beta
''',
    "channel_shuffle": '''
def channel_shuffle(x, groups):
    """Mixes the channels of groups: the first of each, then the second of each, and so on."""
    *sizes, channels = x.shape[1:]
    rank = len(sizes)
    x = layers.Reshape((*sizes, groups, channels // groups))(x)
    x = layers.Permute((*range(1, rank + 1), rank + 2, rank + 1))(x)
    return layers.Reshape((*sizes, channels))(x)
''',
    "pixel_shuffle": '''
def pixel_shuffle(x, factor):
    """Channels as pixels: a larger map of fewer channels, whose channels stay together."""
    height, width, channels = x.shape[1:]
    x = layers.Reshape((height, width, -1, factor, factor))(x)
    x = layers.Permute((1, 4, 2, 5, 3))(x)
    return layers.Reshape((height * factor, width * factor, channels // factor**2))(x)
''',
    "pixel_unshuffle": '''
def pixel_unshuffle(x, factor):
    """Pixels as channels: a smaller map of more channels, each block of pixels of a channel together."""
    height, width, channels = x.shape[1:]
    x = layers.Reshape((height // factor, factor, width // factor, factor, channels))(x)
    x = layers.Permute((1, 3, 5, 2, 4))(x)
    return layers.Reshape((height // factor, width // factor, channels * factor**2))(x)
''',
    "gather_patches": '''
def gather_patches(x, size):
    """The pixels of each patch, one after the other along the channels."""
    rows, columns = size
    x = ops.pad(x, [(0, 0), (0, -x.shape[1] % rows), (0, -x.shape[2] % columns), (0, 0)])
    return ops.concatenate([x[:, i::rows, j::columns] for j in range(columns) for i in range(rows)], axis=-1)
''',
    "window_partition": '''
def window_partition(x, size, grid=False):
    """A feature map as windows of tokens; those of a grid are from all over the map."""
    rows, columns = size
    x = ops.pad(x, [(0, 0), (0, -x.shape[1] % rows), (0, -x.shape[2] % columns), (0, 0)])
    height, width, channels = x.shape[1:]
    if grid:
        x = layers.Reshape((rows, height // rows, columns, width // columns, channels))(x)
        x = layers.Permute((2, 4, 1, 3, 5))(x)
    else:
        x = layers.Reshape((height // rows, rows, width // columns, columns, channels))(x)
        x = layers.Permute((1, 3, 2, 4, 5))(x)
    return layers.Reshape((-1, rows * columns, channels))(x)
''',
    "window_reverse": '''
def window_reverse(x, size, height, width):
    """Windows of tokens as the feature map that they are of."""
    rows, columns = size
    down, across = -(-height // rows), -(-width // columns)
    x = layers.Reshape((down, across, rows, columns, x.shape[-1]))(x)
    x = layers.Permute((1, 3, 2, 4, 5))(x)
    x = layers.Reshape((down * rows, across * columns, x.shape[-1]))(x)
    return x[:, :height, :width]
''',
    "recurrent": '''
def recurrent(layer, x, *states):
    """The outputs of a recurrent layer, and its states after the last step: (directions, units)."""
    is_both = isinstance(layer, layers.Bidirectional)
    directions = 2 if is_both else 1
    first = [state[:, i] for i in range(directions) for state in states]
    found = layer(x, initial_state=first or None)
    count = directions if is_both and layer.merge_mode is None else 1
    after = found[count:]
    size = len(after) // directions
    return (*found[:count], *[ops.stack(after[i::size], axis=1) for i in range(size)])
''',
    "stacked_lstm": '''
def stacked_lstm(x, hidden=None, cell=None, *, units, num_layers, use_bias=True, name=None):
    """LSTMs, each over the outputs of the one before, with the states of all: (layers, units)."""
    states = []
    for i in range(num_layers):
        first = None if hidden is None else [hidden[:, i], cell[:, i]]
        lstm = layers.LSTM(units, use_bias=use_bias, return_sequences=True, return_state=True, name=f"{name}_{i}")
        x, *state = lstm(x, initial_state=first)
        states.append(state)
    hidden, cell = [ops.stack(each, axis=1) for each in zip(*states)]
    return x, hidden, cell
''',
    **LAYERS,
}
"""The text of each, by its name."""

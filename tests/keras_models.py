"""Small models of Keras with every class of layer and many operations, to be recorded and to be compared live.

`models(keras)` yields names and functions that build them: for Keras 3, or for tf_keras, which is Keras 2. What a
version does not have is left out.
"""

from __future__ import annotations

SEQUENCE, MAP, VOLUME = (12, 6), (17, 19, 6), (9, 10, 11, 4)
OF_RANK = {1: SEQUENCE, 2: MAP, 3: VOLUME}


def models(keras, tensorflow=None):
    """Yield the name of each model, and the function that builds it."""
    layers = keras.layers
    for name, shapes, make in [*_layers(layers, keras), *_merges(layers), *_wrapped(layers, keras)]:
        yield name, _of_layer(keras, make, shapes)
    yield from _graphs(keras, layers)
    operations = _operations_of_2(tensorflow) if tensorflow else _operations(keras.ops, layers)
    for name, shapes, function in operations:
        yield f"operation {name}", _of_function(keras, function, shapes)


def _of_layer(keras, make, shapes):
    def build():
        inputs = [keras.Input(shape) for shape in shapes]
        return keras.Model(inputs, make()(inputs if len(inputs) > 1 else inputs[0]))

    return build


def _of_function(keras, function, shapes):
    def build():
        inputs = [keras.Input(shape) for shape in shapes]
        return keras.Model(inputs, function(*inputs))

    return build


def _layers(L, keras):  # noqa: N803  (as everywhere in texts on Keras)
    """Layers of one input: their name, the sizes of the input, and how they are made."""
    one = [
        ("conv groups", MAP, lambda: L.Conv2D(9, 3, groups=3, use_bias=False, dilation_rate=2)),
        ("conv causal", SEQUENCE, lambda: L.Conv1D(8, 3, padding="causal", dilation_rate=2)),
        ("transposed with output padding", MAP, lambda: L.Conv2DTranspose(8, 3, 2, "same", output_padding=1)),
        ("transposed valid with it", MAP, lambda: L.Conv2DTranspose(8, 3, 3, "valid", output_padding=(2, 1))),
        ("locally connected 1", SEQUENCE, lambda: L.LocallyConnected1D(4, 3, strides=2)),
        ("locally connected 2", MAP, lambda: L.LocallyConnected2D(4, 3)),
        ("zeros as pairs", MAP, lambda: L.ZeroPadding2D(((1, 2), (0, 3)))),
        ("zeros of one axis", SEQUENCE, lambda: L.ZeroPadding1D((1, 2))),
        ("cropping as pairs", MAP, lambda: L.Cropping2D(((1, 2), (0, 3)))),
        ("bilinear", MAP, lambda: L.UpSampling2D((2, 3), interpolation="bilinear")),
        ("dense with a layer as activation", SEQUENCE, lambda: L.Dense(7, activation=L.LeakyReLU())),
        ("dense without bias", (9,), lambda: L.Dense(7, use_bias=False, activation="softmax")),
        ("einsum dense", SEQUENCE, lambda: L.EinsumDense("abc,cd->abd", (None, 64), bias_axes="d")),
        ("embedding", (12,), lambda: L.Embedding(100, 16)),
        ("flatten a scalar", (), L.Flatten),
        ("flatten features", (3,), L.Flatten),
        ("repeat", (7,), lambda: L.RepeatVector(5)),
        ("prelu of a map", MAP, lambda: L.PReLU(shared_axes=[1, 2])),
        ("group norm of an axis", (6, 5, 4), lambda: L.GroupNormalization(3, axis=1)),
        ("group norm of a sequence", SEQUENCE, lambda: L.GroupNormalization(3)),
        ("GRU without reset_after", SEQUENCE, lambda: L.GRU(5, reset_after=False)),
        ("LSTM without bias", SEQUENCE, lambda: L.LSTM(5, use_bias=False)),
        ("RNN relu", SEQUENCE, lambda: L.SimpleRNN(5, activation="relu", go_backwards=True)),
        ("RNN of a cell", SEQUENCE, lambda: L.RNN(L.LSTMCell(5), return_sequences=True)),
        ("RNN of cells", SEQUENCE, lambda: L.RNN([L.LSTMCell(5), L.GRUCell(4)])),
        ("RNN with states", SEQUENCE, lambda: L.RNN(L.GRUCell(4), return_state=True)),
        ("conv LSTM with strides", (4, *MAP), lambda: L.ConvLSTM2D(5, 3, strides=2, use_bias=False)),
        ("category encoding", (5,), lambda: L.CategoryEncoding(8)),
        ("one-hot encoding", (5,), lambda: L.CategoryEncoding(8, output_mode="one_hot")),
    ]
    for rank, shape in OF_RANK.items():
        for padding in ("valid", "same"):
            for stride in (1, 2):
                of = {"strides": stride, "padding": padding}
                end = f"{rank} {padding} {stride}"
                one += [
                    (f"conv {end}", shape, lambda r=rank, of=of: getattr(L, f"Conv{r}D")(8, 3, activation="relu", **of)),
                    (f"depthwise {end}", shape,
                     lambda r=rank, of=of: getattr(L, f"DepthwiseConv{r}D")(3, depth_multiplier=2, **of)),
                    (f"separable {end}", shape,
                     lambda r=rank, of=of: getattr(L, f"SeparableConv{r}D")(8, 3, depth_multiplier=2, **of)),
                    (f"max pool {end}", shape, lambda r=rank, of=of: getattr(L, f"MaxPooling{r}D")(2, **of)),
                    (f"average pool {end}", shape, lambda r=rank, of=of: getattr(L, f"AveragePooling{r}D")(3, **of)),
                ]  # fmt: skip
                one += [(f"transposed {kernel} {end}", shape,
                         lambda r=rank, k=kernel, of=of: getattr(L, f"Conv{r}DTranspose")(8, k, **of))
                        for kernel in (2, 3, 4)]  # fmt: skip
        for name in ("MaxPooling", "GlobalAveragePooling", "GlobalMaxPooling", "ZeroPadding", "Cropping", "UpSampling"):
            one.append((f"{name} {rank}", shape, lambda r=rank, n=name: getattr(L, f"{n}{r}D")()))
        for name in ("Average", "Max"):
            one.append((f"global {name} {rank}", shape,
                        lambda r=rank, n=name: getattr(L, f"Global{n}Pooling{r}D")(keepdims=True)))  # fmt: skip
            one.append((f"adaptive {name} {rank}", shape,
                        lambda r=rank, n=name: getattr(L, f"Adaptive{n}Pooling{r}D")(2)))  # fmt: skip
        for all_steps in (False, True):
            one.append((f"conv LSTM {rank} {all_steps}", (4, *shape), lambda r=rank, a=all_steps: getattr(
                L, f"ConvLSTM{r}D")(5, 3, padding="same", return_sequences=a)))  # fmt: skip
    for word in ("relu", "softmax", "elu", "selu", "celu", "softplus", "softsign", "silu", "gelu", "tanh", "sigmoid",
                 "exponential", "hard_sigmoid", "hard_silu", "linear", "mish", "log_softmax", "leaky_relu", "relu6",
                 "tanh_shrink", "hard_tanh", "hard_shrink", "soft_shrink", "squareplus", "sparse_plus",
                 "sparse_sigmoid", "sparsemax", "log_sigmoid"):  # fmt: skip
        one.append((f"activation {word}", SEQUENCE, lambda w=word: L.Activation(w)))
    for make in (L.Flatten, lambda: L.Reshape((-1, 3)), lambda: L.Permute((2, 1)), L.Masking,
                 lambda: L.Dropout(0.3), lambda: L.SpatialDropout1D(0.3), lambda: L.GaussianNoise(0.1),
                 lambda: L.GaussianDropout(0.1), lambda: L.AlphaDropout(0.1), L.ActivityRegularization,
                 L.Identity, lambda: L.ReLU(max_value=6), lambda: L.ReLU(negative_slope=0.1),
                 lambda: L.ReLU(max_value=3), L.LeakyReLU, L.ELU, L.PReLU,
                 lambda: L.PReLU(shared_axes=[1]), L.Softmax, lambda: L.Softmax(axis=1),
                 lambda: L.ThresholdedReLU(2.0)):  # fmt: skip
        one.append((f"layer {len(one)}", SEQUENCE, make))
    for make in (L.BatchNormalization, lambda: L.BatchNormalization(axis=1),
                 lambda: L.BatchNormalization(scale=False), lambda: L.BatchNormalization(center=False, scale=False),
                 L.LayerNormalization, lambda: L.LayerNormalization(axis=[1, 2]),
                 lambda: L.LayerNormalization(center=False), lambda: L.LayerNormalization(scale=False, center=False),
                 lambda: L.GroupNormalization(3), lambda: L.GroupNormalization(-1), L.UnitNormalization,
                 L.RMSNormalization, L.Normalization, lambda: L.Normalization(axis=(1, -1)),
                 lambda: L.Normalization(axis=None), lambda: L.Normalization(mean=1.0, variance=2.0),
                 lambda: L.SpectralNormalization(L.Conv2D(8, 3, activation="relu")),
                 lambda: L.SpectralNormalization(L.Conv2DTranspose(8, 3)),
                 lambda: L.SpectralNormalization(L.Dense(8))):  # fmt: skip
        one.append((f"norm {len(one)}", MAP, make))
    for make in (lambda: L.Rescaling(2.0, 1.0), lambda: L.Resizing(5, 6), lambda: L.CenterCrop(5, 6),
                 lambda: L.CenterCrop(50, 60), lambda: L.RandomCrop(5, 6), L.RandomFlip,
                 lambda: L.RandomRotation(0.1), lambda: L.RandomZoom(0.1), lambda: L.RandomContrast(0.1)):  # fmt: skip
        one.append((f"image {len(one)}", (17, 19, 3), make))
    for cell in ("SimpleRNN", "LSTM", "GRU"):
        for sequences in (False, True):
            for state in (False, True):
                of = {"return_sequences": sequences, "return_state": state}
                one.append((f"{cell} {sequences} {state}", SEQUENCE, lambda c=cell, of=of: getattr(L, c)(5, **of)))
                for mode in ("concat", "sum", "mul", "ave", None):
                    one.append((f"both {cell} {sequences} {state} {mode}", SEQUENCE,
                                lambda c=cell, of=of, m=mode: L.Bidirectional(getattr(L, c)(5, **of), m)))  # fmt: skip
    return [(name, [shape], make) for name, shape, make in one]


def _merges(L):  # noqa: N803
    """Layers of several inputs."""
    found = [
        ("concatenate maps", [MAP, (17, 19, 3)], L.Concatenate),
        ("concatenate lengths", [SEQUENCE, (5, 6)], lambda: L.Concatenate(axis=1)),
        ("concatenate features", [(3,), (4,)], L.Concatenate),
        ("concatenate widths", [MAP, (17, 4, 6)], lambda: L.Concatenate(axis=2)),
        ("dot of matrices", [(10, 20), (20, 30)], lambda: L.Dot(axes=(2, 1))),
        ("dot of features", [(8,), (8,)], lambda: L.Dot(axes=1)),
        ("dot of last axes", [(5, 8), (7, 8)], lambda: L.Dot(axes=-1, normalize=True)),
        ("attention", [(7, 8), (9, 8)], L.Attention),
        ("attention with keys", [(7, 8), (9, 10), (9, 8)], lambda: L.Attention(use_scale=True)),
        ("attention that adds", [(7, 8), (9, 8)], lambda: L.Attention(use_scale=True, score_mode="concat")),
        ("additive attention", [(7, 8), (9, 8)], L.AdditiveAttention),
        ("additive attention without scale", [(7, 8), (9, 8)], lambda: L.AdditiveAttention(use_scale=False)),
    ]
    for name in ("Add", "Multiply", "Average", "Maximum", "Minimum", "Subtract"):
        found.append((name, [SEQUENCE, SEQUENCE], lambda n=name: getattr(L, n)()))
        found.append((f"{name} broadcast", [MAP, (6,)], lambda n=name: getattr(L, n)()))
    return found


def _wrapped(L, keras):  # noqa: N803
    """Layers at every step, and of two directions that differ."""
    found = [
        ("both of conv LSTM", [(4, *MAP)], lambda: L.Bidirectional(L.ConvLSTM2D(5, 3, padding="same"))),
        ("both of a cell", [SEQUENCE], lambda: L.Bidirectional(L.RNN(L.LSTMCell(5)))),
        ("steps of sequences", [(4, 12, 6)], lambda: L.TimeDistributed(L.Conv1D(5, 3, padding="causal"))),
        ("steps of steps", [(3, 4, 12, 6)], lambda: L.TimeDistributed(L.TimeDistributed(L.Conv1D(5, 3)))),
        ("steps of an embedding", [(4, 12)], lambda: L.TimeDistributed(L.Embedding(50, 6))),
        ("steps of a model", [(4, *MAP)], lambda: L.TimeDistributed(_residual(keras, L))),
    ]
    for make in (lambda: L.Dense(5, activation="relu"), lambda: L.Conv2D(8, 3),
                 lambda: L.Conv2D(8, 3, 2, "same", activation="relu"), L.MaxPooling2D,
                 L.GlobalAveragePooling2D, L.Flatten, L.BatchNormalization,
                 L.UpSampling2D, L.ZeroPadding2D, lambda: L.Reshape((-1, 6)),
                 lambda: L.Permute((2, 1, 3)), lambda: L.Conv2DTranspose(4, 3, 2, "same"),
                 lambda: L.DepthwiseConv2D(3), lambda: L.SeparableConv2D(3, 3), L.LayerNormalization,
                 lambda: L.Dropout(0.1), L.Cropping2D, lambda: L.PReLU(shared_axes=[1, 2]),
                 lambda: L.AveragePooling2D(3, padding="same"), L.Softmax, lambda: L.Rescaling(2.0),
                 lambda: L.Resizing(5, 6)):  # fmt: skip
        found.append((f"steps {len(found)}", [(4, *MAP)], lambda make=make: L.TimeDistributed(make())))
    return found


def _residual(keras, L):  # noqa: N803
    x = keras.Input(MAP)
    y = L.Add()([L.Conv2D(6, 3, padding="same", activation="relu")(x), x])
    return keras.Model(x, L.Dense(3)(L.GlobalAveragePooling2D()(y)))


def _graphs(keras, L):  # noqa: N803
    """Models of several layers: shared, nested, frozen, with states and with attention."""

    def shared():
        a, b = keras.Input((8,)), keras.Input((8,))
        dense, inner = L.Dense(8), keras.Sequential([L.Dense(4), L.BatchNormalization()])
        p, q = keras.Input((8,)), keras.Input((8,))
        pair = keras.Model([p, q], L.Dense(3)(L.Concatenate()([p, q])))
        sums = L.Add()([inner(dense(a)), inner(dense(b))])
        return keras.Model([a, b], [L.Concatenate()([dense(a), dense(b)]), sums, pair([a, b]), pair([b, dense(a)])])

    def frozen():
        model = keras.Sequential([keras.Input((8,)), L.Dense(4), L.BatchNormalization(), L.Dense(3)])
        model.layers[0].trainable = model.layers[1].trainable = False
        return model

    def transfer():
        base = _residual(keras, L)
        base.trainable = False
        return keras.Sequential([keras.Input(MAP), L.RandomFlip(), base, L.Dense(2)])

    def states():
        x, h, c = keras.Input(SEQUENCE), keras.Input((5,)), keras.Input((5,))
        return keras.Model([x, h, c], L.LSTM(5)(x, initial_state=[h, c]))

    def states_of_both():
        x, *given = keras.Input(SEQUENCE), *[keras.Input((5,)) for _ in range(4)]
        return keras.Model([x, *given], L.Bidirectional(L.LSTM(5, return_sequences=True))(x, initial_state=given))

    def translation():
        e, d = keras.Input((7, 11)), keras.Input((9, 13))
        _, h, c = L.LSTM(8, return_state=True)(e)
        y, _, _ = L.LSTM(8, return_sequences=True, return_state=True)(d, initial_state=[h, c])
        return keras.Model([e, d], L.Dense(13, activation="softmax")(y))

    def attention(**of):
        q, v, k = keras.Input((7, 16)), keras.Input((9, 12)), keras.Input((9, 14))
        make = lambda: L.MultiHeadAttention(4, 5, **of)  # noqa: E731
        return keras.Model([q, v, k], [make()(q, q), make()(q, v), make()(q, v, k)])

    def attention_scores():
        q = keras.Input((7, 16))
        return keras.Model(q, L.MultiHeadAttention(4, 5)(q, q, return_attention_scores=True))

    def attention_of(axes):
        q = keras.Input((5, 7, 16))
        return keras.Model(q, L.MultiHeadAttention(4, 5, attention_axes=axes)(q, q))

    def attention_variants():
        q = keras.Input((7, 16))
        makes = [
            L.MultiHeadAttention(4, 5, use_gate=True),
            L.MultiHeadAttention(4, 5, use_gate=True, value_dim=3, output_shape=(2, 8)),
            L.MultiHeadAttention(4, 5, sliding_window=2),
            L.GroupQueryAttention(5, 4, 2, use_gate=True, use_bias=False),
        ]
        return keras.Model(q, [make(q, q) for make in makes])

    def grouped():
        q = keras.Input((7, 16))
        return keras.Model(q, L.GroupQueryAttention(5, 4, 2)(q, q))

    def reversible(tied):
        x, table = keras.Input((12,)), L.ReversibleEmbedding(50, 8, tie_weights=tied)
        return keras.Model(x, table(table(x), reverse=True))

    def channels_first():
        of = {"data_format": "channels_first"}
        return keras.Sequential([
            keras.Input((6, 17, 19)), L.Conv2D(8, 3, **of), L.BatchNormalization(axis=1), L.MaxPooling2D(**of),
            L.UpSampling2D(**of), L.ZeroPadding2D(**of), L.GlobalAveragePooling2D(**of), L.Dense(3),
        ])  # fmt: skip

    def mixed():
        first, last = {"data_format": "channels_first"}, {"data_format": "channels_last"}
        return keras.Sequential([
            keras.Input((6, 17, 19)), L.Conv2D(8, 3, **first), L.MaxPooling2D(**last), L.Conv2D(4, 3, **last),
            L.GlobalMaxPooling2D(**first), L.Dense(3),
        ])  # fmt: skip

    def steps_first():
        of = {"data_format": "channels_first"}
        return keras.Sequential([
            keras.Input((4, 6, 17, 19)), L.TimeDistributed(L.Conv2D(8, 3, **of)),
            L.TimeDistributed(L.GlobalAveragePooling2D(**of)), L.LSTM(3),
        ])  # fmt: skip

    def fixed_batch():
        x = keras.Input((10, 5), batch_size=32)
        return keras.Model(x, L.Dense(2)(L.LSTM(4)(x)))

    def lambda_between():
        x = keras.Input(SEQUENCE)
        return keras.Model(x, L.Dense(3)(L.Lambda(lambda t: t[:, :5], output_shape=(5, 6))(x)))

    yield "shared and nested", shared
    yield "frozen", frozen
    yield "transfer", transfer
    yield "initial states", states
    yield "initial states of both", states_of_both
    yield "translation", translation
    yield "heads", attention
    yield "heads of other values", lambda: attention(value_dim=6, use_bias=False)
    yield "heads of another output", lambda: attention(output_shape=11)
    yield "scores of heads", attention_scores
    yield "heads over space", lambda: attention_of(None)
    yield "heads along one axis", lambda: attention_of((2,))
    yield "grouped heads", grouped
    yield "attention with gates and a window", attention_variants
    yield "tied table", lambda: reversible(tied=True)
    yield "untied table", lambda: reversible(tied=False)
    yield "channels first", channels_first
    yield "both orders", mixed
    yield "steps of channels first", steps_first
    yield "fixed batch", fixed_batch
    yield "lambda", lambda_between


def _operations(ops, L):  # noqa: N803
    """Operations of `keras.ops`."""
    one = {
        "sums": lambda x: 2.0 * x - 1.0 / (x + 3), "reshape": lambda x: ops.reshape(x, (-1, 72)),
        "split": lambda x: ops.split(x, 3, axis=1)[1], "split at": lambda x: ops.split(x, [2, 5], axis=1),
        "unstack": lambda x: ops.unstack(x, axis=1)[3], "first": lambda x: x[:, 0],
        "slices": lambda x: x[:, 1:5, ::2], "new axis": lambda x: x[:, None, :, -1], "backwards": lambda x: x[:, ::-1],
        "expand": lambda x: ops.squeeze(ops.expand_dims(x, 1), 1), "swap": lambda x: ops.swapaxes(x, 1, 2),
        "clip": lambda x: ops.clip(x, 0, 6), "softmax": lambda x: ops.softmax(x, axis=-1),
        "leaky": lambda x: ops.leaky_relu(ops.relu(x)), "pad": lambda x: ops.pad(x, ((0, 0), (1, 2), (0, 0))),
        "roll": lambda x: ops.roll(x, 1, axis=1), "repeat": lambda x: ops.repeat(x, 2, axis=1),
        "tile": lambda x: ops.tile(x, (1, 2, 3)), "take": lambda x: ops.take(x, [0, 2], axis=1),
        "top": lambda x: ops.top_k(x, 3), "argmax": lambda x: ops.argmax(x, axis=-1),
        "normalize": ops.normalize, "roots": lambda x: ops.sqrt(ops.square(x) + ops.exp(-x)),
        "power": lambda x: x**2, "constants": lambda x: ops.matmul(x, ops.ones((6, 5))) + ops.ones((5,)),
        "gates": lambda x: ops.tanh(x) * ops.sigmoid(x), "flip": lambda x: ops.flip(x, axis=1),
        "zeros": lambda x: ops.zeros_like(x) + x, "gelu": ops.gelu,
        "expanded": lambda x: ops.broadcast_to(ops.expand_dims(x, 1), (1, 4, 12, 6)),
        "cumulative sum": lambda x: ops.cumsum(x, axis=1), "cast": lambda x: ops.cast(x, "float16") * 2,
    }  # fmt: skip
    for name in ("mean", "sum", "max", "min", "var", "std", "any", "all", "prod", "logsumexp"):
        yield name, [SEQUENCE], lambda x, n=name: getattr(ops, n)(x, axis=-1)
        yield f"{name} kept", [MAP], lambda x, n=name: getattr(ops, n)(x, axis=(1, 2), keepdims=True)
    for name, function in one.items():
        yield name, [SEQUENCE], function
    two = {
        "difference": lambda x, y: x - y, "product": lambda x, y: ops.matmul(x, ops.transpose(y, (0, 2, 1))),
        "join": lambda x, y: ops.concatenate([x, y], axis=1), "stack": lambda x, y: ops.stack([x, y], axis=1),
        "stack last": lambda x, y: ops.stack([x, y], axis=-1), "where": lambda x, y: ops.where(x > 0, x, y),
        "einsum": lambda x, y: ops.einsum("bik,bjk->bij", x, y),
        "logic": lambda x, y: ops.logical_and(x > y, x <= y),
    }  # fmt: skip
    for name, function in two.items():
        yield name, [SEQUENCE, SEQUENCE], function
    yield "broadcast", [SEQUENCE, (6,)], lambda x, y: x * ops.expand_dims(y, 1)
    yield "transpose", [MAP], lambda x: ops.moveaxis(ops.transpose(x, (0, 3, 1, 2)), 1, -1)
    yield "last of all", [MAP], lambda x: x[..., 0]
    yield "pad more", [MAP], lambda x: ops.pad(x, ((0, 0), (1, 2), (3, 0), (0, 1)))
    yield "max pool", [MAP], lambda x: ops.max_pool(x, 2)
    yield "average pool", [MAP], lambda x: ops.average_pool(x, 3, 2, "same")
    yield "resize", [MAP], lambda x: ops.image.resize(x, (5, 6))
    yield "attention", [(7, 4, 8), (9, 4, 8), (9, 4, 8)], ops.dot_product_attention
    yield "one hot", [(5,)], lambda x: ops.one_hot(x, 7)
    yield "merged batch", [(4, *MAP)], lambda x: ops.reshape(
        L.Conv2D(4, 3)(ops.reshape(x, (-1, *MAP))), (-1, 4, 15, 17, 4)
    )  # fmt: skip


def _operations_of_2(tf):
    """Operations of TensorFlow in models of Keras 2."""
    one = {
        "sums": lambda x: 2.0 * x - 1.0 / (x + 3), "reshape": lambda x: tf.reshape(x, (-1, 72)),
        "reshape by its size": lambda x: tf.reshape(x, (tf.shape(x)[0], 12, 2, 3)),
        "stacked size": lambda x: tf.reshape(x, tf.stack([tf.shape(x)[0], tf.shape(x)[1] * 2, 3])),
        "joined size": lambda x: tf.reshape(x, tf.concat([tf.shape(x)[:2], [2, 3]], 0)),
        "split": lambda x: tf.split(x, 3, axis=1)[1], "split sizes": lambda x: tf.split(x, [2, 5, 5], axis=1),
        "unstack": lambda x: tf.unstack(x, axis=1)[3], "first": lambda x: x[:, 0], "slices": lambda x: x[:, 1:5, ::2],
        "new axis": lambda x: x[:, None, :, -1], "backwards": lambda x: x[:, ::-1],
        "expand": lambda x: tf.squeeze(tf.expand_dims(x, 1), 1), "clip": lambda x: tf.clip_by_value(x, 0, 6) * 2.0,
        "softmax": lambda x: tf.nn.softmax(x, axis=-1), "leaky": lambda x: tf.nn.leaky_relu(tf.nn.relu(x)),
        "pad": lambda x: tf.pad(x, ((0, 0), (1, 2), (0, 0))), "roll": lambda x: tf.roll(x, 1, axis=1),
        "tile": lambda x: tf.tile(x, (1, 2, 3)), "gather": lambda x: tf.gather(x, [0, 2], axis=1),
        "argmax": lambda x: tf.argmax(x, axis=-1), "normalize": lambda x: tf.math.l2_normalize(x, axis=-1),
        "roots": lambda x: tf.sqrt(tf.square(x) + tf.exp(-x)), "power": lambda x: x**2,
        "constants": lambda x: tf.matmul(x, tf.ones((6, 5))) + tf.ones((5,)), "swish": tf.nn.swish,
        "cast": lambda x: tf.cast(x, "float16") * 2,
    }  # fmt: skip
    for name, function in one.items():
        yield name, [SEQUENCE], function
    for name in ("mean", "sum", "max", "prod", "variance"):
        reduce = getattr(tf, f"reduce_{name}", None) or getattr(tf.math, f"reduce_{name}")
        yield name, [SEQUENCE], lambda x, reduce=reduce: reduce(x, axis=-1)
        yield f"{name} kept", [MAP], lambda x, reduce=reduce: reduce(x, axis=(1, 2), keepdims=True)
    two = {
        "product": lambda x, y: tf.matmul(x, tf.transpose(y, (0, 2, 1))),
        "product of a transpose": lambda x, y: tf.matmul(x, y, transpose_b=True),
        "join": lambda x, y: tf.concat([x, y], axis=1), "stack": lambda x, y: tf.stack([x, y], axis=1),
        "where": lambda x, y: tf.where(x > 0, x, y), "sum of several": lambda x, y: tf.add_n([x, y]),
    }  # fmt: skip
    for name, function in two.items():
        yield name, [SEQUENCE, SEQUENCE], function
    yield "resize", [MAP], lambda x: tf.image.resize(x, (5, 6))
    yield "shuffle", [(4, 5, 8)], lambda x: tf.nn.depth_to_space(x, 2)
    yield "max pool", [MAP], lambda x: tf.nn.max_pool2d(x, 2, 2, "SAME")
    yield "mirror", [MAP], lambda x: tf.pad(x, ((0, 0), (1, 2), (3, 0), (0, 1)), mode="REFLECT")

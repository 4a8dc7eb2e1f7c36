"""Small cfg files of darknet, which together have every section that pjreddie's darknet knows, and its odd uses.

What darknet itself makes of them is in tests/data/darknet.json: tests/record_darknet.py.
"""

from __future__ import annotations

__all__ = ["CASES", "CONV", "NET", "cfg"]

NET = "[net]\nwidth=24\nheight=16\nchannels=3\n"
CONV = "[convolutional]\nbatch_normalize=1\nfilters=8\nsize=3\nstride=1\npad=1\nactivation=leaky\n"


def cfg(*sections: str, net: str = NET) -> str:
    """Return a file of sections, each written as `name key=value key=value`."""
    lines = []
    for section in sections:
        name, *options = [section.strip()] if "\n" in section else section.split()
        lines += [name if "\n" in section else f"[{name}]", *options]
    return net + "\n".join(lines) + "\n"


LIST = "[net]\ninputs=20\n"
STEPS = "[net]\ninputs=20\nbatch=1\ntime_steps=3\n"

CASES = {
    "convolutions": cfg(
        CONV,
        "convolutional filters=4 size=2 stride=2 pad=1 activation=linear",
        "conv filters=6 size=5 stride=3 padding=1 activation=relu batch_normalize=1",
        "convolutional filters=6 size=3 padding=2 groups=3",
        "convolutional size=1 pad=1 padding=7 filters=2 activation=logistic",
    ),
    "pools": cfg(
        CONV,
        "maxpool size=3 stride=2",
        "max stride=2",
        "maxpool size=2 stride=1",
        "maxpool size=2 stride=3 padding=0",
        "maxpool size=1 stride=2 padding=4",
        "avg",
    ),
    "odd pools": cfg(
        "maxpool size=5 stride=1 padding=2", "maxpool size=3 stride=3 padding=5", "maxpool size=4 stride=2", net=NET
    ),
    "deconvolutions": cfg(
        "deconvolutional filters=4 size=4 stride=2 pad=1 activation=leaky",
        "deconvolutional filters=2 size=3 stride=3 padding=1 batch_normalize=1 activation=linear",
    ),
    "local": cfg(
        "local filters=4 size=3 stride=1 pad=1 activation=leaky",
        "local filters=2 size=3 stride=2 pad=0 activation=linear",
        "local filters=3 size=2 stride=2 pad=1",
    ),
    "reorganised": cfg(
        CONV,
        "reorg stride=2",
        "reorg stride=2 reverse=1",
        "crop crop_width=7 crop_height=5",
        "reorg stride=2",
        "reorg stride=1 flatten=1",
        "reorg extra=3",
        "softmax",
    ),
    "resized": cfg(CONV, "upsample stride=3", "upsample stride=-2", "upsample"),
    "routes": cfg(
        CONV,
        "maxpool size=2 stride=2",
        "route layers=-1",
        "route layers=-2,2",
        "route layers=0,-3,0",
        "connected output=4 activation=linear",
    ),
    "joined lists": cfg(
        CONV,
        "connected output=6 activation=relu",
        "connected output=6",
        "route layers=-1,1",
        "softmax groups=3",
        "cost type=sse",
        "route layers=0",
    ),
    "shortcuts": cfg(
        CONV,
        "convolutional filters=4 size=3 stride=2 pad=1 activation=linear",
        "shortcut from=0 activation=relu",
        "convolutional filters=12 size=1 activation=linear",
        "shortcut from=-2",
        "shortcut from=0",
        "upsample stride=2",
        "shortcut from=3 activation=leaky",
    ),
    "normalised": cfg(
        CONV,
        "normalization size=3 alpha=1",
        "lrn",
        "batchnorm",
        "l2norm",
        "logistic",
        "activation activation=elu",
        "dropout probability=.1",
        "avgpool",
        "dropout",
        "softmax",
        "dropout",
        "cost",
    ),
    "steps": cfg(
        "rnn output=8 batch_normalize=1",
        "gru output=6",
        "lstm output=5 batch_normalize=1",
        "connected output=4",
        "gru output=3 batch_normalize=1",
        "lstm output=2",
        "rnn output=7 activation=tanh",
        net=STEPS,
    ),
    "recurrent maps": cfg(
        CONV,
        "crnn output_filters=6 hidden_filters=4 batch_normalize=1 activation=leaky",
        "crnn output_filters=2 hidden_filters=2",
        net=NET.replace("24", "16"),
    ),
    "connected": cfg("connected output=30 batch_normalize=1", "conn output=3 activation=linear", "soft", net=LIST),
    "connected as a map": cfg(
        CONV, "connected output=8", "convolutional filters=4 size=3 pad=1", "shortcut from=-2", "maxpool size=1"
    ),
    "yolo": cfg(
        CONV,
        "convolutional filters=14 size=1 activation=linear",
        "yolo mask=1,3 classes=2 num=4",
        "route layers=-2",
        "convolutional filters=21 size=1 activation=linear",
        "yolo num=3 classes=2",
    ),
    "region": cfg("convolutional filters=16 size=1 activation=linear", "region num=2 classes=3 coords=4"),
    "iseg": cfg("convolutional filters=7 size=1 activation=linear", "iseg classes=4 ids=3"),
    "detection": cfg(
        "connected output=28 activation=linear", "dropout", "detection classes=2 coords=4 side=2 num=1 rescore=1"
    ),
    "network": "# a\n; b\n[network]\n height = 9 \nwidth=8\n\tchannels=1\r\n\n[convo lutional]\nfil ters = 2 # two\n"
    "filters=3\nsize=3\n\n   stride=2;2\n",
}

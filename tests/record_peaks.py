"""Records the peak of live tensors of eager PyTorch at inference: `python tests/record_peaks.py > tests/data/peaks.json`.

Every tensor that an operation returns is live until Python lets go of it; tensors in the same storage count once, and
parameters do not. Inputs are held by the caller. One sample, in fp32.
"""

from __future__ import annotations

import json
import weakref
from typing import Any

from record_saved_tensors import _modules

__all__ = ["NETWORKS", "record"]

_CONV = {"conv": {"out_channels": 4, "kernel_size": 3, "padding": 1}}
NETWORKS: dict[str, tuple[Any, str, str]] = {
    "alexnet_torchvision": ("alexnet_torchvision", "3x128x128", "AlexNet()"),
    "resnet18": ("resnet18", "3x64x64", "ResNet18()"),
    "indices": ([{"max_pool": {"kernel_size": 2, "stride": 1}}], "4x9x9", "nn.MaxPool2d(2, 1)"),
    "in place": ([_CONV, {"relu": {"inplace": True}}, _CONV], "4x9x9",
                 "nn.Sequential(nn.Conv2d(4, 4, 3, 1, 1), nn.ReLU(inplace=True), nn.Conv2d(4, 4, 3, 1, 1))"),
    "not in place": ([_CONV, "relu", _CONV], "4x9x9",
                     "nn.Sequential(nn.Conv2d(4, 4, 3, 1, 1), nn.ReLU(), nn.Conv2d(4, 4, 3, 1, 1))"),
    "norm": ([_CONV, {"group_norm": {"num_groups": 2}}], "4x9x9",
             "nn.Sequential(nn.Conv2d(4, 4, 3, 1, 1), nn.GroupNorm(2, 4))"),
    "input": ([_CONV, {"max_pool": 3}, {"conv": {"out_channels": 99, "kernel_size": 1}}], "4x9x9",
              "nn.Sequential(nn.Conv2d(4, 4, 3, 1, 1), nn.MaxPool2d(3), nn.Conv2d(4, 99, 1))"),
}  # fmt: skip
"""A specification, its input, and the code of its module."""


def _peak(module: Any, size: list[int]) -> int:
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_flatten

    own = {tensor.untyped_storage()._cdata for tensor in (*module.parameters(), *module.buffers())}
    users: dict[int, int] = {}
    sizes: dict[int, int] = {}
    peak = [0]

    def drop(at: int) -> None:
        users[at] -= 1

    def add(tensor: Any) -> None:
        storage = tensor.untyped_storage()
        if storage._cdata not in own:
            users[storage._cdata] = users.get(storage._cdata, 0) + 1
            sizes[storage._cdata] = storage.nbytes()
            weakref.finalize(tensor, drop, storage._cdata)

    class Live(TorchDispatchMode):
        def __torch_dispatch__(self, function: Any, types: Any, inputs: Any = (), words: Any = None) -> Any:
            found = function(*inputs, **(words or {}))
            for tensor in tree_flatten(found)[0]:
                if isinstance(tensor, torch.Tensor):
                    add(tensor)
            peak[0] = max(peak[0], sum(sizes[at] for at, number in users.items() if number))
            return found

    x = torch.randn(1, *size)
    add(x)
    with torch.no_grad(), torch.backends.mkldnn.flags(enabled=False), Live():
        module(x)
    return peak[0]


def record() -> dict[str, int]:
    """Return the peak of every network in bytes."""
    names = _modules()
    return {
        name: _peak(eval(code, names).eval(), [int(n) for n in size.split("x")])
        for name, (_, size, code) in NETWORKS.items()
    }


if __name__ == "__main__":
    import torch

    print(
        json.dumps(
            {"source": f"PyTorch {torch.__version__} on the CPU, run by tests/record_peaks.py", "peaks": record()},
            indent=1,
        )
    )

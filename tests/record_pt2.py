"""Record tests/data/pt2 and docs/digits.pt2: small modules as torch.export saves them, and PyTorch's own answers.

    pip install torch==2.13.0 torchvision==0.28.0
    python tests/record_pt2.py

With another version of PyTorch, it records what that writes, under names that end with it (`tied_2.5.1.pt2`): recorded are
2.2.2, 2.5.1, 2.7.1 and 2.8.0 (Python 3.11, numpy<2).

benchmarks/resnet50.pt2 is torchvision's, recorded where that is.

Beside each file is a JSON file: the parameters of the module, and half of what PyTorch's FLOP counter counts; the sizes of
all tensors are in the archive itself. Weights and example inputs are left out of the archives: they are not read. Of files
of torch.save in them, as versions before 2.9 wrote them, the pickle is kept, which says what is tied and what is trained.
"""

from __future__ import annotations

import contextlib
import io
import json
import zipfile
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import parametrizations
from torch.utils.flop_counter import FlopCounterMode

FOLDER = Path(__file__).parent / "data" / "pt2"
DOCS = Path(__file__).parents[1] / "docs"
BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        return self.relu(self.norm2(self.conv2(self.relu(self.norm1(self.conv1(x))))) + x)


class Digits(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 16, 5, 2, 2), nn.ReLU(), nn.MaxPool2d(2))
        self.layer1 = nn.Sequential(Block(16), Block(16))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(16, 10)

    def forward(self, x):
        x = self.pool(self.layer1(self.stem(x)))
        return self.fc(x.reshape(x.size(0), -1))


class Maps(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 16, 3, padding="same", dilation=2)
        self.norms = nn.Sequential(nn.GroupNorm(4, 16), nn.InstanceNorm2d(16, affine=True), nn.PReLU(16))
        self.up = nn.ConvTranspose2d(16, 8, 4, stride=2, padding=1, groups=2)
        self.resize = nn.Upsample(scale_factor=1.5, mode="bilinear")

    def forward(self, x):
        x = functional.silu(self.resize(self.up(self.norms(self.conv(x)))))
        a, b = x.chunk(2, 1)
        x = functional.pad(a * torch.sigmoid(b), (1, 2, 3, 4), mode="reflect")
        x = functional.max_pool2d(functional.pixel_unshuffle(x[:, :, :36, :36], 2), 3, 2, ceil_mode=True)
        x = torch.stack([x, x.flip(2).roll(1, 3)], 1).flatten(1, 2)
        values, _ = x.flatten(2).topk(3, -1)
        return x.mean((2, 3)), x.flatten(1).amax(1), functional.adaptive_avg_pool2d(x, 1), x.std(1), values.max(2)[1]


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(10, 12, num_layers=2, bidirectional=True)
        self.gru = nn.GRU(24, 7, batch_first=True)
        self.cell = nn.GRUCell(7, 7)
        self.fc = nn.Linear(7, 5)

    def forward(self, x):
        y, last = self.gru(self.lstm(x)[0].transpose(0, 1))
        return self.fc(self.cell(y[:, -1], last[0]))


class Tied(nn.Module):
    """Weights that are tied, computed (a weight norm), frozen, constant, cut, and not used."""

    def __init__(self):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(50, 16), nn.Parameter(torch.randn(1, 12, 16))
        self.head = nn.Linear(16, 50, bias=False)
        self.head.weight = self.tokens.weight
        self.mixed = parametrizations.weight_norm(nn.Conv1d(16, 16, 3, padding=1, groups=4), dim=2)
        self.cross = nn.MultiheadAttention(16, 2, batch_first=True)
        self.frozen = nn.Linear(16, 16).requires_grad_(False)
        self.scale, self.spare = nn.Parameter(torch.ones(16)), nn.Linear(3, 3)
        self.register_buffer("blur", torch.ones(16, 1, 3))

    def forward(self, ids, memory):
        x = self.tokens(ids) + self.positions[:, : ids.size(1)]
        x = self.mixed(x.transpose(1, 2))
        x = functional.conv1d(x, self.blur, padding=1, groups=16).transpose(1, 2)
        x = x + self.cross(x, memory, memory, need_weights=False)[0]
        return self.head(functional.layer_norm(self.frozen(x) * self.scale, (16,)))


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(3, 32, 4, 4)
        self.token = nn.Parameter(torch.zeros(1, 1, 32))
        self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(32, 4, 64, batch_first=True), 2)
        self.table, self.head = nn.Parameter(torch.zeros(9, 4)), nn.Linear(32, 7)
        self.register_buffer("index", torch.zeros(4, 4, dtype=torch.long))

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1)
        x = self.encoder(x)
        bias = self.table[self.index.view(-1)].view(4, 4, 4).permute(2, 0, 1).unsqueeze(0)
        q = x[:, 1:5].unflatten(2, (4, 8)).transpose(1, 2)
        scores = torch.einsum("bhld,bhsd->bhls", q, q) + bias
        x = torch.where(scores > 0, scores, scores.new_zeros(())).softmax(-1) @ q
        return self.head(x.transpose(1, 2).flatten(2)).masked_fill(x.new_zeros(1, 4, 1, dtype=torch.bool), 0)


def saved(module, examples, *, dynamic=None, decomposed=False):
    program = torch.export.export(module.eval(), examples, dynamic_shapes=dynamic, strict=False)
    program = program.run_decompositions() if decomposed else program
    stream = io.BytesIO()
    torch.export.save(program, stream)
    return stream.getvalue()


_TENSORS = ("/data/weights/weight_", "/data/sample_inputs/", "serialization_id", "serialized_example_inputs")
"""Parts of the names of entries that are left out."""
_SAVED = ("serialized_state_dict", "serialized_constants", "data/weights/model.pt", "data/constants/model.pt")


def without_tensors(data):
    """The archive without its weights and example inputs, compressed, with the same bytes each time."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.namelist():
            if not any(part in entry for part in _TENSORS):
                content = old.read(entry)
                if any(part in entry for part in _SAVED):
                    content = pickle_alone(content)
                elif entry.endswith(".json"):
                    content = json.dumps(json.loads(content), separators=(",", ":")).encode()
                new.writestr(zipfile.ZipInfo(entry, _TIME), content, zipfile.ZIP_DEFLATED)
    return stream.getvalue()


_TIME = (2026, 1, 1, 0, 0, 0)


def pickle_alone(data):
    """A file of torch.save without its storages."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(stream, "w") as new:
        entry = next(one for one in old.namelist() if one.endswith("data.pkl"))
        new.writestr(zipfile.ZipInfo(entry, _TIME), old.read(entry))
    return stream.getvalue()


def record(name, module, examples, *, folder=FOLDER, **options):
    data = without_tensors(saved(module, examples, **options))
    folder.joinpath(f"{name}.pt2").write_bytes(data)
    if folder != FOLDER:
        return
    params = list(module.parameters())  # before the move, which separates tied ones
    meta = module.to("meta")
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        meta(*[(one[:1] if options.get("dynamic") else one).to("meta") for one in examples])
    answer = {
        "params": sum(one.numel() for one in params),
        "trainable": sum(one.numel() for one in params if one.requires_grad),
        "macs": counter.get_total_flops() // 2,
    }  # fmt: skip
    folder.joinpath(f"{name}.json").write_text(json.dumps(answer) + "\n")


def record_older(version):
    """What an older version writes: one sample where it decomposes an operation to others that fold the batch."""
    batch = torch.export.Dim("batch")
    if not version.startswith("2.2."):  # it finds that the batch must be below 16
        record(f"digits_core_{version}", Digits(), (torch.zeros(2, 1, 28, 28),), dynamic=({0: batch},), decomposed=True)
    record(f"recurrent_{version}", Recurrent(), (torch.zeros(5, 2, 10),))
    ids, memory = torch.zeros(2, 9, dtype=torch.long), torch.zeros(2, 5, 16)
    record(f"tied_{version}", Tied(), (ids, memory))
    record(f"attention_{version}", Attention(), (torch.zeros(2, 3, 16, 16),))
    record(f"maps_core_{version}", Maps(), (torch.zeros(1, 3, 16, 16),), decomposed=True)


RECORDED = "2.13.0"

if __name__ == "__main__":
    torch.manual_seed(0)
    FOLDER.mkdir(exist_ok=True)
    if torch.__version__.partition("+")[0] != RECORDED:
        record_older(torch.__version__.partition("+")[0])
        raise SystemExit
    batch = torch.export.Dim("batch")
    height, width = torch.export.Dim("height", min=8, max=512), torch.export.Dim("width", min=8, max=512)
    record("digits", Digits(), (torch.zeros(2, 1, 28, 28),), folder=DOCS, dynamic=({0: batch, 2: height, 3: width},))
    with contextlib.suppress(ImportError):
        from torchvision.models import resnet50

        record("resnet50", resnet50(), (torch.zeros(1, 3, 224, 224),), folder=BENCHMARKS)
    for decomposed in (False, True):
        end = "_core" if decomposed else ""
        # Core ATen folds the batch of an instance norm into its channels: of a batch of one nothing is folded.
        record(f"maps{end}", Maps(), (torch.zeros(1 if decomposed else 2, 3, 16, 16),), decomposed=decomposed)
        record(f"recurrent{end}", Recurrent(), (torch.zeros(5, 1 if decomposed else 2, 10),), decomposed=decomposed)
        ids, memory = torch.zeros(2, 9, dtype=torch.long), torch.zeros(2, 5, 16)
        record(f"tied{end}", Tied(), (ids, memory), decomposed=decomposed)
        record(f"attention{end}", Attention(), (torch.zeros(2, 3, 16, 16),), decomposed=decomposed)

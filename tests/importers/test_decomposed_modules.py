"""Modules that are decomposed to core ATen have the totals of the module itself, for every batch of the example."""

import pytest

import shapecalc

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402  (only where there is torch)

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]


class Twice(nn.Module):
    """The same layer on two inputs, as one batch."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(10, 8)

    def forward(self, x):
        return self.fc(torch.cat([x, x + 1])).view(2, -1, 5, 8).mean(0)


MODULES = {
    "lstm of two layers": (nn.LSTM(10, 12, num_layers=2), 1),
    "lstm in both directions": (nn.LSTM(10, 12, bidirectional=True, batch_first=True), 0),
    "lstm with a projection": (nn.LSTM(10, 12, proj_size=4), 1),
    "gru of two layers": (nn.GRU(10, 12, num_layers=2, batch_first=True), 0),
    "rnn in both directions": (nn.RNN(10, 12, bidirectional=True), 1),
    "batches that are joined": (Twice(), 0),
}


@pytest.mark.parametrize("name", MODULES)
def test_a_decomposed_module_has_the_totals_of_the_module(name):
    module, axis = MODULES[name]
    module = module.eval()
    for batch in (1, 2, 3):
        example = torch.zeros((5, batch, 10) if axis else (batch, 5, 10))
        program = torch.export.export(module, (example,), strict=False).run_decompositions()
        expected = shapecalc.from_torch(module, example).infer().total
        report = shapecalc.from_torch(program).infer()
        assert (report.total.params, report.total.macs) == (expected.params, expected.macs)
        assert ", 0 unknown; " in report.notes[0]
        assert " MACs for one sample" in str(report)

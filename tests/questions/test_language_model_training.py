"""What transformers' models keep for the backward pass, against what they save when run (data/language_models.json)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from record_language_models import MODELS, record
from record_losses import record as record_losses

import shapecalc

RECORDED = json.loads((Path(__file__).parent.parent / "data" / "language_models.json").read_text(encoding="utf-8"))
ATTENTION = {"sdpa": "flash", "eager": "eager"}
LOSSES = json.loads((Path(__file__).parent.parent / "data" / "losses.json").read_text(encoding="utf-8"))["models"]
_read: dict[str, Any] = {}
CASES = [(kind, case) for kind, entry in RECORDED["models"].items() for case in entry["saved"]]


def memory(kind: str, folder: Path, **options: Any) -> Any:
    """Return the memory of a recorded model: from its config, or the bundled spec."""
    model = MODELS[kind]
    if model.spec:
        return shapecalc.load(model.spec).memory(**model.options, **options)
    return of_config(kind, folder).memory(**model.with_config, **options)


def of_config(kind: str, folder: Path) -> Any:
    """Return the network that the config.json of a recorded model is read as."""
    if kind not in _read:
        path = folder / "config.json"
        path.write_text(json.dumps(RECORDED["models"][kind]["config"]), encoding="utf-8")
        _read[kind] = shapecalc.load(str(path))
    return _read[kind]


@pytest.mark.parametrize(("kind", "case"), CASES, ids=str)
def test_a_model_keeps_what_it_saves_when_run(kind: str, case: str, tmp_path: Path) -> None:
    precision, attention = case.split()
    found = memory(kind, tmp_path, precision=precision, attention=ATTENTION[attention]).training
    assert found.kept == pytest.approx(RECORDED["models"][kind]["saved"][case], rel=0.03)


@pytest.mark.parametrize(("kind", "case"), [(kind, case) for kind, case in CASES if MODELS[kind].spec], ids=str)
def test_a_config_says_what_a_model_keeps(kind: str, case: str, tmp_path: Path) -> None:
    """Of the families that have a specification of their own: their config.json sets dropout and attention too."""
    precision, attention = case.split()
    options = {"precision": precision, "attention": ATTENTION[attention], **MODELS[kind].with_config}
    found = of_config(kind, tmp_path).memory(**options).training
    assert found.kept == pytest.approx(RECORDED["models"][kind]["saved"][case], rel=0.03)


@pytest.mark.parametrize(("kind", "precision"), [(kind, one) for kind in LOSSES for one in LOSSES[kind]])
def test_the_loss_saves_what_that_of_transformers_does(kind: str, precision: str, tmp_path: Path) -> None:
    """Exactly: causal language models and autocast in fp32, all others in the bits of their logits."""
    assert memory(kind, tmp_path, precision=precision).training.loss_saved == LOSSES[kind][precision]


@pytest.mark.slow
@pytest.mark.elsewhere
@pytest.mark.filterwarnings("ignore")
def test_the_record_agrees_with_the_installed_transformers() -> None:
    pytest.importorskip("transformers")
    assert json.loads(json.dumps(record())) == RECORDED["models"]
    assert record_losses() == LOSSES

"""`shapecalc weights`: its screens, its exit status, and what is wrong with files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from crafted_checkpoints import write_safetensors
from running import run

TINY = Path(__file__).parents[2] / "docs" / "tiny"


def test_a_checkpoint_and_its_network_agree() -> None:
    ran = run("weights", TINY, "--against", TINY)
    assert (ran.status, ran.out, ran.err) == (
        0, "tiny against tiny\n\n39 tensors of the same name and size.\n", "",
    )  # fmt: skip


def test_a_difference_is_exit_status_1() -> None:
    ran = run("weights", TINY, "--against", TINY / "config.json", "--set", "vocab=120")
    assert (ran.status, ran.err) == (1, "")
    assert ran.out == (
        "tiny against tiny\n\n"
        "Difference  Tensor                     Checkpoint  Network\n"
        "──────────────────────────────────────────────────────────\n"
        "other size  model.embed_tokens.weight  100×16      120×16\n"
        "other size  lm_head.weight             100×16      120×16\n\n"
        "- model.embed_tokens.weight: axis 0: 100 instead of 120 (vocab)\n"
        "- lm_head.weight: axis 0: 100 instead of 120 (vocab)\n\n"
        "37 tensors of the same name and size, 2 of another size.\n"
    )


def test_against_a_bundled_network(tmp_path: Path) -> None:
    write_safetensors(tmp_path / "m.safetensors", {"fc.weight": ("F32", (1000, 2048))})
    ran = run("weights", tmp_path / "m.safetensors", "--against", "resnet50", "--format", "json")
    assert ran.status == 1
    assert json.loads(ran.out)["matching"] == 1


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_tables_fit_the_terminal(width: int, tmp_path: Path) -> None:
    names = {f"model.layers.{i}.some_attention.{'very_' * 9}long_name.weight": ("F32", (128, 256)) for i in range(3)}
    path = write_safetensors(tmp_path / "m.safetensors", names)
    for words in ((), ("--against", "lenet5")):
        lines = run("weights", path, *words, columns=width).out.splitlines()
        assert max(map(len, lines)) <= max(width, 64 if words else 40)
        assert any("…" in line for line in lines if "×" in line) or width >= 120 or words


@pytest.mark.parametrize(
    ("width", "headings", "names"),
    [(100, "Name Type Shape Params Bytes", 2), (80, "Name Type Params Bytes", 2), (72, "Name Params Bytes", 2), (60, "Name Type Params Bytes", 1)],
)  # fmt: skip
def test_columns_are_left_out_before_names_are_cut_to_the_same(
    width: int, headings: str, names: int, tmp_path: Path
) -> None:
    every = [
        f"m.layers.{i}.experts.{j}.{p}_proj.weight" for i in range(9) for j in range(256) for p in ("gate", "rate")
    ]
    path = write_safetensors(tmp_path / "m.safetensors", dict.fromkeys(every, ("BF16", (2048, 7168))))
    _, _, head, _, *lines = run("weights", path, columns=width).out.splitlines()
    assert head.split() == headings.split()
    assert len({line.split(" ")[0] for line in lines[:2]}) == names


def test_missing_shards_are_exit_status_1(tmp_path: Path) -> None:
    write_safetensors(tmp_path / "model-00002-of-00002.safetensors", {"w": ("F32", (2,))})
    index = {"weight_map": {"v": "model-00001-of-00002.safetensors", "w": "model-00002-of-00002.safetensors"}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    ran = run("weights", tmp_path)
    assert (ran.status, ran.err) == (1, "")
    assert "Missing: model-00001-of-00002.safetensors, with 1 tensor. What it holds is not counted." in ran.out


def test_errors(tmp_path: Path) -> None:
    (tmp_path / "m.safetensors").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 42\n")
    ran = run("weights", tmp_path / "m.safetensors")
    assert (ran.status, ran.out) == (1, "")
    assert ran.err == (
        f"{tmp_path}/m.safetensors: it is a pointer of Git LFS to the file of 42 bytes, not the file\n"
        "   fetch the file itself: git lfs pull\n"
    )
    assert run("weights", tmp_path / "x").status == 2
    assert run("weights", TINY, "--against", "nothing").status == 2
    ran = run("weights", TINY, "--set", "vocab=3")
    assert (ran.status, ran.err) == (2, "--set is for the network of --against\n   name one, or leave --set out\n")
    ran = run("weights", TINY, "--input", "3x8x8")
    assert (ran.status, ran.err) == (2, "--input is for the network of --against\n   name one, or leave --input out\n")


def test_an_output_does_not_replace_the_checkpoint(tmp_path: Path) -> None:
    path = write_safetensors(tmp_path / "m.json.safetensors", {"w": ("F32", (2,))})
    ran = run("weights", path, "-o", path, "--format", "json")
    assert ran.status == 2
    assert "is an input of this command" in ran.err


def test_no_depth_folds(tmp_path: Path) -> None:
    path = write_safetensors(tmp_path / "m.safetensors", {f"a.{i}.w": ("F32", (2,)) for i in range(3)})
    assert "a.0–2.w ×3" in run("weights", path).out
    assert "a.1.w " in run("weights", path, "--no-fold").out
    assert run("weights", path, "--format", "csv", "--fold").out.count("\n") == 2
    assert run("weights", path, "--format", "csv").out.count("\n") == 4
    assert "[default: fold, except in CSV]" in " ".join(run("weights", "--help").out.split())

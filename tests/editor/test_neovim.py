"""Neovim, without a window, with the settings of docs/editor.md: its diagnostics and inlay hints."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pages import DOCS, blocks_of

CHECK = """
vim.wait(20000, function() return #vim.diagnostic.get(0) > 0 and #vim.lsp.inlay_hint.get({ bufnr = 0 }) > 0 end, 50)
local lines = {}
for _, one in ipairs(vim.diagnostic.get(0)) do
  table.insert(lines, one.lnum .. ':' .. one.col .. ' ' .. one.message:gsub('\\n', ' / '))
end
for _, one in ipairs(vim.lsp.inlay_hint.get({ bufnr = 0 })) do
  table.insert(lines, one.inlay_hint.position.line .. ' ' .. one.inlay_hint.label)
end
vim.fn.writefile(lines, 'found.txt')
vim.cmd('qall!')
"""
SPEC = "input: 3x32x32\nlayers:\n  - conv: {out_channels: 16, kernel_size: 3}  # 🎉\n  - {name: '🎉', rleu: {}}\n"


def code(language):
    return blocks_of(DOCS / "editor.md", language)[0]


def test_diagnostics_and_hints_in_neovim(tmp_path):
    own = Path(sys.executable).parent
    nvim = shutil.which("nvim", path=f"{own}{os.pathsep}{os.environ['PATH']}")
    if os.environ.get("SHAPECALC_REQUIRE_LSP"):
        assert nvim, "pip install --group lsp"
    elif not nvim:
        pytest.skip("it needs Neovim: pip install --group lsp")
    pytest.importorskip("pygls", reason="it needs pygls: pip install --group lsp")
    for name, text in {"init.lua": code("lua"), "check.lua": CHECK, "net.yaml": SPEC}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    command = tmp_path / "bin" / "shapecalc"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m shapecalc "$@"\n')
    command.chmod(0o755)
    environment = {**os.environ, "PATH": f"{command.parent}{os.pathsep}{os.environ['PATH']}", "HOME": str(tmp_path),
                   "XDG_STATE_HOME": str(tmp_path)}  # fmt: skip
    arguments = ["--headless", "--clean", "-u", "init.lua", "net.yaml", "-c", "luafile check.lua"]
    subprocess.run([nvim, *arguments], cwd=tmp_path, env=environment, timeout=60, check=True, capture_output=True)
    # Its columns are bytes, four of them for the emoji.
    assert (tmp_path / "found.txt").read_text(encoding="utf-8").splitlines() == [
        "3:19 there is no kind of layer called rleu / did you mean relu?",
        "2 → 16×30×30 · 448 params",
    ]

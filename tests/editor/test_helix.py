"""Helix, in a terminal of the test's own, with the settings of docs/editor.md: its diagnostics and inlay hints.

CI's system has no Helix, so there the settings are only read. Debian 13 has it: `apt-get install hx`.
"""

from __future__ import annotations

import os
import re
import select
import shutil
import sys
import time

import pytest
from pages import DOCS, blocks_of

PAGE = DOCS / "editor.md"
SPEC = "input: 3x32x32\nlayers:\n- conv: {out_channels: 16, kernel_size: 3}\n- rleu\n"
EXPECTED = ("→ 16×30×30 · 448 params", "there is no kind of layer called rleu")


def settings():
    """The files of Helix' settings, as the page has them."""
    lines = re.findall(r"`(editor\.\S+ = \S+)`", PAGE.read_text(encoding="utf-8"))
    return {"languages.toml": blocks_of(PAGE, "toml")[0], "config.toml": "\n".join(lines) + "\n"}


def test_its_settings_are_toml():
    tomllib = pytest.importorskip("tomllib")
    read = {name: tomllib.loads(text) for name, text in settings().items()}
    assert read["languages.toml"]["language-server"]["shapecalc"] == {"command": "shapecalc", "args": ["lsp"]}
    assert read["config.toml"] == {"editor": {"lsp": {"display-inlay-hints": True}}}


def test_diagnostics_and_hints_in_helix(tmp_path):
    pty = pytest.importorskip("pty", reason="it needs a terminal")
    helix = shutil.which("hx")
    if not helix:
        pytest.skip("it needs Helix: apt-get install hx")
    pytest.importorskip("pygls", reason="it needs pygls: pip install --group lsp")
    own = tmp_path / "config" / "helix"
    own.mkdir(parents=True)
    for name, text in settings().items():
        (own / name).write_text(text, encoding="utf-8")
    (tmp_path / "net.yaml").write_text(SPEC, encoding="utf-8")
    command = tmp_path / "bin" / "shapecalc"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m shapecalc "$@"\n')
    command.chmod(0o755)
    environment = {**os.environ, "PATH": f"{command.parent}{os.pathsep}{os.environ['PATH']}", "HOME": str(tmp_path),
                   "XDG_CONFIG_HOME": str(own.parent), "TERM": "xterm-256color", "LINES": "24", "COLUMNS": "120"}  # fmt: skip
    process, terminal = pty.fork()
    if not process:
        os.chdir(tmp_path)
        os.execve(helix, [helix, "net.yaml:4:4"], environment)
    try:
        shown = drawn(terminal, *EXPECTED)
    finally:
        os.kill(process, 15)
        os.waitpid(process, 0)
        os.close(terminal)
    assert [text for text in EXPECTED if bare(text) not in shown] == [], shown


def bare(text):
    """A text without control sequences and spaces, which are not drawn anew."""
    return re.sub(r"\x1b(\[[0-9;:?<=>]*[a-zA-Z]|[^\[])|\s", "", text)


def drawn(terminal, *texts):
    """What is drawn until these texts are; keys are pressed, since Helix asks for hints after one."""
    import fcntl
    import struct
    import termios

    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 120, 0, 0))
    found, end, key = b"", time.monotonic() + 30, 0
    while time.monotonic() < end:
        if select.select([terminal], [], [], 0.5)[0]:
            try:
                found += os.read(terminal, 65536)
            except OSError:  # it has ended
                break
        else:
            os.write(terminal, b"lh"[key : key + 1])
            key = 1 - key
        if all(bare(text) in bare(found.decode("utf-8", "ignore")) for text in texts):
            break
    return bare(found.decode("utf-8", "ignore"))

"""Record tests/data/darknet.json: what darknet itself makes of the files of tests/crafted_darknet.py.

    git clone https://github.com/pjreddie/darknet && git -C darknet checkout 61c9d02e
    python tests/record_darknet.py darknet

For each section: its type as darknet numbers it, `out` (channels, height, width: 0 where darknet has none), `outputs`
(elements), and `floats`: how many numbers it adds to the file of weights. A small program of C prints them.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from crafted_darknet import CASES

DATA = Path(__file__).parent / "data" / "darknet.json"
HEADER = 20
PROGRAM = r"""
#include "darknet.h"
#include <sys/stat.h>
void save_weights_upto(network *net, char *filename, int cutoff);
int main(int argc, char **argv) {
    struct stat file;
    gpu_index = -1;
    network *net = parse_network_cfg(argv[1]);
    for (int i = 0; i < net->n; i++) {
        layer l = net->layers[i];
        save_weights_upto(net, argv[2], i + 1);
        stat(argv[2], &file);
        printf("%d %d %d %d %d %ld\n", l.type, l.out_c, l.out_h, l.out_w, l.outputs, (long)file.st_size);
    }
    return 0;
}
"""


def record(program, folder, text):
    (folder / "net.cfg").write_text(text, encoding="utf-8", newline="")
    command = [program, folder / "net.cfg", folder / "weights"]
    found = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    sections, before = [], HEADER
    for line in found.splitlines():
        if line[:1].isdigit():
            kind, channels, height, width, outputs, size = map(int, line.split())
            floats = (size - before) // 4
            sections.append({"type": kind, "out": [channels, height, width], "outputs": outputs, "floats": floats})
            before = size
    return sections


def main():
    source = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "dump.c").write_text(PROGRAM, encoding="utf-8")
        files = [path for path in sorted((source / "src").glob("*.c")) if path.name != "compare.c"]
        flags = ["-O1", "-w", "-fcommon", f"-I{source}/include", f"-I{source}/src"]
        program = folder / "dump"
        subprocess.run(["gcc", *flags, "-o", program, folder / "dump.c", *files, "-lm", "-lpthread"], check=True)
        found = {name: record(program, folder, text) for name, text in CASES.items()}
    lines = [f" {json.dumps(name)}: {json.dumps(sections)}" for name, sections in found.items()]
    DATA.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()

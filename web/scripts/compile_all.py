"""Compile the packages beside their sources, within Pyodide: `scripts/python.mjs` runs this when it builds the site."""

import os
import py_compile

for folder, _, names in os.walk("/lib/shapecalc"):
    for name in names:
        if name.endswith(".py"):
            path = os.path.join(folder, name)
            py_compile.compile(
                path, path + "c", doraise=True, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH
            )

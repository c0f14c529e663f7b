"""Imports the uppermost modules of every distribution in the environment.

Prints how many there are, and a line for each that cannot be imported.
"""

import importlib
import importlib.metadata
import os
import sys
import warnings


def uppermost(distribution):
    """The modules of a distribution that lie in no other package, by name."""
    root = distribution.locate_file("")
    for file in distribution.files or []:
        *folders, name = file.parts
        if not name.endswith((".py", ".so")):
            continue
        names = [*folders, name.split(".")[0]]
        for depth in range(1, len(names)):
            if os.path.exists(os.path.join(root, *names[:depth], "__init__.py")):
                names = names[:depth]
                break
        if all(part.isidentifier() for part in names):
            yield ".".join(names)


warnings.simplefilter("ignore")
modules = {
    module: distribution.metadata["Name"]
    for distribution in importlib.metadata.distributions(path=[p for p in sys.path if p.startswith(sys.prefix)])
    for module in uppermost(distribution)
}
print(len(modules), "modules")
for module in sorted(modules):
    try:
        importlib.import_module(module)
    except Exception as e:
        print(f"{module} of {modules[module]}: {e!r}")
sys.stdout.flush()
os._exit(0)  # some start threads that never end

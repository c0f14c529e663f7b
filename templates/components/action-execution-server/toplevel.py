"""Writes for each distribution which modules it has, where its wheel does not say so.

google.api_core asks for that at each import, of the server as well as of a
notebook's kernel. Without top_level.txt, Python looks at every file of the
environment to find out, and comes to the same.
"""

import importlib.metadata
import pathlib
import sysconfig

modules = importlib.metadata.packages_distributions()
for folder in pathlib.Path(sysconfig.get_path("purelib")).glob("*.dist-info"):
    distribution = importlib.metadata.Distribution.at(folder)
    if distribution.read_text("top_level.txt") is None:
        own = [module for module, names in modules.items() if distribution.name in names]
        (folder / "top_level.txt").write_text("".join(module + "\n" for module in own))

importlib.metadata.MetadataPathFinder.invalidate_caches()
if importlib.metadata.packages_distributions() != modules:
    raise SystemExit("with top_level.txt, the distributions have other modules")

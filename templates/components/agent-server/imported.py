"""Write the files of the modules that the server and its tools import into a file.

They are the ones to compile. It is no loss for the larger half of the packages,
of which the server never imports anything.
"""

import importlib
import pkgutil
import sys

import litellm
import openhands.agent_server
import openhands.sdk
import openhands.tools

for package in (openhands.agent_server, openhands.sdk, openhands.tools):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        importlib.import_module(module.name)

# The way to a model's answer is imported when it is first gone.
for stream in (False, True):
    list(litellm.completion("openai/any", [{"role": "user", "content": "?"}], mock_response="!", stream=stream))

files = {getattr(module, "__file__", None) or "" for module in list(sys.modules.values())}
with open(sys.argv[1], "w") as out:
    for file in sorted(files):
        if file.startswith(sys.prefix) and file.endswith(".py"):
            out.write(file + "\n")

"""Compile the modules that the server and its tools import.

Nothing is written at run time, so what is not compiled now is compiled at each
start. That is no loss for the larger half of the packages, of which the server
never imports anything. Byte code is trusted without a look at the source.
"""

import importlib
import pkgutil
import py_compile
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

for module in list(sys.modules.values()):
    file = getattr(module, "__file__", None) or ""
    if file.startswith(sys.prefix) and file.endswith(".py"):
        py_compile.compile(file, doraise=True, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)

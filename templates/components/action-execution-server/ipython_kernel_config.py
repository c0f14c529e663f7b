# For kernels only.
import os
import runpy
import sys

import ipykernel
from ipykernel.kernelbase import Kernel

# A kernel throws away the cells that wait behind a failed one, for a person who
# runs all of a notebook. OpenHands sends a cell when it knows what became of the
# one before, which may be before the kernel has come to throwing away; the answer
# is then the same as that of a cell that ran and printed nothing.
Kernel._abort_queues = lambda self, *subshell: None

# ipykernel 7.0 to 7.3 writes replies past the stream that reads requests from
# the same socket. ZeroMQ tells of a request once: where one comes in during such
# a write, the stream never hears of it, and the kernel answers nothing any more
# (https://github.com/ipython/ipykernel/pull/1529, released with 7.4).
if (7,) <= ipykernel.version_info[:2] < (7, 4):
    from ipykernel.subshell_manager import SubshellManager

    SubshellManager._send_on_shell_channel = lambda self, message: Kernel.instance().shell_stream.send_multipart(message)

# The gateway keeps from its own programs what the login of the user brought. The
# notebook has it, but for what belongs to the payload's Python, which it runs in.
environment = runpy.run_path("/openhands/libexec/environment.py")["of_user"](
    os.environ, kept=("VIRTUAL_ENV", "PLAYWRIGHT_BROWSERS_PATH", "LITELLM_LOCAL_MODEL_COST_MAP")
)
for name in set(os.environ) - set(environment):
    del os.environ[name]
os.environ.update(environment)
sys.path[1:1] = [folder for folder in os.environ.get("PYTHONPATH", "").split(":") if folder and folder not in sys.path]

"""The SWE-bench evaluation of OpenHands/benchmarks, from a checkout that is on
PYTHONPATH: it looks for the image of an instance, and builds one only where it
does not find it."""

import contextlib
import importlib.util
import os
import tempfile

from openhands.sdk import LLM
from openhands.sdk.critic import PassCritic

import wire

# It asks git about the checkout, from within.
os.chdir(os.path.dirname(importlib.util.find_spec("benchmarks").submodule_search_locations[0]))

from benchmarks.swebench.run_infer import SWEBenchEvaluation  # noqa: E402
from benchmarks.utils.models import EvalInstance, EvalMetadata  # noqa: E402


@contextlib.contextmanager
def workspace(request):
    with tempfile.TemporaryDirectory() as results:
        metadata = EvalMetadata(
            llm=LLM(model="openai/stand-in"), dataset="none", max_iterations=1, eval_output_dir=results, workspace_type="docker", critic=PassCritic()
        )
        evaluation = SWEBenchEvaluation(metadata=metadata)
        with evaluation.prepare_workspace(EvalInstance(id=request["instance"], data={}), forward_env=["OH_SESSION_API_KEYS_0"]) as started:
            yield started


wire.serve(workspace)

"""The SWE-bench evaluation of OpenHands/benchmarks, from a checkout that is on
PYTHONPATH: it looks for the image of an instance, and builds one only where it
does not find it."""

from benchmarks.swebench.run_infer import SWEBenchEvaluation
from benchmarks.utils.models import EvalInstance, EvalMetadata

import wire


def workspace(request):
    # Of the settings of a run those that the workspace depends on.
    metadata = EvalMetadata.model_construct(workspace_type="docker", agent_type="default", env_setup_commands=None)
    evaluation = SWEBenchEvaluation.model_construct(metadata=metadata)
    return evaluation.prepare_workspace(EvalInstance(id=request["instance"], data={}), forward_env=["OH_SESSION_API_KEYS_0"])


wire.serve(workspace)

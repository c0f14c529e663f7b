"""ApptainerWorkspace of openhands-workspace, over what "apptainer" on PATH is."""

from openhands.workspace import ApptainerWorkspace

import wire

wire.serve(lambda request: ApptainerWorkspace(sif_file=request["image"], cache_dir=request["folder"], health_check_timeout=300))

"""APIRemoteWorkspace of openhands-workspace."""

from openhands.workspace import APIRemoteWorkspace

import wire

wire.serve(
    lambda request: APIRemoteWorkspace(
        server_image=request["image"],
        runtime_api_url=request["api"],
        runtime_api_key=request["key"],
        target_type=request["target"],
    )
)

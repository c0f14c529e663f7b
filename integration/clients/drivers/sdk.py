"""DockerWorkspace of openhands-workspace, with its defaults."""

from openhands.workspace import DockerWorkspace

import wire

wire.serve(lambda request: DockerWorkspace(server_image=request["image"], platform=request["platform"]))

"""The class of docs/examples/devworkspace, a subclass of DockerDevWorkspace."""

from anybase import AnyBaseWorkspace

import wire

wire.serve(lambda request: AnyBaseWorkspace(base_image=request["base"], platform=request["platform"]))

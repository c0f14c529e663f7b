import json
import subprocess

from openhands.workspace import DockerDevWorkspace


class AnyBaseWorkspace(DockerDevWorkspace):
    """A workspace over any base image, made by `docker openhands build`."""

    def get_image(self) -> str:
        if not self.base_image:
            return super().get_image()
        build = ["docker", "openhands", "build", "--server", "agent-server", "--json", self.base_image]
        images = json.loads(subprocess.run(build, check=True, stdout=subprocess.PIPE).stdout)["images"]
        return next(image["references"][0] for image in images if image["kind"] == "runtime")

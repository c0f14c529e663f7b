"""The agent server of the wheel, started on this machine, which starts the
image for each conversation (OH_CONVERSATION_RUNTIME=docker)."""

import contextlib
import os
import pathlib
import secrets
import subprocess
import sys
import time
import urllib.request

from openhands.sdk.workspace import RemoteWorkspace
from openhands.workspace.docker.workspace import find_available_tcp_port

import wire


@contextlib.contextmanager
def orchestrator(request):
    folder = pathlib.Path(request["folder"])
    port, key = find_available_tcp_port(), secrets.token_hex()
    environment = os.environ | {
        "OH_CONVERSATION_RUNTIME": "docker",
        "OH_CONVERSATION_IMAGE": request["image"],
        "OH_CONVERSATION_IMAGE_HAS_BROWSER": "true",
        "OH_SECRET_KEY": secrets.token_hex(),
        "OH_SESSION_API_KEYS_0": key,
        "OH_CONVERSATIONS_PATH": str(folder / "conversations"),
        "OH_PERSISTENCE_DIR": str(folder / "persistence"),
        "OH_ENABLE_VSCODE": "false",
    }
    command = [sys.executable, "-m", "openhands.agent_server", "--host", "127.0.0.1", "--port", str(port)]
    server = subprocess.Popen(command, cwd=folder, env=environment)
    try:
        host = f"http://127.0.0.1:{port}"
        wait(server, host + "/health")
        with RemoteWorkspace(host=host, api_key=key, working_dir="/workspace") as workspace:
            yield workspace
    finally:
        server.terminate()
        server.wait(timeout=60)


def wait(server, health, limit=300):
    end = time.monotonic() + limit
    while time.monotonic() < end:
        if server.poll() is not None:
            raise RuntimeError(f"the server ended with {server.returncode}")
        try:
            with urllib.request.urlopen(health, timeout=1):
                return
        except OSError:
            time.sleep(0.5)
    raise RuntimeError("the server did not become healthy in time")


wire.serve(orchestrator)

"""A client without a server, for the test of the lines that drivers speak."""

import contextlib
import types

import wire


@contextlib.contextmanager
def workspace(request):
    print("what a client prints")
    if request["fails"] == "start":
        raise RuntimeError("no engine")

    def execute_command(command, timeout):
        if command == "fail":
            raise RuntimeError("no answer")
        return types.SimpleNamespace(exit_code=3, stdout=command + "\n", stderr="größe")

    yield types.SimpleNamespace(host="http://host", api_key="key", execute_command=execute_command)
    if request["fails"] == "stop":
        raise RuntimeError("still there")


wire.serve(workspace)

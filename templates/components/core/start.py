"""Starts a server of the payload: python start.py [--fork-server|--for-user] MODULE [ARGUMENT...]

Does what python -m MODULE does, in less time and with the server's secrets:

- The garbage collector rests during the module's imports, of which next to
  nothing is garbage.
- rfc3987_syntax, which compiles forty grammars when it is imported, is
  imported when an address is first checked with it.
- Other processes of its user can read neither its memory nor the environment
  that it was started with, in which the server's key is, and what it starts
  does not inherit the key.
- With --fork-server, what multiprocessing would spawn is forked from a copy of
  this process that was made after the imports. It shares their memory and does
  not carry them out again.

None of that is needed: where something fails, the server starts without it.

With --for-user, programs that the server starts have the user's environment
instead of its own.
"""

import ctypes
import gc
import importlib.util
import os
import runpy
import socket
import subprocess
import sys
import threading
import types


def postpone(package, function):
    """Has a package imported when its function is first called.

    Whoever asks for anything else of the package gets it imported at once.
    """
    if not importlib.util.find_spec(package):
        return

    def imported():
        if sys.modules.get(package) is standin:
            del sys.modules[package]
        return importlib.import_module(package)

    standin = types.ModuleType(package)
    standin.__getattr__ = lambda name: getattr(imported(), name)
    setattr(standin, function, lambda *args, **named: getattr(imported(), function)(*args, **named))
    sys.modules[package] = standin


def run_imports(module):
    """Executes the module under the name that it has in a child of multiprocessing.

    All of it is kept, so that later collections need not look at it. Variables
    that imports set are for the server, not for its user's programs.
    """
    gc.disable()
    before = dict(os.environ)
    try:
        runpy.run_module(module, run_name="__mp_main__", alter_sys=True)
    finally:
        environment("keep_aside")(os.environ, before)
        gc.freeze()
        gc.enable()


# As in oh-wrappers/secrets.go.
SECRETS = """
    SESSION_API_KEY OH_SESSION_API_KEYS_* OH_SECRET_KEY OH_PREVIOUS_SECRET_KEYS*
    LMNR_PROJECT_API_KEY OTEL_HEADERS OTEL_EXPORTER_OTLP_HEADERS OTEL_EXPORTER_OTLP_TRACES_HEADERS
""".split()


def secret(name):
    return any(name.startswith(s[:-1]) if s.endswith("*") else name == s for s in SECRETS)


def hide():
    """Keeps other processes of the user from this one's files in /proc, and from tracing it.

    Its children do not inherit the secrets. It keeps them itself: os.environ is
    a copy.
    """
    for name in filter(secret, os.environ):
        os.unsetenv(name)
    if os.geteuid() == 0:
        return  # it is root's alone anyway, and su writes to the log that this process may have open
    PR_SET_DUMPABLE = 4
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def start_fork_server():
    """Starts the standard library's server of the start method forkserver, as a copy of this process.

    It takes the place of the start method spawn. When it ends too soon, the
    library starts another one in the ordinary way.
    """
    from multiprocessing import connection, context, forkserver

    if threading.active_count() > 1:
        raise RuntimeError("a copy would lack the threads that the imports have started")
    address = connection.arbitrary_address("AF_UNIX")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        ended, alive = os.pipe()  # the server ends when nobody holds alive any more
        pid = os.fork()
        if pid == 0:
            try:
                os.close(alive)
                for name in list(filter(secret, os.environ)):
                    del os.environ[name]  # what it forks hands its environment on
                forkserver.main(listener.fileno(), ended, [])
            except SystemExit:
                os._exit(0)
            except BaseException:
                sys.excepthook(*sys.exc_info())
                sys.stderr.flush()
            finally:
                os._exit(1)
    os.close(ended)
    server = forkserver._forkserver
    server._forkserver_address, server._forkserver_alive_fd, server._forkserver_pid = address, alive, pid
    context._concrete_contexts["spawn"] = context._concrete_contexts["forkserver"]


def environment(function):
    """Returns a function of environment.py, which lies beside this file."""
    return runpy.run_path(os.path.join(os.path.dirname(__file__), "environment.py"))[function]


def start_for_user():
    """Has programs start in the user's environment.

    All ways to start one end in Popen. The server's environment remains for the
    programs whose answers it reads: git, searches, the browser, and tmux, which
    knows by it that the server calls. An environment without anything that was
    put aside is not a server's and stays as it is.
    """
    of_user = environment("of_user")
    start = subprocess.Popen.__init__

    def of_server(args):
        program = os.fsdecode(args if isinstance(args, (str, bytes, os.PathLike)) else args[0])
        return program.startswith("/openhands/browser/") or os.path.basename(program) in ("git", "grep", "rg", "tmux")

    def __init__(self, args, *rest, shell=False, env=None, **named):
        if shell or not of_server(args):
            if env is None:
                env = {name: value for name, value in os.environ.items() if not secret(name)}
            env = of_user(env)
        start(self, args, *rest, shell=shell, env=env, **named)

    subprocess.Popen.__init__ = __init__


def main():
    program, *arguments = sys.argv
    option = arguments.pop(0) if arguments[0].startswith("--") else None
    module, *sys.argv[1:] = arguments
    if option == "--for-user":
        start_for_user()
    if not sys.flags.safe_path:
        sys.path[0] = os.getcwd()
    try:
        hide()
    except Exception as e:
        print(f"{program}: the environment of {module} can be read by other processes of the user: {e!r}", file=sys.stderr)
    try:
        postpone("rfc3987_syntax", "is_valid_syntax")
        run_imports(module)
        if option == "--fork-server":
            start_fork_server()
    except Exception as e:
        print(f"{program}: starting {module} takes longer than it should: {e!r}", file=sys.stderr)
    runpy.run_module(module, run_name="__main__", alter_sys=True)


main()

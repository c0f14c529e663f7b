"""What a module sees of its start, and whether a spawned child is a copy of it."""

import multiprocessing
import os
import signal
import sys
import threading

import imports

fault = os.environ.get("FAULT")
if fault == "imports":
    del os.environ["FAULT"]
    raise OSError(fault)
if fault == "thread":
    threading.Thread(target=threading.Event().wait, daemon=True).start()
if fault == "copy":
    from multiprocessing import forkserver

    def main(*arguments):
        raise OSError(fault)

    forkserver.main = main


def child(parent):
    print("copied" if imports.process == parent else "imported", "by", __name__, flush=True)


if __name__ == "__main__":
    print(sys.argv, sys.path[0], __spec__.name, os.path.basename(__file__), flush=True)
    if fault in ("killed", "copy"):
        from multiprocessing.forkserver import _forkserver

        if fault == "killed":
            os.kill(_forkserver._forkserver_pid, signal.SIGKILL)
        os.waitid(os.P_PID, _forkserver._forkserver_pid, os.WEXITED | os.WNOWAIT)
    multiprocessing.set_start_method("spawn", force=True)
    process = multiprocessing.Process(target=child, args=(os.getpid(),))
    process.start()
    process.join()
    print("exit status", process.exitcode, flush=True)
    sys.exit(3)

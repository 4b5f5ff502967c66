"""Runs the cases: one line for each, and a closing line that counts them.

As many run at a time as there are processors, each in a process of its own; those that measure
run by themselves, when all others are done.
"""

import importlib
import os
import pathlib
import shutil
import signal
import sys
import tempfile
import time
import traceback

INTEROP = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(INTEROP))

from lib import work  # noqa: E402
from lib.case import CASES, Failure  # noqa: E402


def main():
    # However the run ends, what it started ends with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    # Postfix drops its privileges, so the folder must be open to every user.
    work.RUN = pathlib.Path(tempfile.mkdtemp(prefix="mailwire-interop."))
    work.RUN.chmod(0o755)
    load_cases()
    cases = [case for case in CASES if wanted in case.name]
    started = time.monotonic()
    try:
        passed = run_all([case for case in cases if not case.alone], at_a_time=len(os.sched_getaffinity(0)))
        passed += run_all([case for case in cases if case.alone], at_a_time=1)
    finally:
        shutil.rmtree(work.RUN, ignore_errors=True)
    failed = len(cases) - passed
    print(f"interop: {time.monotonic() - started:.0f} s")
    if not cases:
        print(f"no case is called like {wanted!r}")
        return 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


def load_cases():
    for path in sorted((INTEROP / "cases").glob("*.py")):
        importlib.import_module(f"cases.{path.stem}")


def run_all(cases, at_a_time):
    """Runs them in processes of their own; how many have passed."""
    waiting, running, passed = list(reversed(cases)), set(), 0
    try:
        while waiting or running:
            while waiting and len(running) < at_a_time:
                running.add(start(waiting.pop()))
            process, status = os.wait()
            running.discard(process)
            passed += status == 0
    finally:
        for process in running:
            os.kill(process, signal.SIGTERM)
        for process in running:
            os.waitpid(process, 0)
    return passed


def start(case):
    """Runs a case in a new process, which ends with 0 if it has passed."""
    process = os.fork()
    if process:
        return process
    status = 1
    try:
        work.ROOT = work.RUN / str(CASES.index(case))
        work.ROOT.mkdir(mode=0o755)
        status = 0 if run(case) else 1
    except Exception:  # the runner's own; what cases raise is told by `run`
        traceback.print_exc()
    finally:
        # Not by sys.exit: the way up from here is the parent's.
        os._exit(status)


def run(case):
    started = time.monotonic()
    reason = figure = None
    signal.signal(signal.SIGALRM, out_of_time)
    signal.alarm(case.seconds)
    try:
        figure = case.function()
    except Failure as failure:
        reason = str(failure)
    except OutOfTime:
        reason = f"not done in {case.seconds} s: {where()}"
    except Exception as error:  # a peer's or the case's own error is a failure too
        reason = f"{type(error).__name__}: {error} ({where()})"
    finally:
        signal.alarm(0)
        work.clean_up()
        shutil.rmtree(work.ROOT, ignore_errors=True)
    took = f"{time.monotonic() - started:.1f} s"
    if reason is None:
        figure = f": {figure}" if figure else ""
        say(f"ok   {case.name}{figure} ({took})")
        return True
    reason = " ".join(reason.split())
    say(f"FAIL {case.name}: {reason} ({took})", *(f"     | {line}" for line in work.last_words()))
    return False


def say(*lines):
    """Prints in one piece, since others print too."""
    os.write(sys.stdout.fileno(), "".join(f"{line}\n" for line in lines).encode())


class OutOfTime(BaseException):
    """Not an Exception, so that a case's own handler does not swallow it."""


def out_of_time(_signal, _frame):
    raise OutOfTime


def where():
    frames = traceback.extract_tb(sys.exc_info()[2])
    ours = [frame for frame in frames if str(INTEROP / "cases") in frame.filename]
    frame = (ours or frames)[-1]
    return f"{os.path.basename(frame.filename)}:{frame.lineno}"


if __name__ == "__main__":
    sys.exit(main())

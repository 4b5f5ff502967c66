"""Runs the cases: one line for each, and a closing line that counts them."""

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
    work.ROOT = pathlib.Path(tempfile.mkdtemp(prefix="mailwire-interop."))
    work.ROOT.chmod(0o755)
    load_cases()
    passed = failed = 0
    started = time.monotonic()
    try:
        for case in CASES:
            if wanted in case.name:
                if run(case):
                    passed += 1
                else:
                    failed += 1
    finally:
        work.clean_up()
        shutil.rmtree(work.ROOT, ignore_errors=True)
    print(f"interop: {time.monotonic() - started:.0f} s")
    if passed + failed == 0:
        print(f"no case is called like {wanted!r}")
        failed = 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


def load_cases():
    for path in sorted((INTEROP / "cases").glob("*.py")):
        importlib.import_module(f"cases.{path.stem}")


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
    last_words = work.last_words()
    took = f"{time.monotonic() - started:.1f} s"
    if reason is None:
        figure = f": {figure}" if figure else ""
        print(f"ok   {case.name}{figure} ({took})", flush=True)
        return True
    reason = " ".join(reason.split())
    print(f"FAIL {case.name}: {reason} ({took})", flush=True)
    for line in last_words:
        print(f"     | {line}", flush=True)
    return False


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

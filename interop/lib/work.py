"""The folder, the ports, the processes and the mounts of the running case, and their end."""

import fcntl
import itertools
import os
import random
import shutil
import signal
import socket
import subprocess

from lib.case import Failure

# Set by the runner: the folder of the whole run, and the case's own within it.
RUN = ROOT = None
_numbers = itertools.count(1)
_at_end = []
_last_words = []


def folder(name):
    """A fresh folder, removed when the case is over."""
    path = ROOT / f"{next(_numbers)}-{name}"
    path.mkdir(mode=0o755)
    at_end(lambda: shutil.rmtree(path, ignore_errors=True))
    return path


def once(name, make):
    """A folder of the whole run. The case that needs it first fills it by `make(path)`."""
    path = RUN / name
    with open(RUN / f"{name}.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            path.mkdir(mode=0o755)
            try:
                make(path)
            except BaseException:
                shutil.rmtree(path)
                raise
    return path


def at_end(action):
    """Runs `action` after the case, whatever became of it; the last one first."""
    _at_end.append(action)


def clean_up():
    while _at_end:
        try:
            _at_end.pop()()
        except Exception as error:
            print(f"     | while cleaning up: {error}", flush=True)


def keep_log(path):
    """Its last lines are printed if the case fails."""
    at_end(lambda: path.exists() and _last_words.extend(_tail(path)))


def last_words():
    lines = list(_last_words)
    _last_words.clear()
    return lines


def _tail(path):
    return path.read_text(errors="replace").splitlines()[-6:]


def start(command, log, **options):
    """Starts a program in a process group of its own; it is ended with the case."""
    need(command[0])
    keep_log(log)
    with open(log, "wb") as stderr:
        process = subprocess.Popen(
            [str(word) for word in command],
            stderr=stderr,
            start_new_session=True,
            **{"stdin": subprocess.DEVNULL, **options},
        )
    at_end(lambda: end(process))
    return process


def end(process):
    """Kills a program that is still running, with what it started."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    for stream in (process.stdin, process.stdout):
        if stream:
            stream.close()


def run(command, timeout=60, stdin=None, env=None, expect=0):
    """Runs a program to its end and returns its output, both streams in one."""
    need(command[0])
    words = [str(word) for word in command]
    give = {"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL}
    process = subprocess.run(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=timeout,
        env={**os.environ, **(env or {})},
        check=False,
        **give,
    )
    output = process.stdout.decode(errors="replace")
    if expect is not None and process.returncode != expect:
        tail = " / ".join(output.splitlines()[-4:])
        raise Failure(f"{words[0]} ended with {process.returncode}: {tail}")
    return output


def need(program):
    if shutil.which(str(program)) is None:
        raise Failure(f"{program} is not installed")


def free_port():
    """A port where nothing listens and that no other case of this run has been given.

    It is below those that the system hands out by itself, so that nothing takes it meanwhile.
    """
    while True:
        port = random.randrange(10_000, 32_768)
        try:
            (RUN / f"port-{port}").touch(exist_ok=False)
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", port))
            return port
        except OSError:  # taken, by a case or by a listener
            continue


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def tmpfs(size):
    """A small file system of its own, so that a disk can be full or read-only."""
    path = folder("tmpfs")
    run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", path])
    at_end(lambda: run(["umount", "-l", path], expect=None))
    return path


def remount(path, mode):
    run(["mount", "-o", f"remount,{mode}", path])


def certificate():
    """A self-signed certificate for localhost and 127.0.0.1, made once a run."""
    folder = once("certificate", _make_certificate)
    return folder / "cert.pem", folder / "key.pem"


def _make_certificate(folder):
    run(
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost "
        "-addext subjectAltName=DNS:localhost,IP:127.0.0.1 "
        "-addext basicConstraints=critical,CA:FALSE".split()
        + ["-keyout", folder / "key.pem", "-out", folder / "cert.pem"]
    )

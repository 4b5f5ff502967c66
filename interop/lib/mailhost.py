"""Our side: the `mailhost` example, started for one case and checked at its end."""

import os
import re
import signal
import subprocess
import threading
import time

from lib import work
from lib.case import Failure, check, equal

LISTENERS = ("smtp", "submission", "smtps", "lmtp", "pop3", "pop3s", "imap", "imaps")
USERS = ("alice:wonder", "bob:builder", "openstack:openstack", "hadoop:hadoop")
TRACE = (b"return-path", b"x-original-to", b"delivered-to", b"received")


class Mailhost:
    """`with Mailhost("--store", "mbox") as host:` runs one; leaving it ends it with SIGTERM."""

    def __init__(self, *options, root=None, on=("smtp",), users=USERS):
        self.root = root or work.folder("mail")
        self.options = options
        self.users = users
        self.ports = {name: work.free_port() for name in on}
        self.lines = []
        self.process = None
        self.ended = False

    def __enter__(self):
        known = _help()
        command = [os.environ["MAILHOST"], "--root", self.root]
        for name in LISTENERS:
            if name in self.ports:
                command += [f"--{name}", f"127.0.0.1:{self.ports[name]}"]
            elif f"--{name}" in known:
                command += [f"--{name}", "off"]
        for user in self.users:
            command += ["--user", user]
        cert, key = work.certificate()
        command += ["--tls-cert", cert, "--tls-key", key, *self.options]
        log = work.ROOT / f"mailhost-{time.monotonic_ns()}.log"
        self.process = work.start(command, log, stdout=subprocess.PIPE)
        self._await_ready(log)
        return self

    def __exit__(self, kind, _value, _trace):
        if kind is not None:
            work.end(self.process)
        elif not self.ended:
            self.stop()

    def _await_ready(self, log):
        ready = threading.Event()

        def read():
            for line in self.process.stdout:
                self.lines.append(line.decode(errors="replace").rstrip())
                if self.lines[-1] == "mailhost ready":
                    ready.set()

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        deadline = time.monotonic() + 20
        while not ready.wait(0.02):
            if self.process.poll() is not None:
                said = log.read_text(errors="replace").strip().splitlines()[-1:]
                raise Failure(f"mailhost ended with {self.process.returncode} at start: {said}")
            check(time.monotonic() < deadline, "mailhost was not ready after 20 s")

    def port(self, name="smtp"):
        return self.ports[name]

    def address(self, name="smtp"):
        return f"127.0.0.1:{self.ports[name]}"

    def terminate(self):
        check(self.process.poll() is None, f"mailhost ended by itself: {self.process.returncode}")
        self.process.send_signal(signal.SIGTERM)

    def await_exit(self, seconds=15):
        self.ended = True
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failure(f"mailhost was still running {seconds} s after SIGTERM") from None
        equal(code, 0, "exit code of mailhost after SIGTERM")

    def stop(self):
        self.terminate()
        self.await_exit()

    def kill(self):
        self.ended = True
        self.process.kill()
        self.process.wait()

    def memory(self, field):
        """A field of /proc/PID/status in KiB, such as VmRSS or VmHWM."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            return int(re.search(rf"^{field}:\s+(\d+) kB", status.read(), re.M)[1])

    def inbox(self, user):
        """The folder of a user's mail; bare names may stand under any of the domains."""
        folders = list(self.root.glob(f"*/{user}"))
        equal(len(folders), 1, f"folders of {user} under --root")
        return folders[0]

    def files(self, user, part="new"):
        return sorted(self.root.glob(f"*/{user}/{part}/*"))

    def messages(self, user):
        """The messages of a Maildir's new/; tmp/ must be clean by then."""
        equal(self.files(user, "tmp"), [], f"tmp/ of {user}")
        return [path.read_bytes() for path in self.files(user)]

    def message(self, user):
        found = self.messages(user)
        equal(len(found), 1, f"messages in new/ of {user}")
        return found[0]

    def mbox(self, user):
        """The bytes of a user's mbox file, wherever under the user's folder it lies."""
        files = [p for p in self.root.glob(f"*/{user}*") if p.is_file()]
        files += [p for p in self.root.glob(f"*/{user}/*") if p.is_file()]
        files = [p for p in files if p.stat().st_size and p.suffix != ".lock"]
        equal(len(files), 1, f"mbox files of {user} under --root")
        return files[0]

    def nothing_delivered(self):
        """Neither a message nor a trace of one, in any user's Maildir."""
        deadline = time.monotonic() + 3
        while True:
            left = [p for part in ("tmp", "new", "cur") for p in self.root.glob(f"*/*/{part}/*")]
            new = [path for path in left if path.parent.name != "tmp"]
            check(not new, f"delivered, but should not be: {new[:1]}")
            if not left:
                return
            # A peer that vanished is noticed a moment later.
            check(time.monotonic() < deadline, f"left behind in tmp/: {left[:1]}")
            time.sleep(0.05)


def delivered(message, sent, what="delivered message"):
    """Checks that `message` is `sent` with LF line ends under trace headers and nothing else.

    Returns the trace headers as a list of (lower-case name, value), unfolded.
    """
    expected = sent.replace(b"\r\n", b"\n")
    trace = trace_headers(message)
    top = sum(len(raw) for _, _, raw in trace)
    equal(message[top:], expected, what)
    check(any(name == b"received" for name, _, _ in trace), f"{what}: no Received header")
    return [(name, value) for name, value, _ in trace]


def trace_headers(message):
    """The headers that a delivery adds on top, as (name, unfolded value, raw bytes).

    It ends at the first header that is not one of ours, or below the first Received.
    """
    found = []
    pattern = re.compile(rb"([!-9;-~]+):((?:[^\n]*\n)(?:[ \t][^\n]*\n)*)")
    at = 0
    while match := pattern.match(message, at):
        name = match[1].lower()
        if name not in TRACE or (found and found[-1][0] == b"received"):
            break
        found.append((name, b" ".join(match[2].split()), match[0]))
        at = match.end()
    return found


_help_text = None


def _help():
    global _help_text
    if _help_text is None:
        _help_text = work.run([os.environ["MAILHOST"], "--help"])
    return _help_text

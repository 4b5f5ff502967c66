"""Our IMAP client, by its example `imap-talk`: commands in, what it has understood out."""

import subprocess

from lib import work
from lib.case import Failure, check, equal
from lib.mailfiles import program


def account(port, tls="none", user="alice", password="wonder", trusted=True):
    """How the examples are told of an account."""
    secret = work.folder("secret") / "password"
    secret.write_text(password + "\n")
    cert, _ = work.certificate()
    words = [f"localhost:{port}", "--user", user, "--password-file", secret]
    return [*words, "--tls", tls, *(["--ca", cert] if trusted else [])]


class Talk:
    """`with Talk(port) as client:` logs in; `client.ok("NOOP")` gives a command."""

    def __init__(self, port, tls="none", **options):
        self.bodies = work.folder("bodies")
        command = [program("imap-talk"), *account(port, tls, **options), "--bodies", self.bodies]
        log = self.bodies / "stderr.log"
        pipe = subprocess.PIPE
        self.log = log
        self.process = work.start(command, log, stdin=pipe, stdout=pipe)

    def __enter__(self):
        equal(self.line(), "OK logged in", "the beginning")
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.ok("LOGOUT")
            equal(self.process.wait(10), 0, "exit code of imap-talk")

    def send(self, command):
        self.process.stdin.write(command.encode() + b"\n")
        self.process.stdin.flush()

    def line(self):
        line = self.process.stdout.readline().decode(errors="replace").rstrip()
        if not line:
            said = self.log.read_text(errors="replace").strip().splitlines()[-1:]
            raise Failure(f"imap-talk ended: {said}")
        return line

    def say(self, command):
        """What was told, and how it ended. A line that goes on in another was a literal."""
        self.send(command)
        told = []
        while True:
            line = self.line()
            if line.split(" ")[0] in ("OK", "NO", "BAD"):
                return told, line
            if line[:2] in ("* ", "! "):
                told.append(line)
            else:
                told[-1] += "\n" + line

    def ok(self, command):
        told, ended = self.say(command)
        check(ended.startswith("OK"), f"{command}: {ended}")
        return told

    def refused(self, command):
        _, ended = self.say(command)
        check(not ended.startswith("OK"), f"{command}: {ended}")
        return ended

    def last(self, command):
        """The line that ends it, which is an OK."""
        _, ended = self.say(command)
        check(ended.startswith("OK"), f"{command}: {ended}")
        return ended

    def view(self):
        return self.last("VIEW")

    def fetched(self, uid):
        """The octets that the last FETCH has left."""
        path = self.bodies / str(uid)
        octets = path.read_bytes()
        path.unlink()
        return octets

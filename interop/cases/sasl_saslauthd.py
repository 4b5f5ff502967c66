"""saslauthd as the users of mailhost."""

import base64
import os
import signal
import time

from lib import work
from lib.case import case, check
from lib.mailhost import Mailhost
from lib.smtp import Typed


class Saslauthd:
    """One that reads a Dovecot-free, shadow-free database of its own."""

    def __init__(self):
        self.folder = work.folder("saslauthd")
        self.socket = self.folder / "mux"
        self.process = None

    def start(self):
        # Against an IMAP server that is none, so that no user of this system is asked for.
        self.process = work.start(
            ["saslauthd", "-d", "-a", "rimap", "-O", f"127.0.0.1/{self.imap.port}"]
            + ["-m", self.folder, "-n", "2"],
            self.folder / "stderr",
        )
        deadline = time.monotonic() + 15
        while not self.socket.exists():
            check(time.monotonic() < deadline, "saslauthd was not ready after 15 s")
            time.sleep(0.05)

    def __enter__(self):
        self.imap = Imap()
        self.start()
        return self

    def __exit__(self, *_):
        work.end(self.process)
        self.imap.close()


class Imap:
    """As much of an IMAP server as saslauthd asks: LOGIN, answered by the password."""

    def __init__(self):
        import socket
        import threading

        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        import threading

        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.talk, args=(client,), daemon=True).start()

    def talk(self, client):
        with client, client.makefile("rwb", buffering=0) as stream:
            stream.write(b"* OK ready\r\n")
            for line in stream:
                tag, rest = line.split(b" ", 1)
                if rest.upper().startswith(b"LOGIN"):
                    right = b'"carol" "se cret"' in rest or b'carol "se cret"' in rest
                    stream.write(tag + (b" OK in\r\n" if right else b" NO wrong\r\n"))
                else:
                    stream.write(b"* BYE\r\n" + tag + b" OK\r\n")
                    return

    def close(self):
        self.socket.close()


def plain(user, password):
    return base64.b64encode(f"\0{user}\0{password}".encode()).decode()


def reply(host, message):
    with Typed(host.port("submission")) as client:
        client.expect("220")
        client.type("EHLO c", "250")
        return client.type(f"AUTH PLAIN {message}", "").lines[-1]


@case("saslauthd: right and wrong passwords, NUL, and too long ones", seconds=90)
def passwords():
    with Saslauthd() as daemon:
        with Mailhost("--users", f"saslauthd:{daemon.socket}", on=("submission",)) as host:
            for message, expected in (
                (plain("carol", "se cret"), "235 2.7.0"),
                (plain("carol", "wrong"), "535 5.7.8"),
                # saslauthd would read it as the right one.
                (plain("carol", "se cret\0junk"), "501 5.5.2"),
                (plain("carol", "x" * 257), "535 5.7.8"),
                (plain("mallory", "se cret"), "535 5.7.8"),
                (plain("alice", "wonder"), "235 2.7.0"),
            ):
                said = reply(host, message)
                check(said.startswith(expected), f"{message}: {said}")


@case("saslauthd: stopped, slow and started again", seconds=90)
def stopped():
    with Saslauthd() as daemon:
        with Mailhost("--users", f"saslauthd:{daemon.socket}", on=("submission",)) as host:
            right = plain("carol", "se cret")
            os.killpg(daemon.process.pid, signal.SIGSTOP)
            started = time.monotonic()
            said = reply(host, right)
            took = time.monotonic() - started
            os.killpg(daemon.process.pid, signal.SIGCONT)
            check(said.startswith("454 4.7.0"), f"slow: {said}")
            check(took > 10, f"gave up after {took:.0f} s")
            check(reply(host, right).startswith("235"), "not asked again")
            work.end(daemon.process)
            check(reply(host, right).startswith("454 4.7.0"), "stopped, but not temporary")
            os.unlink(daemon.socket)
            check(reply(host, right).startswith("454 4.7.0"), "no socket, but not temporary")
            daemon.start()
            check(reply(host, right).startswith("235"), "not asked again")

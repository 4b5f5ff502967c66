"""The example `imap-idle`: new mail is printed as it arrives, also after the server was away."""

import smtplib
import subprocess
import threading
import time

from lib import work
from lib.case import case, check
from lib.mailfiles import program
from lib.mailhost import Mailhost
from lib.talk import account


class Lines:
    """What a program prints, as it comes."""

    def __init__(self, process):
        self.lines = []
        self.news = threading.Condition()
        threading.Thread(target=self._read, args=(process,), daemon=True).start()

    def _read(self, process):
        for line in process.stdout:
            with self.news:
                self.lines.append(line.decode().rstrip())
                self.news.notify()

    def wait_for(self, part, seconds=20):
        with self.news:
            arrived = self.news.wait_for(lambda: any(part in line for line in self.lines), seconds)
            check(arrived, f"no {part!r} in {self.lines}")


def deliver(host, subject):
    with smtplib.SMTP("127.0.0.1", host.port("smtp")) as client:
        text = f"Subject: {subject}\r\n\r\nA message.\r\n"
        client.sendmail("tom@example.net", ["alice@example.org"], text)


@case("imap idle: mail is printed as it arrives, and what came while the server was away", seconds=60, alone=True)
def as_it_arrives():
    with Mailhost(on=("smtp", "imap")) as host:
        deliver(host, "old mail")
        command = [program("imap-idle"), *account(host.port("imap"))]
        log = work.folder("idle") / "stderr.log"
        process = work.start(command, log, stdout=subprocess.PIPE)
        lines = Lines(process)
        lines.wait_for("watching INBOX")
        started = time.monotonic()
        deliver(host, "the first")
        lines.wait_for("2: the first")
        took = time.monotonic() - started
        deliver(host, "the second")
        lines.wait_for("3: the second")
    again = Mailhost(on=("smtp", "imap"), root=host.root)
    again.ports["imap"] = host.ports["imap"]
    with again:
        deliver(again, "meanwhile")
        lines.wait_for("4: meanwhile")
        deliver(again, "the last")
        lines.wait_for("5: the last")
        check(not any("old mail" in line for line in lines.lines), "old mail is no news")
    return f"the first after {took * 1000:.0f} ms"

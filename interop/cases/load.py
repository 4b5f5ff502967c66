"""Many messages at once: none lost, none doubled, none partial, SIGKILL included."""

import collections
import re
import threading
import time

from lib import work
from lib.case import case, check, equal
from lib.mailhost import Mailhost, trace_headers
from lib.smtp import Typed

END = b"-- this is the end --"


@case("load: smtp-source, 20 sessions, 2,000 messages", seconds=120, alone=True)
def smtp_source():
    with Mailhost() as host:
        send_and_count(host, "smtp", 2000)


@case("load: smtp-source over LMTP, 20 kept connections, 1,000 messages", seconds=120, alone=True)
def smtp_source_lmtp():
    with Mailhost(on=("lmtp",)) as host:
        send_and_count(host, "lmtp", 1000, "-L", "-d")


def send_and_count(host, listener, count, *options):
    work.run(
        ["smtp-source", *options, "-s", 20, "-l", 4096, "-m", count]
        + ["-f", "sender@example.net", "-t", "alice@example.org", host.address(listener)],
        timeout=100,
    )
    found = host.messages("alice")
    equal(len(found), count, "messages of alice")
    ids = {re.search(rb"(?mi)^Message-Id: (.*)$", text)[1] for text in found}
    equal(len(ids), count, "different Message-Ids")
    sizes = set()
    for text in found:
        top = sum(len(raw) for _, _, raw in trace_headers(text))
        sizes.add(len(text) - top)
    # The number of the message stands in its headers, with one to four digits.
    check(max(sizes) - min(sizes) <= 8, f"sizes below the trace headers: {sorted(sizes)}")


@case("load: acknowledged mail survives SIGKILL", seconds=90, alone=True)
def sigkill():
    root = work.folder("mail")
    host = Mailhost(root=root)
    with host:
        load = Load(host.port(), threads=20, each=200)
        load.start()
        check(
            load.await_acknowledged(400, seconds=60),
            f"only {len(load.acknowledged)} acknowledged in 60 s",
        )
        host.kill()
        load.join()
    acknowledged = set(load.acknowledged)
    check(len(acknowledged) < 4000, "mailhost was killed after the load, not in the middle")
    stored = collections.Counter()
    for path in host.files("alice"):
        text = path.read_bytes()
        check(
            text.endswith(END + b"\n"), f"partial message in new/: {path.name}, {len(text)} bytes"
        )
        number = re.search(rb"^X-Id: (\S+)$", text, re.M)[1].decode()
        equal(text.split(b"\n\n", 1)[1], body(number).replace(b"\r\n", b"\n"), f"body of {number}")
        stored[number] += 1
    lost = acknowledged - set(stored)
    check(
        not lost,
        f"{len(lost)} of {len(acknowledged)} acknowledged are lost: {sorted(lost)[:3]}",
    )
    doubled = [number for number, count in stored.items() if count > 1]
    equal(doubled, [], "stored twice")
    # The same root serves again, and what the kill left in tmp/ is not delivered later.
    with Mailhost(root=root) as again:
        equal(len(again.files("alice")), len(stored), "messages after the restart")
        with Typed(again.port()) as typed:
            typed.until_data()
            typed.send(b"Subject: after\r\n\r\n" + END + b"\r\n")
            typed.type(".", "250 2.0.0")
            typed.quit()
        equal(len(again.files("alice")), len(stored) + 1, "messages after one more")
    return f"{len(acknowledged)} acknowledged, {len(stored)} stored"


def body(number):
    return (number.encode() + b" " + b"x" * 60 + b"\r\n") * 50 + END + b"\r\n"


class Load:
    """Clients that remember which messages were acknowledged."""

    def __init__(self, port, threads, each):
        self.port = port
        self.acknowledged = []
        self.enough = threading.Event()
        self.wanted = threads * each
        self.threads = [
            threading.Thread(target=self._send, args=(thread, each), daemon=True)
            for thread in range(threads)
        ]

    def start(self):
        for thread in self.threads:
            thread.start()

    def join(self):
        for thread in self.threads:
            thread.join(20)
            check(not thread.is_alive(), "a client hangs though mailhost is dead")

    def await_acknowledged(self, count, seconds):
        deadline = time.monotonic() + seconds
        while len(self.acknowledged) < count:
            if time.monotonic() > deadline or not any(t.is_alive() for t in self.threads):
                return False
            time.sleep(0.005)
        return True

    def _send(self, thread, each):
        # Whatever ends the connection, SIGKILL first of all, ends this client.
        try:
            with Typed(self.port) as typed:
                typed.expect("220")
                typed.type("EHLO client.example.net", "250")
                for number in range(each):
                    name = f"{thread}-{number}"
                    typed.again_until_data()
                    head = f"X-Id: {name}\r\nSubject: load\r\n\r\n".encode()
                    typed.send(head + body(name))
                    typed.type(".", "250 2.0.0")
                    self.acknowledged.append(name)
        except Exception:
            return

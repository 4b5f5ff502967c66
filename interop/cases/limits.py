"""Disk, memory, connections and the end: what a host meets that runs for long."""

import hashlib
import resource
import time

from lib import work
from lib.case import case, check, equal
from lib.mailhost import Mailhost, delivered, trace_headers
from lib.smtp import Typed

SMALL = b"Subject: small\r\n\r\nsmall\r\n"


def send(host, message, wanted, listener="smtp"):
    with Typed(host.port(listener)) as typed:
        typed.until_data()
        typed.send(message)
        reply = typed.type(".", wanted)
        typed.quit()
        return reply


@case("limits: a full disk is 452 4.3.1 and leaves nothing behind")
def full_disk():
    root = work.tmpfs("512k")
    with Mailhost(root=root) as host:
        send(host, SMALL, "250 2.0.0")
        large = b"Subject: large\r\n\r\n" + (b"x" * 78 + b"\r\n") * 20000
        for _ in range(2):
            send(host, large, "452 4.3.1")
            delivered(host.message("alice"), SMALL)
        # What failed has given its room back.
        send(host, SMALL, "250 2.0.0")
        equal(len(host.messages("alice")), 2, "messages of alice")


@case("limits: a full disk and an mbox: the file is as it was")
def full_disk_mbox():
    root = work.tmpfs("512k")
    with Mailhost("--store", "mbox", root=root) as host:
        send(host, SMALL, "250 2.0.0")
        before = host.mbox("alice").read_bytes()
        send(host, b"Subject: large\r\n\r\n" + (b"x" * 78 + b"\r\n") * 20000, "452 4.3.1")
        equal(host.mbox("alice").read_bytes(), before, "mbox after the refusal")
        send(host, SMALL, "250 2.0.0")
        after = host.mbox("alice").read_bytes()
        equal(after[: len(before)], before, "start of the mbox")
        equal(after.count(b"\nSubject: small\n"), 2, "messages in the mbox")


@case("limits: a spool that cannot be written is a 4xx, until it can")
def read_only():
    root = work.tmpfs("4m")
    with Mailhost(root=root) as host:
        send(host, SMALL, "250 2.0.0")
        work.remount(root, "ro")
        send(host, SMALL, "45")
        delivered(host.message("alice"), SMALL)
        work.remount(root, "rw")
        send(host, SMALL, "250 2.0.0")
        equal(len(host.messages("alice")), 2, "messages of alice")


@case("limits: one message of 1 GiB in less than 64 MiB of memory", seconds=120, alone=True)
def one_gibibyte():
    with Mailhost("--max-size", "2000000000") as host, Typed(host.port(), timeout=60) as typed:
        line = b"y" * 76 + b"\r\n"
        block = line * 4096
        blocks = 2**30 // len(block) + 1
        expected = hashlib.sha256()
        stored = block.replace(b"\r\n", b"\n")
        typed.until_data()
        for _ in range(blocks):
            typed.send(block)
        typed.type(".", "250 2.0.0")
        typed.quit()
        peak = host.memory("VmHWM")
        check(peak < 64 * 1024, f"peak memory {peak} KiB")
        files = host.files("alice")
        equal(len(files), 1, "messages of alice")
        for _ in range(blocks):
            expected.update(stored)
        with open(files[0], "rb") as file:
            top = sum(len(raw) for _, _, raw in trace_headers(file.read(4096)))
            file.seek(top)
            equal(hashlib.file_digest(file, "sha256").digest(), expected.digest(), "SHA-256")
        return f"peak memory {peak} KiB"


@case("limits: 10,000 idle connections at 24 KiB each", seconds=90, alone=True)
def idle_connections():
    count = 10_000
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    check(hard >= count + 1000, f"only {hard} open files are allowed here (ulimit -Hn)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    limits = ["--max-connections", "20000", "--max-connections-per-address", "20000"]
    with Mailhost(*limits) as host:
        send(host, SMALL, "250 2.0.0")
        before = host.memory("VmRSS")
        idle = []
        try:
            while len(idle) < count:
                # A few at a time, so that the backlog of the listener is not what is measured.
                some = [
                    Typed(host.port(), source=f"127.0.0.{2 + (len(idle) + n) % 20}")
                    for n in range(100)
                ]
                for typed in some:
                    typed.expect("220")
                    typed.type("EHLO client.example.net", "250")
                idle += some
            growth = host.memory("VmRSS") - before
            check(growth <= 24 * count, f"{growth / count:.1f} KiB for each connection")
            send(host, SMALL, "250 2.0.0")
            for typed in idle[:: count // 100]:
                typed.type("NOOP", "250 2.0.0")
        finally:
            for typed in idle:
                typed.close()
        equal(len(host.messages("alice")), 2, "messages of alice")
        return f"{growth / count:.1f} KiB each"


@case("limits: connections over the limits are turned away with 421")
def too_many_connections():
    with Mailhost("--max-connections", "5", "--max-connections-per-address", "3") as host:
        open_ = []
        try:
            for _ in range(3):
                open_.append(Typed(host.port()))
                open_[-1].expect("220")
            one_more = Typed(host.port())
            open_.append(one_more)
            one_more.expect("421 4.7.0")
            check(one_more.ended(), "still open after 421")
            for address in ("127.0.0.2", "127.0.0.3"):
                open_.append(Typed(host.port(), source=address))
                open_[-1].expect("220")
            one_more = Typed(host.port(), source="127.0.0.4")
            open_.append(one_more)
            one_more.expect("421 4.")
            open_[0].type("QUIT", "221")
            time.sleep(0.2)
            send(host, SMALL, "250 2.0.0")
        finally:
            for typed in open_:
                typed.close()


@case("limits: SIGTERM lets an open transaction finish, closes the idle, exits 0")
def sigterm():
    with Mailhost() as host:
        with Typed(host.port()) as sending, Typed(host.port()) as idle:
            idle.expect("220")
            idle.type("EHLO client.example.net", "250")
            sending.until_data()
            sending.send(SMALL[:20])
            host.terminate()
            idle.expect("421 4.3.2")
            check(idle.ended(), "idle connection still open after 421")
            try:
                with Typed(host.port(), timeout=2) as late:
                    said = b""
                    while data := late.socket.recv(1024):
                        said += data
                    # A connection that the system takes just as we close hears nothing.
                    check(said[:9] in (b"", b"421 4.3.2"), f"a late connection was told {said!r}")
            except (ConnectionRefusedError, ConnectionResetError):
                pass
            time.sleep(0.5)
            sending.send(SMALL[20:])
            sending.type(".", "250 2.0.0")
            host.await_exit()
        delivered(host.message("alice"), SMALL)


@case("start: it says where it listens, and --help names its options")
def start():
    with Mailhost(on=("smtp", "submission", "smtps", "lmtp")) as host:
        text = "\n".join(host.lines)
        for name in host.ports:
            check(host.address(name) in text, f"{host.address(name)} is not in its output")
        equal(host.lines[-1], "mailhost ready", "last line")

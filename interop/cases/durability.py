"""Mail that was acknowledged is on disk: the order of system calls, as strace sees it."""

import re
import time

from lib import work
from lib.case import case, check
from lib.mailhost import Mailhost
from lib.smtp import Typed

CALLS = "fsync,fdatasync,syncfs,rename,renameat,renameat2,link,linkat,write,writev,sendto,sendmsg"
SYNC = r"(?:fsync|fdatasync|syncfs)\(\d+<"


@case("durability: Maildir: file synced, moved to new/, folder synced, then 250")
def maildir():
    with Mailhost() as host:
        deliver(host)  # what is made only once is not looked at
        calls = traced(host)
        order = [
            ("the file in tmp/ is synced", SYNC + r"[^>]*/alice/tmp/[^>]+>"),
            ("it is moved to new/", r"(?:rename|link)\w*\(.*/?new/"),
            ("the folder new/ is synced", SYNC + r"[^>]*/alice/new>"),
            ("250 is sent", r"(?:write|send)\w*\(.*250 2\.0\.0"),
        ]
        in_order(calls, order)


@case("durability: mbox: the file is synced, then 250")
def mbox():
    with Mailhost("--store", "mbox") as host:
        deliver(host)
        name = re.escape(str(host.mbox("alice")))
        order = [
            ("the file is synced", SYNC + name + ">"),
            ("250 is sent", r"(?:write|send)\w*\(.*250 2\.0\.0"),
        ]
        in_order(traced(host), order)


def deliver(host):
    with Typed(host.port()) as typed:
        typed.until_data()
        typed.send(b"Subject: durable\r\n\r\nbody\r\n")
        typed.type(".", "250 2.0.0")
        typed.quit()


def traced(host):
    """The system calls of one delivery from its 354 on, in the order in which they returned."""
    out = work.folder("strace") / "calls"
    log = out.with_name("log")
    command = ["strace", "-f", "-y", "-s", "64", "-o", out, "-e", f"trace={CALLS}"]
    tracer = work.start([*command, "-p", str(host.process.pid)], log)
    deadline = time.monotonic() + 10
    while "attached" not in log.read_text():
        check(tracer.poll() is None, f"strace ended: {log.read_text().strip()}")
        check(time.monotonic() < deadline, "strace did not attach in 10 s")
        time.sleep(0.02)
    deliver(host)
    tracer.terminate()
    tracer.wait(10)
    lines = whole(out.read_text(errors="replace").splitlines())
    start = [number for number, line in enumerate(lines) if '"354 ' in line]
    check(start, "strace did not see the 354")
    return lines[start[-1] :]


def whole(lines):
    """Puts calls that strace shows in two halves together, where they ended."""
    begun, calls = {}, []
    for line in lines:
        pid, _, call = line.partition(" ")
        call = call.strip()
        if call.endswith("<unfinished ...>"):
            begun[pid] = call.removesuffix("<unfinished ...>")
        elif resumed := re.match(r"<\.\.\. \w+ resumed>", call):
            calls.append(begun.pop(pid, "") + call[resumed.end() :])
        else:
            calls.append(call)
    return calls


def in_order(calls, order):
    at = 0
    for what, pattern in order:
        while at < len(calls) and not re.search(pattern, calls[at]):
            at += 1
        check(at < len(calls), f"not seen, or not in its place: {what}")
        at += 1

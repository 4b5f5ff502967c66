"""Our client and a server that fails on purpose: smtp-sink with its fault flags."""

from cases.our_client import MESSAGE, await_port
from lib import work
from lib.case import case, check
from lib.sender import send

RECIPIENTS = ["a@example.org", "b@example.org"]


def sink(*flags):
    """What our client makes of a smtp-sink with these flags."""
    port = work.free_port()
    log = work.folder("smtp-sink") / "log"
    process = work.start(["smtp-sink", "-u", "nobody", *flags, f"127.0.0.1:{port}", "100"], log)
    await_port(port)
    prefix = "lmtp:" if "-L" in flags else ""
    fates = send(f"{prefix}127.0.0.1:{port}", RECIPIENTS, MESSAGE)
    work.end(process)
    return fates


def all_are(flags, *beginnings):
    """Each recipient has a fate that begins with one of these."""
    fates = sink(*flags)
    check(isinstance(fates, list) and len(fates) == len(RECIPIENTS), f"{flags}: {fates}")
    for fate in fates:
        check(fate.startswith(beginnings), f"{flags}: {fate}")


@case("smtp-sink: refusals of each command, permanent and temporary", seconds=60)
def refusals():
    for command in ("mail", "rcpt", "data", "."):
        all_are(("-f", command), "refused: 5")
        all_are(("-r", command), "not now: 4")


@case("smtp-sink: connections dropped and 421 at each command", seconds=60)
def drops():
    for command in ("mail", "rcpt", "data"):
        all_are(("-q", command), "interrupted")
        all_are(("-Q", command), "not now: 421")
    # Behind the dot nobody knows; a 421 says that it was not accepted.
    all_are(("-q", "."), "unknown")
    all_are(("-Q", "."), "not now: 421")


@case("smtp-sink: aborts in the middle of the message", seconds=60)
def aborted():
    all_are(("-A", "1"), "refused: 550")


@case("smtp-sink: refuses the connection or the hello", seconds=60)
def not_served():
    for flags in (("-f", "connect"), ("-r", "connect"), ("-Q", "connect"), ("-r", "ehlo")):
        said = sink(*flags)
        check(isinstance(said, str) and "NotServed" in said, f"{flags}: {said}")
    said = sink("-q", "connect")
    check(isinstance(said, str) and "Disconnected" in said, f"-q connect: {said}")
    # A server that knows no EHLO is greeted with HELO.
    all_are(("-f", "ehlo"), "delivered: 250")


@case("smtp-sink: extensions hidden, LMTP, and slow answers", seconds=60)
def extensions():
    for flags in (
        (),
        ("-e",),
        ("-p",),
        ("-8",),
        ("-N",),
        ("-E",),
        ("-F",),
        ("-C",),
        ("-e", "-p", "-8", "-N", "-E"),
        ("-L",),
        ("-L", "-p"),
        # A delayed answer makes it forget what else had come, so one command at a time.
        ("-p", "-W", "mail:1"),
        ("-p", "-W", "rcpt:1"),
        ("-p", "-W", "data:1"),
        ("-W", ".:1"),
        ("-L", "-W", ".:1"),
    ):
        all_are(flags, "delivered: 250")


@case("smtp-sink: LMTP refuses for each recipient", seconds=60)
def lmtp():
    all_are(("-L", "-f", "rcpt"), "refused: 5")
    all_are(("-L", "-f", "."), "refused: 5")
    all_are(("-L", "-r", "."), "not now: 4")


@case("smtp-sink: LMTP drops the connection, or says 421, at each command", seconds=60)
def lmtp_drops():
    for command in ("mail", "rcpt", "data"):
        all_are(("-L", "-q", command), "interrupted")
        all_are(("-L", "-Q", command), "not now: 421")
    all_are(("-L", "-q", "."), "unknown")
    all_are(("-L", "-Q", "."), "not now: 421")

"""gsasl: every mechanism that it has, with and without TLS, bound to the channel and not."""

import os

from lib import work
from lib.case import case, check, equal
from lib.mailhost import Mailhost

BOUND = ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS")
UNBOUND = ("SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN", "LOGIN")


def gsasl(host, listener, mechanism, *options, user="alice", password="wonder", expect=0):
    # An empty authorization identity, as most servers want it; LOGIN and CRAM-MD5 have none.
    return work.run(
        ["gsasl", "--smtp", f"--connect=localhost:{host.port(listener)}", "-m", mechanism]
        + ["-a", user, "-p", password, "-z", "", "--quiet", "--no-starttls", *options],
        timeout=20,
        expect=expect,
    )


def over_tls(host, mechanism, *options, **given):
    cert, _ = work.certificate()
    options = ["--starttls", f"--x509-ca-file={cert}", *options]
    return work.run(
        ["gsasl", "--smtp", f"--connect=localhost:{host.port('submission')}", "-m", mechanism]
        + ["-a", given.get("user", "alice"), "-p", given.get("password", "wonder"), "-z", ""]
        + ["--verbose", *options],
        timeout=20,
        expect=given.get("expect", 0),
    )


@case("gsasl: SCRAM, CRAM-MD5, PLAIN and LOGIN in clear text on loopback")
def clear():
    with Mailhost(on=("submission",)) as host:
        for mechanism in UNBOUND:
            gsasl(host, "submission", mechanism)


@case("gsasl: SCRAM bound to TLS, and all others under STARTTLS")
def tls():
    with Mailhost(on=("submission",)) as host:
        for mechanism in BOUND:
            said = over_tls(host, mechanism)
            check("235 2.7.0" in said, f"{mechanism}: {said[-300:]}")
        for mechanism in UNBOUND:
            said = over_tls(host, mechanism, "--no-cb")
            check("235 2.7.0" in said, f"{mechanism}: {said[-300:]}")


@case("gsasl: a wrong password and an unknown user are told the same", seconds=90)
def refused():
    with Mailhost(on=("submission",)) as host:
        for mechanism in BOUND + UNBOUND:
            replies = set()
            for user, password in (("alice", "wrong"), ("mallory", "wonder")):
                said = over_tls(
                    host,
                    mechanism,
                    *([] if mechanism in BOUND else ["--no-cb"]),
                    user=user,
                    password=password,
                    expect=None,
                )
                lines = [line for line in said.splitlines() if line.startswith(("535", "235"))]
                check(lines, f"{mechanism} {user}: no reply in {said[-300:]}")
                replies.update(lines)
            equal(replies, {"535 5.7.8 Authentication credentials invalid"}, mechanism)


@case("gsasl: stored verifiers, as its --mkpasswd prints them")
def verifiers():
    stored = work.run(
        ["gsasl", "--mkpasswd", "-m", "SCRAM-SHA-256", "-p", "se cret", "--iteration-count=5000"]
    ).strip()
    users = work.folder("users") / "users"
    users.write_text(f"carol:{stored}\n")
    with Mailhost("--users", f"file:{users}", on=("submission",)) as host:
        gsasl(host, "submission", "SCRAM-SHA-256", user="carol", password="se cret")
        gsasl(host, "submission", "PLAIN", user="carol", password="se cret")
        said = over_tls(host, "SCRAM-SHA-256-PLUS", user="carol", password="se cret")
        check("235 2.7.0" in said, f"no 235: {said[-300:]}")
        # The file is read again: another password counts at once.
        users.write_text("carol:{PLAIN}other\ndave:{PLAIN}new\n")
        os.utime(users, (1, 1))
        gsasl(host, "submission", "SCRAM-SHA-256", user="carol", password="other")
        gsasl(host, "submission", "PLAIN", user="dave", password="new")
        gsasl(host, "submission", "PLAIN", user="carol", password="se cret", expect=1)

"""swaks: every way of getting one message in, and its transcript as the witness."""

from lib import work
from lib.case import case, check, equal
from lib.mailhost import Mailhost, delivered

MESSAGE = (
    b"From: sender@example.net\r\nTo: alice@example.org\r\nSubject: from swaks\r\n\r\n"
    b"one\r\n.two\r\n..three\r\n\r\nfour\r\n"
)


def swaks(host, listener, *options, expect=0, to="alice@example.org"):
    data = work.folder("swaks") / "message"
    # swaks adds the last line end.
    data.write_bytes(MESSAGE.replace(b"\r\n", b"\n").removesuffix(b"\n"))
    return work.run(
        ["swaks", "--server", "127.0.0.1", "--port", host.port(listener), "--timeout", "15"]
        + ["--helo", "swaks.example.net", "--from", "sender@example.net", "--to", to]
        + ["--data", f"@{data}", *options],
        expect=expect,
    )


@case("swaks: plain SMTP, dots at line starts")
def plain():
    with Mailhost() as host:
        swaks(host, "smtp")
        delivered(host.message("alice"), MESSAGE)


@case("swaks: AUTH PLAIN, LOGIN, and a wrong password")
def auth():
    with Mailhost(on=("smtp", "submission")) as host:
        for listener in ("smtp", "submission"):
            for mechanism in ("PLAIN", "LOGIN"):
                said = swaks(host, listener, "--auth", mechanism, "-au", "alice", "-ap", "wonder")
                check("<~  235 2.7.0" in said or "<-  235 2.7.0" in said, f"no 235: {said[-300:]}")
            # swaks ends with 28 when authentication fails.
            said = swaks(
                host, listener, "--auth", "PLAIN", "-au", "alice", "-ap", "wrong", expect=28
            )
            check("<** 535 5.7.8" in said, f"not 535 5.7.8: {said[-300:]}")
        found = host.messages("alice")
        equal(len(found), 4, "messages of alice")
        for message in found:
            delivered(message, MESSAGE)


@case("swaks: submission without AUTH is refused")
def submission_needs_auth():
    with Mailhost(on=("submission",)) as host:
        # 23 to 25 are MAIL, RCPT refused and no recipient left.
        said = swaks(host, "submission", expect=None)
        check("<** 530 5.7.0" in said, f"not 530 5.7.0: {said[-300:]}")
        host.nothing_delivered()


@case("swaks: STARTTLS with AUTH, and SMTP over TLS from the start")
def tls():
    with Mailhost(on=("smtp", "submission", "smtps")) as host:
        cert, _ = work.certificate()
        verify = ["--tls-verify", "--tls-ca-path", cert]
        login = ["--auth", "PLAIN", "-au", "alice", "-ap", "wonder"]
        said = swaks(host, "smtp", "--tls", *verify)
        before, after = said.split("=== TLS started", 1)
        check("STARTTLS" in before, "STARTTLS was not announced")
        check("STARTTLS" not in after, "STARTTLS is still announced under TLS")
        check("ESMTPS" in host.message("alice").decode(), "Received does not say ESMTPS")
        swaks(host, "submission", "--tls", *verify, *login)
        swaks(host, "smtps", "--tls-on-connect", *verify, *login)
        found = host.messages("alice")
        equal(len(found), 3, "messages of alice")
        for message in found:
            delivered(message, MESSAGE)


@case("swaks: a whole transaction in one group (PIPELINING)")
def pipelining():
    with Mailhost() as host:
        said = swaks(host, "smtp", "--pipeline", to="alice@example.org,bob@example.org")
        check("250-PIPELINING" in said or "250 PIPELINING" in said, "PIPELINING not announced")
        for user in ("alice", "bob"):
            delivered(host.message(user), MESSAGE)


@case("swaks: LMTP answers for each recipient")
def lmtp():
    with Mailhost(on=("lmtp",)) as host:
        said = swaks(
            host,
            "lmtp",
            "--protocol",
            "LMTP",
            to="alice@example.org,nobody@example.org,bob@example.org",
        )
        check("<** 550 5.1.1" in said, f"the unknown recipient was not refused: {said[-400:]}")
        end = said.split("\n -> .\n", 1)[1]
        equal(end.count("<-  250 2.0.0") + end.count("<-  250 2.1.5"), 2, "replies after the dot")
        for user in ("alice", "bob"):
            delivered(host.message(user), MESSAGE)
        equal(host.files("nobody"), [], "mail of nobody")

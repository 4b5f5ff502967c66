"""A real Postfix hands its mail to us."""

import re
import smtplib

from lib.case import case, check, equal
from lib.mailhost import Mailhost, trace_headers
from lib.postfix import Postfix

COUNT = 200


def relay(protocol, host, more=""):
    """Sends COUNT messages through Postfix and checks that each arrived exactly once."""
    next_hop = {
        "smtp": f"smtp:[127.0.0.1]:{host.ports.get('smtp')}",
        "lmtp": f"lmtp:inet:127.0.0.1:{host.ports.get('lmtp')}",
    }[protocol]
    users = {"alice@example.org": next_hop, "bob@localhost": next_hop}
    with Postfix(users, more) as postfix:
        with smtplib.SMTP("127.0.0.1", postfix.port, timeout=20) as smtp:
            for number in range(COUNT):
                smtp.sendmail("sender@example.net", list(users), message(number))
        postfix.await_empty(60)
        log = postfix.log()
    equal(
        len(re.findall(r"status=sent \(250 2", log)), 2 * COUNT, "status=sent in the log of Postfix"
    )
    for user in ("alice", "bob"):
        found = host.messages(user)
        equal(len(found), COUNT, f"messages of {user}")
        numbers = sorted(int(re.search(rb"^X-Number: (\d+)$", text, re.M)[1]) for text in found)
        equal(numbers, list(range(COUNT)), f"numbers of the messages of {user}")
        for text in found:
            number = int(re.search(rb"^X-Number: (\d+)$", text, re.M)[1])
            check_one(text, message(number))
    return log


def message(number):
    body = b".dotted\r\n..\r\nnumber %d \xc3\xa9\r\n" % number * (1 + number % 40)
    return b"X-Number: %d\r\nSubject: through Postfix\r\n\r\n" % number + body


def check_one(text, sent):
    # Postfix adds headers of its own between our trace and the message.
    trace = {name: value for name, value, _ in trace_headers(text)}
    equal(trace.get(b"return-path"), b"<sender@example.net>", "Return-Path")
    head, body = text.split(b"\n\n", 1)
    sent_head, sent_body = sent.replace(b"\r\n", b"\n").split(b"\n\n", 1)
    check(sent_head in head, f"headers: {head!r}")
    equal(body, sent_body, "body")


@case("postfix: relays 200 messages over SMTP with STARTTLS", seconds=90)
def over_smtp():
    with Mailhost() as host:
        log = relay("smtp", host, "smtp_tls_security_level = encrypt\nsmtp_tls_loglevel = 1")
        check("TLS connection established to" in log, "Postfix did not use TLS")


@case("postfix: relays 200 messages over SMTP in clear text", seconds=90)
def over_plain_smtp():
    with Mailhost() as host:
        relay("smtp", host)


@case("postfix: relays 200 messages over LMTP", seconds=90)
def over_lmtp():
    with Mailhost(on=("lmtp",)) as host:
        relay("lmtp", host)

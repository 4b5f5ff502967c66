"""What a careless or hostile peer sends, byte for byte."""

import itertools
import time

from lib.case import Failure, case, check, equal
from lib.mailhost import Mailhost, delivered
from lib.smtp import Typed

SPELLINGS = {"CRLF": b"\r\n", "LF": b"\n", "CR": b"\r"}


def greeted(host, listener="smtp"):
    typed = Typed(host.port(listener))
    typed.expect("220")
    typed.type("EHLO client.example.net", "250")
    return typed


def still_works(host):
    """An ordinary message still comes through, on a connection of its own."""
    sent = b"Subject: still works\r\n\r\nyes\r\n"
    before = len(host.messages("bob"))
    with Typed(host.port()) as typed:
        typed.until_data(recipients=["bob@example.org"])
        typed.send(sent)
        typed.type(".", "250 2.0.0")
        typed.quit()
    found = host.messages("bob")
    equal(len(found), before + 1, "messages of bob")
    delivered(found[-1], sent)


@case("bad input: an over-long command line is answered once and never parsed")
def long_line():
    with Mailhost() as host:
        for start in (b"NOOP ", b"MAIL FROM:<", b"x", b"RSET\rRSET\r"):
            with greeted(host) as typed:
                # Every place where a reader could cut the line shows a command.
                line = start + b"NOOP\tRSET " * 1600 + b"\r\n"
                for at in range(0, len(line), 1000):
                    typed.send(line[at : at + 1000])
                    time.sleep(0.001)
                typed.expect("500 5.5")
                typed.type("NOOP", "250 2.0.0")
                typed.type("MAIL FROM:<sender@example.net>", "250 2.1.0")
                typed.quit()
        still_works(host)


@case("bad input: a line that never ends is cut off in bounded memory", alone=True)
def endless_line():
    with Mailhost() as host, greeted(host) as typed:
        before = host.memory("VmRSS")
        said = b""
        # An answer at the end of the line is right, and so is an end of the connection before
        # it. A peer that neither reads on nor closes runs into the timeout, which is a failure.
        try:
            for _ in range(1024):
                typed.send(b"RESET" * 13107)
            typed.send(b"\r\n")
            while not said.endswith(b"\r\n") and (data := typed.socket.recv(65536)):
                said += data
        except ConnectionError:
            pass
        check(len(said.splitlines()) <= 2, f"answered {said[:200]!r}")
        check(all(line[:1] in b"45" for line in said.splitlines()), f"answered {said[:80]!r}")
        growth = host.memory("VmRSS") - before
        check(growth < 4096, f"memory grew by {growth} KiB")
        still_works(host)


@case("bad input: control characters and 8-bit bytes in commands")
def control_characters():
    with Mailhost() as host:
        for line in (
            b"NO\0OP",
            b"NOOP\0",
            b"MAIL FROM:<a\0b@example.net>",
            b"MAIL FROM:<a\rb@example.net>",
            b"MAIL FROM:<a\x01b@example.net>",
            b"MAIL FROM:<a\xe9b@example.net>",
            b"MAIL FROM:<a\xff\xfe@example.net> SMTPUTF8",
            b"EHLO a\0b",
            b"N\xd6OP",
            b"\xff\xfe\xfd",
        ):
            with greeted(host) as typed:
                typed.type(line, "5")
                typed.type("RCPT TO:<alice@example.org>", "503 5.5.1")
                typed.quit()
        still_works(host)


@case("bad input: bare LF as a line end: refused where programs speak, taken where people type")
def bare_lf_command():
    with Mailhost(on=("smtp", "lmtp")) as host:
        with Typed(host.port("lmtp")) as typed:
            typed.expect("220")
            # What stands between two CRLFs is two lines, and both are answered.
            typed.send(b"NOOP\nRSET\r\n")
            typed.expect("500 5.5.2")
            typed.expect("250 2.0.0")
            typed.type("QUIT", "221")
        with greeted(host) as typed:
            typed.send(b"NOOP\nXYZZY\r\n")
            typed.expect("250 2.0.0")
            typed.expect("500 5.5.2")
            typed.quit()


@case("bad input: bare LF, bare CR and NUL in a message")
def bare_line_ends():
    with Mailhost() as host:
        for bad in (b"a\nb", b"a\rb", b"a\0b", b"\n", b"\r", b"a\r\r\nb", b"a\n\r\nb", b"a\r\n\rb"):
            with Typed(host.port()) as typed:
                typed.until_data()
                typed.send(b"Subject: bad\r\n\r\n" + bad + b"\r\n.\r\n")
                typed.expect("55")
                # The transaction is over, the session is not.
                typed.type("RCPT TO:<alice@example.org>", "503 5.5.1")
                typed.quit()
            host.nothing_delivered()
        still_works(host)


@case("bad input: only CRLF.CRLF ends a message (nine spellings)")
def end_of_data():
    with Mailhost() as host:
        for before, after in itertools.product(SPELLINGS, SPELLINGS):
            name = f"{before} . {after}"
            with Typed(host.port()) as typed:
                typed.until_data()
                spelling = SPELLINGS[before] + b"." + SPELLINGS[after]
                # Behind it the envelope of a second message, as a smuggler sends it.
                typed.send(b"Subject: one\r\n\r\nfirst" + spelling)
                if name == "CRLF . CRLF":
                    typed.expect("250 2.0.0")
                    typed.quit()
                    delivered(host.message("alice"), b"Subject: one\r\n\r\nfirst\r\n")
                    host.files("alice")[0].unlink()
                    continue
                typed.send(
                    b"MAIL FROM:<smuggler@example.net>\r\nRCPT TO:<bob@example.org>\r\n"
                    b"DATA\r\nSubject: two\r\n\r\nsmuggled\r\n.\r\n"
                )
                reply = typed.reply()
                check(500 <= reply.code < 600, f"{name}: {reply}")
                typed.type("NOOP", "250 2.0.0")
                typed.quit()
            host.nothing_delivered()
        still_works(host)


@case("bad input: an end of data cut into single bytes is one")
def slow_end_of_data():
    with Mailhost() as host, Typed(host.port()) as typed:
        typed.until_data()
        sent = b"Subject: slow\r\n\r\n.\r\nend\r\n"
        for byte in b"Subject: slow\r\n\r\n..\r\nend\r\n.\r\n":
            typed.send(bytes([byte]))
            time.sleep(0.002)
        typed.expect("250 2.0.0")
        typed.quit()
        delivered(host.message("alice"), sent)


@case("bad input: an empty message is one dot")
def empty_message():
    with Mailhost() as host, Typed(host.port()) as typed:
        typed.until_data()
        typed.type(".", "250 2.0.0")
        typed.quit()
        delivered(host.message("alice"), b"")


@case("bad input: commands in the wrong order")
def wrong_order():
    with Mailhost() as host, Typed(host.port()) as typed:
        typed.expect("220")
        typed.type("MAIL FROM:<sender@example.net>", "503 5.5.1")
        typed.type("RCPT TO:<alice@example.org>", "503 5.5.1")
        typed.type("DATA", "503 5.5.1")
        typed.type("EHLO client.example.net", "250")
        typed.type("RCPT TO:<alice@example.org>", "503 5.5.1")
        typed.type("DATA", "503 5.5.1")
        typed.type("MAIL FROM:<sender@example.net>", "250 2.1.0")
        typed.type("DATA", "503 5.5.1")
        typed.type("MAIL FROM:<other@example.net>", "503 5.5.1")
        typed.type("STARTTLS now", "501")
        # None of it broke the transaction.
        typed.type("RCPT TO:<alice@example.org>", "250 2.1.5")
        typed.type("DATA", "354")
        typed.send(b"Subject: order\r\n\r\n")
        typed.type(".", "250 2.0.0")
        typed.quit()
        headers = dict(delivered(host.message("alice"), b"Subject: order\r\n\r\n"))
        equal(headers[b"return-path"], b"<sender@example.net>", "Return-Path")


@case("bad input: unknown verbs and parameters")
def unknown():
    with Mailhost() as host, greeted(host) as typed:
        typed.type("FROB", "500 5.5")
        typed.type("LHLO client.example.net", "500 5.5")
        typed.type("", "500 5.5")
        typed.type("MAIL FROM:<sender@example.net> FROB=1", "555 5.5.4")
        typed.type("MAIL FROM:<sender@example.net> BODY=9BIT", ("501 5.5.4", "555 5.5.4"))
        typed.type("MAIL FROM:<sender@example.net> SIZE=many", "501 5.5.4")
        typed.type("MAIL", "501 5.5.4")
        typed.type("MAIL FROM:<sender@example.net>", "250 2.1.0")
        typed.type("RCPT TO:<alice@example.org> FROB", "555 5.5.4")
        typed.type("RCPT TO:<>", "501 5.1.3")
        typed.quit()


@case("bad input: relaying and unknown recipients are refused")
def relaying():
    with Mailhost() as host, greeted(host) as typed:
        typed.type("MAIL FROM:<sender@example.net>", "250 2.1.0")
        for recipient in (
            "<someone@elsewhere.test>",
            "<alice%elsewhere.test@elsewhere.test>",
            "<@example.org:someone@elsewhere.test>",
            "<someone@[192.0.2.1]>",
        ):
            typed.type(f"RCPT TO:{recipient}", "554 5.7.1")
        for recipient in ("<nobody@example.org>", "<nobody>"):
            typed.type(f"RCPT TO:{recipient}", "550 5.1.1")
        typed.type("RCPT TO:<alice%elsewhere.test@example.org>", "55")
        typed.type("DATA", ("503 5.5.1", "554 5.5.1"))
        typed.quit()
        host.nothing_delivered()


@case("bad input: a peer that vanishes in the middle of a message")
def vanishes():
    with Mailhost() as host:
        for half in (b"", b"Subject: half", b"Subject: half\r\n\r\nbody\r\n.", b"x\r\n" * 200000):
            with Typed(host.port()) as typed:
                typed.until_data()
                typed.send(half)
            host.nothing_delivered()
        still_works(host)


@case("bad input: nothing said before STARTTLS is believed after it")
def starttls_injection():
    with Mailhost() as host:
        for injected in (
            b"MAIL FROM:<smuggler@example.net>\r\nRCPT TO:<alice@example.org>\r\n",
            b"NOOP\r\n",
            b"RSE",
        ):
            with greeted(host) as typed:
                typed.send(b"STARTTLS\r\n" + injected)
                # To end the connection is right, and so is TLS that knows nothing of it.
                try:
                    if typed.reply().code == 220:
                        typed.start_tls()
                        typed.type("RSET", "250 2.0.0")
                        typed.quit()
                except TimeoutError:
                    raise
                except (Failure, OSError) as error:
                    check("expected" not in str(error), f"after {injected!r}: {error}")
        still_works(host)


@case("bad input: a message over --max-size, and one of just that size")
def over_size():
    with Mailhost("--max-size", "1000") as host:
        with greeted(host) as typed:
            typed.type("MAIL FROM:<sender@example.net> SIZE=1001", "552 5.3.4")
            typed.type("MAIL FROM:<sender@example.net> SIZE=1000", "250 2.1.0")
            typed.type("RSET", "250")
            for size, wanted in ((1000, "250 2.0.0"), (1001, "552 5.3.4"), (300000, "552 5.3.4")):
                typed.again_until_data()
                # Dots that are taken away again do not count.
                line = b"..2345678901234567890123456789012345678901234567890"
                text = (line + b"\r\n") * (size // 52)
                text += b"x" * (size - size // 52 * 52 - 2) + b"\r\n"
                typed.send(text)
                typed.type(".", wanted)
            typed.quit()
        equal(len(host.message("alice").split(b"\n")[-2]), 1000 - 1000 // 52 * 52 - 2, "last line")

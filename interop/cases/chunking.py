"""Messages in chunks (RFC 3030), typed by hand."""

from lib.case import case, check, equal
from lib.mailhost import Mailhost, delivered
from lib.smtp import Typed


def say(typed, data, code):
    typed.send(data)
    reply = typed.reply()
    equal(reply.code, code, f"answer to {data[:40]!r}")
    return reply


def envelope(typed, recipient=b"alice@example.org"):
    say(typed, b"MAIL FROM:<sender@example.net>\r\n", 250)
    say(typed, b"RCPT TO:<" + recipient + b">\r\n", 250)


MESSAGE = b"Subject: in chunks\r\n\r\n.\r\nFrom here\r\nQUIT\r\nno line end"


@case("chunking: a message in chunks is delivered as it is, into Maildir and mbox")
def stores():
    for store in ("maildir", "mbox"):
        with Mailhost("--store", store) as host:
            with Typed(host.port()) as typed:
                equal(typed.reply().code, 220, "greeting")
                typed.send(b"EHLO client.example.net\r\n")
                check(any("CHUNKING" in line for line in typed.reply().lines), "not announced")
                envelope(typed)
                for at in range(0, len(MESSAGE), 7):
                    chunk = MESSAGE[at : at + 7]
                    say(typed, b"BDAT %d\r\n" % len(chunk) + chunk, 250)
                say(typed, b"BDAT 0 LAST\r\n", 250)
                # Envelope and message in one segment, and what follows it.
                typed.send(
                    b"MAIL FROM:<sender@example.net>\r\nRCPT TO:<bob@example.org>\r\n"
                    + b"BDAT %d LAST\r\n" % len(MESSAGE)
                    + MESSAGE
                    + b"NOOP\r\n"
                )
                equal([typed.reply().code for _ in range(4)], [250] * 4, "answers")
                # A bare LF is refused, and the session goes on.
                envelope(typed)
                say(typed, b"BDAT 4 LAST\r\na\nb\r", 550)
                say(typed, b"QUIT\r\n", 221)
            for user in ("alice", "bob"):
                if store == "maildir":
                    message = host.message(user)
                    delivered(message.rstrip(b"\n"), MESSAGE)
                else:
                    text = host.mbox(user).read_bytes()
                    check(b"\n>From here\n" in text, "a line that begins a message is not quoted")
                    check(text.endswith(b"no line end\n\n"), f"the end of the mbox: {text[-20:]!r}")


@case("chunking: chunks of refused messages are never read as commands")
def refused():
    with Mailhost() as host, Typed(host.port()) as typed:
        equal(typed.reply().code, 220, "greeting")
        say(typed, b"BDAT 6\r\nQUIT\r\n", 503)
        say(typed, b"EHLO client.example.net\r\n", 250)
        say(typed, b"MAIL FROM:<sender@example.net>\r\n", 250)
        say(typed, b"BDAT 6 LAST\r\nQUIT\r\n", 503)
        say(typed, b"RCPT TO:<alice@example.org>\r\n", 250)
        say(typed, b"BDAT 30000000 LAST\r\n" + b"QUIT\r\n" * 5_000_000, 552)
        say(typed, b"NOOP\r\n", 250)
        typed.send(b"BDAT 99999999999999999999 LAST\r\n")
        equal([typed.reply().code for _ in range(2)], [501, 421], "answers")
        host.nothing_delivered()

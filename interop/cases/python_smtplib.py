"""Python's smtplib: the client library that most scripts use."""

import email.message
import email.policy
import smtplib
import ssl

from lib import work
from lib.case import Failure, case, check, equal
from lib.mailhost import Mailhost, delivered

MESSAGE = (
    b"From: <sender@example.net>\r\nTo: <alice@example.org>\r\nSubject: from smtplib\r\n\r\n"
    b".\r\n..\r\n.dot\r\n\r\n\ttab, trailing space \r\n"
    + b"x" * 998
    + b"\r\nlatin-1 \xe9, utf-8 \xc3\xa9\r\n\r\n"
)


def client(host, listener="smtp", kind=smtplib.SMTP, **options):
    return kind("localhost", host.port(listener), timeout=15, **options)


def context():
    return ssl.create_default_context(cafile=str(work.certificate()[0]))


def refused(action, code, *also):
    """The refusal that `action` must end in; returns the exception."""
    try:
        action()
    except smtplib.SMTPResponseException as error:
        check(
            error.smtp_code in (code, *also),
            f"{error.smtp_code} {error.smtp_error!r}, expected {code}",
        )
        return error
    except smtplib.SMTPRecipientsRefused as error:
        codes = [reply[0] for reply in error.recipients.values()]
        check(set(codes) <= {code, *also}, f"{error.recipients}, expected {code}")
        return error
    raise Failure(f"was not refused with {code}")


@case("smtplib: byte-exact delivery, 8-bit, leading dots, two messages a session")
def byte_exact():
    with Mailhost() as host:
        with client(host) as smtp:
            smtp.ehlo("client.example.net")
            for word in ("8bitmime", "pipelining", "size", "enhancedstatuscodes", "smtputf8"):
                check(smtp.has_extn(word), f"{word} is not announced")
            for _ in range(2):
                lost = smtp.sendmail(
                    "sender@example.net",
                    ["alice@example.org", "bob@localhost"],
                    MESSAGE,
                    mail_options=["BODY=8BITMIME"],
                )
                equal(lost, {}, "refused recipients")
        for user in ("alice", "bob"):
            found = host.messages(user)
            equal(len(found), 2, f"messages of {user}")
            for message in found:
                headers = dict(delivered(message, MESSAGE))
                equal(headers[b"return-path"], b"<sender@example.net>", "Return-Path")


@case("smtplib: send_message with SMTPUTF8")
def utf8():
    with Mailhost("--user", "jürgen:passwort") as host:
        message = email.message.EmailMessage(policy=email.policy.SMTPUTF8)
        message["From"] = "Zoë <zoë@example.net>"
        message["To"] = "jürgen@example.org"
        message["Subject"] = "Grüße 你好"
        message.set_content("Schöne Grüße\n", cte="8bit")
        with client(host) as smtp:
            equal(smtp.send_message(message), {}, "refused recipients")
        sent = message.as_bytes()
        headers = dict(delivered(host.message("jürgen"), sent))
        equal(headers[b"return-path"], "<zoë@example.net>".encode(), "Return-Path")
        # An address outside ASCII needs the parameter.
        with client(host) as smtp:
            smtp.ehlo("client.example.net")
            smtp.command_encoding = "utf-8"
            code, text = smtp.docmd("MAIL", "FROM:<zoë@example.net>")
            check(code in (550, 553), f"UTF-8 without SMTPUTF8: {code} {text}")
            smtp.quit()


@case("smtplib: STARTTLS with a verified certificate, then login")
def starttls():
    with Mailhost(on=("submission", "smtps")) as host:
        with client(host, "submission") as smtp:
            equal(smtp.starttls(context=context())[0], 220, "STARTTLS")
            smtp.ehlo("client.example.net")
            check(not smtp.has_extn("starttls"), "STARTTLS announced under TLS")
            refused(lambda: smtp.login("alice", "wrong"), 535)
            equal(smtp.login("alice", "wonder")[0], 235, "login")
            smtp.sendmail("sender@example.net", "alice@example.org", MESSAGE, ["BODY=8BITMIME"])
        with client(host, "smtps", smtplib.SMTP_SSL, context=context()) as smtp:
            smtp.login("bob", "builder")
            smtp.sendmail("sender@example.net", "bob@example.org", MESSAGE, ["BODY=8BITMIME"])
        delivered(host.message("alice"), MESSAGE)
        text = host.message("bob")
        delivered(text, MESSAGE)
        check(b"ESMTPSA" in text, "Received does not say ESMTPSA")


@case("smtplib: size refused at MAIL and at the end of the message")
def size():
    with Mailhost("--max-size", "20000") as host:
        with client(host) as smtp:
            smtp.ehlo("client.example.net")
            equal(smtp.esmtp_features.get("size"), "20000", "SIZE")
            refused(lambda: smtp.sendmail("s@example.net", "alice@example.org", b"x" * 20001), 552)
            # The same without the parameter: the whole message travels, then it is refused.
            smtp.esmtp_features.pop("size")
            body = b"Subject: large\r\n\r\n" + b"y" * 70 + b"\r\n"
            body += (b"z" * 70 + b"\r\n") * 600
            refused(lambda: smtp.sendmail("s@example.net", "alice@example.org", body), 552)
            host.nothing_delivered()
            fits = b"Subject: fits\r\n\r\n" + (b"z" * 70 + b"\r\n") * 200
            smtp.sendmail("s@example.net", "alice@example.org", fits)
        delivered(host.message("alice"), fits)


@case("smtplib: VRFY, NOOP, RSET, HELP, EXPN")
def small_commands():
    with Mailhost() as host, client(host) as smtp:
        equal(smtp.noop()[0], 250, "NOOP before EHLO")
        equal(smtp.ehlo("client.example.net")[0], 250, "EHLO")
        equal(smtp.docmd("HELP")[0], 214, "HELP")
        check(smtp.verify("alice@example.org")[0] in (250, 252), "VRFY of a user")
        check(smtp.expn("staff")[0] in (252, 502, 550), "EXPN")
        equal(smtp.mail("sender@example.net")[0], 250, "MAIL")
        equal(smtp.noop()[0], 250, "NOOP in a transaction")
        equal(smtp.rcpt("alice@example.org")[0], 250, "RCPT")
        equal(smtp.rset()[0], 250, "RSET")
        equal(smtp.rcpt("alice@example.org")[0], 503, "RCPT after RSET")
        equal(smtp.mail("")[0], 250, "MAIL FROM:<>")
        equal(smtp.rcpt("nobody@example.org")[0], 550, "RCPT of an unknown user")
        equal(smtp.rcpt("postmaster")[0], 250, "RCPT of postmaster")


@case("smtplib: LMTP with one unknown recipient")
def lmtp():
    with Mailhost(on=("lmtp",)) as host:
        with client(host, "lmtp", smtplib.LMTP) as smtp:
            equal(smtp.docmd("EHLO", "client.example.net")[0], 500, "EHLO in LMTP")
            lost = smtp.sendmail(
                "sender@example.net",
                ["alice@example.org", "nobody@example.org"],
                MESSAGE,
                ["BODY=8BITMIME"],
            )
            equal(
                [(who, code) for who, (code, _) in lost.items()],
                [("nobody@example.org", 550)],
                "refused",
            )
        delivered(host.message("alice"), MESSAGE)
        with client(host, "lmtp", smtplib.LMTP) as smtp:
            smtp.ehlo("client.example.net")
            smtp.mail("sender@example.net")
            equal(smtp.rcpt("alice@example.org")[0], 250, "first RCPT")
            equal(smtp.rcpt("bob@example.org")[0], 250, "second RCPT")
            equal(smtp.data(MESSAGE)[0], 250, "reply for the first recipient")
            equal(smtp.getreply()[0], 250, "reply for the second recipient")
            equal(smtp.noop()[0], 250, "NOOP")
        equal(len(host.messages("alice")), 2, "messages of alice")
        delivered(host.message("bob"), MESSAGE)

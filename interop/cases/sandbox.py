"""`mail-sandbox` and Python's own mail libraries: they send, fetch, and meet every fault."""

import contextlib
import imaplib
import pathlib
import poplib
import re
import smtplib
import socket
import ssl

from lib.case import Failure, case, check, equal
from lib.dovecot import Dovecot
from lib.postfix import Postfix
from lib.sandbox import Sandbox
from lib import work

MESSAGE = b"From: a@example.net\r\nTo: bob@example.org\r\nSubject: x\r\n\r\nA body\r\nof two lines\r\n"
README = pathlib.Path(__file__).parents[2] / "mail-sandbox" / "README.md"

# How a library fares: what it is to raise, and what is on the wire then.
SMTP_FAULTS = [
    ("greeting -> reply 421 4.3.2 Busy", smtplib.SMTPConnectError, "S: 421 4.3.2 Busy"),
    ("greeting -> refuse", smtplib.SMTPConnectError, "S: 554 5.3.2 No service here"),
    ("greeting -> drop", smtplib.SMTPServerDisconnected, "! close"),
    ("greeting -> reset", OSError, "! close"),
    ("greeting -> stop-reading", smtplib.SMTPServerDisconnected, "# fault at greeting: stop-reading"),
    ("greeting after 8 -> delay 1s", None, "S: 220 sand\\\n@time +1"),
    ("greeting -> slowly 1ms", None, "S: 220 sandbox.test ESMTP ready"),
    ("greeting -> garble", Exception, "S: \\xb2\\xb2\\xb0"),
    ("greeting -> bare-lf", None, "S: 220 sandbox.test ESMTP ready\\n\\"),
    ("command EHLO -> refuse", None, "C: helo"),
    ("command EHLO -> reply 250 odd", None, "S: 250 odd\nC: mail"),
    ("command EHLO after 5 -> truncate; drop", smtplib.SMTPServerDisconnected, "S: 250-s\\"),
    ("capabilities -> without SIZE", None, "C: mail FROM:<a@example.net>\n"),
    ("capabilities -> with X-UNHEARD", None, "S+ 250 X-UNHEARD"),
    ("command MAIL -> refuse", smtplib.SMTPSenderRefused, "S: 550 5.7.1 Refused"),
    ("command MAIL -> insert 250 2.0.0 Unasked", smtplib.SMTPResponseException, "S: 250 2.0.0 Unasked\nS+ 250 2.1.0 Ok"),
    ("command MAIL -> later", smtplib.SMTPServerDisconnected, "# fault at command MAIL: later"),
    ("command MAIL -> disk-full", smtplib.SMTPSenderRefused, "S: 452 4.3.1 Insufficient"),
    ("command RCPT for bob@* -> reply 450 4.2.0 No", smtplib.SMTPRecipientsRefused, "S: 450 4.2.0"),
    ("command RCPT containing BOB -> refuse", smtplib.SMTPRecipientsRefused, "S: 550 5.7.1 Refused"),
    ("command RCPT for carol -> refuse", None, "S: 250 2.1.5 Ok"),
    ("command * nth 3 -> refuse", smtplib.SMTPRecipientsRefused, "C: rcpt"),
    ("command * first 1 -> refuse", None, "C: helo"),
    ("command * from 4 -> reply 451 No", smtplib.SMTPResponseException, "C: data\n# fault"),
    ("command * every 2 -> delay 1ms", None, "# fault at command DATA: delay 1ms"),
    ("command * chance 1 seed 3 -> drop", smtplib.SMTPServerDisconnected, "# fault at command EHLO"),
    ("command * over 2 in 1m -> refuse", smtplib.SMTPResponseException, "C: rcpt"),
    ("command RCPT for-the-first 1m per address -> refuse", smtplib.SMTPRecipientsRefused, "550"),
    ("command DATA -> reply 451 4.3.0 No", smtplib.SMTPDataError, "S: 451 4.3.0 No"),
    ("body after 10 -> reset", OSError, "# fault at body: reset"),
    ("body after 10 -> drop", Exception, "# fault at body: drop"),
    ("body after 10 -> reply 421 4.3.0 Gone", Exception, "S: 421 4.3.0 Gone"),
    ("end -> disk-full", smtplib.SMTPDataError, "S: 452 4.3.1 Insufficient"),
    ("end -> truncate; drop", smtplib.SMTPServerDisconnected, "# fault at end: truncate"),
    ("mechanism PLAIN -> refuse", None, "C: AUTH LOGIN"),
    ("mechanism * -> reply 454 4.7.0 No", smtplib.SMTPAuthenticationError, "S: 454 4.7.0 No"),
    ("response -> refuse", smtplib.SMTPAuthenticationError, "C: ***\n# fault at response"),
    ("tls -> drop", Exception, "# fault at tls: drop"),
    ("tls -> reset", OSError, "# fault at tls: reset"),
    ("tls -> garble", ssl.SSLError, "S: \\{64*\\x80}\\"),
    ("tls -> reply 220 What?", ssl.SSLError, "S: 220 What?"),
    ("tls -> certificate expired", ssl.SSLCertVerificationError, "# fault at tls: certificate expired"),
    ("tls -> certificate other-name", ssl.SSLCertVerificationError, "# fault at tls: certificate"),
    ("tls -> certificate unknown-authority", ssl.SSLCertVerificationError, "# fault at tls: cert"),
]

POP3_FAULTS = [
    ("greeting -> refuse", poplib.error_proto, "S: -ERR Refused"),
    ("greeting -> reply -ERR [SYS/TEMP] Busy", poplib.error_proto, "S: -ERR [SYS/TEMP] Busy"),
    ("greeting -> drop", poplib.error_proto, "! close"),
    ("greeting -> reset", OSError, "! close"),
    ("greeting -> stop-reading", TimeoutError, "# fault at greeting: stop-reading"),
    ("command CAPA -> refuse", poplib.error_proto, "S: -ERR Refused"),
    ("capabilities -> without UIDL", None, "S+ TOP\nS+ "),
    ("capabilities -> with X-UNHEARD", None, "S+ X-UNHEARD\nS+ ."),
    ("command USER for bob* -> refuse", poplib.error_proto, "C: USER bob@example.org\n# fault"),
    ("command PASS -> reply -ERR [IN-USE] Locked", poplib.error_proto, "S: -ERR [IN-USE] Locked"),
    ("command PASS -> disk-full", poplib.error_proto, "S: -ERR [SYS/TEMP] No space"),
    ("command PASS -> delay 10ms", None, "# fault at command PASS: delay 10ms"),
    ("command STAT -> drop", poplib.error_proto, "C: STAT\n# fault"),
    ("command STAT -> insert +OK 7 7", None, "S: +OK 7 7\nS+ +OK 1 "),
    ("command RETR -> refuse", poplib.error_proto, "C: RETR 1\n# fault"),
    ("command RETR after 30 -> drop", poplib.error_proto, "! close"),
    ("command RETR after 30 -> reset", OSError, "# fault at command RETR: reset"),
    ("command RETR after 30 -> truncate", TimeoutError, "# fault at command RETR: truncate"),
    ("command RETR -> garble", poplib.error_proto, "S: \\xab\\xcf\\xcb"),
    ("command RETR -> slowly 1ms", None, "# fault at command RETR: slowly 1ms"),
    ("command RETR -> bare-lf", None, "S+ Subject: x\\n\\"),
    ("command RETR -> later", TimeoutError, "# fault at command RETR: later"),
    ("command RETR nth 2 -> refuse", None, "S+ A body"),
    ("command QUIT -> refuse", None, "S: -ERR Refused"),
]

IMAP_FAULTS = [
    ("greeting -> refuse", imaplib.IMAP4.error, "S: * BYE [UNAVAILABLE] No service here"),
    ("greeting -> reply BYE Overloaded", imaplib.IMAP4.error, "S: * BYE Overloaded"),
    ("greeting -> drop", imaplib.IMAP4.abort, "! close"),
    ("greeting -> reset", (OSError, imaplib.IMAP4.abort), "! close"),
    ("greeting -> stop-reading", TimeoutError, "# fault at greeting: stop-reading"),
    ("capabilities -> without IMAP4rev1", imaplib.IMAP4.error, "S: * CAPABILITY LITERAL+"),
    ("capabilities -> with X-UNHEARD", None, " X-UNHEARD\nS+ "),
    ("capabilities -> only IMAP4rev1 IDLE", None, "S: * CAPABILITY IMAP4rev1 IDLE\n"),
    ("command LOGIN for bob* -> refuse", imaplib.IMAP4.error, " NO [NOPERM] Refused"),
    ("command LOGIN -> reply NO [UNAVAILABLE] Later", imaplib.IMAP4.error, " NO [UNAVAILABLE] Later"),
    ("command LOGIN -> lose-end", TimeoutError, "# fault at command LOGIN: lose-end"),
    ("mechanism PLAIN -> refuse", imaplib.IMAP4.error, " NO [AUTHENTICATIONFAILED] Auth"),
    ("response -> refuse", imaplib.IMAP4.error, "C: ***\n# fault at response: refuse"),
    ("response -> drop", imaplib.IMAP4.abort, "! close"),
    ("command SELECT -> reply BAD User is authenticated but not connected", imaplib.IMAP4.error, " BAD User is"),
    ("command SELECT -> drop", imaplib.IMAP4.abort, "! close"),
    ("command SELECT -> reset", (OSError, imaplib.IMAP4.abort), "# fault at command SELECT: reset"),
    ("command SELECT -> garble", imaplib.IMAP4.abort, "S: \\xaa\\xa0"),
    ("command SELECT -> lose-end", TimeoutError, "Highest\n"),
    ("command SELECT -> later", TimeoutError, "# fault at command SELECT: later"),
    ("command SELECT -> truncate", TimeoutError, "# fault at command SELECT: truncate"),
    ("command SELECT -> delay 10ms", None, "# fault at command SELECT: delay 10ms"),
    ("command SELECT -> slowly 1ms", None, "# fault at command SELECT: slowly 1ms"),
    ("command FETCH -> insert * 99 EXISTS", None, "S: * 99 EXISTS\nS+ * 1 FETCH"),
    ("command FETCH -> reply X9 OK To another\\nOK Done", imaplib.IMAP4.abort, "S: X9 OK To another\nS+ "),
    ("command FETCH -> refuse", Failure, " NO [NOPERM] Refused"),
    ("command FETCH -> end-first", Failure, " OK FETCH completed\nS+ * 1 FETCH"),
    ("command FETCH after 40 -> drop", imaplib.IMAP4.abort, "! close"),
    ("command FETCH after 40 -> truncate", TimeoutError, "# fault at command FETCH: truncate"),
    ("command FETCH after 40 -> delay 10ms", None, "# fault at command FETCH: delay 10ms"),
    ("command FETCH -> replace BODY[] => BODY[", Failure, "BODY[ {"),
    ("command FETCH -> bare-lf", imaplib.IMAP4.abort, "\\n\\\nS+ "),
    ("command APPEND -> disk-full", Failure, " NO [OVERQUOTA] No space left"),
    ("body after 10 -> drop", imaplib.IMAP4.abort, "C: From: a@ex\\\n! close"),
    ("body after 10 -> reset", (OSError, imaplib.IMAP4.abort), "# fault at body: reset"),
    ("body after 10 -> reply BYE Gone", imaplib.IMAP4.abort, "S: * BYE Gone"),
    ("body after 10 -> stop-reading", TimeoutError, "# fault at body: stop-reading"),
    ("end -> disk-full", Failure, " NO [OVERQUOTA] No space left"),
    ("end -> lose-end", TimeoutError, "S: * 2 EXISTS"),
    ("end -> reply NO [LIMIT] Enough", Failure, " NO [LIMIT] Enough"),
    ("command LOGOUT -> refuse", None, " NO [NOPERM] Refused"),
    ("tls -> drop", (OSError, ssl.SSLError), "! close"),
    ("tls -> garble", ssl.SSLError, "S: \\{64*\\x80}\\"),
    ("tls -> certificate expired", ssl.SSLCertVerificationError, "# fault at tls: certificate expired"),
]

# What each does to smtplib, the second time too.
PRESETS = [
    ("greylisting", smtplib.SMTPRecipientsRefused, smtplib.SMTPRecipientsRefused, 0),
    ("messages-per-connection", None, None, 2),
    ("rate-limit", None, None, 2),
    ("disk-full", smtplib.SMTPDataError, smtplib.SMTPDataError, 0),
    ("lost-acknowledgements", smtplib.SMTPServerDisconnected, smtplib.SMTPServerDisconnected, 2),
    ("stripped-tls", None, None, 2),
]


@case("sandbox: the README's test in Python")
def readme():
    text = README.read_text()
    example = re.search(r"^```python\n(.*?)^```", text, re.M | re.S)[1]
    with Sandbox() as sandbox:
        for port, name in (("1025", "smtp"), ("1143", "imap")):
            check(port in example, f"port {port} in the example")
            example = example.replace(port, str(sandbox.port(name)))
        exec(compile(example, str(README), "exec"), {})
        line = sandbox.line()
        equal((line["event"], line["subject"]), ("message", "Welcome"), "the line that is printed")


@case("sandbox: smtplib meets every kind of fault", seconds=90)
def smtp_faults():
    with Sandbox(on=("smtp", "submission")) as sandbox:
        context = ssl.create_default_context(cafile=str(sandbox.ca))
        for fault, expected, wire in SMTP_FAULTS:

            def send():
                login = fault.startswith(("mechanism", "response"))
                name = "submission" if login else "smtp"
                waits = "stop-reading" in fault or "later" in fault
                with smtplib.SMTP(timeout=0.3 if waits else 10) as smtp:
                    code, text = smtp.connect("127.0.0.1", sandbox.port(name))
                    if code != 220:
                        raise smtplib.SMTPConnectError(code, text)
                    smtp._host = "127.0.0.1"
                    if fault.startswith("tls"):
                        smtp.starttls(context=context)
                    if fault.startswith("response"):
                        smtp.ehlo()
                        smtp.user, smtp.password = "bob", "secret"
                        smtp.auth("PLAIN", smtp.auth_plain, initial_response_ok=False)
                    elif login:
                        smtp.login("bob", "secret")
                    smtp.sendmail("a@example.net", "bob@example.org", MESSAGE)

            met(sandbox, fault, expected, wire, send)
    return f"{len(SMTP_FAULTS)} faults"


@case("sandbox: poplib meets every kind of fault", seconds=90)
def pop3_faults():
    with Sandbox() as sandbox:
        with smtplib.SMTP("127.0.0.1", sandbox.port()) as smtp:
            smtp.sendmail("a@example.net", "bob@example.org", MESSAGE)
        for fault, expected, wire in POP3_FAULTS:

            def fetch():
                waits = any(word in fault for word in ("stop-reading", "later", "truncate"))
                pop3 = poplib.POP3("127.0.0.1", sandbox.port("pop3"), 0.3 if waits else 10)
                try:
                    pop3.capa()
                    pop3.user("bob@example.org")
                    pop3.pass_("secret")
                    pop3.stat()
                    if "insert" not in fault:
                        check(b"A body" in pop3.retr(1)[1], f"{fault}: the message")
                    if "QUIT" in fault:
                        try:
                            pop3.quit()
                        except poplib.error_proto:
                            return
                        raise Failure(f"{fault}: QUIT was not refused")
                finally:
                    pop3.close()

            met(sandbox, fault, expected, wire, fetch)
        equal(sandbox.ask("/messages")["total"], 1, "messages that are still there")
    return f"{len(POP3_FAULTS)} faults"


@case("sandbox: imaplib meets every kind of fault", seconds=120)
def imap_faults():
    with Sandbox(on=("imap", "imaps")) as sandbox:
        context = ssl.create_default_context(cafile=str(sandbox.ca))

        def fetch(fault):
            waits = any(word in fault for word in ("stop-reading", "later", "truncate", "lose-end"))
            patience = 0.3 if waits else 10
            if fault.startswith("tls"):
                return imaplib.IMAP4_SSL("localhost", sandbox.port("imaps"), ssl_context=context, timeout=10)
            imap = imaplib.IMAP4("127.0.0.1", sandbox.port("imap"), timeout=patience)
            try:
                if fault.startswith(("mechanism", "response")):
                    imap.authenticate("PLAIN", lambda _: b"\0bob\0secret")
                else:
                    imap.login("bob", "secret")
                imap.select()
                done(imap.append("INBOX", None, None, MESSAGE), fault)
                status, found = imap.fetch("1", "(UID BODY.PEEK[])")
                done((status, found), fault)
                check(isinstance(found[0], tuple), f"{fault}: no message in {found}")
                check(b"BODY[]" in found[0][0], f"{fault}: no body in {found}")
                imap.logout()
            finally:
                with contextlib.suppress(OSError):
                    imap.shutdown()

        def done(answer, fault):
            check(answer[0] == "OK", f"{fault}: {answer}")

        for fault, expected, wire in IMAP_FAULTS:
            sandbox.ask("/faults", "DELETE", expect=204)
            with imaplib.IMAP4("127.0.0.1", sandbox.port("imap"), timeout=10) as imap:
                imap.login("bob", "secret")
                if imap.select()[1] != [b"0"]:
                    imap.store("1:*", "+FLAGS", "\\Deleted")
                    imap.expunge()
                imap.append("INBOX", None, None, MESSAGE)
            met(sandbox, fault, expected, wire, lambda fault=fault: fetch(fault))
    return f"{len(IMAP_FAULTS)} faults"


def met(sandbox, fault, expected, wire, act):
    """Lets a library meet a fault, and looks for it on the wire."""
    before = len(sandbox.said())
    sandbox.fault(fault)
    try:
        act()
        raised = None
    except Failure as error:
        if expected is not Failure:
            raise
        raised = error
    except Exception as error:
        raised = error
    is_expected = raised is None if expected is None else isinstance(raised, expected)
    said = "".join(sandbox.said()[before:])
    check(is_expected, f"{fault}: {raised!r}, expected {expected}: {said}")
    check(wire in said, f"{fault}: {wire!r} is not in {said}")
    happened = sandbox.ask("/faults")[0]["happened"]
    check((happened > 0) == ("# fault at" in said), f"{fault}: happened {happened} times: {said}")


@case("sandbox: smtplib meets presets")
def presets():
    for preset, first, second, taken in PRESETS:
        with Sandbox("--preset", preset) as sandbox:
            for expected in (first, second):
                try:
                    with smtplib.SMTP("127.0.0.1", sandbox.port(), timeout=10) as smtp:
                        smtp.ehlo()
                        equal(smtp.has_extn("starttls"), preset != "stripped-tls", f"{preset}: STARTTLS")
                        smtp.sendmail("a@example.net", "bob@example.org", MESSAGE)
                    raised = None
                except smtplib.SMTPException as error:
                    raised = error
                is_expected = raised is None if expected is None else isinstance(raised, expected)
                check(is_expected, f"{preset}: {raised!r}, expected {expected}")
            equal(sandbox.ask("/messages")["total"], taken, f"{preset}: messages")
    with Sandbox("--preset", "messages-per-connection") as sandbox:
        with smtplib.SMTP("127.0.0.1", sandbox.port(), timeout=10) as smtp:
            for _ in range(10):
                smtp.sendmail("a@example.net", "bob@example.org", MESSAGE)
            try:
                smtp.sendmail("a@example.net", "bob@example.org", MESSAGE)
                raise Failure("the eleventh message was taken")
            except smtplib.SMTPResponseException as error:
                equal(error.smtp_code, 421, "the eleventh message")
    with Sandbox("--preset", "rate-limit") as sandbox:
        codes = []
        for _ in range(11):
            with smtplib.SMTP("127.0.0.1", sandbox.port(), timeout=10) as smtp:
                smtp.ehlo()
                codes.append(smtp.mail("a@example.net")[0])
        equal(codes, [250] * 10 + [451], "answers to MAIL within a minute")


@case("sandbox: STARTTLS, SMTPS, POP3S and IMAPS with its certificate", seconds=60)
def certificates():
    with Sandbox(on=("smtp", "smtps", "pop3", "pop3s", "imap", "imaps")) as sandbox:
        context = ssl.create_default_context(cafile=str(sandbox.ca))
        smtps = smtplib.SMTP_SSL("localhost", sandbox.port("smtps"), timeout=10, context=context)
        with smtps as smtp:
            smtp.login("bob", "secret")
            smtp.sendmail("a@example.net", "bob@example.org", MESSAGE)
        with smtplib.SMTP("localhost", sandbox.port(), timeout=10) as smtp:
            equal(smtp.starttls(context=context)[0], 220, "STARTTLS")
            smtp.sendmail("a@example.net", "bob@example.org", MESSAGE)
        for message in sandbox.wait(2):
            whole = sandbox.ask(f"/messages/{message['id']}")
            equal(whole["tls"], "TLSv1.3", "TLS of a message")
            equal(sandbox.ask(f"/messages/{message['id']}/raw"), MESSAGE, "octets of a message")
        pop3s = poplib.POP3_SSL("localhost", sandbox.port("pop3s"), timeout=10, context=context)
        pop3 = poplib.POP3("localhost", sandbox.port("pop3"), timeout=10)
        pop3.stls(context)
        for client in (pop3s, pop3):
            client.user("bob")
            client.pass_("secret")
            equal(client.stat()[0], 2, "messages in the mailbox")
            equal(b"\r\n".join(client.retr(2)[1]) + b"\r\n", MESSAGE, "what was fetched")
            client.quit()
        imaps = imaplib.IMAP4_SSL("localhost", sandbox.port("imaps"), ssl_context=context, timeout=10)
        imap = imaplib.IMAP4("localhost", sandbox.port("imap"), timeout=10)
        imap.starttls(context)
        for client in (imaps, imap):
            client.login("bob", "secret")
            equal(client.select()[1], [b"2"], "messages in INBOX")
            equal(client.fetch("2", "(BODY.PEEK[])")[1][0][1], MESSAGE, "what was fetched")
            client.logout()


@case("sandbox: what imaplib appends is printed, waited for and shown")
def appended():
    with Sandbox() as sandbox:
        with imaplib.IMAP4("127.0.0.1", sandbox.port("imap"), timeout=10) as imap:
            imap.login("bob@example.org", "secret")
            equal(imap.create("Sent")[0], "OK", "CREATE")
            equal(imap.append("Sent", "\\Seen", None, MESSAGE)[0], "OK", "APPEND")
        line = sandbox.line()
        equal((line["event"], line["subject"], line["endpoint"]), ("message", "x", "imap"), "the line")
        [message] = sandbox.wait(1, subject="x")
        whole = sandbox.ask(f"/messages/{message['id']}")
        equal((whole["folder"], whole["user"]), ("Sent", "bob@example.org"), "folder and user")
        check("APPEND Sent (" in whole["conversation"], whole["conversation"])
        equal(sandbox.ask(f"/messages/{message['id']}/raw"), MESSAGE, "octets")


@case("sandbox: a Dovecot is recorded for imaplib, and what it said is said again", seconds=60)
def record_imap():
    with Dovecot(("imap",)) as dovecot:
        with Sandbox("--record", f"imap=127.0.0.1:{dovecot.port('imap')}") as sandbox:
            first = read_by_imap(sandbox.port("imap"))
            recorded = sandbox.said()[0]
            path = work.folder("transcript") / "dovecot.txt"
            path.write_text(recorded)
    check("S: * OK" in recorded and "***" in recorded and "wonder" not in recorded, recorded)
    with Sandbox("--replay", f"imap={path}") as sandbox:
        equal(read_by_imap(sandbox.port("imap")), first, "what is said again, to other tags")


def read_by_imap(port):
    """What a server says to imaplib, which has other tags each time."""
    with imaplib.IMAP4("127.0.0.1", port, timeout=20) as imap:
        answers = [imap.welcome, imap.login("alice", "wonder"), imap.select()]
        answers += [imap.append("INBOX", None, None, MESSAGE), imap.fetch("1", "(UID FLAGS BODY.PEEK[])")]
        answers += [imap.search(None, "SUBJECT", "x"), imap.select("Nowhere")]
    return answers


@case("sandbox: a Postfix is recorded, and what it said is said again", seconds=60)
def record():
    with Postfix({"example.org": "discard:"}) as postfix:
        with Sandbox("--record", f"smtp=127.0.0.1:{postfix.port}") as sandbox:
            first = talk(sandbox.port())
            recorded = sandbox.said()[0]
            path = work.folder("transcript") / "postfix.txt"
            path.write_text(recorded)
    check("S: 220 peer.localhost" in recorded, recorded)
    with Sandbox("--replay", f"smtp={path}") as sandbox:
        equal(talk(sandbox.port()), first, "what is said again")


def talk(port):
    """What a server says to smtplib; names and times apart."""
    answers = []
    with smtplib.SMTP("127.0.0.1", port, timeout=20, local_hostname="client.test") as smtp:
        answers += [smtp.ehlo(), smtp.mail("a@example.org"), smtp.rcpt("bob@example.org")]
        answers += [smtp.rcpt("not an address"), smtp.data(MESSAGE * 2000), smtp.docmd("NOOP")]
    return answers


@case("sandbox: ends in order, and says what is wrong")
def endings():
    with Sandbox() as sandbox:
        idle = socket.create_connection(("127.0.0.1", sandbox.port()), timeout=10)
        idle.recv(100)
        sandbox.process.terminate()
        equal(sandbox.process.wait(10), 0, "exit code after SIGTERM")
        check(not work.listens(sandbox.port()), "its port is free")
        idle.close()

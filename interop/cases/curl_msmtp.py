"""curl and msmtp: the clients of scripts and of sendmail replacements."""

from lib import work
from lib.case import case, check, equal
from lib.mailhost import Mailhost, delivered

MESSAGE = (
    b"From: sender@example.net\r\nTo: alice@example.org\r\nSubject: from a script\r\n"
    # msmtp adds these two where they are missing.
    b"Date: Fri, 20 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@example.net>\r\n\r\n"
    b".leading dot\r\nbody\r\n"
)


def message_file(line_end):
    path = work.folder("message") / "message"
    path.write_bytes(MESSAGE.replace(b"\r\n", line_end))
    return path


def curl(host, listener, scheme, *options, expect=0):
    cert, _ = work.certificate()
    return work.run(
        ["curl", "-sS", "-v", "--max-time", "15", "--cacert", cert]
        + [f"{scheme}://localhost:{host.port(listener)}/client.example.net"]
        + ["--mail-from", "sender@example.net", "--mail-rcpt", "alice@example.org"]
        + ["--upload-file", message_file(b"\r\n"), *options],
        expect=expect,
    )


@case("curl: upload, plain, with AUTH, with STARTTLS and over smtps")
def curl_upload():
    with Mailhost(on=("smtp", "submission", "smtps")) as host:
        login = ["--user", "alice:wonder"]
        curl(host, "smtp", "smtp")
        said = curl(host, "submission", "smtp", *login)
        check("< 235 2.7.0" in said, "no 235")
        curl(host, "submission", "smtp", "--ssl-reqd", *login)
        curl(host, "smtps", "smtps", *login)
        curl(host, "smtps", "smtps", "--login-options", "AUTH=LOGIN", *login)
        # curl ends with 67 when the login is refused.
        curl(host, "smtps", "smtps", "--user", "alice:wrong", expect=67)
        found = host.messages("alice")
        equal(len(found), 5, "messages of alice")
        for message in found:
            delivered(message, MESSAGE)


@case("curl: two recipients, one unknown")
def curl_recipients():
    with Mailhost() as host:
        curl(host, "smtp", "smtp", "--mail-rcpt", "nobody@example.org", "--mail-rcpt-allowfails")
        delivered(host.message("alice"), MESSAGE)
        equal(host.files("nobody"), [], "mail of nobody")


def msmtp(host, listener, *options, expect=0):
    cert, _ = work.certificate()
    return work.run(
        ["msmtp", "--file=/dev/null", "--host=localhost", f"--port={host.port(listener)}"]
        + ["--from=sender@example.net", "--timeout=15", f"--tls-trust-file={cert}", "--debug"]
        + [*options, "alice@example.org"],
        stdin=MESSAGE.replace(b"\r\n", b"\n"),
        expect=expect,
    )


@case("msmtp: plain, AUTH, STARTTLS and TLS from the start")
def msmtp_all():
    with Mailhost(on=("smtp", "submission", "smtps")) as host:
        password = work.folder("msmtp") / "password"
        password.write_text("wonder\n")
        login = ["--user=alice", f"--passwordeval=cat {password}"]
        msmtp(host, "smtp", "--tls=off")
        for mechanism in ("plain", "login"):
            said = msmtp(host, "submission", "--tls=off", f"--auth={mechanism}", *login)
            check("235 2.7.0" in said, "no 235")
        said = msmtp(host, "submission", "--tls=on", "--tls-starttls=on", "--auth=on", *login)
        check("STARTTLS" in said, "no STARTTLS")
        msmtp(host, "smtps", "--tls=on", "--tls-starttls=off", "--auth=on", *login)
        # 77 is EX_NOPERM: authentication failed.
        password.write_text("wrong\n")
        msmtp(host, "smtps", "--tls=on", "--tls-starttls=off", "--auth=on", *login, expect=77)
        found = host.messages("alice")
        equal(len(found), 5, "messages of alice")
        for message in found:
            delivered(message, MESSAGE)

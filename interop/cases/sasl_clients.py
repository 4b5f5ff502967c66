"""mpop, curl, swaks and msmtp log in by what we offer: the best that they know."""

from lib import work
from lib.case import case, check
from lib.mailhost import Mailhost

MESSAGE = b"Subject: hello\n\nhello\n"


@case("clients: mpop logs in by SCRAM, CRAM-MD5, APOP, PLAIN and USER", seconds=60)
def mpop():
    with Mailhost(on=("pop3",)) as host:
        for mechanism in ("scram-sha-256", "scram-sha-1", "cram-md5", "apop", "plain", "user"):
            for password, expect in (("wonder", 0), ("wrong", 77)):
                folder = work.folder("mpop")
                work.run(
                    ["mpop", "--file=/dev/null", "--host=127.0.0.1", "--tls=off"]
                    + [f"--port={host.port('pop3')}", f"--auth={mechanism}", "--user=alice"]
                    + [f"--passwordeval=echo {password}", f"--delivery=mbox,{folder}/mbox"]
                    + [f"--uidls-file={folder}/uidls"],
                    expect=expect,
                )


@case("clients: msmtp, swaks and curl choose and get in", seconds=60)
def smtp():
    with Mailhost(on=("submission",)) as host:
        cert, _ = work.certificate()
        port = host.port("submission")
        for tls in (["--tls=off"], ["--tls=on", f"--tls-trust-file={cert}"]):
            said = work.run(
                ["msmtp", "--file=/dev/null", "--host=localhost", f"--port={port}", "--auth=on"]
                + ["--user=alice", "--passwordeval=echo wonder", "--debug", *tls]
                + ["--from=sender@example.net", "alice@example.org"],
                stdin=MESSAGE,
            )
            check("235 2.7.0" in said, f"msmtp: {said[-300:]}")
        for mechanism in ("CRAM-MD5", "PLAIN", "LOGIN"):
            said = work.run(
                ["swaks", "--server", f"127.0.0.1:{port}", "--auth", mechanism, "-au", "alice"]
                + ["-ap", "wonder", "--to", "alice@example.org", "--from", "a@example.net"]
            )
            check(" 235 2.7.0" in said, f"swaks {mechanism}: {said[-300:]}")
            path = work.folder("curl") / "message"
            path.write_bytes(MESSAGE.replace(b"\n", b"\r\n"))
            said = work.run(
                ["curl", "-sS", "-v", f"smtp://127.0.0.1:{port}/c.example.net", "-u", "alice:wonder"]
                + ["--login-options", f"AUTH={mechanism}", "--mail-from", "a@example.net"]
                + ["--mail-rcpt", "alice@example.org", "--upload-file", path]
            )
            check(f"AUTH {mechanism}" in said and "235 2.7.0" in said, f"curl: {said[-300:]}")

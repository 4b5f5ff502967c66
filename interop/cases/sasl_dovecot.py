"""Dovecot's authentication service as the users of mailhost."""

import base64
import os
import signal
import time

from lib import work
from lib.case import case, check
from lib.dovecot_auth import DovecotAuth
from lib.mailhost import Mailhost
from lib.smtp import Typed


def reply(connection, line):
    return connection.type(line, "").lines[-1]


def plain(user, password):
    return base64.b64encode(f"\0{user}\0{password}".encode()).decode()


@case("dovecot: right and wrong passwords, NUL, and names that nobody has", seconds=60)
def passwords():
    with DovecotAuth("carol:{PLAIN}se cret", "dave:{PLAIN}d:::::::nologin") as dovecot:
        with Mailhost("--users", f"dovecot:{dovecot.socket}", on=("submission",)) as host:
            for message, expected in (
                (plain("carol", "se cret"), "235 2.7.0"),
                (plain("carol", "se cret\0junk"), "501 5.5.2"),
                (plain("carol", "wrong"), "535 5.7.8"),
                (plain("mallory", "se cret"), "535 5.7.8"),
                (plain("al\tice\n", "x"), "535 5.7.8"),
                # Those of the command line are there too.
                (plain("alice", "wonder"), "235 2.7.0"),
            ):
                with Typed(host.port("submission")) as client:
                    client.expect("220")
                    client.type("EHLO c", "250")
                    said = reply(client, f"AUTH PLAIN {message}")
                    check(said.startswith(expected), f"{message}: {said}")


@case("dovecot: its mechanisms are passed on, SCRAM and CRAM-MD5 too", seconds=60)
def relayed():
    with DovecotAuth("carol:{PLAIN}se cret") as dovecot:
        with Mailhost("--users", f"dovecot:{dovecot.socket}", on=("submission",), users=()) as host:
            # gsasl sends an empty authorization identity to SCRAM, which Dovecot does not like.
            for mechanism in ("scram-sha-256", "scram-sha-1", "cram-md5", "plain", "login"):
                for password, expect in (("se cret", 0), ("wrong", 77)):
                    said = work.run(
                        ["msmtp", "--file=/dev/null", "--host=127.0.0.1", "--tls=off", "--debug"]
                        + [f"--port={host.port('submission')}", f"--auth={mechanism}"]
                        + ["--user=carol", f"--passwordeval=echo '{password}'"]
                        + ["--from=sender@example.net", "carol@example.org"],
                        stdin=b"Subject: x\n\nx\n",
                        timeout=30,
                        expect=expect,
                    )
                    check(f"AUTH {mechanism.upper()}" in said, f"another mechanism: {said[-300:]}")
            # A cancelled exchange leaves the connection to Dovecot usable.
            with Typed(host.port("submission")) as client:
                client.expect("220")
                client.type("EHLO c", "250")
                check(reply(client, "AUTH CRAM-MD5").startswith("334 "), "no challenge")
                check(reply(client, "*").startswith("501"), "not cancelled")
                said = reply(client, f"AUTH PLAIN {plain('carol', 'se cret')}")
                check(said.startswith("235"), said)


@case("dovecot: stopped it is a temporary failure, started again it is asked again", seconds=90)
def stopped():
    with DovecotAuth("carol:{PLAIN}x") as dovecot:
        with Mailhost("--users", f"dovecot:{dovecot.socket}", on=("submission",)) as host:
            with Typed(host.port("submission")) as client:
                client.expect("220")
                client.type("EHLO c", "250")
                dovecot.stop()
                said = reply(client, f"AUTH PLAIN {plain('carol', 'x')}")
                check(said.startswith("454 4.7.0"), said)
                dovecot.start()
                said = reply(client, f"AUTH PLAIN {plain('carol', 'x')}")
                check(said.startswith("235"), said)


@case("dovecot: slow, and in time again", seconds=90)
def slow():
    with DovecotAuth("carol:{PLAIN}x") as dovecot:
        with Mailhost("--users", f"dovecot:{dovecot.socket}", on=("submission",)) as host:
            right = f"AUTH PLAIN {plain('carol', 'x')}"
            with Typed(host.port("submission")) as client:
                client.expect("220")
                client.type("EHLO c", "250")
                check(reply(client, right).startswith("235"), "not in")
            os.killpg(dovecot.process.pid, signal.SIGSTOP)
            try:
                with Typed(host.port("submission"), timeout=60) as client:
                    client.expect("220")
                    client.type("EHLO c", "250")
                    started = time.monotonic()
                    said = reply(client, right)
                    took = time.monotonic() - started
            finally:
                os.killpg(dovecot.process.pid, signal.SIGCONT)
            check(said.startswith("454 4.7.0"), f"slow: {said}")
            check(10 < took < 60, f"gave up after {took:.0f} s")
            with Typed(host.port("submission")) as client:
                client.expect("220")
                client.type("EHLO c", "250")
                check(reply(client, right).startswith("235"), "not asked again")

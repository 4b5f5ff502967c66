"""A table of MariaDB, PostgreSQL or SQLite as the users of mailhost."""

from concurrent.futures import ThreadPoolExecutor

from lib import database, work
from lib.case import case, check, equal
from lib.mailhost import Mailhost, delivered
from lib.smtp import Typed

MESSAGE = b"Subject: from a table\r\n\r\nhello\r\n"


def session(host, user, password, wanted):
    with Typed(host.port("submission")) as client:
        client.expect("220")
        client.type("EHLO c", "250")
        client.auth_plain(user, password, wanted)


def users_of(url, sql):
    with Mailhost("--users", url, on=("smtp", "submission"), users=()) as host:
        session(host, "carol", "se cret", "235 2.7.0")
        session(host, "carol@example.org", "se cret", "235 2.7.0")
        session(host, "carol", "wrong", "535 5.7.8")
        session(host, "mallory", "se cret", "535 5.7.8")
        session(host, "' OR ''='", "se cret", "535 5.7.8")
        work.run(
            ["gsasl", "--smtp", f"--connect=localhost:{host.port('submission')}"]
            + ["-m", "SCRAM-SHA-256", "-a", "carol", "-p", "se cret", "-z", "", "--quiet"]
            + ["--no-starttls"],
            timeout=20,
        )
        # Mail for those in the table, and for no others.
        with Typed(host.port("smtp")) as client:
            client.expect("220")
            client.type("EHLO c", "250")
            client.type("MAIL FROM:<sender@example.net>", "250")
            client.type("RCPT TO:<nobody@example.org>", "550 5.1.1")
            client.type("RCPT TO:<Carol@example.org>", "250")
            client.type("DATA", "354")
            client.send(MESSAGE + b".\r\n")
            client.expect("250")
        delivered(host.message("carol"), MESSAGE)
        # What is changed counts at once.
        sql("UPDATE users SET credential = '{PLAIN}other' WHERE address = 'carol'")
        sql("INSERT INTO users VALUES ('dave', '{PLAIN}new')")
        session(host, "carol", "se cret", "535 5.7.8")
        session(host, "carol", "other", "235 2.7.0")
        session(host, "dave", "new", "235 2.7.0")
        sql("UPDATE users SET credential = 'junk' WHERE address = 'carol'")
        session(host, "carol", "other", "454 4.7.0")
        sql("DELETE FROM users WHERE address = 'carol'")
        session(host, "carol", "other", "535 5.7.8")
        sql("DROP TABLE users")
        session(host, "dave", "new", "454 4.7.0")
        equal(len(host.messages("carol")), 1, "messages of carol")


@case("databases: SQLite", seconds=60)
def sqlite():
    users_of(*database.sqlite())


@case("databases: MariaDB", seconds=150)
def mariadb():
    users_of(*database.mariadb())


@case("databases: PostgreSQL", seconds=150)
def postgres():
    users_of(*database.postgres())


@case("databases: one that is not there is a temporary failure", seconds=60)
def absent():
    port = work.free_port()
    urls = (f"mysql://mail:x@127.0.0.1:{port}/mail", f"postgres://mail@127.0.0.1:{port}/mail")

    def asked(url):
        with Mailhost("--users", url, on=("submission",)) as host:
            session(host, "carol", "se cret", "454 4.7.0")
            session(host, "alice", "wonder", "235 2.7.0")
            check("secret" not in " ".join(host.lines), "a password in the output")

    # Both at once: each waits for its database as long as it may.
    with ThreadPoolExecutor() as both:
        list(both.map(asked, urls))

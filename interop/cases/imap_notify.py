"""NOTIFY (RFC 5465) as a client types it: no client program at hand speaks it."""

import imaplib
import smtplib
import socket

from lib.case import case, check, equal
from lib.mailhost import Mailhost

LOGIN = ("alice", "wonder")


class Typed:
    """A connection on which commands are typed, and lines are read as they come."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.lines = self.socket.makefile("rb")
        check(self.line().startswith("* OK "), "a greeting")

    def line(self):
        return self.lines.readline().decode().rstrip("\r\n")

    def ok(self, command):
        self.socket.sendall(f"t {command}\r\n".encode())
        told = []
        while True:
            line = self.line()
            if line.startswith("t "):
                check(line.startswith("t OK"), f"{command}: {line}")
                return told
            told.append(line)


def login(port):
    client = imaplib.IMAP4("127.0.0.1", port)
    client.login(*LOGIN)
    return client


def deliver(host, subject):
    with smtplib.LMTP("127.0.0.1", host.port("lmtp")) as client:
        text = f"Subject: {subject}\r\n\r\nA message.\r\n"
        client.sendmail("tom@example.net", ["alice@example.org"], text)


def values(line, mailbox):
    """The values of a status."""
    begin = f"* STATUS {mailbox} ("
    check(line.startswith(begin), f"a status of {mailbox}: {line}")
    words = line[len(begin) : -1].split(" ")
    return dict(zip(words[::2], words[1::2]))


@case("imap notify: deliveries, flags and names in other folders are told between commands", seconds=60)
def other_folders():
    for store in ("maildir", "mbox"):
        with Mailhost("--store", store, on=("lmtp", "imap")) as host:
            client = Typed(host.port("imap"))
            client.ok("LOGIN " + " ".join(LOGIN))
            client.ok("ENABLE CONDSTORE")
            client.ok("CREATE Work")
            client.ok("SELECT Work")
            events = "MessageNew MessageExpunge FlagChange MailboxName"
            told = client.ok(f"NOTIFY SET STATUS (SELECTED-DELAYED (MessageNew MessageExpunge)) (PERSONAL ({events}))")
            equal(len(told), 1, "statuses of folders that are not selected")
            equal(values(told[0], "INBOX")["MESSAGES"], "0", "messages before")

            deliver(host, "the first")
            new = values(client.line(), "INBOX")
            equal((new["MESSAGES"], new["UIDNEXT"]), ("1", "2"), "a delivery")

            other = login(host.port("imap"))
            other.select("INBOX")
            # Being told that it is recent is a change of the folder too: what is told ends with the flag.
            other.store("1", "+FLAGS", r"(\Seen)")
            flags = values(client.line(), "INBOX")
            while "UNSEEN" not in flags:
                flags = values(client.line(), "INBOX")
            equal(flags["UNSEEN"], "0", "unseen messages")
            check(int(flags["HIGHESTMODSEQ"]) > int(new["HIGHESTMODSEQ"]), "mod-sequences rise")

            other.create("Play")
            check(client.line().endswith('"/" Play'), "a new name")
            other.append("Play", None, None, b"Subject: x\r\n\r\n")
            equal(values(client.line(), "Play")["MESSAGES"], "1", "messages in the new folder")

            other.append("Work", None, None, b"Subject: y\r\n\r\n")
            equal(client.line(), "* 1 EXISTS", "in the selected folder")
            other.logout()
    return "Maildir and mbox"

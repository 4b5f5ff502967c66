"""The example `imap-backup`: every message once, with flags, keywords and dates, however often it is killed."""

import imaplib
import random
import re
import subprocess
import time

from lib import corpus, work
from lib.case import case, check, equal
from lib.dovecot import Dovecot
from lib.mailfiles import contents, listed, program
from lib.mailhost import Mailhost
from lib.talk import account

imaplib._MAXLINE = 1 << 24
FOLDERS = {"INBOX": 40, "Archive": 25, "Archive/2026": 10, "Entw&APw-rfe": 5, "Empty": 0}
OWN_FIELDS = re.compile(
    rb"^(?:status|x-status|x-keywords|x-uid|x-imap|x-imapbase|content-length)[ \t]*:.*\n(?:[ \t].*\n)*",
    re.I | re.M,
)
KILLS = 8
DATE = '"21-Nov-2001 10:00:00 +0100"'


def backup(port, target, store, **options):
    command = [program("imap-backup"), *account(port), target, "--store", store]
    return work.run(command, **options)


def fill(port):
    """Folders with messages; returns these by folder, as files have them."""
    client = imaplib.IMAP4("127.0.0.1", port)
    client.login("alice", "wonder")
    messages, start = {}, 0
    for name, count in FOLDERS.items():
        if name != "INBOX":
            equal(client.create(name.replace("/", separator(client)))[0], "OK", f"CREATE {name}")
        messages[name] = corpus.many(start + count)[start:]
        start += count
        for number, message in enumerate(messages[name]):
            flags = ["", "\\Seen", "\\Flagged \\Answered", "$Work", "\\Seen \\Draft later"][number % 5]
            octets = message.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
            where = name.replace("/", separator(client))
            equal(client.append(where, f"({flags})", DATE, octets)[0], "OK", f"APPEND to {name}")
    client.logout()
    return messages


def separator(client):
    return client.list()[1][0].split(b'"')[1].decode()


def path_of(target, store, name):
    if store == "mbox":
        return target / (name.replace("&APw-", "\u00fc") + ".mbox")
    return target if name == "INBOX" else target / ("." + name.replace("/", "."))


def normal(messages, store):
    """As the format has them: lines end with LF, the last one too, and an mbox has fields of its own. By their numbers."""
    lines = [message.replace(b"\r\n", b"\n").rstrip(b"\n") for message in messages]
    if store == "mbox":
        heads = (message.partition(b"\n\n") for message in lines)
        lines = [OWN_FIELDS.sub(b"", head + b"\n") + empty + body for head, empty, body in heads]
    return sorted(lines, key=lambda message: int(message.split(b"\n", 1)[0].split(b": ")[1]))


def compare(target, store, messages):
    for name, expected in messages.items():
        path = path_of(target, store, name)
        found = normal(contents(path), store) if expected else contents(path)
        equal(len(found), len(expected), f"messages of {name}")
        for got, sent in zip(found, normal(expected, store)):
            equal(got, sent, f"a message of {name}")


def properties(target, store, name):
    """Flags and keywords of each message, sorted."""
    told = listed(path_of(target, store, name))
    return sorted((entry["flags"], sorted(entry["keywords"])) for entry in told)


def check_dates(target):
    for file in (target / "cur").iterdir():
        equal(int(file.stat().st_mtime), 1006333200, f"date of {file.name}")


@case("imap backup: all of Dovecot's folders as Maildir and as mbox, twice the same", seconds=120)
def out_of_dovecot():
    with Dovecot(("imap",)) as dovecot:
        out_of(dovecot.port("imap"))


@case("imap backup: all of mailhost's folders as Maildir and as mbox, twice the same", seconds=120)
def out_of_mailhost():
    with Mailhost(on=("imap",)) as host:
        out_of(host.port("imap"))


def out_of(port):
    root = work.folder("backup")
    messages = fill(port)
    seen = {}
    for store in ("maildir", "mbox"):
        target = root / store
        backup(port, target, store)
        compare(target, store, messages)
        seen[store] = properties(target, store, "INBOX")
        again = backup(port, target, store)
        check("40 messages, 0 of them new" in again, again)
        compare(target, store, messages)
    check_dates(root / "maildir")
    equal(seen["maildir"], seen["mbox"], "flags and keywords in both formats")
    check(any("later" in keywords for _, keywords in seen["maildir"]), f"no keywords: {seen}")

    # A folder that is made anew under the same name, and a new message in an old one.
    client = imaplib.IMAP4("127.0.0.1", port)
    client.login("alice", "wonder")
    time.sleep(1.1)  # some take the clock for a UIDVALIDITY
    client.delete("Empty")
    client.create("Empty")
    client.append("Empty", None, None, b"X-Number: 1000\r\n\r\nnew\r\n")
    client.append("INBOX", None, None, b"X-Number: 1001\r\n\r\nnew\r\n")
    client.logout()
    for store in ("maildir", "mbox"):
        target = root / store
        said = backup(port, target, store)
        check("41 messages, 1 of them new" in said, said)
        check("Empty: 1 messages, 1 of them new" in said, said)
        anew = [path for path in target.iterdir() if "Empty-" in path.name and "-uids" not in path.name]
        equal(len(anew), 1, "folders for what was made anew")
        equal(contents(anew[0]), [b"X-Number: 1000\n\nnew\n"], "what is in there")


def amount(target, store):
    """How many octets have come."""
    files = [target / "INBOX.mbox"] if store == "mbox" else (target / "new").glob("*")
    return sum(file.stat().st_size for file in files if file.exists())


@case("imap backup: killed again and again, every message is there once", seconds=240, alone=True)
def killed():
    messages = corpus.many(3000)
    host = Mailhost(on=("imap",))
    cur = host.root / "example.org" / "alice" / "cur"
    for part in ("tmp", "new", "cur"):
        (cur.parent / part).mkdir(parents=True)
    for number, message in enumerate(messages):
        (cur / f"{1000000000 + number}.M1P{number}.elsewhere:2,").write_bytes(message)
    chance = random.Random(7)
    left, octets = {}, sum(map(len, messages))
    with host:
        port = host.port("imap")
        for store in ("maildir", "mbox"):
            target = work.folder("killed") / store
            command = [program("imap-backup"), *account(port), target, "--store", store]
            for kill in range(KILLS):
                process = work.start(command, target.with_name(f"{store}.log"), stdout=subprocess.DEVNULL)
                while amount(target, store) < octets * (kill + chance.random()) / (KILLS + 1):
                    check(process.poll() is None, "it has ended")
                work.end(process)
            said = backup(port, target, store)
            left[store] = int(re.search(r"3000 messages, (\d+) of them new", said)[1])
            check(0 < left[store] < 3000, f"it was not killed in the middle: {said}")
            compare(target, store, {"INBOX": messages})
    return f"killed {KILLS} times each, and {left['maildir']} and {left['mbox']} messages left for the last run"

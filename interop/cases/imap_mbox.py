"""IMAP out of mboxes: what is done there is what Dovecot, POP3 and s-nail see in the same files."""

import imaplib
import poplib
import smtplib

from lib import corpus, work
from lib.case import case, check, equal
from lib.doveadm import Doveadm
from lib.mailhost import Mailhost

from cases.imap import LOGIN, bodies, crlf, flags, login, ok

imaplib._MAXLINE = 1 << 24
ON = ("smtp", "pop3", "imap")


def append(client, folder, message, names="()"):
    ok(client.append(folder, names, '"17-Jul-1996 02:44:25 +0000"', message))


@case("imap: an mbox and folders beside it, as Dovecot, POP3 and s-nail see them too", seconds=120)
def mboxes():
    # What an mbox says about its messages in their own headers is not taken from strangers.
    own = (b"status:", b"x-status:", b"x-keywords:", b"x-uid:", b"x-imap", b"content-length:")
    sent = [crlf(message) for message in corpus.many(60)]
    sent = [m for m in sent if not any(b"\n" + name in m.lower() for name in own) and b"\0" not in m]
    with Mailhost("--store", "mbox", on=ON) as host:
        client = login(host.port("imap"))
        for message in sent:
            append(client, "INBOX", message)
        equal(int(ok(client.select())[0]), len(sent), "messages")
        for number, (got, message) in enumerate(zip(bodies(client, len(sent)), sent)):
            equal(got.removesuffix(b"\r\n"), message.removesuffix(b"\r\n"), f"message {number}")
        dates = ok(client.fetch("1:3", "(INTERNALDATE)"))
        check(all(b'"17-Jul-1996 02:44:25 +0000"' in date for date in dates), f"dates {dates}")
        ok(client.uid("STORE", "2:3", "+FLAGS", "(\\Seen \\Flagged $Work)"))
        ok(client.uid("STORE", "4", "+FLAGS", "(\\Deleted)"))
        ok(client.expunge())
        ok(client.create("Work/2026"))
        ok(client.uid("COPY", "2:3", "Work/2026"))
        # Mail that comes meanwhile is there too.
        with smtplib.SMTP("127.0.0.1", host.port("smtp")) as sender:
            text = "Subject: news\r\n\r\nFrom here on\r\n"
            sender.sendmail("tom@example.net", ["alice@example.org"], text)
        ok(client.noop())
        uids = [uid for uid in range(1, len(sent) + 2) if uid != 4]
        equal(sorted(flags(client)), uids, "UIDs")
        ours = flags(client)

        folder = host.root / "example.org" / "alice"
        dovecot = Doveadm(f"mbox:{work.folder('none')}:INBOX={folder / 'mbox'}", host.root)
        theirs = dovecot.fetch(["uid", "flags"])
        equal([int(line[0]) for line in theirs], uids, "UIDs for Dovecot")
        named = {int(uid): set(names.split()) - {"\\Recent"} for uid, names in theirs}
        wanted = {uid: {name.decode() for name in names} for uid, names in ours.items()}
        equal(named, wanted, "flags for Dovecot")
        dovecot.run("flags", "add", "\\Answered todo", "mailbox", "INBOX", "uid", "5")
        dovecot.run("expunge", "mailbox", "INBOX", "uid", "6")
        ok(client.noop())
        found = flags(client)
        equal(found[5], [b"\\Answered", b"todo"], "Dovecot's flags")
        check(6 not in found, "Dovecot's expunge is not seen")

        pop = poplib.POP3("127.0.0.1", host.port("pop3"))
        pop.user(LOGIN[0])
        pop.pass_(LOGIN[1])
        equal(pop.stat()[0], len(found), "messages by POP3")
        pop.quit()

        equal(int(ok(client.select("Work/2026"))[0]), 2, "copies")
        equal(list(flags(client).values()), [[b"$Work", b"\\Flagged", b"\\Seen"]] * 2, "their flags")
        said = work.run(
            ["s-nail", "-n", "-#", "-R", "-f", folder / "folders" / "Work.2026.mbox"],
            stdin=b"headers\nx\n",
            env={"HOME": str(folder)},
        )
        equal(len([line for line in said.splitlines() if line.strip()]), 2, "lines of s-nail")
        ok(client.select())
        ok(client.rename("Work/2026", "Kept"))
        ok(client.delete("Work"))
        equal(int(ok(client.select("Kept"))[0]), 2, "messages under the new name")
        ok(client.select())
        ok(client.delete("Kept"))
        client.logout()

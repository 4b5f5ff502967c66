"""Our IMAP client against a real Dovecot: every command it has, and its view of a mailbox."""

import re

from lib import corpus, work
from lib.case import case, check, equal
from lib.dovecot import Dovecot
from lib.talk import Talk

COUNT = 200
EXTRA = """
mail_plugins = quota
protocol imap {
  mail_plugins = quota imap_quota imap_zlib imap_acl acl
  imap_metadata = yes
}
mail_attribute_dict = file:%h/attributes
namespace inbox {
  mailbox Post {
    special_use = \\Sent
  }
}
plugin {
  quota = count:User quota
  quota_vsizes = yes
  quota_rule = *:storage=1G
  acl = vfile
}
"""
SMALL = b"From: bob@example.net\nSubject: small\nMessage-ID: <1@example.net>\n\nhello\n"
REPLY = SMALL.replace(b"<1@", b"<2@").replace(b"\n\n", b"\nIn-Reply-To: <1@example.net>\n\n")


def server(messages=()):
    """A Dovecot that is not started yet, with messages for alice."""
    dovecot = Dovecot(("imap",), extra=EXTRA)
    cur = dovecot.maildir() / "cur"
    for number, message in enumerate(messages):
        (cur / f"{1000000000 + number}.M1P{number}.elsewhere:2,").write_bytes(message)
    dovecot.own(dovecot.mail)
    return dovecot


def letter(name, content):
    """A file that APPEND may name."""
    path = work.folder("letter") / name
    path.write_bytes(content.replace(b"\n", b"\r\n"))
    return f"@{path}"


def has(told, *patterns):
    """Each pattern is in a line of its own."""
    for pattern in patterns:
        check(any(re.search(pattern, line) for line in told), f"no {pattern!r} in {told}")


@case("imap client: 200 messages out of Dovecot, byte for byte, by every kind of TLS", seconds=120)
def messages_byte_for_byte():
    messages = corpus.many(COUNT)
    with server(messages) as dovecot:
        for tls, name in (("none", "imap"), ("starttls", "imap"), ("implicit", "imaps")):
            for compress in (False, True):
                with Talk(dovecot.port(name), tls) as client:
                    if compress:
                        client.ok("COMPRESS DEFLATE")
                    client.ok("EXAMINE INBOX")
                    told = client.ok("UID FETCH 1:* (UID FLAGS BODY.PEEK[])")
                    equal(len(told), COUNT, "messages told of")
                    for number, message in enumerate(messages, 1):
                        expected = message.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
                        equal(client.fetched(number), expected, f"message {number} by {tls}")


@case("imap client: Dovecot's mailboxes are made, listed, renamed and removed", seconds=60)
def mailboxes():
    with server() as dovecot, Talk(dovecot.port("imap")) as client:
        has(client.ok("CAPABILITY"), "CAPABILITY .*IMAP4rev1.*QRESYNC")
        has(client.ok('ID ("name" "imap-talk")'), "^\\* ID .*Dovecot")
        has(client.ok("NAMESPACE"), '^\\* NAMESPACE \\(\\("" "?[./]"?\\)\\)')
        has(client.ok("ENABLE CONDSTORE"), "^\\* ENABLED CONDSTORE")
        client.ok("CREATE Letters")
        client.ok("CREATE Entw&APw-rfe")
        client.ok("CREATE Post (USE (\\Sent))")
        client.ok("SUBSCRIBE Letters")
        client.refused("CREATE Letters")
        has(client.ok('LSUB "" *'), "LSUB .*Letters$")
        told = client.ok('LIST "" * RETURN (SUBSCRIBED CHILDREN STATUS (MESSAGES UIDNEXT))')
        has(told, "LIST .*Subscribed.* Letters$", "LIST .*Entw", "STATUS Post \\(MESSAGES 0")
        has(client.ok('LIST (SPECIAL-USE) "" *'), "LIST .*\\\\Sent.* Post$")
        status = "(MESSAGES UNSEEN UIDNEXT UIDVALIDITY HIGHESTMODSEQ SIZE)"
        has(client.ok(f"STATUS Letters {status}"), "STATUS Letters \\(MESSAGES 0 .*SIZE 0")
        client.ok("RENAME Letters Archive")
        client.ok("UNSUBSCRIBE Letters")
        client.ok("DELETE Archive")
        client.refused("DELETE Archive")
        has(client.ok("GETQUOTAROOT INBOX"), "QUOTAROOT INBOX", "QUOTA .*STORAGE")
        has(client.ok('GETQUOTA "User quota"'), "STORAGE 0 1048576")
        has(client.ok("MYRIGHTS INBOX"), "MYRIGHTS INBOX .*lr")
        has(client.ok("GETACL INBOX"), "^\\* ACL INBOX")
        has(client.ok("LISTRIGHTS INBOX alice"), "LISTRIGHTS INBOX alice")
        client.ok("SETACL INBOX bob lr")
        client.ok("DELETEACL INBOX bob")
        client.ok('SETMETADATA INBOX (/private/comment "mine")')
        has(client.ok("GETMETADATA INBOX /private/comment"), "METADATA INBOX .*mine")


@case("imap client: Dovecot's messages are added, flagged, found, sorted, copied and moved", seconds=60)
def messages_changed():
    with server() as dovecot, Talk(dovecot.port("imap")) as client:
        small, reply = letter("small", SMALL), letter("reply", REPLY)
        big = letter("big", SMALL + b"a line of a large message\n" * 20_000)
        client.ok("CREATE Letters")
        client.refused(f"APPEND Nowhere {small}")
        date = '"21-Nov-2026 10:00:00 +0100"'
        ended = client.last(f"APPEND INBOX (\\Seen $Work) {date} {small} (\\Flagged) {reply}")
        check("[APPENDUID" in ended, f"no UIDs of what was added: {ended}")
        client.ok(f"APPEND INBOX {big}")
        told = client.ok("SELECT INBOX (CONDSTORE)")
        has(told, "3 EXISTS", "UIDVALIDITY", "HIGHESTMODSEQ", "PERMANENTFLAGS")

        told = client.ok("FETCH 1 (FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE MODSEQ)")
        has(told, "\\$Work", "21-Nov-2026 (10:00:00 .0100|09:00:00 .0000)", '"small"', '"text" "plain"', "MODSEQ")
        client.ok("FETCH 3 (UID BODY.PEEK[])")
        check(len(client.fetched(3)) > 500_000, "the large message is too small")
        client.ok("FETCH 1 (UID BODY[HEADER.FIELDS (Subject)])")
        equal(client.fetched(1), b"Subject: small\r\n\r\n", "a field")
        client.ok("FETCH 1 (UID BODY.PEEK[TEXT]<1.3>)")
        equal(client.fetched(1), b"ell", "a part of the text")
        client.ok("FETCH 1 (UID BINARY.PEEK[1])")
        equal(client.fetched(1), b"hello\r\n", "a part that is decoded")
        has(client.ok("FETCH 1 (PREVIEW (LAZY) SAVEDATE)"), "SAVEDATE")
        has(client.ok("UID FETCH 1:* FLAGS (CHANGEDSINCE 1)"), "FETCH .*UID 3")

        has(client.ok("STORE 1 +FLAGS (\\Answered)"), "FETCH .*Answered")
        equal(client.ok("UID STORE 1 -FLAGS.SILENT (\\Answered)")[1:], [], "what is told silently")
        ended = client.last("UID STORE 1 (UNCHANGEDSINCE 1) +FLAGS (\\Deleted)")
        check("[MODIFIED 1]" in ended, f"it was changed by nobody: {ended}")

        equal(client.ok("SEARCH FLAGGED"), ["* SEARCH 2"], "what is flagged")
        has(client.ok("UID SEARCH RETURN (MIN MAX COUNT ALL) ALL"), "MIN 1", "MAX 3", "ALL 1:3", "COUNT 3")
        client.ok("UID SEARCH RETURN (SAVE) LARGER 1000")
        has(client.ok("UID FETCH $ FLAGS"), "UID 3")
        equal(client.ok("UID SORT (REVERSE SIZE) UTF-8 ALL")[0][:9], "* SORT 3 ", "the largest first")
        # The third has the same subject.
        equal(client.ok("THREAD REFERENCES UTF-8 ALL"), ["* THREAD ((1 2)(3))"], "threads")

        ended = client.last("UID COPY 1:2 Letters")
        check("[COPYUID" in ended, f"no UIDs of copies: {ended}")
        has(client.ok("UID MOVE 3 Letters"), "COPYUID", "3 EXPUNGE")
        check("2 messages" in client.view(), f"not 2 messages: {client.view()}")
        client.ok("UID STORE 1:2 +FLAGS.SILENT (\\Deleted)")
        has(client.ok("UID EXPUNGE 1"), "1 EXPUNGE")
        has(client.ok("EXPUNGE"), "1 EXPUNGE")
        client.ok("CHECK")
        client.ok("CLOSE")
        equal(client.view(), "OK nothing is selected", "after CLOSE")
        has(client.ok("EXAMINE Letters"), "3 EXISTS")
        client.ok("UNSELECT")


@case("imap client: what others do at Dovecot is news in IDLE and NOTIFY, and is caught up with", seconds=60)
def news():
    messages = corpus.many(10)
    with server(messages) as dovecot:
        port = dovecot.port("imap")
        with Talk(port) as one, Talk(port) as two:
            one.ok("ENABLE QRESYNC")
            one.ok("SELECT INBOX")
            one.ok("UID FETCH 1:* (FLAGS)")
            two.ok("SELECT INBOX")
            known = re.search(r"valid (\d+), mod-sequence (\d+)", one.view())
            one.send("IDLE")
            two.ok(f"APPEND INBOX {letter('new', SMALL)}")
            while one.line() != "! 11 EXISTS":
                pass
            two.ok("STORE 1 +FLAGS (\\Flagged)")
            while "Flagged" not in one.line():
                pass
            two.ok("STORE 2 +FLAGS (\\Deleted)")
            two.ok("EXPUNGE")
            while one.line() != "! VANISHED 2":
                pass
            one.ok("DONE")
            check("10 messages" in one.view(), f"not 10 messages: {one.view()}")
            one.ok("UNSELECT")

            # As a client that comes back later.
            told = one.ok(f"SELECT INBOX (QRESYNC ({known[1]} {known[2]} 1:10))")
            has(told, "VANISHED \\(EARLIER\\) 2", "FETCH .*UID 1 .*Flagged|Flagged.* UID 1", "10 EXISTS")
            one.ok("UID FETCH 1:* (FLAGS)")
            check("UIDs 1,3:11" in one.view(), f"a wrong view: {one.view()}")

            one.ok("NOTIFY SET (selected (MessageNew MessageExpunge FlagChange))")
            two.ok("STORE 1 +FLAGS (\\Deleted)")
            two.ok("EXPUNGE")
            one.ok("NOOP")
            check("UIDs 3:11" in one.view(), f"a wrong view: {one.view()}")
        with Talk(port) as three:
            # QRESYNC that nobody has enabled is enabled.
            told = three.ok(f"SELECT INBOX (QRESYNC ({known[1]} {known[2]}))")
            has(told, "VANISHED \\(EARLIER\\) 1:2")


@case("imap client: a wrong password, and a certificate that nobody has signed, end it by name")
def refusals():
    with server() as dovecot:
        wrong = Talk(dovecot.port("imap"), password="wrong")
        check(wrong.process.wait(20) != 0, "let in")
        check("refused: " in wrong.log.read_text(), wrong.log.read_text())
        stranger = Talk(dovecot.port("imaps"), "implicit", trusted=False)
        check(stranger.process.wait(20) != 0, "a stranger is believed")
        check("UnknownIssuer" in stranger.log.read_text(), stranger.log.read_text())

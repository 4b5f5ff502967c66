"""IMAP: real clients read, flag, move and synchronise real messages in mailhost's folders."""

import imaplib
import os
import pathlib
import re
import smtplib
import ssl
import threading
import time

from lib import corpus, work
from lib.case import case, check, equal
from lib.dovecot import Dovecot
from lib.mailhost import Mailhost

imaplib._MAXLINE = 1 << 24
COUNT = 200
ON = ("smtp", "pop3", "imap", "imaps")
LOGIN = ("alice", "wonder")


def fill(folder, messages):
    """Puts messages into a Maildir as a foreign program may: without sizes in their names."""
    for part in ("tmp", "new", "cur"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for number, message in enumerate(messages):
        name = f"{1000000000 + number}.M1P{number}.elsewhere:2,"
        (folder / "cur" / name).write_bytes(message)


def host_with_mail(count=COUNT, **options):
    """A host that is not started yet, with messages for alice."""
    host = Mailhost(on=ON, **options)
    messages = corpus.many(count)
    fill(host.root / "example.org" / "alice", messages)
    return host, messages


def trust():
    cert, _ = work.certificate()
    return ssl.create_default_context(cafile=cert)


def crlf(message):
    """As IMAP tells it: with CRLF line ends, and whether or not the last line has one."""
    return message.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def ok(answer):
    equal(answer[0], "OK", f"answer {answer[1][:1]}")
    return answer[1]


def login(port):
    client = imaplib.IMAP4("127.0.0.1", port)
    ok(client.login(*LOGIN))
    return client


def bodies(client, count):
    """All messages of the selected folder, in order."""
    found = ok(client.fetch(f"1:{count}", "(BODY.PEEK[])"))
    return [part[1] for part in found if isinstance(part, tuple)]


def flags(client):
    """Flags by UID, without those of the session."""
    found = {}
    for line in ok(client.uid("FETCH", "1:*", "(FLAGS)")):
        if line:
            uid = int(re.search(rb"UID (\d+)", line)[1])
            names = re.search(rb"FLAGS \(([^)]*)\)", line)[1].split()
            found[uid] = sorted(name for name in names if name != b"\\Recent")
    return found


def deliver(host, subject):
    with smtplib.SMTP("127.0.0.1", host.port("smtp")) as client:
        message = f"Subject: {subject}\r\n\r\nA message.\r\n"
        client.sendmail("tom@example.net", ["alice@example.org"], message)


@case("imap: Python's imaplib, plain, STARTTLS and TLS, byte for byte", seconds=90)
def python_imaplib():
    host, messages = host_with_mail()
    expected = [crlf(message) for message in messages]
    with host:
        for kind in ("plain", "starttls", "tls"):
            if kind == "tls":
                client = imaplib.IMAP4_SSL("localhost", host.port("imaps"), ssl_context=trust())
            else:
                client = imaplib.IMAP4("localhost", host.port("imap"))
            if kind == "starttls":
                ok(client.starttls(trust()))
            ok(client.login(*LOGIN))
            equal(ok(client.select()), [b"%d" % COUNT], "messages")
            for number, (got, sent) in enumerate(zip(bodies(client, COUNT), expected)):
                equal(got, sent, f"message {number}, {kind}")
            client.logout()


@case("imap: imaplib makes folders, copies, flags, searches and expunges", seconds=60)
def python_commands():
    host, messages = host_with_mail(20)
    with host:
        client = login(host.port("imap"))
        ok(client.select())
        ok(client.create("Archive/2026"))
        ok(client.subscribe("Archive/2026"))
        equal(ok(client.lsub()), [b'() "/" Archive/2026'], "subscriptions")
        ok(client.copy("1:3", "Archive/2026"))
        equal(client.copy("1", "nowhere")[0], "NO", "a copy to nowhere")
        ok(client.store("2:4", "+FLAGS", "(\\Flagged $Work)"))
        equal(ok(client.search(None, "KEYWORD", "$Work")), [b"2 3 4"], "messages for work")
        equal(ok(client.search(None, "HEADER", "X-Number", "7")), [b"8 18"], "numbers with a 7")
        ok(client.store("1:2", "+FLAGS", "\\Deleted"))
        ok(client.expunge())
        equal(ok(client.search(None, "ALL"))[0].split()[-1], b"18", "messages left")
        added = b"Subject: added\r\n\r\nby APPEND\r\n"
        date = imaplib.Time2Internaldate(1000000000)
        ok(client.append("Archive/2026", "(\\Seen)", date, added))
        equal(ok(client.select("Archive/2026")), [b"4"], "messages in the archive")
        equal(bodies(client, 4)[3], added, "the message that was added")
        equal(bodies(client, 4)[0], crlf(messages[0]), "a copy")
        ok(client.rename("Archive", "Old"))
        names = [line.rsplit(b" ", 1)[1] for line in ok(client.list())]
        equal(sorted(names), [b"INBOX", b"Old", b"Old/2026"], "folders")
        ok(client.delete("Old/2026"))
        client.logout()


@case("imap: new mail is announced to IDLE at once, and POP3 sees the same mailbox", seconds=60, alone=True)
def idle():
    with Mailhost(on=ON) as host:
        client = login(host.port("imap"))
        ok(client.select())
        client.send(b"i IDLE\r\n")
        check(client.readline().startswith(b"+"), "IDLE was not taken")
        begun = time.monotonic()
        deliver(host, "new")
        equal(client.readline(), b"* 1 EXISTS\r\n", "news")
        took = time.monotonic() - begun
        check(took < 1, f"{took:.2f} s until new mail was announced")
        client.readline()
        pop3 = work.run(
            ["curl", "-sS", "-u", ":".join(LOGIN), f"pop3://127.0.0.1:{host.port('pop3')}/1"]
        )
        check("Subject: new" in pop3, "POP3 has another message")
        import poplib

        other = poplib.POP3("127.0.0.1", host.port("pop3"))
        other.user(LOGIN[0])
        other.pass_(LOGIN[1])
        other.dele(1)
        other.quit()
        equal(client.readline(), b"* 1 EXPUNGE\r\n", "news")
        client.send(b"DONE\r\n")
        check(client.readline().startswith(b"i OK"), "IDLE did not end")
        client.logout()
        return f"{took * 1000:.0f} ms"


@case("imap: one Maildir, served in turn by us and by Dovecot, keeps UIDs, flags and keywords", seconds=90)
def in_turn():
    messages = corpus.many(30)
    dovecot = Dovecot(("imap",))
    maildir = dovecot.maildir()
    fill(maildir, messages)
    dovecot.own(dovecot.mail)
    root = work.folder("shared")
    (root / "example.org").mkdir()
    (root / "example.org" / "alice").symlink_to(maildir)

    def visit(port, change):
        client = login(port)
        ok(client.select())
        seen = flags(client), client.response("UIDVALIDITY")[1]
        change(client)
        after = flags(client), seen[1]
        client.logout()
        return seen, after

    def by_dovecot(client):
        ok(client.store("1:3", "+FLAGS", "(\\Answered $Dovecot)"))
        ok(client.store("4", "+FLAGS", "\\Deleted"))
        ok(client.expunge())

    def by_us(client):
        ok(client.store("3:5", "+FLAGS", "(\\Flagged $Ours)"))
        ok(client.append("INBOX", "(\\Seen)", None, b"Subject: added\r\n\r\n"))
        ok(client.store("1", "+FLAGS", "\\Deleted"))
        ok(client.expunge())

    last = None
    for _round in range(2):
        with dovecot:
            seen, last_dovecot = visit(dovecot.port("imap"), by_dovecot)
            if last is not None:
                equal(seen, last, "what Dovecot finds")
        with Mailhost(on=ON, root=root) as host:
            seen, last = visit(host.port("imap"), by_us)
            equal(seen, last_dovecot, "what we find")
        dovecot.own(dovecot.mail)
        # It takes a change within one second for none.
        time.sleep(1.1)


@case("imap: envelopes and structures are those that Dovecot tells", seconds=90)
def as_dovecot_tells():
    messages = corpus.many(len(corpus.messages()))
    host = Mailhost(on=ON)
    fill(host.root / "example.org" / "alice", messages)
    with Dovecot(("imap",)) as dovecot, host:
        fill(dovecot.maildir(), messages)
        dovecot.own(dovecot.mail)
        ours, theirs = login(host.port("imap")), login(dovecot.port("imap"))
        same = {}
        for what in ("ENVELOPE", "BODYSTRUCTURE"):
            ok(ours.select(readonly=True))
            ok(theirs.select(readonly=True))
            same[what] = sum(
                told(ours, number, what) == told(theirs, number, what)
                for number in range(1, len(messages) + 1)
            )
        ours.logout()
        theirs.logout()
    # The others are broken mails, or have names with comments, which both read in their own ways.
    check(same["ENVELOPE"] >= 46, f"{same['ENVELOPE']} envelopes are the same")
    check(same["BODYSTRUCTURE"] >= 42, f"{same['BODYSTRUCTURE']} structures are the same")
    return f"of {len(messages)}: {same['ENVELOPE']} and {same['BODYSTRUCTURE']}"


def told(client, number, what):
    """A response as nested lists, in small letters: where case does not matter both have their own."""
    flat = b"".join(
        part[0] + b"\r\n" + part[1] if isinstance(part, tuple) else part
        for part in ok(client.fetch(str(number), f"({what})"))
        if part
    )
    flat = re.sub(rb"\{(\d+)\}\r\n", lambda found: b"{" + found[1] + b"}", flat)
    stack, at = [[]], 0
    while at < len(flat):
        octet = flat[at : at + 1]
        at += 1
        if octet == b"(":
            stack.append([])
        elif octet == b")":
            ended = stack.pop()
            stack[-1].append(ended)
        elif octet == b'"':
            end = at
            while flat[end : end + 1] != b'"':
                end += 2 if flat[end : end + 1] == b"\\" else 1
            stack[-1].append(word(flat[at:end].replace(b'\\"', b'"').replace(b"\\\\", b"\\")))
            at = end + 1
        elif octet == b"{":
            end = flat.index(b"}", at)
            length = int(flat[at:end])
            stack[-1].append(word(flat[end + 1 : end + 1 + length]))
            at = end + 1 + length
        elif octet not in b" \r\n":
            end = at
            while end < len(flat) and flat[end : end + 1] not in b" ()\r":
                end += 1
            stack[-1].append(word(flat[at - 1 : end]))
            at = end
    return stack[0]


def word(octets):
    octets = b" ".join(octets.lower().split())
    # It has a name for what is not there.
    return b"" if octets == b"missing_domain" else octets


MBSYNC = """
IMAPAccount host
Host 127.0.0.1
Port {port}
User alice
Pass wonder
SSLType None
AuthMechs {mechanism}

IMAPStore far
Account host

MaildirStore near
Path {near}/
Inbox {near}/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Expunge Both
SyncState *
"""


@case("imap: mbsync synchronises both ways: mail, flags, folders and removals", seconds=120)
def mbsync():
    host, messages = host_with_mail(60)
    near = work.folder("near")
    config = near / "config"
    with host:
        config.write_text(
            MBSYNC.format(
                port=host.port("imap"), mechanism="LOGIN", near=near
            )
        )
        sync = ["mbsync", "-q", "-c", config, "-a"]
        work.run(sync, timeout=60)
        inbox = near / "INBOX"
        fetched = sorted(
            without_own(path.read_bytes()) for part in ("new", "cur") for path in (inbox / part).iterdir()
        )
        expected = sorted(crlf(message).replace(b"\r\n", b"\n") for message in messages)
        equal(len(fetched), len(expected), "messages that mbsync fetched")
        for number, (got, sent) in enumerate(zip(fetched, expected)):
            equal(got, sent, f"message {number}")

        # Both ways at once.
        client = login(host.port("imap"))
        ok(client.select())
        ok(client.store("1:5", "+FLAGS", "\\Flagged"))
        ok(client.store("6", "+FLAGS", "\\Deleted"))
        ok(client.expunge())
        ok(client.create("Far"))
        deliver(host, "from afar")
        near_files = sorted((inbox / "cur").iterdir()) + sorted((inbox / "new").iterdir())
        local = near_files[-1]
        local.rename(inbox / "cur" / (local.name.split(":")[0] + ":2,RS"))
        (near / "Near").mkdir()
        for part in ("tmp", "new", "cur"):
            (near / "Near" / part).mkdir()
        (near / "Near" / "new" / "1.M1P1.here").write_bytes(b"Subject: from here\n\nhi\n")
        work.run(sync, timeout=60)
        work.run(sync, timeout=60)
        check((near / "Far" / "cur").is_dir(), "a folder did not come")
        names = [line.rsplit(b" ", 1)[1] for line in ok(client.list())]
        check(b"Near" in names, f"a folder did not go: {names}")
        equal(ok(client.select("Near")), [b"1"], "messages in the new folder")
        ok(client.select())
        answered = ok(client.search(None, "ANSWERED SEEN"))[0].split()
        equal(len(answered), 1, "messages that were answered there")
        flagged = [path for path in (inbox / "cur").iterdir() if "F" in path.name.split(":2,")[1]]
        equal(len(flagged), 5, "messages that were flagged here")
        count = sum(1 for part in ("new", "cur") for _ in (inbox / part).iterdir())
        equal(count, 60, "messages behind one that went and one that came")
        client.logout()


def without_own(message):
    """mbsync marks what it has brought."""
    return re.sub(rb"^X-TUID: .*\n", b"", message, flags=re.M)


OFFLINEIMAP = """
[general]
accounts = one
metadata = {folder}/metadata
ui = basic

[Account one]
localrepository = near
remoterepository = far

[Repository near]
type = Maildir
localfolders = {folder}/near

[Repository far]
type = IMAP
remotehost = localhost
remoteport = {port}
remoteuser = alice
remotepass = wonder
ssl = yes
sslcacertfile = {cert}
"""


@case("imap: offlineimap synchronises over TLS", seconds=120)
def offlineimap():
    host, messages = host_with_mail(40)
    folder = work.folder("offlineimap")
    cert, _ = work.certificate()
    with host:
        client = login(host.port("imap"))
        ok(client.create("Lists"))
        client.logout()
        config = folder / "config"
        config.write_text(OFFLINEIMAP.format(folder=folder, port=host.port("imaps"), cert=cert))
        work.run(["offlineimap", "-o", "-c", config], timeout=100)
        near = folder / "near" / "INBOX"
        fetched = [path.read_bytes() for part in ("new", "cur") for path in (near / part).iterdir()]
        # It writes messages anew as Python's parser understands them.
        numbers = sorted(int(re.match(rb"X-Number: (\d+)", message)[1]) for message in fetched)
        equal(numbers, list(range(len(messages))), "messages that offlineimap fetched")
        check((folder / "near" / "Lists").is_dir(), "a folder did not come")


@case("imap: curl lists, fetches, appends and searches, with every mechanism it has", seconds=60)
def curl():
    host, messages = host_with_mail(5)
    cert, _ = work.certificate()
    with host:
        base = ["curl", "-sS", "--max-time", "20", "--cacert", cert]
        url = f"imap://localhost:{host.port('imap')}"
        secured = f"imaps://localhost:{host.port('imaps')}"
        expected = crlf(messages[2])
        for mechanism in ("PLAIN", "LOGIN", "CRAM-MD5"):
            login_options = ["-u", ":".join(LOGIN), "--login-options", f"AUTH={mechanism}"]
            for place, tls in ((url, []), (url, ["--ssl-reqd"]), (secured, [])):
                target = work.folder("curl") / "message"
                address = f"{place}/INBOX;MAILINDEX=3"
                work.run([*base, *login_options, *tls, address, "-o", target])
                equal(target.read_bytes(), expected, f"by {mechanism}")
        user = ["-u", ":".join(LOGIN)]
        check("INBOX" in work.run([*base, *user, url]), "a list without INBOX")
        letter = work.folder("curl") / "letter"
        letter.write_bytes(b"Subject: by curl\r\n\r\nhello\r\n")
        work.run([*base, *user, "-T", letter, f"{url}/INBOX"])
        found = work.run([*base, *user, f"{url}/INBOX?SUBJECT%20curl"])
        check("* SEARCH 6" in found, f"not found: {found}")


@case("imap: fetchmail, plain and over TLS", seconds=60)
def fetchmail():
    host, messages = host_with_mail(20)
    cert, _ = work.certificate()
    folder = work.folder("fetchmail")
    with host:
        rules = folder / "rc"
        rules.write_text(
            f"poll localhost protocol IMAP port {host.port('imap')} user alice password wonder keep fetchall "
            f"sslproto tls1.2+ sslcertfile {cert} sslcertck mda \"cat >> {folder}/mail\"\n"
        )
        rules.chmod(0o600)
        environment = {**os.environ, "HOME": str(folder)}
        work.run(["fetchmail", "-f", rules, "--pidfile", folder / "pid"], timeout=50, env=environment)
        fetched = (folder / "mail").read_bytes()
        found = re.findall(rb"^X-Number: \d+", fetched, re.M)
        equal(len(found), len(messages), "messages that fetchmail fetched")


@case("imap: mutt and neomutt open a folder, flag, move and delete", seconds=90)
def mutt():
    for program in ("mutt", "neomutt"):
        host, _messages = host_with_mail(10)
        folder = work.folder(program)
        cert, _ = work.certificate()
        with host:
            client = login(host.port("imap"))
            ok(client.create("Kept"))
            rules = folder / "muttrc"
            if program == "mutt":
                url = f"imaps://alice:wonder@localhost:{host.port('imaps')}/"
                tls = f"set certificate_file={cert}\nset ssl_force_tls=yes\nset ssl_usesystemcerts=no\n"
            else:
                # It asks people about certificates that no authority has signed.
                url, tls = f"imap://alice:wonder@localhost:{host.port('imap')}/", (
                    "set ssl_starttls=no\nset ssl_force_tls=no\nset imap_user=alice\nset imap_pass=wonder\n"
                )
            rules.write_text(
                f"set folder=\"{url}\"\nset spoolfile=+INBOX\n{tls}set mail_check=0\n"
                f"set header_cache={folder}/cache\nset imap_qresync=yes\nset imap_condstore=yes\n"
                "set quit=yes\nset delete=yes\nset move=no\nset confirmappend=no\nset wait_key=no\nset confirmcreate=no\n"
                "push '<first-entry><flag-message><next-entry><save-message>=Kept<enter>"
                "<last-entry><delete-message><sync-mailbox><quit>'\n"
            )
            environment = {**os.environ, "HOME": str(folder), "TERM": "xterm"}
            command = f"{program} -F {rules}"
            work.run(["script", "-qec", command, "/dev/null"], timeout=60, env=environment)
            equal(ok(client.select("Kept")), [b"1"], f"messages that {program} kept")
            equal(ok(client.select()), [b"8"], f"messages that {program} left")
            equal(len(ok(client.search(None, "FLAGGED"))[0].split()), 1, "flagged messages")
            client.logout()


@case("imap: Perl's Mail::IMAPClient and imapfilter", seconds=60)
def perl_and_lua():
    host, _messages = host_with_mail(10)
    folder = work.folder("filter")
    cert, _ = work.certificate()
    with host:
        script = folder / "client.pl"
        script.write_text(
            "use Mail::IMAPClient;\n"
            f"my $c = Mail::IMAPClient->new(Server => '127.0.0.1', Port => {host.port('imap')}, "
            "User => 'alice', Password => 'wonder', Uid => 1) or die \"no: $@\";\n"
            "$c->create('Perl') or die $c->LastError; $c->select('INBOX') or die $c->LastError;\n"
            "my @found = $c->search('ALL'); die scalar @found unless @found == 10;\n"
            "$c->copy('Perl', $found[0], $found[1]) or die $c->LastError;\n"
            "$c->delete_message($found[0]) or die; $c->expunge or die $c->LastError;\n"
            "print $c->message_string($found[1]); $c->logout;\n"
        )
        printed = work.run(["perl", script], timeout=30)
        check("X-Number: 1" in printed, "no message was printed")
        rules = folder / "config.lua"
        rules.write_text(
            f"options.certificates = false\noptions.create = true\n"
            f"one = IMAP {{ server = 'localhost', port = {host.port('imaps')}, username = 'alice', "
            "password = 'wonder', ssl = 'tls1.2' }\n"
            "found = one.INBOX:contain_field('X-Number', '3')\nfound:move_messages(one['Lua'])\n"
        )
        environment = {**os.environ, "HOME": str(folder)}
        work.run(["imapfilter", "-c", rules, "-t", cert], timeout=30, env=environment)
        client = login(host.port("imap"))
        equal(ok(client.select("Perl")), [b"2"], "messages that Perl copied")
        equal(ok(client.select("Lua")), [b"1"], "messages that imapfilter moved")
        equal(ok(client.select()), [b"8"], "messages left")
        client.logout()


@case("imap: killed under load, 50 times, nothing that was acknowledged is undone", seconds=240)
def killed():
    root = work.folder("killed")
    state = {"validity": None, "highest": 0, "acknowledged": 0, "expected": {}}
    for number in range(50):
        with Mailhost(on=ON, root=root) as host:
            client = login(host.port("imap"))
            ok(client.select())
            compare(client, state, number)
            timer = threading.Timer(0.15 + number % 10 * 0.02, host.kill)
            timer.start()
            try:
                load(client, state)
            except (imaplib.IMAP4.abort, OSError):
                pass
            timer.join()
    return f"{state['acknowledged']} commands acknowledged"


def compare(client, state, number):
    """What was acknowledged is there, what was expunged is not, and no UID means another message."""
    found = flags(client)
    for uid, names in state["expected"].items():
        if names is None:
            check(uid not in found, f"round {number}: message {uid} is back")
        else:
            equal(found.get(uid), names, f"round {number}: flags of {uid}")
    validity = client.response("UIDVALIDITY")[1]
    equal(validity, state["validity"] or validity, "UIDVALIDITY")
    state["validity"] = validity
    # One that was added, and not acknowledged, may be there.
    state["highest"] = max([state["highest"], *found])


def load(client, state):
    """Adds, flags and removes messages until the connection breaks. What was under way then is in doubt."""
    expected = state["expected"]
    while True:
        answer = ok(client.append("INBOX", None, None, b"Subject: x\r\n\r\n"))[0]
        uid = int(re.search(rb"APPENDUID \d+ (\d+)", answer)[1])
        check(uid > state["highest"], f"UID {uid} behind {state['highest']}")
        state["highest"] = uid
        ok(client.uid("STORE", str(uid), "+FLAGS", "(\\Flagged $Kept)"))
        expected[uid] = [b"$Kept", b"\\Flagged"]
        state["acknowledged"] += 2
        if uid % 3 == 0:
            del expected[uid]
            ok(client.uid("STORE", str(uid), "+FLAGS", "\\Deleted"))
            ok(client.expunge())
            expected[uid] = None
            state["acknowledged"] += 2

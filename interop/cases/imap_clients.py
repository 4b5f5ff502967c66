"""IMAP: more real clients with mailhost: those of PyPI and npm, and what mail programs do beyond the first steps."""

import hashlib
import json
import os
import re
import time

from cases.imap import MBSYNC, ON, crlf, deliver, fill, host_with_mail, login, ok
from cases.imap import without_own
from lib import corpus, node, pypi, work
from lib.case import case, check, equal
from lib.dovecot import Dovecot
from lib.mailhost import Mailhost

# What the scripts below do first, and how they tell of messages.
IMAPCLIENT = """
import hashlib, json, smtplib, ssl, sys
from imapclient import IMAPClient

imap, imaps, smtp, cert = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
trust = ssl.create_default_context(cafile=cert)
with IMAPClient("localhost", port=imap, ssl=False) as client:
    client.starttls(trust)
    client.login("alice", "wonder")
    assert client.noop()
with IMAPClient("localhost", port=imaps, ssl_context=trust) as client:
    client.login("alice", "wonder")
    assert client.id_({"name": "IMAPClient"}), "no ID"
    assert client.namespace().personal == (("", "/"),), client.namespace()
    client.create_folder("Entw\\u00fcrfe")
    client.subscribe_folder("Entw\\u00fcrfe")
    assert [name for _, _, name in client.list_sub_folders()] == ["Entw\\u00fcrfe"]
    assert client.folder_status("INBOX", ["MESSAGES"]) == {b"MESSAGES": 200}
    told = client.select_folder("INBOX")
    assert told[b"EXISTS"] == 200 and b"HIGHESTMODSEQ" in told, told
    uids = client.search()
    fetched = client.fetch(uids, ["UID", "BODY.PEEK[]", "ENVELOPE", "BODYSTRUCTURE", "FLAGS", "MODSEQ"])
    digests = [hashlib.sha256(fetched[uid][b"BODY[]"]).hexdigest() for uid in sorted(fetched)]
    client.add_flags([1, 2, 3], ["\\\\Flagged", "$Work"])
    assert client.search(["KEYWORD", "$Work"]) == [1, 2, 3]
    changed = client.fetch(uids, ["FLAGS"], ["CHANGEDSINCE %d" % told[b"HIGHESTMODSEQ"]])
    assert sorted(changed) == [1, 2, 3], changed
    assert len(client.sort("REVERSE SIZE")) == 200
    assert sum(map(len, client.thread("REFERENCES"))) >= 1
    client.move([1], "Entw\\u00fcrfe")
    client.copy([2], "Entw\\u00fcrfe")
    client.delete_messages([2])
    client.uid_expunge([2])
    client.append("INBOX", b"Subject: added\\r\\n\\r\\nhi\\r\\n", ["\\\\Seen"])
    client.multiappend("INBOX", [b"Subject: one\\r\\n\\r\\n", b"Subject: two\\r\\n\\r\\n"])
    if client.has_capability("QUOTA"):
        assert client.get_quota_root("INBOX") is not None
    client.idle()
    with smtplib.SMTP("127.0.0.1", smtp) as sender:
        sender.sendmail("tom@example.net", ["alice@example.org"], "Subject: news\\r\\n\\r\\nhi\\r\\n")
    told = []
    while (202, b"EXISTS") not in told:
        told += client.idle_check(timeout=10)
        assert told, "no news within 10 seconds"
    client.idle_done()
    client.unselect_folder()
    client.rename_folder("Entw\\u00fcrfe", "Drafts")
    assert client.folder_status("Drafts", ["MESSAGES"]) == {b"MESSAGES": 2}
    print(json.dumps(digests))
"""

AIOIMAPLIB = """
import asyncio, hashlib, json, smtplib, ssl, sys
from aioimaplib import aioimaplib

imaps, smtp, cert = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]

def right(answer):
    assert answer.result == "OK", answer
    return answer.lines

async def main():
    trust = ssl.create_default_context(cafile=cert)
    client = aioimaplib.IMAP4_SSL(host="localhost", port=imaps, ssl_context=trust, timeout=20)
    await client.wait_hello_from_server()
    right(await client.login("alice", "wonder"))
    right(await client.select())
    lines = right(await client.uid("fetch", "1:*", "(BODY.PEEK[])"))
    bodies = [bytes(line) for line in lines if isinstance(line, bytearray)]
    right(await client.store("1:2", "+FLAGS", "(\\\\Flagged)"))
    assert right(await client.search("FLAGGED"))[0] == b"1 2"
    right(await client.create("Kept"))
    right(await client.uid("move", "1", "Kept"))
    right(await client.append(b"Subject: added\\r\\n\\r\\nhi\\r\\n", mailbox="INBOX"))
    idle = await client.idle_start(timeout=20)
    with smtplib.SMTP("127.0.0.1", smtp) as sender:
        sender.sendmail("tom@example.net", ["alice@example.org"], "Subject: news\\r\\n\\r\\nhi\\r\\n")
    told = []
    while b"201 EXISTS" not in told:
        told += await client.wait_server_push(timeout=10)
    client.idle_done()
    await asyncio.wait_for(idle, 10)
    right(await client.expunge())
    right(await client.logout())
    print(json.dumps([hashlib.sha256(body).hexdigest() for body in bodies]))

asyncio.run(main())
"""

IMAPFLOW = """
const { ImapFlow } = require("imapflow");
const nodemailer = require("nodemailer");
const { createHash } = require("node:crypto");
const fs = require("node:fs");
const assert = require("node:assert");
const [imap, imaps, smtp, cert] = process.argv.slice(2);

async function connect(port, secure) {
  const client = new ImapFlow({
    host: "localhost", port, secure, doSTARTTLS: !secure, tls: { ca: fs.readFileSync(cert) },
    auth: { user: "alice", pass: "wonder" }, qresync: true, logger: false,
  });
  await client.connect();
  return client;
}

(async () => {
  const plain = await connect(imap, false);
  assert.ok(plain.secureConnection, "no STARTTLS");
  await plain.logout();

  const client = await connect(imaps, true);
  assert.ok(client.enabled.has("QRESYNC") || client.enabled.has("CONDSTORE"), [...client.enabled].join());
  await client.mailboxCreate("Entw\\u00fcrfe");
  const lock = await client.getMailboxLock("INBOX");
  assert.equal(client.mailbox.exists, 200);
  const digests = [];
  for await (const message of client.fetch("1:*", { uid: true, source: true, envelope: true, bodyStructure: true })) {
    digests.push(createHash("sha256").update(message.source).digest("hex"));
  }
  const { modseq } = await client.status("INBOX", { highestModseq: true }).then((s) => ({ modseq: s.highestModseq }));
  await client.messageFlagsAdd("1:3", ["\\\\Flagged", "$Work"], { uid: true });
  assert.deepEqual(await client.search({ keyword: "$Work" }, { uid: true }), [1, 2, 3]);
  const changed = [];
  for await (const message of client.fetch("1:*", { uid: true, flags: true }, { changedSince: modseq })) {
    changed.push(message.uid);
  }
  assert.deepEqual(changed, [1, 2, 3]);
  const moved = await client.messageMove("1", "Entw\\u00fcrfe", { uid: true });
  assert.equal(moved.uidMap.size, 1);
  await client.messageCopy("2", "Entw\\u00fcrfe", { uid: true });
  await client.messageDelete("2", { uid: true });
  const added = await client.append("INBOX", "Subject: added\\r\\n\\r\\nhi\\r\\n", ["\\\\Seen"]);
  assert.ok(added.uid > 200);
  const { content } = await client.download("3", undefined, { uid: true });
  let length = 0;
  for await (const piece of content) length += piece.length;
  assert.ok(length > 0);
  lock.release();

  // It idles by itself.
  const news = new Promise((resolve) => client.on("exists", (told) => told.count === 200 && resolve(told)));
  const sender = nodemailer.createTransport({ host: "127.0.0.1", port: smtp, ignoreTLS: true });
  setTimeout(() => sender.sendMail({
    from: "tom@example.net", to: "alice@example.org", subject: "news", text: "hi",
  }), 300);
  const idling = client.idle();
  await Promise.race([news, new Promise((_, no) => setTimeout(() => no(new Error("no news")), 15000))]);
  client.mailboxClose && await client.mailboxClose();
  await idling;
  const names = (await client.list({ statusQuery: { messages: true } })).map((it) => [it.path, it.status?.messages]);
  assert.deepEqual(names.find(([path]) => path === "Entw\\u00fcrfe"), ["Entw\\u00fcrfe", 2]);
  await client.mailboxDelete("Entw\\u00fcrfe");
  await client.logout();
  console.log(JSON.stringify(digests));
})().catch((error) => { console.error(error); process.exit(1); });
"""


def same(printed, messages, what):
    """The last line has the digests of all messages."""
    digests = json.loads(printed.strip().splitlines()[-1])
    equal(len(digests), len(messages), f"messages that {what} fetched")
    for number, (got, message) in enumerate(zip(digests, messages)):
        equal(got, hashlib.sha256(crlf(message)).hexdigest(), f"message {number} by {what}")


@case("imap clients: IMAPClient of PyPI does what it can, also IDLE and MULTIAPPEND", seconds=300)
def imapclient():
    host, messages = host_with_mail()
    cert, _ = work.certificate()
    with host:
        ports = [host.port(name) for name in ("imap", "imaps", "smtp")]
        same(pypi.run(IMAPCLIENT, "imapclient-talk", *ports, cert), messages, "IMAPClient")


@case("imap clients: aioimaplib of PyPI fetches, moves and idles", seconds=300)
def aioimaplib():
    host, messages = host_with_mail()
    cert, _ = work.certificate()
    with host:
        ports = [host.port(name) for name in ("imaps", "smtp")]
        same(pypi.run(AIOIMAPLIB, "aioimaplib-talk", *ports, cert), messages, "aioimaplib")


@case("imap clients: imapflow of npm, with CONDSTORE, COMPRESS and IDLE as it likes", seconds=300)
def imapflow():
    host, messages = host_with_mail()
    cert, _ = work.certificate()
    with host:
        ports = [host.port(name) for name in ("imap", "imaps", "smtp")]
        same(node.run(IMAPFLOW, "imapflow-talk", *map(str, [*ports, cert])), messages, "imapflow")


INTERIMAP = """
database = {folder}/state.db

[local]
type = imap
host = 127.0.0.1
port = {local}
STARTTLS = NO
username = alice
password = wonder

[remote]
type = imaps
host = localhost
port = {remote}
SSL_CAfile = {cert}
username = alice
password = wonder
compress = YES
"""


def properties(client):
    """Numbers of messages with their flags."""
    found = {}
    for part in ok(client.fetch("1:*", "(FLAGS BODY.PEEK[HEADER.FIELDS (X-Number)])")):
        if isinstance(part, tuple):
            names = re.search(rb"FLAGS \(([^)]*)\)", part[0])[1].split()
            number = int(part[1].split(b":")[1])
            found[number] = sorted(name for name in names if name != b"\\Recent")
    return found


@case("imap clients: interimap keeps a Dovecot and mailhost the same, by QRESYNC", seconds=120)
def interimap():
    host, _messages = host_with_mail(30)
    folder = work.folder("interimap")
    cert, _ = work.certificate()
    with host, Dovecot(("imap",)) as dovecot:
        config = folder / "config"
        config.write_text(
            INTERIMAP.format(
                folder=folder, local=dovecot.port("imap"), remote=host.port("imaps"), cert=cert
            )
        )
        config.chmod(0o600)
        environment = {"HOME": str(folder)}

        def synchronise():
            for _ in range(2):
                work.run(["interimap", f"--config={config}"], timeout=50, env=environment)

        synchronise()
        ours, theirs = login(host.port("imap")), login(dovecot.port("imap"))
        for client in (ours, theirs):
            ok(client.select())
        equal(properties(theirs), properties(ours), "what both have at first")
        equal(len(properties(ours)), 30, "messages")
        # Both sides change.
        ok(ours.store("1:3", "+FLAGS", "\\Flagged"))
        ok(theirs.store("4:5", "+FLAGS", "(\\Answered $Work)"))
        ok(ours.store("6", "+FLAGS", "\\Deleted"))
        ok(ours.expunge())
        ok(theirs.store("8", "+FLAGS", "\\Deleted"))
        ok(theirs.expunge())
        ok(ours.append("INBOX", None, None, b"X-Number: 100\r\n\r\nours\r\n"))
        ok(theirs.append("INBOX", "(\\Seen)", None, b"X-Number: 101\r\n\r\ntheirs\r\n"))
        ok(ours.create("Ours"))
        synchronise()
        for client in (ours, theirs):
            ok(client.noop())
        expected = properties(ours)
        equal(len(expected), 30, "messages")
        equal(expected[101], [b"\\Seen"], "the message that came from Dovecot")
        equal(properties(theirs), expected, "what both have at last")
        check(b"Ours" in b" ".join(ok(theirs.list())), "a folder did not go to Dovecot")
        ours.logout()
        theirs.logout()


@case("imap clients: saslauthd lets in by asking mailhost", seconds=60)
def saslauthd():
    folder = work.folder("saslauthd")
    with Mailhost(on=ON) as host:
        work.start(
            ["saslauthd", "-d", "-a", "rimap", "-O", f"127.0.0.1/{host.port('imap')}", "-m", folder, "-n", "2"],
            folder / "stderr.log",
        )
        socket = folder / "mux"
        deadline = time.monotonic() + 15
        while not socket.exists():
            check(time.monotonic() < deadline, "saslauthd was not ready after 15 s")
            time.sleep(0.05)
        ask = ["testsaslauthd", "-f", socket, "-s", "imap"]
        for user, password, expected in (
            ("alice", "wonder", True),
            ("alice", "wrong", False),
            ("nobody", "wonder", False),
            ("bob", "builder", True),
        ):
            said = work.run([*ask, "-u", user, "-p", password], expect=None, timeout=30)
            equal("OK" in said, expected, f"{user} with {password}: {said}")


@case("imap clients: mbsync copes with another UIDVALIDITY as it does with Dovecot's", seconds=120)
def mbsync_validity():
    messages = corpus.many(40)
    ended = {}
    for server in ("dovecot", "mailhost"):
        near = work.folder("near")
        if server == "dovecot":
            running = Dovecot(("imap",))
            mail = running.maildir()
        else:
            running = Mailhost(on=ON)
            mail = running.root / "example.org" / "alice"
        fill(mail, messages)
        config = near / "config"
        sync = ["mbsync", "-q", "-c", config, "-a"]
        with running:
            if server == "dovecot":
                running.own(running.mail)
            port = running.port("imap")
            config.write_text(MBSYNC.format(port=port, mechanism="LOGIN", near=near))
            work.run(sync, timeout=60)
            validity = status(port)
        # Whoever serves it forgets how it was numbered.
        for name in mail.iterdir():
            if name.is_file():
                name.unlink()
        time.sleep(1.1)
        again = Dovecot(("imap",)) if server == "dovecot" else Mailhost(on=ON, root=running.root)
        if server == "dovecot":
            again.mail.rmdir()
            os.rename(running.mail, again.mail)
        with again:
            config.write_text(MBSYNC.format(port=again.port("imap"), mechanism="LOGIN", near=near))
            check(status(again.port("imap")) != validity, f"{server} has the same UIDVALIDITY")
            said = work.run(sync, timeout=60, expect=None)
            work.run(sync, timeout=60, expect=None)
        inbox = near / "INBOX"
        files = [path for part in ("new", "cur") for path in (inbox / part).iterdir()]
        ended[server] = sorted(without_own(path.read_bytes()) for path in files), "UIDVALIDITY" in said
    equal(ended["mailhost"], ended["dovecot"], "what mbsync has made of it")
    return f"{len(ended['mailhost'][0])} messages"


def status(port):
    client = login(port)
    told = ok(client.status("INBOX", "(UIDVALIDITY)"))
    client.logout()
    return told


MUTT = """
set folder="{url}"
set spoolfile=+INBOX
{tls}
set header_cache={folder}/cache
set imap_qresync=yes
set imap_condstore=yes
set imap_idle=yes
set imap_deflate=yes
set mail_check=600
set timeout=600
set quit=yes
set delete=yes
set move=no
set wait_key=no
set confirmappend=no
set confirmcreate=no
set beep=no
"""


def mutt_rules(program, host, folder):
    cert, _ = work.certificate()
    if program == "mutt":
        url = f"imaps://alice:wonder@localhost:{host.port('imaps')}/"
        tls = f"set certificate_file={cert}\nset ssl_force_tls=yes\nset ssl_usesystemcerts=no"
    else:
        # It asks people about certificates that no authority has signed.
        url = f"imap://alice:wonder@localhost:{host.port('imap')}/"
        tls = "set ssl_starttls=no\nset ssl_force_tls=no\nset imap_user=alice\nset imap_pass=wonder"
    return MUTT.format(url=url, tls=tls, folder=folder)


@case("imap clients: mutt and neomutt come back with a header cache, by CONDSTORE and QRESYNC", seconds=120)
def mutt_cache():
    seen = []
    for program in ("mutt", "neomutt"):
        host, _messages = host_with_mail(40)
        folder = work.folder(program)
        (folder / "cache").mkdir()
        rules = folder / "muttrc"
        environment = {**os.environ, "HOME": str(folder), "TERM": "xterm"}

        def visit(keys):
            rules.write_text(mutt_rules(program, host, folder) + f"push '{keys}<sync-mailbox><quit>'\n")
            words = f"{program} -d 5 -F {rules}"
            work.run(["script", "-qec", words, "/dev/null"], timeout=50, env=environment)
            log = folder / f".{program}debug0"
            text = log.read_text(errors="replace")
            log.unlink()
            return text

        with host:
            client = login(host.port("imap"))
            ok(client.create("Out"))
            visit("")
            # Meanwhile, elsewhere.
            ok(client.select())
            ok(client.store("3,5,7", "+FLAGS", "\\Flagged"))
            ok(client.store("1:2", "+FLAGS", "\\Deleted"))
            ok(client.expunge())
            deliver(host, "new here")
            said = visit("<tag-pattern>~F<enter><tag-prefix><copy-message>=Out<enter>")
            equal(ok(client.select("Out")), [b"3"], f"messages that {program} saw flagged")
            equal(ok(client.select()), [b"39"], f"messages that {program} left")
            check("* ENABLED QRESYNC" in said, f"{program} has not enabled QRESYNC")
            seen.append(f"{program} QRESYNC")
            if can_deflate(program):
                asked = re.search(r"> (\w+) COMPRESS DEFLATE", said)
                check(asked, f"{program} does not ask for COMPRESS")
                check(f"< {asked[1]} OK" in said, f"{program} was refused COMPRESS")
                seen.append(f"{program} COMPRESS")
            fetched = re.findall(r"FETCH [\d:,*]+ \(UID FLAGS INTERNALDATE", said)
            check(len(fetched) <= 2, f"{program} has fetched all headers anew: {fetched}")
            client.logout()
    check("mutt COMPRESS" in seen, "this mutt is built without COMPRESS")
    return ", ".join(seen)


def can_deflate(program):
    """Whether it is built with zlib: else `imap_deflate` is no setting of it, as with Debian's neomutt."""
    said = work.run([program, "-n", "-F", "/dev/null", "-Q", "imap_deflate"], expect=None)
    check("imap_deflate" in said, f"{program} -Q says {said!r}")
    return "No such variable" not in said


@case("imap clients: mutt and neomutt in IDLE hear of new mail at once", seconds=90, alone=True)
def mutt_idle():
    took = []
    for program in ("mutt", "neomutt"):
        host, _messages = host_with_mail(5)
        folder = work.folder(program)
        rules = folder / "muttrc"
        with host:
            rules.write_text(
                mutt_rules(program, host, folder)
                # It looks at what has come once a second, and would ask after ten minutes alone.
                + "mailboxes +INBOX\nset timeout=1\n"
            )
            environment = {**os.environ, "HOME": str(folder), "TERM": "xterm"}
            log = folder / "stderr.log"
            process = work.start(
                ["script", "-qec", f"{program} -d 3 -F {rules}", "/dev/null"],
                log,
                env=environment,
                stdout=open(os.devnull, "wb"),
            )
            debug = folder / f".{program}debug0"
            await_text(debug, "IDLE")
            time.sleep(0.5)
            started = time.monotonic()
            deliver(host, "news")
            await_text(debug, "6 messages total")
            took.append(f"{program} {(time.monotonic() - started) * 1000:.0f} ms")
            work.end(process)
    return ", ".join(took)


def await_text(path, text):
    deadline = time.monotonic() + 15
    while not (path.exists() and text in path.read_text(errors="replace")):
        check(time.monotonic() < deadline, f"no {text!r} in {path.name} after 15 s")
        time.sleep(0.02)

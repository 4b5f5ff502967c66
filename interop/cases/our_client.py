"""Our client delivers into real servers."""

import socket
import time

from lib import node, work
from lib.case import case, check, equal
from lib.dovecot import Dovecot
from lib.mailhost import Mailhost, delivered
from lib.postfix import Postfix
from lib.sender import send

MESSAGE = (
    b"From: sender@example.net\r\nSubject: from our client\r\n\r\n.dot\r\n..\r\n"
    b"latin-1 \xe9\r\n" + b"a longer line, " * 60 + b"\r\n\r\n"
)


def await_port(port):
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
            return
        except OSError:
            check(time.monotonic() < deadline, f"nobody listens on {port} after 20 s")
            time.sleep(0.05)


def kinds(fates):
    """What kind of fate each is."""
    check(isinstance(fates, list), f"no fates: {fates}")
    return [fate.split(":")[0] for fate in fates]


@case("our client: into mailhost by SMTP and LMTP, with one unknown recipient")
def into_mailhost():
    with Mailhost(on=("smtp", "lmtp")) as host:
        for server in (host.address("smtp"), "lmtp:" + host.address("lmtp")):
            recipients = ["alice@example.org", "nobody@example.org", "bob@example.org"]
            fates = send(server, recipients, MESSAGE)
            equal(kinds(fates), ["delivered", "refused", "delivered"], "fates")
        for user in ("alice", "bob"):
            found = host.messages(user)
            equal(len(found), 2, f"messages of {user}")
            for message in found:
                trace = dict(delivered(message, MESSAGE))
                check(b"LMTP" in trace[b"received"] or b"ESMTPS" in trace[b"received"], "no TLS")


@case("our client: line ends of files are repaired on the way into mailhost")
def line_ends():
    with Mailhost() as host:
        fates = send(host.address(), ["alice@example.org"], MESSAGE.replace(b"\r\n", b"\n"))
        equal(kinds(fates), ["delivered"], "fates")
        delivered(host.message("alice"), MESSAGE)


@case("our client: BDAT and PIPELINING into a real Postfix", seconds=60)
def into_postfix():
    with Mailhost() as host:
        hop = f"smtp:[127.0.0.1]:{host.port()}"
        with Postfix({"alice@example.org": hop}) as postfix:
            server = f"127.0.0.1:{postfix.port}"
            fates = send(server, ["alice@example.org"], MESSAGE)
            equal(kinds(fates), ["delivered"], "fates")
            # So long a line that BDAT keeps it whole and DATA would too; and a large message.
            large = MESSAGE + b"0123456789abcdef\r\n" * 60000
            equal(kinds(send(server, ["alice@example.org"], large)), ["delivered"], "fates")
            postfix.await_empty(30)
            log = postfix.log()
        check("bdat=" in log, "Postfix saw no BDAT")
        found = sorted(host.messages("alice"), key=len)
        equal(len(found), 2, "messages of alice")
        for message, sent in zip(found, (MESSAGE, large)):
            body = sent.replace(b"\r\n", b"\n").split(b"\n\n", 1)[1]
            equal(message.split(b"\n\n", 1)[1], body, "body")


@case("our client: a refusal of a real Postfix is permanent, for that recipient alone", seconds=60)
def refused_by_postfix():
    more = "smtpd_recipient_restrictions = check_recipient_access inline:{no@example.org=REJECT, "
    more += "later@example.org=DEFER}, permit_mynetworks, reject"
    with Mailhost() as host:
        with Postfix({"alice@example.org": f"smtp:[127.0.0.1]:{host.port()}"}, more) as postfix:
            recipients = ["no@example.org", "alice@example.org", "later@example.org"]
            fates = send(f"127.0.0.1:{postfix.port}", recipients, MESSAGE)
            equal(kinds(fates), ["refused", "delivered", "not now"], "fates")
            postfix.await_empty(30)
        equal(len(host.messages("alice")), 1, "messages of alice")


@case("our client: into Dovecot by LMTP, one status for each recipient", seconds=60)
def into_dovecot():
    with Dovecot(("lmtp",), users=("alice:wonder", "bob:builder")) as dovecot:
        server = f"lmtp:127.0.0.1:{dovecot.port('lmtp')}"
        recipients = ["alice@localhost", "nobody@localhost", "bob@localhost", "alice@localhost"]
        fates = send(server, recipients, MESSAGE)
        equal(kinds(fates), ["delivered", "refused", "delivered", "delivered"], "fates")
        expected = MESSAGE.replace(b"\r\n", b"\n")
        for user in ("alice", "bob"):
            new = dovecot.mail / user / "Maildir" / "new"
            messages = [path.read_bytes() for path in new.iterdir()]
            check(messages, f"no message for {user}")
            check(all(message.endswith(expected) for message in messages), "another message")


AIOSMTPD = """
import asyncio, sys
from aiosmtpd.controller import Controller

class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("no"):
            return "550 5.1.1 No such user"
        envelope.rcpt_tos.append(address)
        return "250 Ok"

    async def handle_DATA(self, server, session, envelope):
        with open(sys.argv[2], "wb") as file:
            file.write(envelope.content)
        return "250 Ok"

controller = Controller(Handler(), hostname="127.0.0.1", port=int(sys.argv[1]))
controller.start()
asyncio.new_event_loop().run_forever()
"""


@case("our client: into aiosmtpd")
def into_aiosmtpd():
    folder = work.folder("aiosmtpd")
    (folder / "server.py").write_text(AIOSMTPD)
    port = work.free_port()
    python = "/usr/bin/python3"
    work.start([python, folder / "server.py", port, folder / "message"], folder / "log")
    await_port(port)
    fates = send(f"127.0.0.1:{port}", ["a@example.org", "no@example.org"], MESSAGE)
    equal(kinds(fates), ["delivered", "refused"], "fates")
    equal((folder / "message").read_bytes(), MESSAGE, "message")


SMTP_SERVER = """
const { SMTPServer } = require('smtp-server');
const fs = require('fs');
const lmtp = process.argv[4] === 'lmtp';
new SMTPServer({
  authOptional: true, lmtp, disabledCommands: lmtp ? ['STARTTLS'] : [],
  onRcptTo(address, session, callback) {
    if (address.address.startsWith('no')) {
      const error = new Error('No such user'); error.responseCode = 550; return callback(error);
    }
    callback();
  },
  onData(stream, session, callback) {
    stream.pipe(fs.createWriteStream(process.argv[3])).on('finish', () => {
      callback(null, lmtp ? session.envelope.rcptTo.map((r, i) => i ? new Error('Full') : 'Ok') : 'Ok');
    });
  },
}).listen(Number(process.argv[2]), '127.0.0.1');
"""


@case("our client: into npm's smtp-server, by SMTP with STARTTLS and by LMTP", seconds=150)
def into_smtp_server():
    for mode, expected in (("smtp", "delivered"), ("lmtp", "refused")):
        folder = work.folder("smtp-server")
        port = work.free_port()
        node.start(SMTP_SERVER, folder / f"sink-{mode}.log", str(port), str(folder / "message"), mode)
        await_port(port)
        prefix = "lmtp:" if mode == "lmtp" else ""
        recipients = ["a@example.org", "no@example.org", "b@example.org"]
        fates = send(f"{prefix}127.0.0.1:{port}", recipients, MESSAGE)
        got = kinds(fates)
        equal(got[:2], ["delivered", "refused"], "fates")
        # smtp-server answers an error without a code of its own with 450.
        check(got[2] == expected or mode == "lmtp" and got[2] == "not now", f"fates: {fates}")
        equal((folder / "message").read_bytes(), MESSAGE, "message")


NODEMAILER = """
const nodemailer = require('nodemailer');
const fs = require('fs');
const [port, secure, file] = process.argv.slice(2);
const transport = nodemailer.createTransport({
  host: '127.0.0.1', port: Number(port), secure: secure === 'yes', requireTLS: secure !== 'yes',
  auth: { user: 'alice', pass: 'wonder' }, tls: { rejectUnauthorized: false },
});
transport.sendMail({
  envelope: { from: 'sender@example.net', to: ['alice@example.org', 'nobody@example.org'], size: 1 },
  raw: fs.readFileSync(file),
}).then((info) => { console.log(JSON.stringify([info.accepted, info.rejected])); transport.close(); })
  .catch((error) => { console.error(error); process.exit(1); });
"""


@case("nodemailer: with STARTTLS and over smtps, authenticated", seconds=150)
def nodemailer():
    with Mailhost(on=("submission", "smtps")) as host:
        path = work.folder("nodemailer") / "message"
        path.write_bytes(MESSAGE)
        for listener, secure in (("submission", "no"), ("smtps", "yes")):
            said = node.run(NODEMAILER, "nodemailer-case", str(host.port(listener)), secure, str(path))
            equal(said.strip(), '[["alice@example.org"],["nobody@example.org"]]', "accepted, rejected")
        for message in host.messages("alice"):
            delivered(message, MESSAGE)
        equal(len(host.messages("alice")), 2, "messages of alice")

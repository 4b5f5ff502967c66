"""POP3: real clients fetch real messages from mailhost, and our client from a real server."""

import os
import poplib
import re
import shutil
import smtplib
import ssl
import threading

from lib import corpus, work
from lib.case import Failure, case, check, equal
from lib.dovecot import Dovecot
from lib.mailhost import Mailhost

# Real messages have longer lines than the module's author thought of.
poplib._MAXLINE = 1 << 24
COUNT = 200
ON = ("smtp", "pop3", "pop3s")
LOGIN = ("alice", "wonder")
OWN_FIELDS = re.compile(
    rb"^(status|x-status|x-keywords|x-uid|x-imap|x-imapbase|content-length)[ \t]*:", re.I | re.M
)


def fill(folder, messages):
    """Puts messages into a Maildir as a foreign program may: without sizes in their names."""
    for part in ("tmp", "new", "cur"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for number, message in enumerate(messages):
        (folder / "new" / f"{1000000000 + number}.M1P{number}.elsewhere").write_bytes(message)


def host_with_mail(count=COUNT):
    """A host that is not started yet, with messages for alice."""
    host = Mailhost(on=ON)
    messages = corpus.many(count)
    fill(host.root / "example.org" / "alice", messages)
    return host, messages


def trust():
    cert, _ = work.certificate()
    return ssl.create_default_context(cafile=cert)


def in_order(fetched):
    """Messages by the number in their first line."""
    return sorted(fetched, key=lambda message: int(message.split(b"\n", 1)[0].split(b": ")[1]))


def same(fetched, messages, what):
    equal(len(fetched), len(messages), f"messages that {what} fetched")
    for number, (got, sent) in enumerate(zip(in_order(fetched), messages)):
        equal(got, sent, f"message {number} by {what}")


def poplib_fetch(client):
    client.user(LOGIN[0])
    client.pass_(LOGIN[1])
    fetched = []
    for number in range(1, client.stat()[0] + 1):
        lines = client.retr(number)[1]
        fetched.append(b"".join(line + b"\r\n" for line in lines))
    client.quit()
    return fetched


@case("pop3: Python's poplib, plain, STLS and TLS, byte for byte", seconds=90)
def python_poplib():
    host, messages = host_with_mail()
    expected = [corpus.on_the_wire(message) for message in messages]
    with host:
        client = poplib.POP3("127.0.0.1", host.port("pop3"))
        same(poplib_fetch(client), expected, "poplib")
        client = poplib.POP3("localhost", host.port("pop3"))
        client.stls(trust())
        same(poplib_fetch(client), expected, "poplib with STLS")
        client = poplib.POP3_SSL("localhost", host.port("pop3s"), context=trust())
        same(poplib_fetch(client), expected, "poplib over TLS")
        client = poplib.POP3("127.0.0.1", host.port("pop3"))
        client.apop(*LOGIN)
        equal(client.stat()[0], COUNT, "messages after APOP")
        sizes = [int(line.split()[1]) for line in client.list()[1]]
        equal(sizes, [len(message) for message in expected], "sizes")
        top = client.top(1, 0)[1]
        check(top[-1] == b"" and b"" not in top[:-1], "TOP 1 0 is not the header")
        client.quit()


@case("pop3: curl lists and fetches, with every mechanism it has", seconds=90)
def curl():
    host, messages = host_with_mail()
    cert, _ = work.certificate()
    with host:
        for name, scheme, options in (
            ("plain", "pop3", ()),
            ("stls", "pop3", ("--ssl-reqd",)),
            ("tls", "pop3s", ()),
        ):
            folder = work.folder(f"curl-{name}")
            url = f"{scheme}://localhost:{host.port(scheme)}/"
            base = ["curl", "-sS", "--max-time", "60", "--cacert", cert, "-u", ":".join(LOGIN)]
            work.run([*base, *options, f"{url}[1-{COUNT}]", "-o", f"{folder}/#1"])
            fetched = [path.read_bytes() for path in folder.iterdir()]
            same(fetched, [corpus.on_the_wire(message) for message in messages], f"curl {name}")
        for mechanism in ("PLAIN", "LOGIN"):
            listed = work.run([*base, url, "--login-options", f"AUTH={mechanism}"])
            equal(len(listed.splitlines()), COUNT, f"lines of LIST with AUTH {mechanism}")
        work.run(["curl", "-sS", "--cacert", cert, "-u", "alice:wrong", url], expect=67)


def mpop(host, folder, *options):
    cert, _ = work.certificate()
    for part in ("tmp", "new", "cur"):
        (folder / part).mkdir(parents=True)
    password = folder.parent / "password"
    password.write_text(LOGIN[1] + "\n")
    work.run(
        ["mpop", "--file=/dev/null", "--host=localhost", f"--user={LOGIN[0]}"]
        + [f"--passwordeval=cat {password}", f"--tls-trust-file={cert}", "--timeout=20"]
        + ["--received-header=off", "--keep=on", f"--uidls-file={folder.parent}/uidls"]
        + [f"--delivery=maildir,{folder}", *options]
    )
    return [path.read_bytes() for path in (folder / "new").iterdir()]


@case("pop3: mpop, pipelined, with USER, APOP, PLAIN and SCRAM", seconds=120)
def mpop_all():
    host, messages = host_with_mail()
    expected = [message.replace(b"\r\n", b"\n") for message in messages]
    expected = [m if m.endswith(b"\n") else m + b"\n" for m in expected]
    with host:
        for auth, options in (
            ("user", [f"--port={host.port('pop3')}", "--tls=off"]),
            ("apop", [f"--port={host.port('pop3')}", "--tls=off"]),
            ("plain", [f"--port={host.port('pop3')}", "--tls=on", "--tls-starttls=on"]),
            ("scram-sha-256", [f"--port={host.port('pop3s')}", "--tls=on", "--tls-starttls=off"]),
            ("scram-sha-1", [f"--port={host.port('pop3')}", "--tls=off"]),
        ):
            folder = work.folder(f"mpop-{auth}") / "mail"
            fetched = mpop(host, folder, f"--auth={auth}", "--pipelining=on", *options)
            same(fetched, expected, f"mpop with {auth}")


@case("pop3: fetchmail, with UIDL and over TLS", seconds=120)
def fetchmail():
    host, messages = host_with_mail()
    # It edits headers; what comes behind them it leaves alone.
    wanted = bodies(message.replace(b"\r\n", b"\n") for message in messages)
    with host:
        for how in ("plain", "stls", "tls"):
            equal_bodies(bodies(fetchmail_fetch(host, how)), wanted, f"fetchmail, {how}")


def fetchmail_fetch(host, how):
    cert, _ = work.certificate()
    port, ssl_words = {
        "plain": ("pop3", "sslproto ''"),
        "stls": ("pop3", f"sslproto tls1.2+ sslcertfile {cert} sslcertck"),
        "tls": ("pop3s", f"ssl sslproto tls1.2+ sslcertfile {cert} sslcertck"),
    }[how]
    folder = work.folder(f"fetchmail-{how}")
    mail = folder / "mail"
    mail.mkdir()
    rc = folder / "rc"
    rc.write_text(
        f"poll localhost protocol pop3 service {host.port(port)} uidl timeout 30\n"
        f"user alice password wonder {ssl_words} keep fetchall no rewrite no mimedecode\n"
        f'mda "cat > {mail}/$(mktemp -u XXXXXXXXXXXX)"\n'
    )
    rc.chmod(0o600)
    work.run(
        ["fetchmail", "-f", rc, "--invisible", "--bad-header", "accept", "-s"],
        env={"HOME": str(folder), "FETCHMAILHOME": str(folder)},
        timeout=100,
    )
    return [path.read_bytes() for path in mail.iterdir()]


def bodies(messages):
    return sorted(body(message) for message in messages)


def equal_bodies(got, wanted, what):
    equal(len(got), len(wanted), f"messages by {what}")
    equal(sum(a != b for a, b in zip(got, wanted)), 0, f"bodies that differ by {what}")


def body(message):
    text = message.split(b"\n\n", 1)[-1]
    return text if text.endswith(b"\n") else text + b"\n"


@case("pop3: getmail makes of our messages what it makes of Dovecot's", seconds=120)
def getmail():
    # It writes messages anew in its own way, so what it makes of them elsewhere is the measure.
    host, messages = host_with_mail()
    expected = getmail_makes(messages)
    with host:
        for kind, port in (("SimplePOP3Retriever", "pop3"), ("SimplePOP3SSLRetriever", "pop3s")):
            fetched = getmail_fetch(host, kind, port)
            equal(len(fetched), COUNT, f"messages that getmail fetched, {port}")
            different = sum(got != sent for got, sent in zip(fetched, expected))
            equal(different, 0, f"messages that differ with getmail, {port}")


def getmail_makes(messages):
    """What getmail makes of these messages when they come from Dovecot."""
    with Dovecot(("pop3",)) as dovecot:
        fill(dovecot.maildir(), messages)
        dovecot.own(dovecot.mail)
        made = getmail_fetch(dovecot, "SimplePOP3Retriever", "pop3")
    equal(len(made), len(messages), "messages that getmail fetched from Dovecot")
    return made


def getmail_fetch(server, kind, port):
    cert, _ = work.certificate()
    folder = work.folder("getmail")
    mail = folder / "mail"
    for part in ("tmp", "new", "cur"):
        (mail / part).mkdir(parents=True)
    # It does not deliver as root.
    for path in (folder, mail, *mail.iterdir()):
        shutil.chown(path, "mail", "mail")
    tls = f"ca_certs = {cert}\n" if port == "pop3s" else ""
    (folder / "getmailrc").write_text(
        f"[retriever]\ntype = {kind}\nserver = localhost\nport = {server.port(port)}\n"
        f"username = alice\npassword = wonder\ntimeout = 15\n{tls}"
        f"[destination]\ntype = Maildir\npath = {mail}/\nuser = mail\n"
        "[options]\ndelivered_to = false\nreceived = false\nread_all = true\nverbose = 0\n"
    )
    for last in (False, False, True):
        try:
            work.run(["getmail", f"--getmaildir={folder}"], timeout=100)
            break
        except Failure as failure:
            # It forks for each message, and does not notice a process that ends before it waits.
            if last or "waiting child pid" not in str(failure):
                raise
            for path in (mail / "new").iterdir():
                path.unlink()
    return sorted(path.read_bytes() for path in (mail / "new").iterdir())


@case("pop3: mutt copies everything from a POP folder, plain, STLS and TLS", seconds=120)
def mutt():
    host, messages = host_with_mail()
    wanted = bodies(message.replace(b"\r\n", b"\n") for message in messages)
    with host:
        for how in ("plain", "stls", "tls"):
            equal_bodies(bodies(mutt_fetch(host, how)), wanted, f"mutt, {how}")


def mutt_fetch(host, how):
    cert, _ = work.certificate()
    scheme, port = ("pops", "pop3s") if how == "tls" else ("pop", "pop3")
    stls = "yes" if how == "stls" else "no"
    folder = work.folder(f"mutt-{how}")
    target = folder / "copied"
    rc = folder / "muttrc"
    rc.write_text(
        f"set folder={folder}\nset mbox_type=Maildir\nset confirmcreate=no\n"
        f"set confirmappend=no\nset ssl_starttls={stls} ssl_force_tls={stls}\n"
        f"set certificate_file={cert}\nset delete=no quit=yes\nset pop_checkinterval=60\n"
        "set header_cache=''\nset copy=no\nset resolve=no\n"
        f'push "<tag-pattern>~A<enter><tag-prefix><copy-message>{target}<enter><exit>"\n'
    )
    url = f"{scheme}://alice:wonder@localhost:{host.port(port)}"
    work.run(
        ["script", "-qec", f"mutt -n -F {rc} -f {url}", "/dev/null"],
        env={"TERM": "xterm", "HOME": str(folder)},
        timeout=80,
    )
    parts = (target / "new", target / "cur")
    return [path.read_bytes() for part in parts for path in part.iterdir()]


@case("pop3: real messages out of an mbox, by every client, byte for byte", seconds=240)
def out_of_an_mbox():
    sent = [corpus.on_the_wire(message) for message in corpus.many(COUNT)]
    # What SMTP does not carry cannot come in that way, and what an mbox says about its messages
    # in their own headers is not taken from strangers.
    sent = [message for message in sent if b"\0" not in message and b"\r" not in lone(message)]
    sent = [message for message in sent if not OWN_FIELDS.search(message.split(b"\r\n\r\n")[0])]
    cert, _ = work.certificate()
    with Mailhost("--store", "mbox", on=(*ON, "lmtp")) as host:
        with smtplib.LMTP("127.0.0.1", host.port("lmtp")) as client:
            for message in sent:
                client.sendmail("sender@example.net", ["alice@example.org"], message)
        for name, client in (
            ("STLS", stls_client(host)),
            ("TLS", poplib.POP3_SSL("localhost", host.port("pop3s"), context=trust())),
        ):
            whole = poplib_fetch(client)
            equal(len(whole), len(sent), f"messages by poplib with {name}")
            for number, (got, message) in enumerate(zip(whole, sent)):
                equal(got[-len(message) :], message, f"message {number} by poplib with {name}")
        folder = work.folder("curl-mbox")
        url = f"pop3s://localhost:{host.port('pop3s')}/[1-{len(sent)}]"
        command = ["curl", "-sS", "--max-time", "60", "--cacert", cert, "-u", ":".join(LOGIN)]
        work.run([*command, url, "-o", f"{folder}/#1"])
        for number, message in enumerate(sent):
            got = (folder / str(number + 1)).read_bytes()
            equal(got[-len(message) :], message, f"message {number} by curl")
        folder = work.folder("mpop-mbox") / "mail"
        options = [f"--port={host.port('pop3')}", "--tls=on", "--tls-starttls=on", "--pipelining=on"]
        fetched = mpop(host, folder, "--auth=scram-sha-256", *options)
        equal(len(fetched), len(sent), "messages by mpop")
        wanted = sorted(message.replace(b"\r\n", b"\n") for message in sent)
        found = sorted(message[message.index(b"X-Number: ") :] for message in fetched)
        different = sum(got != message for got, message in zip(found, wanted))
        equal(different, 0, "messages that differ with mpop")
        whole = [message.replace(b"\r\n", b"\n") for message in whole]
        for name, fetch in (("fetchmail", fetchmail_fetch), ("mutt", mutt_fetch)):
            equal_bodies(bodies(fetch(host, "tls")), bodies(whole), f"{name}, out of an mbox")
        made = getmail_fetch(host, "SimplePOP3SSLRetriever", "pop3s")
        equal(made == getmail_makes(whole), True, "getmail's copies are those it makes with Dovecot")


def lone(message):
    return message.replace(b"\r\n", b"")


def stls_client(host):
    client = poplib.POP3("localhost", host.port("pop3"))
    client.stls(trust())
    return client


@case("pop3: mail is delivered while it is fetched and deleted, from Maildir and mbox", seconds=120)
def concurrent():
    for store in ("maildir", "mbox"):
        with Mailhost("--store", store, on=ON) as host:
            sent = [f"Subject: {n}\r\n\r\nnumber {n}\r\n.\r\nFrom me\r\n".encode() for n in range(300)]
            done = threading.Event()

            def deliver(host=host, sent=sent, done=done):
                with smtplib.SMTP("127.0.0.1", host.port()) as client:
                    for message in sent:
                        client.sendmail("sender@example.net", ["alice@example.org"], message)
                done.set()

            sender = threading.Thread(target=deliver, daemon=True)
            sender.start()
            fetched = []
            while True:
                last = done.is_set()
                client = poplib.POP3("127.0.0.1", host.port("pop3"))
                client.user(LOGIN[0])
                client.pass_(LOGIN[1])
                for number in range(1, client.stat()[0] + 1):
                    lines = client.retr(number)[1]
                    fetched.append(b"".join(line + b"\r\n" for line in lines))
                    client.dele(number)
                client.quit()
                if last:
                    break
            sender.join()
            numbers = sorted(int(m.split(b"\r\n\r\nnumber ")[1].split(b"\r")[0]) for m in fetched)
            equal(numbers, list(range(300)), f"messages fetched from the {store}")
            for message in fetched:
                check(message.endswith(b"\r\n.\r\nFrom me\r\n"), f"a message was changed: {message[-60:]!r}")


@case("pop3: killed around QUIT, nothing is deleted without it, and nothing by half", seconds=120)
def killed():
    for store in ("maildir", "mbox"):
        root = work.folder(f"killed-{store}")
        for kill in ("before", "during", "during", "during", "after"):
            with Mailhost("--store", store, root=root, on=ON) as host:
                with smtplib.SMTP("127.0.0.1", host.port()) as smtp:
                    for number in range(20):
                        message = f"Subject: {kill} {number}\r\n\r\n".encode()
                        smtp.sendmail("sender@example.net", ["alice@example.org"], message)
                client = poplib.POP3("127.0.0.1", host.port("pop3"))
                client.user(LOGIN[0])
                client.pass_(LOGIN[1])
                before = uids(client)
                half = list(before)[::2]
                for uid in half:
                    client.dele(before[uid])
                if kill == "during":
                    client._putcmd("QUIT")
                elif kill == "after":
                    client.quit()
                host.kill()
            # Nobody need wait until the lock file of the dead one is old.
            for lock in root.glob("*/*/mbox.lock"):
                lock.unlink()
            with Mailhost("--store", store, root=root, on=ON) as host:
                client = poplib.POP3("127.0.0.1", host.port("pop3"))
                client.user(LOGIN[0])
                client.pass_(LOGIN[1])
                after = set(uids(client))
                kept = set(before) - set(half)
                check(kept <= after, f"{store}, killed {kill}: a message is gone that was not deleted")
                check(after <= set(before), f"{store}, killed {kill}: a message has another name")
                if kill == "before":
                    equal(len(after), len(before), f"{store}: messages after a kill before QUIT")
                if kill == "after":
                    equal(after, kept, f"{store}: messages after QUIT was answered")
                for number in range(1, client.stat()[0] + 1):
                    lines = client.retr(number)[1]
                    check(any(line.startswith(b"Subject: ") for line in lines), "half a message")
                client.quit()


def uids(client):
    """Numbers by unique id."""
    found = (line.split() for line in client.uidl()[1])
    return {uid: int(number) for number, uid in found}


@case("pop3: a message of 1 GiB is fetched in little memory", seconds=180, alone=True)
def huge():
    host = Mailhost(on=ON)
    folder = host.root / "example.org" / "alice"
    fill(folder, [])
    size = 1 << 30
    line = b"x" * 62 + b"\n"
    with open(folder / "new" / "1.M1P1.elsewhere", "wb") as file:
        file.write(b"Subject: huge\n\n")
        block = line * 16384
        written = 15
        while written < size:
            file.write(block)
            written += len(block)
    with host:
        target = work.folder("huge") / "message"
        url = f"pop3://127.0.0.1:{host.port('pop3')}/1"
        work.run(
            ["curl", "-sS", "--max-time", "150", "-u", ":".join(LOGIN), url, "-o", target],
            timeout=160,
        )
        lines = (written - 15) // len(line)
        equal(target.stat().st_size, 17 + lines * 64, "octets fetched")
        peak = host.memory("VmHWM") / 1024
        check(peak < 64, f"{peak:.1f} MiB of memory for one message")
        return f"peak {peak:.1f} MiB"


@case("pop3: our client fetches from Dovecot, plain, STLS and TLS, and once each", seconds=120)
def our_client():
    fetch = os.environ["MAILHOST"].replace("mailhost", "pop3-fetch")
    cert, _ = work.certificate()
    messages = corpus.many(COUNT)
    expected = [corpus.on_the_wire(message).replace(b"\r\n", b"\n") for message in messages]
    with Dovecot(("pop3",)) as dovecot:
        fill(dovecot.maildir(), messages)
        dovecot.own(dovecot.mail)
        for tls, port in (("none", "pop3"), ("stls", "pop3"), ("implicit", "pop3s")):
            folder = work.folder(f"fetch-{tls}")
            password = folder / "password"
            password.write_text(LOGIN[1] + "\n")
            command = [fetch, f"localhost:{dovecot.port(port)}", folder / "mail", "--user", "alice"]
            command += ["--password-file", password, "--tls", tls, "--ca", cert]
            work.run(command, timeout=100)
            fetched = [path.read_bytes() for path in (folder / "mail" / "new").iterdir()]
            same(fetched, expected, f"our client, {tls}")
            said = work.run(command, timeout=100)
            check("0 of 200 messages fetched" in said, f"fetched twice: {said}")
        work.run([*command, "--delete"], timeout=100)
        client = poplib.POP3("127.0.0.1", dovecot.port("pop3"))
        client.user(LOGIN[0])
        client.pass_(LOGIN[1])
        equal(client.stat()[0], 0, "messages left after --delete")
        client.quit()

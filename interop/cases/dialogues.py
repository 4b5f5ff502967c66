"""The conversations that users type by hand, and the mail programs that read the result."""

import os
import re
import time

from lib import work
from lib.case import case, check, equal
from lib.mailhost import Mailhost, delivered
from lib.smtp import Typed

MESSAGE = b"Subject: How are you?\r\nHow have you been these days?\r\n"


def type_helo_dialogue(host):
    with Typed(host.port()) as typed:
        check(
            re.match(r"220 \S+ ESMTP\b", typed.expect("220").lines[0]) is not None,
            "the greeting is not `220 NAME ESMTP ...`",
        )
        typed.type("helo localhost.localdomain", "250 ")
        typed.type("mail from:someone", "250 2.1.0")
        nested = typed.type("mail from:tom", "503 5.5.1")
        check("nested" in repr(nested).lower(), f"does not say nested MAIL: {nested}")
        typed.type("helo localhost.localdomain", "250 ")
        typed.type("mail from:Somebody@example.net", "250 2.1.0")
        typed.type("rcpt to:openstack", "250 2.1.5")
        typed.type("data", "354 ")
        typed.send(MESSAGE)
        queued = typed.type(".", "250 2.0.0")
        check(
            re.search(r"queued as \S+", repr(queued)) is not None,
            f"no queue id: {queued}",
        )
        typed.type("quit", "221 2.0.0")
        check(typed.ended(), "still open after QUIT")


def check_trace(headers):
    fields = dict(headers)
    equal(fields.get(b"return-path"), b"<Somebody@example.net>", "Return-Path")
    check(
        fields.get(b"x-original-to", b"").split(b"@")[0] == b"openstack",
        f"X-Original-To: {fields.get(b'x-original-to')}",
    )
    check(
        fields.get(b"delivered-to", b"").startswith(b"openstack@"),
        f"Delivered-To: {fields.get(b'delivered-to')}",
    )
    received = fields[b"received"]
    check(b"localhost.localdomain" in received, f"Received does not name the HELO: {received}")
    check(b"127.0.0.1" in received, f"Received does not name the address: {received}")


@case("dialogue: HELO as typed, into a Maildir")
def helo_into_maildir():
    with Mailhost() as host:
        type_helo_dialogue(host)
        check_trace(delivered(host.message("openstack"), MESSAGE))


@case("dialogue: HELO as typed, into an mbox")
def helo_into_mbox():
    with Mailhost("--store", "mbox") as host:
        before = int(time.time())
        type_helo_dialogue(host)
        first, rest = host.mbox("openstack").read_bytes().split(b"\n", 1)
        from_ = re.fullmatch(rb"From Somebody@example\.net  (.{24})", first)
        check(from_ is not None, f"From_ line: {first!r}")
        at = time.mktime(time.strptime(from_[1].decode(), "%a %b %d %H:%M:%S %Y"))
        check(before - 1 <= at <= time.time() + 1, f"From_ line is not now, local time: {first!r}")
        # The header of an mbox message ends with a blank line, and so does the message.
        header, body = MESSAGE.split(b"\r\n", 1)
        check_trace(delivered(rest, header + b"\r\n\r\n" + body + b"\r\n"))


@case("dialogue: two messages into one mbox, From_ lines in the body are quoted")
def mbox_twice():
    with Mailhost("--store", "mbox") as host:
        type_helo_dialogue(host)
        with Typed(host.port()) as typed:
            typed.until_data(recipients=["openstack@example.org"])
            typed.send(b"Subject: second\r\n\r\nFrom here on\r\n")
            typed.type(".", "250 2.0.0")
            typed.quit()
        text = host.mbox("openstack").read_bytes()
        equal(len(re.findall(rb"^From ", text, re.M)), 2, "From_ lines")
        check(b"\n>From here on\n" in text, "a From line in the body was not quoted")
        equal(len(re.findall(rb"\n\nFrom \S+  ", text)), 1, "blank lines before a From_ line")


@case("dialogue: AUTH LOGIN as typed")
def auth_login():
    with Mailhost() as host, Typed(host.port()) as typed:
        typed.expect("220")
        lines = typed.type("ehlo client", "250").lines
        for list_ in ("AUTH PLAIN LOGIN", "AUTH=PLAIN LOGIN"):
            check(
                any(re.fullmatch(rf"250[- ]{list_}( .*)?", line) for line in lines),
                f"no {list_} in {lines}",
            )
        typed.type("auth login", "334 VXNlcm5hbWU6")
        typed.type("aGFkb29w", "334 UGFzc3dvcmQ6")
        typed.type("aGFkb29w", "235 2.7.0")
        typed.type("auth login", "503 5.5.1")
        typed.quit()


@case("dialogue: AUTH LOGIN with a wrong password, and cancelled")
def auth_login_wrong():
    with Mailhost() as host, Typed(host.port()) as typed:
        typed.expect("220")
        typed.type("ehlo client", "250")
        typed.type("auth login", "334 VXNlcm5hbWU6")
        typed.type("aGFkb29w", "334 UGFzc3dvcmQ6")
        typed.type("d3Jvbmc=", "535 5.7.8")
        typed.type("auth login", "334 VXNlcm5hbWU6")
        typed.type("*", "501 ")
        typed.quit()


@case("readers: s-nail lists the mail as new, from an mbox and from a Maildir")
def s_nail():
    for store in ("mbox", "maildir"):
        with Mailhost("--store", store) as host:
            type_helo_dialogue(host)
            place = host.mbox("openstack") if store == "mbox" else host.inbox("openstack")
            listing = work.run(["s-nail", "-n", "-H", "-f", place])
            check(
                re.search(r"^.?N +1 .*Somebody.*How are you\?", listing, re.M) is not None,
                f"s-nail on {store}: {listing!r}",
            )
            equal(len(re.findall(r"^.?[A-Z] +\d+ ", listing, re.M)), 1, f"messages in {store}")


@case("readers: mutt reads the mail, from an mbox and from a Maildir")
def mutt():
    for store in ("mbox", "maildir"):
        with Mailhost("--store", store) as host:
            type_helo_dialogue(host)
            place = host.mbox("openstack") if store == "mbox" else host.inbox("openstack")
            # The body follows the header with no blank line; mutt shows it as a body.
            shown = b"Subject: How are you?\n\nHow have you been these days?\n"
            equal(mutt_reads(place), shown, f"mutt on {store}")


def mutt_reads(place):
    """The first message of a mailbox below the trace headers, as mutt pipes it out."""
    home = work.folder("mutt")
    (home / "rc").write_text(
        "set wait_key=no pipe_decode=no sleep_time=0 "
        f"folder={home}\n"
        f'push "<first-entry><pipe-message>cat >{home}/out<enter><exit>"\n'
    )
    command = f"mutt -n -R -F {home}/rc -f {place}"
    environment = {"TERM": "xterm", "HOME": str(home), "LC_ALL": "C.UTF-8"}
    work.run(["script", "-qec", command, "/dev/null"], env=environment, timeout=20)
    out = home / "out"
    check(out.exists() and os.path.getsize(out), f"mutt piped nothing out of {place}")
    text = out.read_bytes()
    return text[text.index(b"Subject: ") :].rstrip(b"\n") + b"\n"

"""Our side on mailbox files: the examples `mailbox` and `mailbox-store`."""

import json
import os
import pathlib

from lib import work


def program(name):
    """They are built beside `mailhost`."""
    return str(pathlib.Path(os.environ["MAILHOST"]).with_name(name))


def mailbox(*words, expect=0):
    return work.run([program("mailbox"), *words], expect=expect)


def store(*words):
    return work.run([program("mailbox-store"), *words])


def listed(path):
    """Number, flags, keywords and size of each message."""
    return [json.loads(line) for line in store("list", path).splitlines()]


def convert(source, target, to):
    mailbox("convert", source, target, "--to", to)
    return target


def contents(path):
    """The bytes of each message of a mailbox, through a Maildir."""
    target = work.folder("contents") / "maildir"
    convert(path, target, "maildir")
    files = [file for part in ("new", "cur") for file in (target / part).iterdir()]
    files.sort(key=lambda file: (file.name.split(".")[0], number(file.name)))
    return [file.read_bytes() for file in files]


def number(name):
    """Microseconds in a file name of ours."""
    return int(name.split(".M")[1].split("P")[0])


# What readers trip over: lines that look like separators, an empty body, 8-bit and long lines.
MESSAGES = [
    b"From: a@example.org\nSubject: plain\nMessage-ID: <1@example.org>\n\nHello.\n",
    b"From: a@example.org\nSubject: from lines\nMessage-ID: <2@example.org>\n\n"
    b"From here on\n\nFrom there\n>From quoted\n>>From twice\n",
    b"From: a@example.org\nSubject: dated\nMessage-ID: <3@example.org>\n\n"
    b"x\n\nFrom a@b.test Thu Jan  1 00:00:00 1970\nSubject: none\n\ny\n",
    b"From: a@example.org\nSubject: blank lines\nMessage-ID: <4@example.org>\n\n\n\nx\n\n\n",
    b"From: a@example.org\nSubject: no body\nMessage-ID: <5@example.org>\n\n",
    b"From: a@example.org\nSubject: folded\n and more\nMessage-ID: <6@example.org>\n\n"
    + b"\xe9" * 300 + b"\n" + b"x" * 3000 + b"\n",
]


def maildir_of(messages, path):
    """A Maildir, made by hand."""
    for part in ("tmp", "new", "cur"):
        (path / part).mkdir(parents=True)
    for index, message in enumerate(messages):
        (path / "cur" / f"{1000000000 + index}.M{index}P1.peer:2,S").write_bytes(message)
    return path

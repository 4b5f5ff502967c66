"""Real messages, to be stored and fetched."""

import functools
import pathlib
import tarfile


ARCHIVE = pathlib.Path(__file__).resolve().parent.parent / "corpus" / "messages.tar.xz"


@functools.cache
def messages():
    """All of them, with LF line ends."""
    found = []
    with tarfile.open(ARCHIVE) as archive:
        for member in sorted(archive.getmembers(), key=lambda member: member.name):
            if member.isfile():
                found.append(archive.extractfile(member).read())
    return found


def many(count):
    """So many, by repeating them; each one is another by its first line."""
    real = messages()
    return [b"X-Number: %d\n" % n + real[n % len(real)] for n in range(count)]


def on_the_wire(message):
    """A message as it is sent: CRLF line ends, and one behind the last line."""
    message = message.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return message if message.endswith(b"\n") or not message else message + b"\r\n"

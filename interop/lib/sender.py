"""Our client: the `smtp-send` example, which stands beside mailhost."""

import os
import pathlib

from lib import work
from lib.case import check


def send(server, recipients, message, sender="sender@example.net", seconds=30):
    """Sends a message; returns what became of it for each recipient, in one line each.

    A session that fails has no fates: its error is all that is returned.
    """
    program = pathlib.Path(os.environ["MAILHOST"]).with_name("smtp-send")
    check(program.exists(), f"{program} was not built")
    command = [program, server, sender, *recipients]
    said = work.run(command, timeout=seconds, stdin=message, expect=None)
    fates = [line.split(": ", 1)[1] for line in said.splitlines() if "@" in line.split(": ")[0]]
    return fates or said.strip()

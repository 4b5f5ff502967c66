"""Mechanisms without a protocol around them: `sasl-talk` and gsasl pass each other their lines."""

import os
import pathlib
import subprocess
import threading

from lib import work
from lib.case import case, check, equal

# What gsasl can do as a server: it has nothing to ask about EXTERNAL and ANONYMOUS there.
BOTH = ("SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN", "LOGIN")
# How many times a client speaks.
MESSAGES = {"SCRAM-SHA-256": 3, "SCRAM-SHA-1": 3, "LOGIN": 2}


class Talker:
    """One side: a program that reads and writes a line a message."""

    def __init__(self, *command):
        program = str(command[0])
        work.need(program)
        self.process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        work.at_end(lambda: work.end(self.process))
        # A side that never answers is ended, so that reading from it ends too.
        self.watch = threading.Timer(20, self.process.kill)
        self.watch.start()

    def hear(self):
        return self.process.stdout.readline()

    def tell(self, line):
        try:
            self.process.stdin.write(line)
            self.process.stdin.flush()
        except BrokenPipeError:
            pass

    def end(self):
        """Nothing more will be told; returns whether this side is content."""
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        self.process.stdout.read()
        status = self.process.wait()
        self.watch.cancel()
        return status == 0


def ours(side, mechanism, user, password, *options):
    program = pathlib.Path(os.environ["MAILHOST"]).with_name("sasl-talk")
    return Talker(program, side, mechanism, user, password, *options)


def gsasl(side, mechanism, user, password, *options):
    talker = Talker(
        *["gsasl", f"--{side}", "--quiet", "-m", mechanism, "-a", user, "-p", password],
        *["-n", password, "--service=smtp", "--hostname=localhost", "--no-client-first"],
        *options,
    )
    equal(talker.hear().strip().decode(), mechanism, "what gsasl prints first")
    return talker


def meet(server, client, mechanism):
    """Whether the server lets the client in, and whether the client believes the server."""
    for _ in range(MESSAGES.get(mechanism, 1)):
        challenge = server.hear()
        if not challenge:
            break
        client.tell(challenge)
        response = client.hear()
        if not response:
            break
        server.tell(response)
    # gsasl as the server asks once more before it says that it is content.
    server.tell(b"\n")
    return server.end(), client.end()


@case("sasl-talk: our client and gsasl as the server", seconds=120)
def our_client():
    for mechanism in BOTH:
        server = gsasl("server", mechanism, "tim", "se cret")
        client = ours("client", mechanism, "tim", "se cret")
        equal(meet(server, client, mechanism), (True, True), mechanism)
        server = gsasl("server", mechanism, "tim", "se cret")
        client = ours("client", mechanism, "tim", "wrong")
        admitted, content = meet(server, client, mechanism)
        check(not admitted, f"{mechanism}: in with a wrong password")
        # Who is not told that the server knows the password does not believe it.
        check(not content or "SCRAM" not in mechanism, f"{mechanism}: believes the server")


@case("sasl-talk: our server and gsasl as the client, EXTERNAL and ANONYMOUS too", seconds=120)
def our_server():
    for mechanism in (*BOTH, "EXTERNAL", "ANONYMOUS"):
        server = ours("server", mechanism, "tim", "se cret")
        client = gsasl("client", mechanism, "tim", "se cret", "-z", "")
        admitted, _ = meet(server, client, mechanism)
        check(admitted, f"{mechanism}: not in")
    for mechanism in BOTH:
        server = ours("server", mechanism, "tim", "se cret")
        client = gsasl("client", mechanism, "tim", "wrong", "-z", "")
        admitted, _ = meet(server, client, mechanism)
        check(not admitted, f"{mechanism}: in with a wrong password")


@case("sasl-talk: an identity to act as", seconds=60)
def authzid():
    for mechanism in ("SCRAM-SHA-256", "PLAIN", "EXTERNAL"):
        for wanted, expected in (("tim", True), ("root", False)):
            server = ours("server", mechanism, "tim", "se cret")
            client = gsasl("client", mechanism, "tim", "se cret", "-z", wanted)
            admitted, _ = meet(server, client, mechanism)
            equal(admitted, expected, f"{mechanism} as {wanted}")

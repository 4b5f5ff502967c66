"""An SMTP conversation as a hand types it: nothing is checked, quoted or corrected."""

import base64
import re
import socket
import ssl

from lib.case import Failure, check, equal


class Reply:
    def __init__(self, lines):
        self.lines = lines
        self.code = int(lines[0][:3])

    def __repr__(self):
        return " / ".join(self.lines)


class Typed:
    """A connection that sends bytes as they are and reads whole replies."""

    def __init__(self, port, source="127.0.0.1", timeout=20):
        self.socket = socket.create_connection(
            ("127.0.0.1", port), timeout=timeout, source_address=(source, 0)
        )
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def reply(self):
        """The next whole reply; a connection that ends instead is a failure."""
        lines = []
        while True:
            line = self._line()
            check(
                re.match(r"[2-5]\d\d($|[ -])", line) is not None,
                f"not a reply line: {line!r}",
            )
            check(not lines or lines[0][:3] == line[:3], f"mixed codes: {lines} {line!r}")
            lines.append(line)
            if line[3:4] != "-":
                return Reply(lines)

    def _line(self):
        while b"\n" not in self.buffer:
            data = self.socket.recv(65536)
            if not data:
                raise Failure(f"the connection ended instead of a reply, after {self.buffer!r}")
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        check(line.endswith(b"\r"), f"a reply line without CR: {line!r}")
        return line[:-1].decode("utf-8", "replace")

    def expect(self, wanted):
        """Reads a reply and compares its start: "250", "250 2.1.0", or a class such as "5"."""
        reply = self.reply()
        last = reply.lines[-1]
        check(last.startswith(wanted), f"{last!r}, expected {wanted!r}")
        return reply

    def type(self, line, wanted):
        """One typed line and its answer; `wanted` may be a tuple of right ones."""
        data = line.encode() if isinstance(line, str) else line
        self.send(data + b"\r\n")
        reply = self.reply()
        last = reply.lines[-1]
        check(last.startswith(wanted), f"{data[:60]!r} -> {last!r}, expected {wanted!r}")
        return reply

    def ended(self):
        """Whether the peer has closed, with nothing more said."""
        if self.buffer:
            return False
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def start_tls(self):
        """The handshake, after a 220; the certificate is another case's concern."""
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self.socket = context.wrap_socket(self.socket)

    def auth_plain(self, user, password, wanted="235 2.7.0"):
        token = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
        return self.type(f"AUTH PLAIN {token}", wanted)

    def until_data(self, sender="sender@example.net", recipients=("alice@example.org",)):
        """Greeting to 354, with nothing special in it."""
        self.expect("220")
        self.type("EHLO client.example.net", "250")
        self.again_until_data(sender, recipients)

    def again_until_data(self, sender="sender@example.net", recipients=("alice@example.org",)):
        self.type(f"MAIL FROM:<{sender}>", "250 2.1.0")
        for recipient in recipients:
            self.type(f"RCPT TO:<{recipient}>", "250 2.1.5")
        self.type("DATA", "354")

    def quit(self):
        self.type("QUIT", "221 2.0.0")
        equal(self.ended(), True, "closed after QUIT")

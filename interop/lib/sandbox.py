"""Our side for tests of tests: the program `mail-sandbox`, started for one case."""

import json
import os
import queue
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

from lib import work
from lib.case import Failure, check

ENDPOINTS = ("smtp", "submission", "smtps", "lmtp", "pop3", "pop3s", "imap", "imaps")


class Sandbox:
    """`with Sandbox("--preset", "disk-full") as sandbox:` runs one, on free ports."""

    def __init__(self, *options, on=("smtp", "pop3", "imap"), faults=""):
        self.options = list(options)
        self.on = on
        self.lines = queue.Queue()
        self.ca = work.folder("sandbox") / "ca.pem"
        if faults:
            path = self.ca.with_name("faults")
            path.write_text(faults)
            self.options += ["--fault", path]

    def __enter__(self):
        command = [os.environ["MAIL_SANDBOX"], "--http", "0", "--ca", self.ca, *self.options]
        for name in ENDPOINTS:
            command += [f"--{name}", "0" if name in self.on else "off"]
        log = work.ROOT / f"sandbox-{time.monotonic_ns()}.log"
        self.process = work.start(command, log, stdout=subprocess.PIPE)
        threading.Thread(target=self._read, daemon=True).start()
        self.urls = self.line(log)
        return self

    def __exit__(self, *_):
        work.end(self.process)

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(json.loads(line))
        self.lines.put(None)

    def line(self, log=None):
        """The next line that it prints."""
        try:
            line = self.lines.get(timeout=15)
        except queue.Empty:
            raise Failure("mail-sandbox has printed nothing for 15 s") from None
        if line is None:
            said = log.read_text(errors="replace").strip() if log else ""
            raise Failure(f"mail-sandbox has ended: {said}")
        return line

    def port(self, name="smtp"):
        return int(self.urls[name].rsplit(":", 1)[1].rstrip("/"))

    def ask(self, path, method="GET", body=None, expect=200):
        """What the API answers: JSON, or bytes."""
        request = urllib.request.Request(
            f"{self.urls['http']}api/v1{path}", method=method, data=body and body.encode()
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                status, headers, body = answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            status, headers, body = error.code, error.headers, error.read()
        check(status == expect, f"{method} {path}: {status} {body[:200]!r}")
        is_json = headers.get("content-type", "").startswith("application/json")
        return json.loads(body) if is_json else body

    def wait(self, count=1, **filters):
        """Waits for messages, and returns their summaries."""
        query = urllib.parse.urlencode({"count": count, "within": 10, **filters})
        return self.ask(f"/wait?{query}")["messages"]

    def fault(self, faults):
        """Takes these faults instead of those that there are."""
        self.ask("/faults", "DELETE", expect=204)
        if faults:
            self.ask("/faults", "POST", faults)

    def said(self):
        """The conversations, newest last."""
        return self.ask("/conversations")

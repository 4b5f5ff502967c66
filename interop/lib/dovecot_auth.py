"""A Dovecot that does nothing but authenticate, with a configuration and a socket of its own."""

import os
import time

from lib import work
from lib.case import check

CONFIG = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
ssl = no
protocols =
auth_mechanisms = {mechanisms}
auth_failure_delay = 0
disable_plaintext_auth = no
first_valid_uid = 1
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {folder}/users
}}
userdb {{
  driver = static
  args = uid=mail gid=mail home={folder}
}}
service auth {{
  unix_listener {folder}/auth-client {{
    mode = 0666
  }}
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
"""


class Dovecot:
    """`with Dovecot("carol:{PLAIN}secret") as dovecot:` runs one; its socket is `socket`."""

    def __init__(self, *users, mechanisms="plain login cram-md5 scram-sha-1 scram-sha-256"):
        self.folder = work.folder("dovecot")
        for name in ("run", "state"):
            (self.folder / name).mkdir()
        (self.folder / "users").write_text("".join(f"{user}\n" for user in users))
        (self.folder / "dovecot.conf").write_text(
            CONFIG.format(folder=self.folder, mechanisms=mechanisms)
        )
        self.socket = self.folder / "auth-client"
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        command = ["dovecot", "-c", self.folder / "dovecot.conf", "-F"]
        self.process = work.start(command, self.folder / "stderr")
        deadline = time.monotonic() + 20
        while not self.socket.exists():
            check(self.process.poll() is None, "dovecot ended at start")
            check(time.monotonic() < deadline, "dovecot was not ready after 20 s")
            time.sleep(0.05)

    def stop(self):
        # Its children too: they would serve the connections that there are.
        work.end(self.process)
        if self.socket.exists():
            os.unlink(self.socket)

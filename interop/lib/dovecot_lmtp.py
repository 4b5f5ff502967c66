"""A real Dovecot with LMTP, a configuration and a port of its own."""

import smtplib
import time

from lib import work
from lib.case import check

CONFIGURATION = """
base_dir = {base}/run
state_dir = {base}/state
log_path = {base}/dovecot.log
instance_name = {name}
listen = 127.0.0.1
protocols = lmtp
ssl = no
first_valid_uid = 1
mail_uid = mail
mail_gid = mail
mail_home = {base}/mail/%u
mail_location = maildir:~/Maildir
hostname = localhost
postmaster_address = postmaster@localhost
auth_username_format = %Ln
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {base}/users
}}
userdb {{
  driver = passwd-file
  args = username_format=%u {base}/users
  default_fields = uid=mail gid=mail home={base}/mail/%u
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {port}
  }}
}}
service stats {{
  unix_listener stats-writer {{
    mode = 0666
  }}
}}
"""


class DovecotLmtp:
    """`with DovecotLmtp("alice", "bob") as dovecot:`"""

    def __init__(self, *users):
        self.users = users
        self.port = work.free_port()
        self.base = None

    def __enter__(self):
        work.need("dovecot")
        self.base = work.folder("dovecot")
        (self.base / "mail").mkdir()
        (self.base / "mail").chmod(0o777)
        users = "".join(f"{user}:{{PLAIN}}pass::::::\n" for user in self.users)
        (self.base / "users").write_text(users)
        configuration = self.base / "dovecot.conf"
        name = f"interop-{self.port}"
        configuration.write_text(
            CONFIGURATION.format(base=self.base, port=self.port, name=name)
        )
        work.keep_log(self.base / "dovecot.log")
        work.start(["dovecot", "-F", "-c", configuration], self.base / "stderr")
        deadline = time.monotonic() + 20
        while True:
            try:
                with smtplib.LMTP("127.0.0.1", self.port) as lmtp:
                    lmtp.noop()
                return self
            except OSError:
                check(time.monotonic() < deadline, "Dovecot does not listen after 20 s")
                time.sleep(0.1)

    def __exit__(self, *_):
        pass

    def messages(self, user):
        return [p.read_bytes() for p in (self.base / "mail" / user / "Maildir/new").glob("*")]

"""A private Dovecot on loopback, for one case."""

import os
import shutil
import time

from lib import work
from lib.case import Failure

CONFIG = """
base_dir = {run}
state_dir = {run}
log_path = {folder}/dovecot.log
instance_name = {name}
listen = 127.0.0.1
protocols = {protocols}
ssl = yes
ssl_cert = <{cert}
ssl_key = <{key}
disable_plaintext_auth = no
auth_mechanisms = plain login cram-md5 scram-sha-1 scram-sha-256 apop
first_valid_uid = 1
mail_uid = mail
mail_gid = mail
mail_home = {mail}/%n
mail_location = {location}
mail_max_userip_connections = 0
hostname = localhost
postmaster_address = postmaster@localhost
auth_username_format = %n
default_client_limit = 4000
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%n {folder}/users
}}
userdb {{
  driver = passwd-file
  args = username_format=%n {folder}/users
  default_fields = uid=mail gid=mail home={mail}/%n
}}
namespace inbox {{
  inbox = yes
}}
{services}
{extra}
"""

LOGIN = """
service {protocol}-login {{
  inet_listener {protocol} {{
    address = 127.0.0.1
    port = {port}
  }}
  inet_listener {protocol}s {{
    address = 127.0.0.1
    port = {secured}
    ssl = yes
  }}
  chroot =
  service_count = 0
}}
"""

LMTP = """
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {port}
  }}
}}
"""


class Dovecot:
    """`with Dovecot(protocols=("pop3",)) as dovecot:` runs one; `port("pop3")` is where."""

    def __init__(self, protocols, users=("alice:wonder",), location="maildir:~/Maildir", extra=""):
        self.folder = work.folder("dovecot")
        self.mail = self.folder / "mail"
        self.ports = {}
        services = []
        for protocol in protocols:
            if protocol == "lmtp":
                self.ports["lmtp"] = work.free_port()
                services.append(LMTP.format(port=self.ports["lmtp"]))
                continue
            self.ports[protocol] = work.free_port()
            self.ports[protocol + "s"] = work.free_port()
            services.append(
                LOGIN.format(
                    protocol=protocol,
                    port=self.ports[protocol],
                    secured=self.ports[protocol + "s"],
                )
            )
        cert, key = work.certificate()
        self.config = self.folder / "dovecot.conf"
        self.config.write_text(
            CONFIG.format(
                run=self.folder / "run",
                folder=self.folder,
                name=self.folder.name,
                protocols=" ".join(protocols),
                cert=cert,
                key=key,
                mail=self.mail,
                location=location,
                services="".join(services),
                extra=extra,
            )
        )
        lines = (f"{user.split(':')[0]}:{user.split(':')[1]}::::::\n" for user in users)
        (self.folder / "users").write_text("".join(lines))
        self.mail.mkdir()
        shutil.chown(self.mail, "mail", "mail")
        self.process = None

    def __enter__(self):
        log = self.folder / "dovecot.log"
        log.touch()
        self.process = work.start(
            ["dovecot", "-F", "-c", self.config], self.folder / "stderr.log"
        )
        work.keep_log(log)
        deadline = time.monotonic() + 15
        for port in self.ports.values():
            while not work.listens(port):
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise Failure(f"dovecot does not listen: {log.read_text()[-300:]}")
                time.sleep(0.05)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(15)

    def port(self, name):
        return self.ports[name]

    def maildir(self, user="alice"):
        """The user's Maildir, made if it is not there."""
        path = self.mail / user / "Maildir"
        for part in ("tmp", "new", "cur"):
            (path / part).mkdir(parents=True, exist_ok=True)
        self.own(self.mail)
        return path

    @staticmethod
    def own(path):
        """Gives a folder, with all that is in it, to the user whom Dovecot reads it as."""
        for folder, _, files in os.walk(path):
            shutil.chown(folder, "mail", "mail")
            for name in files:
                shutil.chown(os.path.join(folder, name), "mail", "mail")

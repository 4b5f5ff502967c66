"""A real Postfix with a configuration, a queue and a port of its own."""

import smtplib
import time

from lib import work
from lib.case import Failure, check

MAIN = """
compatibility_level = 3.6
config_directory = {etc}
queue_directory = {base}/spool
data_directory = {base}/data
mail_owner = postfix
setgid_group = postdrop
myhostname = peer.localhost
mydomain = localhost
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
alias_database =
local_recipient_maps =
# Nothing leaves this machine: what has no transport of its own is an error.
default_transport = error:no transport
relay_transport = error:no transport
local_transport = error:no transport
virtual_transport = error:no transport
transport_maps = inline:{{ {transports} }}
disable_dns_lookups = yes
smtp_host_lookup = native
lmtp_host_lookup = native
smtpd_peername_lookup = no
notify_classes =
smtpd_recipient_restrictions = permit_mynetworks, reject
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_client_connection_count_limit = 0
message_size_limit = 104857600
maillog_file = {base}/maillog
maillog_file_prefixes = /var, {base}
{more}
"""

MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 300 1 qmgr
tlsmgr    unix  - - n 1000? 1 tlsmgr
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
verify    unix  - - n - 1 verify
flush     unix  n - n 1000? 0 flush
proxymap  unix  - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp      unix  - - n - - smtp
showq     unix  n - n - - showq
error     unix  - - n - - error
retry     unix  - - n - - error
lmtp      unix  - - n - - lmtp
anvil     unix  - - n - 1 anvil
scache    unix  - - n - 1 scache
postlog   unix-dgram n - n - 1 postlogd
"""


class Postfix:
    """`with Postfix({"user@domain": "smtp:[127.0.0.1]:2525"}) as postfix:`"""

    def __init__(self, transports, more=""):
        self.transports = transports
        self.more = more
        self.port = work.free_port()
        self.base = None

    def __enter__(self):
        work.need("postfix")
        self.base = work.folder("postfix")
        etc = self.base / "etc"
        for folder in (etc, self.base / "spool"):
            folder.mkdir()
        maps = " ".join(f"{{{who}={how}}}" for who, how in self.transports.items())
        (etc / "main.cf").write_text(
            MAIN.format(etc=etc, base=self.base, transports=maps, more=self.more)
        )
        (etc / "master.cf").write_text(MASTER.format(port=self.port))
        work.keep_log(self.base / "maillog")
        work.at_end(self._stop)
        work.run(["postfix", "-c", etc, "start"])
        self._await_port()
        return self

    def __exit__(self, *_):
        pass

    def _stop(self):
        work.run(["postfix", "-c", self.base / "etc", "stop"], expect=None)

    def _await_port(self):
        deadline = time.monotonic() + 20
        while True:
            try:
                with smtplib.SMTP("127.0.0.1", self.port, timeout=10):
                    return
            except OSError:
                check(time.monotonic() < deadline, "Postfix does not listen after 20 s")
                time.sleep(0.1)

    def queued(self):
        """The files of every queue in which mail waits."""
        queues = ("maildrop", "incoming", "active", "deferred", "hold", "corrupt")
        spool = self.base / "spool"
        return [p for queue in queues for p in (spool / queue).rglob("*") if p.is_file()]

    def await_empty(self, seconds):
        deadline = time.monotonic() + seconds
        while left := self.queued():
            log = self.log()
            deferred = [line for line in log.splitlines() if "status=deferred" in line]
            if deferred:
                raise Failure(f"Postfix deferred: {deferred[-1]}")
            check(
                time.monotonic() < deadline, f"{len(left)} messages in the queue after {seconds} s"
            )
            time.sleep(0.1)

    def log(self):
        return (self.base / "maillog").read_text(errors="replace")

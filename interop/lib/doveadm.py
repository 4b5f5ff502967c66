"""Dovecot's own code on mailbox files, by doveadm, without a running server."""

import os
import pwd
import shutil

from lib import work


class Doveadm:
    """`location` is a mail_location; the files get the owner `mail`."""

    def __init__(self, location, *files):
        self.home = work.folder("dovecot")
        self.files = files
        config = self.home / "dovecot.conf"
        config.write_text(
            f"base_dir = {self.home}/run\nlog_path = {self.home}/log\nssl = no\n"
            f"mail_location = {location}\nmail_home = {self.home}\nfirst_valid_uid = 1\n"
            "mail_privileged_group = mail\nstats_writer_socket_path =\n"
            "namespace inbox {\n  inbox = yes\n}\n"
        )
        self.config = config
        self.own(self.home)

    def run(self, *words, stdin=None):
        for path in self.files:
            self.own(path)
        command = ["runuser", "-u", "mail", "--", "doveadm", "-c", self.config, *words]
        return work.run(command, stdin=stdin, env={"HOME": str(self.home), "USER": "mail"})

    def fetch(self, fields, mailbox="INBOX"):
        """The messages as lists of fields."""
        output = self.run("-f", "tab", "fetch", " ".join(fields), "mailbox", mailbox, "all")
        lines = [line.split("\t") for line in output.splitlines()]
        return lines[1:]

    def own(self, path):
        user = pwd.getpwnam("mail")
        os.chown(path, user.pw_uid, user.pw_gid)
        if path.is_dir():
            for folder, folders, names in os.walk(path):
                for name in folders + names:
                    shutil.chown(os.path.join(folder, name), "mail", "mail")

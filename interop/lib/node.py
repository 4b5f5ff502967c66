"""Programs of Node, with packages that npm installs once a run."""

import os

from lib import work


def packages():
    """The folder with smtp-server, nodemailer, imapflow and what drives browsers."""
    return work.once("node", _install)


def _install(folder):
    (folder / "package.json").write_text('{"private": true}')
    names = ["smtp-server@3", "nodemailer@7", "playwright-core@1", "imapflow@1"]
    command = ["npm", "install", "--prefix", folder, "--no-audit", "--no-fund", *names]
    # Node has its own list of authorities; what this host trusts beyond it, npm is to trust too.
    authorities = os.environ.get("NODE_EXTRA_CA_CERTS", "/etc/ssl/certs/ca-certificates.crt")
    work.run(command, timeout=120, env={"NODE_EXTRA_CA_CERTS": authorities})


def start(script, log, *arguments):
    """Starts a script that finds the packages."""
    path = packages() / log.with_suffix(".js").name
    path.write_text(script)
    return work.start(["node", path, *arguments], log)


def run(script, name, *arguments, env=None):
    """Runs a script to its end and returns what it printed."""
    path = packages() / f"{name}.js"
    path.write_text(script)
    return work.run(["node", path, *arguments], env=env)

"""Programs of Python, with packages that pip installs once a run into an environment of their own."""

import sys

from lib import work

PACKAGES = ["IMAPClient", "aioimaplib"]


def run(script, name, *arguments, timeout=60):
    """Runs a script that finds the packages, and returns what it printed."""
    folder = work.once("python", _install)
    path = folder / f"{name}.py"
    path.write_text(script)
    return work.run([folder / "bin" / "python", path, *arguments], timeout=timeout)


def _install(folder):
    work.run([sys.executable, "-m", "venv", folder], timeout=120)
    install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES]
    work.run([folder / "bin" / "python", *install], timeout=180)

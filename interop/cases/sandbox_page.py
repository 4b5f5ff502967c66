"""The page of `mail-sandbox` in a browser."""

import os
import pathlib

from lib import node, work
from lib.case import case, check
from lib.sandbox import Sandbox

SCRIPT = pathlib.Path(__file__).with_suffix(".js")


@case("sandbox: the page in Chromium, live, hostile mail, search and delete", seconds=120)
def page():
    screenshots = pathlib.Path(os.environ["ARTEFACTS"]) / "page"
    screenshots.mkdir(parents=True, exist_ok=True)
    with Sandbox() as sandbox:
        work.need("chromium")
        said = node.run(
            SCRIPT.read_text(),
            "sandbox-page",
            sandbox.urls["http"],
            sandbox.port(),
            screenshots,
        )
    lines = said.splitlines()
    check(lines and lines[-1] == "done", f"the browser's last words: {lines[-3:]}")
    pictures = len(list(screenshots.glob("*.png")))
    return f"{len(lines) - 1} checks, {pictures} pictures in {screenshots}"

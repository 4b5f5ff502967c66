"""Databases with one table of users, in a folder of their own."""

import glob
import os
import shutil
import time

from lib import work
from lib.case import check

TABLE = (
    "CREATE TABLE users (address VARCHAR(255) PRIMARY KEY, credential TEXT NOT NULL); "
    "INSERT INTO users VALUES ('carol', '{PLAIN}se cret');"
)


def mariadb():
    """Starts a MariaDB, as the user that its package made; its URL, and a way to run SQL."""
    folder = work.folder("mariadb")
    shutil.chown(folder, "mysql", "mysql")
    port, data, socket = work.free_port(), folder / "data", folder / "socket"
    work.run(
        ["mariadb-install-db", "--no-defaults", "--user=mysql", f"--datadir={data}"]
        + ["--auth-root-authentication-method=normal", "--skip-test-db"],
        timeout=90,
    )
    work.start(
        ["mariadbd", "--no-defaults", "--user=mysql", f"--datadir={data}", f"--socket={socket}"]
        + ["--bind-address=127.0.0.1", f"--port={port}"],
        work.ROOT / f"mariadb-{port}.log",
    )
    _await(lambda: socket.exists(), "MariaDB")

    def sql(text, database="mail"):
        work.run(["mariadb", "--no-defaults", f"--socket={socket}", "-e", text, database])

    sql(
        "CREATE DATABASE mail; CREATE USER mail@'127.0.0.1' IDENTIFIED BY 'secret'; "
        "GRANT SELECT ON mail.* TO mail@'127.0.0.1';",
        database="mysql",
    )
    sql(TABLE)
    return f"mysql://mail:secret@127.0.0.1:{port}/mail", sql


def postgres():
    """Starts a PostgreSQL, as the user that its package made; its URL, and a way to run SQL."""
    programs = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
    check(programs, "postgresql is not installed")
    programs = programs[-1]
    folder = work.folder("postgres")
    shutil.chown(folder, "postgres", "postgres")
    port, data = work.free_port(), folder / "data"
    account = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    env = {"LC_ALL": "C"}
    work.run([*account, f"{programs}/initdb", "-A", "trust", "-D", data], timeout=90, env=env)
    work.start(
        [*account, f"{programs}/postgres", "-D", data, "-h", "127.0.0.1", "-p", str(port)]
        + ["-k", folder],
        work.ROOT / f"postgres-{port}.log",
        env={**os.environ, **env},
    )
    _await(lambda: (folder / f".s.PGSQL.{port}").exists(), "PostgreSQL")

    def sql(text, database="mail"):
        work.run(
            [f"{programs}/psql", "-h", folder, "-p", port, "-U", "postgres", "-q", "-c", text]
            + [database]
        )

    _await(lambda: _works(lambda: sql("SELECT 1", database="postgres")), "PostgreSQL")
    sql("CREATE DATABASE mail", database="postgres")
    sql(TABLE)
    return f"postgres://postgres@127.0.0.1:{port}/mail", sql


def sqlite():
    """A file; its URL, and a way to run SQL."""
    import sqlite3

    path = work.folder("sqlite") / "users.db"

    def sql(text):
        with sqlite3.connect(path) as database:
            database.executescript(text)
        database.close()

    sql(TABLE)
    return f"sqlite:{path}", sql


def _works(action):
    try:
        action()
        return True
    except Exception:
        return False


def _await(ready, name):
    deadline = time.monotonic() + 60
    while not ready():
        check(time.monotonic() < deadline, f"{name} was not ready after 60 s")
        time.sleep(0.1)

"""Mailbox files side by side with the programs that have always read and written them."""

import mailbox as python_mailbox
import random
import subprocess
import time

from lib import work
from lib.case import case, check, equal
from lib.doveadm import Doveadm
from lib.mailfiles import MESSAGES, contents, convert, listed, maildir_of, program, store

VARIANTS = ("mboxrd", "mboxo", "mboxcl", "mboxcl2")


def unquoted(message):
    """What is left of a message in an mbox whose quotes nobody takes away."""
    lines = message.split(b"\n")
    bare = [(line, line.lstrip(b">")) for line in lines]
    return b"\n".join(bare if bare.startswith(b"From ") else line for line, bare in bare)


@case("mailboxes: every format is read back by us, byte for byte", seconds=60)
def round_trip():
    folder = work.folder("round-trip")
    source = maildir_of(MESSAGES, folder / "maildir")
    for to in ("mboxrd", "mboxcl2", "mmdf", "mh", "maildir"):
        target = convert(source, folder / f"to-{to}", to)
        if to == "mboxrd":
            # Nothing in so small a file tells the variant, but for the line quoted twice.
            check(b"\n>>>From twice" in target.read_bytes(), "not quoted")
        equal(contents(target), MESSAGES, to)


@case("mailboxes: Python's mailbox reads what we write, message for message", seconds=60)
def python():
    folder = work.folder("python")
    source = maildir_of(MESSAGES, folder / "maildir")
    for variant in ("mboxrd", "mboxo", "mboxcl"):
        box = python_mailbox.mbox(convert(source, folder / variant, variant))
        equal(len(box), len(MESSAGES), variant)
        for key, message in zip(box.keys(), MESSAGES):
            # Behind its header, which has got fields of the mbox.
            read, wrote = (text.partition(b"\n\n")[2] for text in (box.get_bytes(key), message))
            equal(unquoted(read).rstrip(b"\n"), unquoted(wrote).rstrip(b"\n"), f"{variant}: {key}")
        ids = [f"<{n}@example.org>" for n in range(1, 7)]
        equal([box[key]["Message-ID"] for key in box.keys()], ids, variant)
        equal({box[key].get_flags() for key in box.keys()}, {"RO"}, f"flags of {variant}")
    box = python_mailbox.MMDF(convert(source, folder / "mmdf", "mmdf"))
    equal(len(box), len(MESSAGES), "mmdf")
    box = python_mailbox.MH(convert(source, folder / "mh", "mh"))
    equal([box.get_bytes(key) for key in sorted(box.keys())], MESSAGES, "mh")
    box = python_mailbox.Maildir(convert(source, folder / "copy", "maildir"))
    equal(sorted(box.get_bytes(key) for key in box.keys()), sorted(MESSAGES), "maildir")


@case("mailboxes: we read what Python's mailbox writes, with its flags", seconds=60)
def from_python():
    folder = work.folder("from-python")
    kinds = {
        "mbox": (python_mailbox.mbox, python_mailbox.mboxMessage),
        "mmdf": (python_mailbox.MMDF, python_mailbox.MMDFMessage),
        "mh": (python_mailbox.MH, python_mailbox.MHMessage),
        "maildir": (python_mailbox.Maildir, python_mailbox.MaildirMessage),
    }
    for name, (kind, message_kind) in kinds.items():
        box = kind(folder / name)
        for index, message in enumerate(MESSAGES):
            message = message_kind(message)
            if index == 2:
                if name == "mh":
                    message.set_sequences(["flagged", "replied"])
                elif name == "maildir":
                    message.set_subdir("cur")
                    message.set_flags("FRS")
                else:
                    message.set_flags("ROFA")
            box.add(message)
        box.flush()
        box.close()
        copy = convert(folder / name, folder / f"{name}-copy", "maildir")
        flags = sorted(file.name.partition(":2,")[2] for file in (copy / "cur").iterdir())
        check("FRS" in flags, f"{name}: {flags}")
        equal(len(contents(folder / name)), len(MESSAGES), name)


@case("mailboxes: formail, s-nail, mutt and git mailsplit count and split as we do", seconds=90)
def readers():
    folder = work.folder("readers")
    source = maildir_of(MESSAGES, folder / "maildir")
    ids = [f"<{n}@example.org>" for n in range(1, 7)]
    for variant in ("mboxrd", "mboxo", "mboxcl"):
        path = convert(source, folder / variant, variant)
        said = work.run(["formail", "-s", "formail", "-zxMessage-ID:"], stdin=path.read_bytes())
        equal(said.split(), ids, f"formail, {variant}")
        said = work.run(
            ["s-nail", "-n", "-#", "-R", "-f", path], stdin=b"headers\nx\n", env={"HOME": str(folder)}
        )
        equal(len([line for line in said.splitlines() if line.strip()]), len(ids), f"s-nail, {variant}")
        out = folder / f"split-{variant}"
        out.mkdir()
        options = ["--mboxrd"] if variant == "mboxrd" else []
        said = work.run(["git", "mailsplit", f"-o{out}", *options, path])
        equal(said.strip(), str(len(ids)), f"git mailsplit, {variant}")
        if variant == "mboxrd":
            for index, message in enumerate(MESSAGES):
                split = (out / f"{index + 1:04}").read_bytes().split(b"\n", 1)[1]
                body, wanted = split.partition(b"\n\n")[2], message.partition(b"\n\n")[2]
                equal(body.rstrip(b"\n"), wanted.rstrip(b"\n"), f"git mailsplit, message {index + 1}")
        equal(mutt_ids(path, len(ids)), ids, f"mutt, {variant}")
    # Of these, two go by Content-Length, and only they can read what quotes nothing.
    path = convert(source, folder / "mboxcl2", "mboxcl2")
    said = work.run(["formail", "-s", "formail", "-zxMessage-ID:"], stdin=path.read_bytes())
    equal(said.split(), ids, "formail, mboxcl2")
    equal(mutt_ids(path, len(ids)), ids, "mutt, mboxcl2")


def mutt_ids(path, count):
    """What mutt shows as so many messages, one after the other, and then as the last one."""
    home = work.folder("mutt")
    pipe = f"<pipe-message>formail -zxMessage-ID: >>{home}/out<enter>"
    keys = "<first-entry>" + f"{pipe}<next-entry>" * (count - 1) + "<last-entry>" + pipe + "<exit>"
    settings = "set wait_key=no pipe_decode=no sleep_time=0 sort=mailbox-order"
    (home / "rc").write_text(f'{settings} folder={home}\npush "{keys}"\n')
    command = f"mutt -n -R -F {home}/rc -f {path}"
    environment = {"TERM": "xterm", "HOME": str(home), "LC_ALL": "C.UTF-8"}
    work.run(["script", "-qec", command, "/dev/null"], env=environment, timeout=20)
    return (home / "out").read_text().split()


@case("mailboxes: Dovecot sees our Maildir with our UIDs, keywords and sizes, and we see Dovecot's", seconds=90)
def dovecot_maildir():
    path = work.folder("dovecot-maildir") / "Maildir"
    maildir_of([], path)
    store("append", path, "5", "ours")
    ours = listed(path)
    store("flag", path, str(ours[1]["uid"]), "FS", "work", "$Junk")
    store("expunge", path, str(ours[2]["uid"]))
    ours = listed(path)
    dovecot = Doveadm(f"maildir:{path}", path)
    theirs = dovecot.fetch(["uid", "flags", "size.physical", "size.virtual"])
    equal([int(line[0]) for line in theirs], [line["uid"] for line in ours], "UIDs")
    equal([int(line[2]) for line in theirs], [line["size"] for line in ours], "sizes")
    equal([int(line[3]) for line in theirs], [line["wire"] for line in ours], "wire sizes")
    flags = set(theirs[1][1].split())
    equal(flags - {"\\Recent"}, {"\\Flagged", "\\Seen", "work", "$Junk"}, "flags")
    status = dovecot.run("mailbox", "status", "uidvalidity", "INBOX")
    check(str(ours[0]["validity"]) in status, f"validity {ours[0]['validity']}: {status}")
    # Now Dovecot changes it.
    dovecot.run("flags", "add", "\\Answered todo", "mailbox", "INBOX", "uid", "1")
    dovecot.run("expunge", "mailbox", "INBOX", "uid", "4")
    dovecot.run("save", stdin=MESSAGES[1])
    store("append", path, "1", "later")
    ours, theirs = listed(path), dovecot.fetch(["uid", "flags"])
    equal([line["uid"] for line in ours], [int(line[0]) for line in theirs], "UIDs after Dovecot")
    equal((ours[0]["flags"], ours[0]["keywords"]), ("R", ["todo"]), "Dovecot's flags")
    equal([line["uid"] for line in ours], [1, 2, 5, 6, 7], "UIDs")


@case("mailboxes: our mbox flags appear in Dovecot and back", seconds=90)
def dovecot_mbox():
    folder = work.folder("dovecot-mbox")
    path = folder / "inbox"
    path.touch()
    store("append", path, "4", "ours")
    store("flag", path, "2", "FS", "work")
    store("flag", path, "3", "R")
    ours = listed(path)
    dovecot = Doveadm(f"mbox:{folder}/mail:INBOX={path}", folder)
    theirs = dovecot.fetch(["uid", "flags", "size.virtual"])
    equal([int(line[0]) for line in theirs], [line["uid"] for line in ours], "UIDs")
    equal([int(line[2]) for line in theirs], [line["wire"] for line in ours], "sizes")
    equal(set(theirs[1][1].split()) - {"\\Recent"}, {"\\Flagged", "\\Seen", "work"}, "flags")
    equal(set(theirs[2][1].split()) - {"\\Recent"}, {"\\Answered"}, "flags")
    dovecot.run("flags", "add", "\\Seen \\Draft todo", "mailbox", "INBOX", "uid", "1")
    dovecot.run("expunge", "mailbox", "INBOX", "uid", "3")
    store("append", path, "1", "later")
    ours = listed(path)
    equal([line["uid"] for line in ours], [1, 2, 4, 5], "UIDs after Dovecot")
    equal((ours[0]["flags"], ours[0]["keywords"]), ("DS", ["todo"]), "Dovecot's flags")
    store("expunge", path, "1", "5")
    theirs = dovecot.fetch(["uid", "flags"])
    equal([int(line[0]) for line in theirs], [2, 4], "UIDs after us")


POSTFIX_LOCKER = r'''
import fcntl, os, sys, time, random
# As Postfix: the lock file before the file is opened, then flock, then fcntl, none waited for.
path, tag, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
for number in range(1, count + 1):
    while True:
        try:
            os.close(os.open(path + ".lock", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
        except FileExistsError:
            time.sleep(random.uniform(0.0005, 0.01)); continue
        try:
            with open(path, "ab") as box:
                fcntl.flock(box, fcntl.LOCK_EX | fcntl.LOCK_NB)
                fcntl.lockf(box, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(box.fileno()).st_nlink != 1:
                    continue
                text = f"From {tag}@example.org  Thu Jan  1 00:00:00 1970\nSubject: {tag}-{number}\n\n"
                text += f"{tag} line of message {number}\n" * (1 + number % 40) + "the end\n\n"
                for part in (text[: len(text) // 2], text[len(text) // 2 :]):
                    box.write(part.encode()); box.flush()
                break
        except BlockingIOError:
            pass
        finally:
            os.unlink(path + ".lock")
        time.sleep(random.uniform(0.0005, 0.01))
'''

DEBIAN_LOCKER = r'''
import fcntl, os, sys, time, random
# As Debian Policy has it: fcntl first, waited for, then the lock file; both back if that fails.
path, tag, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
for number in range(1, count + 1):
    while True:
        with open(path, "ab") as box:
            fcntl.lockf(box, fcntl.LOCK_EX)
            if os.fstat(box.fileno()).st_ino != os.stat(path).st_ino:
                continue
            try:
                os.close(os.open(path + ".lock", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
            except FileExistsError:
                fcntl.lockf(box, fcntl.LOCK_UN)
                time.sleep(random.uniform(0.0005, 0.01)); continue
            try:
                text = f"From {tag}@example.org  Thu Jan  1 00:00:00 1970\nSubject: {tag}-{number}\n\n"
                text += f"{tag} line of message {number}\n" * (1 + number % 40) + "the end\n\n"
                for part in (text[: len(text) // 2], text[len(text) // 2 :]):
                    box.write(part.encode()); box.flush()
                break
            finally:
                os.unlink(path + ".lock")
'''

PYTHON_LOCKER = r'''
import mailbox, os, random, sys, time
path, tag, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
for number in range(1, count + 1):
    while True:
        box = mailbox.mbox(path)
        try:
            box.lock()
        except mailbox.ExternalClashError:
            # Its close() would unlock what it has not locked, and so remove another's lock file.
            box._file.close()
            time.sleep(random.uniform(0.0005, 0.01)); continue
        if os.fstat(box._file.fileno()).st_ino != os.stat(path).st_ino:
            box.unlock(); box._file.close(); continue
        break
    text = f"Subject: {tag}-{number}\n\n" + f"{tag} line of message {number}\n" * (1 + number % 40) + "the end\n"
    box.add(text)
    box.flush()
    box.unlock()
    box._file.close()
'''


@case("mailboxes: five appenders with different locks on one mbox, none lost, none torn", seconds=240)
def lock_soak():
    folder = work.folder("soak")
    path = folder / "mbox"
    path.touch()
    counts = {"ours": 2500, "postfix": 1000, "debian": 1000, "python": 300, "procmail": 200}
    scripts = {"postfix": POSTFIX_LOCKER, "debian": DEBIAN_LOCKER, "python": PYTHON_LOCKER}
    processes = {
        "ours": work.start(
            [program("mailbox-store"), "append", path, str(counts["ours"]), "ours"],
            folder / "ours.log",
            stdout=subprocess.DEVNULL,
        )
    }
    for tag, script in scripts.items():
        (folder / f"{tag}.py").write_text(script)
        command = ["python3", "-u", folder / f"{tag}.py", path, tag, str(counts[tag])]
        processes[tag] = work.start(command, folder / f"{tag}.log")
    for number in range(1, counts["procmail"] + 1):
        text = f"Subject: procmail-{number}\n\n" + f"procmail line of message {number}\n" * (1 + number % 40) + "the end\n"
        work.run(
            ["procmail", "-f", "procmail@example.org", f"DEFAULT={path}", "LOCKFILE", "LOCKSLEEP=1", "/dev/null"],
            stdin=text.encode(),
        )
    for tag, process in processes.items():
        equal(process.wait(200), 0, f"exit code of {tag}")
    check(not (folder / "mbox.lock").exists(), "a lock file stays behind")
    found = {tag: [] for tag in counts}
    for message in contents(path):
        head, _, body = message.partition(b"\n\n")
        subject = next(line for line in head.decode().splitlines() if line.startswith("Subject: "))
        tag, number = subject.removeprefix("Subject: ").split("-")
        check(body.endswith(b"the end\n"), f"{tag}-{number} is torn: {body[-40:]!r}")
        equal(body.count(b"\n"), 2 + int(number) % 40, f"lines of {tag}-{number}")
        found[tag].append(int(number))
    for tag, count in counts.items():
        equal(sorted(found[tag]), list(range(1, count + 1)), tag)
    return f"{sum(counts.values())} messages"


@case("mailboxes: SIGKILL at any moment, 200 times: what was acknowledged is there", seconds=240)
def killed():
    folder = work.folder("killed")
    chance = random.Random(7)
    for kind in ("mbox", "maildir"):
        path = folder / kind
        if kind == "maildir":
            maildir_of([], path)
        else:
            path.touch()
        acknowledged = []
        for run in range(100):
            tag = f"run{run}"
            process = work.start([program("mailbox-store"), "append", path, "1000", tag], folder / "log", stdout=subprocess.PIPE)
            deadline = time.monotonic() + chance.uniform(0.002, 0.05)
            while time.monotonic() < deadline:
                pass
            process.kill()
            acknowledged += process.stdout.read().decode().split("\n")[:-1]
            process.stdout.close()
            process.wait(10)
            # The next one need not wait until the lock file of the dead one is old.
            (folder / "mbox.lock").unlink(missing_ok=True)
        subjects = {}
        for message in contents(path):
            head, _, body = message.partition(b"\n\n")
            subject = head.decode().split("\n")[0].removeprefix("Subject: ")
            subjects[subject] = body
        lost = [name for name in acknowledged if not subjects.get(name, b"").endswith(b"the end\n")]
        equal(lost, [], f"{kind}: lost or torn, of {len(acknowledged)}")
        check(len(acknowledged) > 100, f"only {len(acknowledged)} were acknowledged")
    return f"{len(acknowledged)} messages in the last Maildir"

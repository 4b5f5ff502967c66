"""Writes fuzz seeds: what each side says in every transcript, as bytes.

python3 .ci/seeds.py FOLDER
"""

import pathlib
import sys

folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
count = 0
for path in sorted(pathlib.Path(".").glob("*/tests/transcripts/**/*.txt")):
    lines = path.read_text(encoding="utf-8").splitlines()
    for side in "CS":
        said = [line[3:] for line in lines if line[:3] in (f"{side}: ", f"{side}+ ")]
        if said:
            name = f"{count:04}-{path.stem}-{side}"
            (folder / name).write_bytes("".join(line + "\r\n" for line in said).encode())
            count += 1
print(f"{count} seeds")

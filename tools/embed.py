#!/usr/bin/env python3
"""Files of the web page into a C table, for apps/server/page/page.h.

    tools/embed.py OUTPUT.c FILE…

The table is ordered by name. An ETag is the start of the content's SHA-256.
"""
import hashlib
import sys
from pathlib import Path

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
PER_LINE = 24


def array(name, content):
    """The bytes as a C array; an empty file still needs an element."""
    numbers = [str(byte) for byte in content] or ["0"]
    lines = [",".join(numbers[i:i + PER_LINE]) for i in range(0, len(numbers), PER_LINE)]
    return f"static const unsigned char {name}[] = {{\n" + ",\n".join(lines) + "};\n"


def main():
    output, *names = sys.argv[1:]
    paths = sorted(map(Path, names), key=lambda path: path.name.encode())
    arrays, rows = [], []
    for i, path in enumerate(paths):
        content = path.read_bytes()
        etag = hashlib.sha256(content).hexdigest()[:16]
        arrays.append(array(f"file_{i}", content))
        rows.append(f'    {{"{path.name}", "{TYPES[path.suffix]}", "\\"{etag}\\"", file_{i}, '
                    f"{len(content)}}},\n")
    Path(output).write_text(
        "/* Made by tools/embed.py from apps/server/page: not to be edited. */\n"
        '#include "server/page/page.h"\n\n' + "\n".join(arrays)
        + "\nconst page_file page_files[] = {\n" + "".join(rows) + "};\n"
        f"const size_t n_page_files = {len(paths)};\n", encoding="utf-8")


if __name__ == "__main__":
    main()

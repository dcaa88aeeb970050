#!/usr/bin/env python3
"""Makes the manual page: the text of docs/man, the options and codes as the program has them.

    tools/man.py PROGRAM HEADER TEMPLATE OUTPUT
"""
import re
import subprocess
import sys
from pathlib import Path

STATUS = re.compile(r'XX\((\w+), (\d+), (\d+), (\d+), (\w+), "([^"]*)"\)')


def said_by(program, *arguments):
    """What the program prints."""
    return subprocess.run([program, *arguments], check=True, capture_output=True,
                          text=True).stdout.strip()


def exit_rows(header):
    """The exit codes of the status map in the public header, as rows of a table."""
    rows = {int(exit_code): message
            for _, _, _, exit_code, _, message in STATUS.findall(header)}
    if len(rows) < 10:
        raise ValueError("the status map was not found")
    return "\n".join(f"{code}\t{message}" for code, message in sorted(rows.items()))


def main():
    program, header, template, output = sys.argv[1:5]
    page = Path(template).read_text(encoding="utf-8")
    page = page.replace("@VERSION@", said_by(program, "version").split()[1])
    page = page.replace("@OPTIONS@", said_by(program, "help", "--as", "man"))
    page = page.replace("@EXITS@", exit_rows(Path(header).read_text(encoding="utf-8")))
    Path(output).write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

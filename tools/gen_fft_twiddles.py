#!/usr/bin/env python3
"""The roots of unity of the 400-point transform, as C tables.

    tools/gen_fft_twiddles.py FILE            writes FILE
    tools/gen_fft_twiddles.py --check FILE    exit 1 if FILE is not what would be written
"""
import math
import sys
from pathlib import Path

HEAD = """/*
 * Roots of unity exp(-2 pi i a b / n) as {real, imaginary}, by tools/gen_fft_twiddles.py: do not
 * edit.
 */
"""


def number(value):
    """A float literal that reads back as the nearest f32; no negative zero."""
    text = f"{value if abs(value) > 1e-15 else 0.0:.9g}"
    return text + ("f" if "." in text or "e" in text else ".0f")


def table(name, n, rows, columns):
    """static const float NAME[rows][columns][2]"""
    lines = [f"static const float {name}[{rows}][{columns}][2] = {{"]
    for a in range(rows):
        items = []
        for b in range(columns):
            angle = 2 * math.pi * (a * b % n) / n
            items.append(f"{{{number(math.cos(angle))}, {number(-math.sin(angle))}}}")
        lines.append("    {")
        for start in range(0, columns, 2):
            lines.append("        " + ", ".join(items[start:start + 2]) + ",")
        lines.append("    },")
    return "\n".join(lines + ["};", ""])


def main():
    arguments = sys.argv[1:]
    check = arguments[:1] == ["--check"]
    path = Path(arguments[1 if check else 0])
    text = HEAD + table("root400", 400, 25, 9) + "\n" + table("root25", 25, 5, 5)
    if not check:
        path.write_text(text, encoding="utf-8")
        return 0
    if path.read_text(encoding="utf-8") != text:
        print(f"{path}: stale; run tools/gen_fft_twiddles.py {path}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

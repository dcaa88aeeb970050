#!/usr/bin/env python3
"""Every header compiles alone: the public one as C11 and as C++11, those of src/ and apps/ as C11.

    tools/headers.py CC CXX     exit 1 and the compiler's own words for each that does not
"""
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def compiles(command, header):
    """Whether the compiler takes a file that holds nothing but this include."""
    text = f'#include "{header}"\n'
    run = subprocess.run([*command, "-fsyntax-only", "-Wall", "-Wextra", "-Wpedantic", "-Werror",
                          f"-I{ROOT / 'include'}", "-"], input=text, text=True,
                         capture_output=True, check=False)
    if run.returncode != 0:
        print(f"{header} does not compile alone ({' '.join(command)}):\n{run.stderr}")
    return run.returncode == 0


def main():
    c_compiler, cpp_compiler = sys.argv[1:3]
    as_c = [c_compiler, "-std=c11", "-D_POSIX_C_SOURCE=200809L", "-xc"]
    results = [compiles(as_c, "amanuensis.h"),
               compiles([cpp_compiler, "-std=c++11", "-xc++"], "amanuensis.h")]
    for tree in ("src", "apps"):
        for path in sorted((ROOT / tree).rglob("*.h")):
            header = path.relative_to(ROOT / tree).as_posix()
            results.append(compiles([*as_c, f"-I{ROOT / tree}"], header))
    print(f"headers: {sum(results)} of {len(results)} compile alone")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Include layers: who may see whom.

A file of src/ includes its own room and rooms of lower layers; apps see the public header, their
own room, apps/common and, the program, the server's rooms, which have layers of their own; every
third-party library is included by exactly one .c file of the library and one of the programs, so
that it can be replaced there; system headers are those of C and POSIX.

    tools/deps.py [ROOT]       prints FILE:LINE: message for every violation, exit 1 if any
    tools/deps.py --self-test  plants one violation of every rule in a scratch tree
"""
import re
import sys
import tempfile
from pathlib import Path

LAYERS = [
    ("base",),
    ("kernels", "audio", "text"),
    ("features", "model", "hub"),
    ("nn",),
    ("encoder", "decoder", "speech"),
    ("segments", "output"),
    ("engine",),
]
LAYER_OF = {room: level for level, rooms in enumerate(LAYERS) for room in rooms}
# The server's rooms; what lies in apps/server itself (routes.c, serve.c) sees them all.
SERVER_LAYERS = [
    ("base",),
    ("http", "store", "page"),
    ("access", "engine"),
    ("answers",),
    ("jobs",),
    ("handlers",),
    ("openai",),
]
SERVER_LAYER_OF = {room: level for level, rooms in enumerate(SERVER_LAYERS) for room in rooms}
PUBLIC = "amanuensis.h"

THIRD_PARTY = [
    ("FFmpeg", re.compile(r"lib(?:av|sw)\w+/")),
    ("Jansson", re.compile(r"jansson\.h$")),
    ("zlib", re.compile(r"zlib\.h$")),
    ("libcurl", re.compile(r"curl/")),
    ("libzip", re.compile(r"zip\.h$")),
    ("OpenSSL", re.compile(r"openssl/")),
    ("libmicrohttpd", re.compile(r"microhttpd\.h$")),
    ("SQLite", re.compile(r"sqlite3\.h$")),
    ("inih", re.compile(r"ini\.h$")),
    ("wslay", re.compile(r"wslay/")),
]
# A data structure the server's files speak in, not a system behind a door: any file of the room.
SHARED_THERE = {"Jansson": "apps/server/"}
SYSTEM = set("""
    assert.h complex.h ctype.h errno.h fenv.h float.h inttypes.h limits.h locale.h math.h
    malloc.h setjmp.h signal.h stdalign.h stdarg.h stdatomic.h stdbool.h stddef.h stdint.h stdio.h
    stdlib.h stdnoreturn.h string.h time.h wchar.h
    dirent.h fcntl.h poll.h pthread.h pwd.h sched.h spawn.h strings.h termios.h unistd.h
    arpa/inet.h netdb.h netinet/in.h sys/inotify.h sys/socket.h
    sys/file.h sys/ioctl.h sys/mman.h sys/random.h sys/resource.h sys/stat.h sys/statvfs.h
    sys/time.h sys/types.h sys/wait.h""".split())
# Intrinsics and CPU questions belong to the kernels alone.
MACHINE = {"immintrin.h", "x86intrin.h", "cpuid.h", "arm_neon.h", "sys/auxv.h", "asm/hwcap.h"}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def includes(path):
    """(line, kind, target) of every include of a file."""
    text = path.read_text(encoding="utf-8", errors="replace")
    text = re.sub(r"/\*.*?\*/", lambda m: re.sub(r"[^\n]", " ", m.group()), text, flags=re.DOTALL)
    return [(text.count("\n", 0, match.start(2)) + 1, match.group(1), match.group(2))
            for match in INCLUDE.finditer(text)]


def is_shared(name, target):
    """Whether the file may include this library without being the only one."""
    return any(pattern.match(target) and name.startswith(SHARED_THERE.get(library, "\0"))
               for library, pattern in THIRD_PARTY)


def check_system(name, target):
    """Why a <header> may not stand here, or None. Third-party ones are checked across files."""
    if any(pattern.match(target) for _, pattern in THIRD_PARTY):
        if name.endswith(".c") or is_shared(name, target):
            return None
        return f"third-party header {target} in a header"
    if target in MACHINE:
        return None if name.startswith("src/kernels/") else f"{target} outside the kernels"
    return None if target in SYSTEM else f"unknown header <{target}>"


def check_source(name, target):
    """Why a "header" may not stand in a file of src/, or None."""
    if target == PUBLIC:
        return None
    room, other = name.split("/")[1], target.split("/")[0]
    if room not in LAYER_OF:
        return f"room {room} has no layer"
    if "/" not in target or other not in LAYER_OF:
        return f'"{target}" is not "room/file.h"'
    if other != room and LAYER_OF[other] >= LAYER_OF[room]:
        return f"{room} (layer {LAYER_OF[room]}) includes {other} (layer {LAYER_OF[other]})"
    return None


def check_app(name, target):
    """Why a "header" may not stand in a file of apps/, or None."""
    room = name.split("/")[1]
    rooms = {room, "common"} | ({"server"} if room == "cli" else set())
    if target != PUBLIC and (target.split("/")[0] not in rooms or "/" not in target):
        return f'"{target}" is neither public, nor of {room}, nor of common'
    inner, other = name.split("/")[2], target.split("/")[1:-1]
    if room != "server" or not target.startswith("server/") or name.count("/") < 3:
        return None
    if inner not in SERVER_LAYER_OF:
        return f"the server's room {inner} has no layer"
    if not other or other[0] not in SERVER_LAYER_OF:
        return f'"{target}" is in no room of the server'
    if other[0] != inner and SERVER_LAYER_OF[other[0]] >= SERVER_LAYER_OF[inner]:
        return f"the server's {inner} includes {other[0]}, which is not below it"
    return None


def check(root):
    """Every violation under root, as printed lines, and how many files were read."""
    problems, users = [], {}
    paths = sorted(path for room in ("src", "apps", "include")
                   for path in (root / room).rglob("*") if path.suffix in {".c", ".h", ".inc"})
    for path in paths:
        name = path.relative_to(root).as_posix()
        for line, kind, target in includes(path):
            if kind == "<":
                problem = check_system(name, target)
                for library, pattern in THIRD_PARTY:
                    if pattern.match(target) and not is_shared(name, target):
                        users.setdefault((library, name.split("/")[0]), {})[name] = line
            elif name.startswith("include/"):
                problem = f'the public header includes "{target}"'
            elif name.startswith("src/"):
                problem = check_source(name, target)
            else:
                problem = check_app(name, target)
            if problem:
                problems.append(f"{name}:{line}: {problem}")
    for (library, _), files in users.items():
        for name, line in list(files.items())[1:]:
            problems.append(f"{name}:{line}: {library} is already included by {next(iter(files))}")
    return problems, len(paths)


def self_test():
    """Each planted include must be caught, and each lawful one passed."""
    planted = {
        "src/base/up.c": ('#include "audio/source.h"', "base (layer 0) includes audio"),
        "src/audio/side.c": ('#include "text/bpe.h"', "audio (layer 1) includes text"),
        "src/attic/x.c": ('#include "base/mem.h"', "room attic has no layer"),
        "src/nn/flat.c": ('#include "mem.h"', 'is not "room/file.h"'),
        "src/nn/odd.c": ("#include <windows.h>", "unknown header"),
        "src/nn/simd.c": ("#include <immintrin.h>", "outside the kernels"),
        "src/model/json.h": ("#include <jansson.h>", "third-party header jansson.h in a header"),
        "src/text/z2.c": ("#include <zlib.h>", "zlib is already included by"),
        "apps/server/http/up.c": ('#include "server/jobs/jobs.h"', "which is not below it"),
        "apps/server/loft/x.c": ('#include "server/base/clock.h"', "loft has no layer"),
        "apps/server/http/flat.c": ('#include "server/http.h"', "is in no room of the server"),
        "apps/cli/deep.c": ('#include "base/mem.h"', "neither public"),
        "include/amanuensis.h": ('#include "base/mem.h"', "the public header includes"),
    }
    lawful = {
        "src/model/fine.c": '#include "amanuensis.h"\n#include "base/mem.h"\n#include <stdio.h>\n'
                            '#include "model/other.h"\n/* #include "engine/x.h" */',
        "src/decoder/z1.c": "#include <zlib.h>",
        "src/kernels/x86/k.c": "#include <immintrin.h>",
        "apps/server/serve.c": '#include "server/openai/stream.h"\n#include "server/serve.h"',
        "apps/server/jobs/fine.c": '#include "server/base/clock.h"\n#include "common/heap.h"',
        "apps/cli/fine.c": '#include "common/options.h"\n#include "amanuensis.h"\n'
                           '#include "cli/print.h"',
    }
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        for name, text in {**{k: v[0] for k, v in planted.items()}, **lawful}.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text + "\n", encoding="utf-8")
        problems, _ = check(root)
    missed = [name for name, (_, message) in planted.items()
              if not any(line.startswith(name + ":") and message in line for line in problems)]
    false_alarms = [line for line in problems if line.startswith(tuple(lawful))]
    for line in missed + false_alarms:
        print(f"self-test: wrong: {line}")
    print(f"deps: self-test of {len(planted)} violations")
    return 1 if missed or false_alarms else 0


def main():
    if "--self-test" in sys.argv[1:]:
        return self_test()
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent).resolve()
    problems, n_files = check(root)
    for line in problems:
        print(line)
    print(f"deps: {len(problems)} problems in {n_files} files")
    return 1 if problems or n_files == 0 else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""House rules that a compiler does not check: sizes, complexity, banned calls, headers, paths.

    tools/lint.py [ROOT]       prints FILE:LINE: message for every violation, exit 1 if any
    tools/lint.py --self-test  plants one violation of every rule in a scratch tree

Exceptions are listed in EXEMPT, by name and with their reason.
"""
import re
import subprocess
import sys
import tempfile
from pathlib import Path

MAX_FILE_LINES = 800
MAX_FUNCTION_LINES = 100
MAX_COMPLEXITY = 20
MAX_COLUMNS = 100
MAX_BINARY_BYTES = 200 * 1024

# (file, function or rule): reason.
EXEMPT = {}

BANNED = {name: "banned call" for name in (
    "atoi atol atoll atof sprintf vsprintf strcpy strcat strtok strtok_r system popen gets rand "
    "srand localtime localtime_r alloca tmpnam mktemp").split()}
STRICT_NUMBERS = "strtol strtoll strtoul strtoull strtod strtof strtold".split()
HEAP = "malloc calloc realloc free aligned_alloc posix_memalign".split()
LIBRARY_SILENT = "printf puts putchar fprintf fputs exit _exit abort quick_exit perror".split()

# Files that wrap a restricted family, checked, for everybody else.
NUMBER_WRAPPERS = {"apps/common/options.c", "src/base/number.c"}
HEAP_WRAPPERS = {"src/base/mem.c", "apps/common/heap.c"}
ENVIRONMENT_ROOM = "apps/common/"

MACHINE_PATH = re.compile(r"(?<![\w.$)}])/(?:home|root|Users|work)/\w|[A-Z]:\\\\Users")
DECISION = re.compile(r"\b(?:if|for|while|case)\b|&&|\|\||\?")
KEYWORDS = {"if", "for", "while", "switch", "return", "sizeof", "do", "else", "defined"}
CONSOLE = re.compile(r"\bconsole\s*\.\s*\w+|\bdebugger\b")
# The page asks its own server alone. Names of XML vocabularies look like addresses and are none,
# and a hint to the user may name this machine.
NETWORK = re.compile(r"(?:\b(?:https?|wss?):|[\"'`])//(?!www\.w3\.org/|localhost\b)\w")
C_FILES = (".c", ".h", ".inc")
TEXT_FILES = C_FILES + (".js", ".py", ".sh", ".md", ".txt", ".build", ".in", ".tsv", ".1")


def tracked_files(root):
    """Files git knows or would add; every file in a tree without git."""
    try:
        listing = subprocess.run(
            ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others",
             "--exclude-standard"], check=True, capture_output=True).stdout
        names = [name for name in listing.decode().split("\0") if name]
    except (subprocess.CalledProcessError, FileNotFoundError):
        names = [str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()]
    return sorted(name for name in names
                  if (root / name).is_file() and not name.startswith("build"))


def blank(text):
    """Spaces in place of all but newlines, so that positions stay."""
    return re.sub(r"[^\n]", " ", text)


def code_only(text):
    """C source with comments, literals and preprocessor lines blanked."""
    pattern = re.compile(
        r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.DOTALL)
    text = pattern.sub(lambda match: blank(match.group()), text)
    return re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", lambda match: blank(match.group()), text,
                  flags=re.MULTILINE)


def functions(code):
    """(name, first line, last line, body) of every function defined at file level."""
    depth, start, line = 0, 0, 1
    head = 0  # where the text since the last ; or } at file level begins
    found = []
    for position, char in enumerate(code):
        if char == "\n":
            line += 1
        elif char == "{":
            if depth == 0:
                start = position
            depth += 1
        elif char == "}":
            depth -= 1
            if depth == 0:
                name = function_name(code[head:start])
                if name:
                    body = code[start:position + 1]
                    found.append((name, line - body.count("\n"), line, body))
                head = position + 1
        elif char == ";" and depth == 0:
            head = position + 1
    return found


def function_name(head):
    """The name in front of the last parameter list, or None for a table or a type."""
    head = re.sub(r"__attribute__\s*\(\(.*?\)\)", "", head, flags=re.DOTALL).rstrip()
    if not head.endswith(")"):
        return None
    match = re.search(r"(\w+)\s*\(", head)
    return match.group(1) if match and match.group(1) not in KEYWORDS else None


def check_code(name, text, report):
    """Rules of C sources: functions, calls, guard, header comment."""
    if not text.lstrip().startswith("/*"):
        report(name, 1, "no file header comment")
    code = code_only(text)
    for function, first, last, body in functions(code):
        if (name, function) in EXEMPT:
            continue
        if last - first + 1 > MAX_FUNCTION_LINES:
            report(name, first, f"{function} has {last - first + 1} lines")
        complexity = 1 + len(DECISION.findall(body))
        if complexity > MAX_COMPLEXITY:
            report(name, first, f"{function} has complexity {complexity}")
    if name.startswith(("src/", "apps/")):
        check_calls(name, code, report)
    if name.endswith(".h"):
        check_guard(name, text, report)


def check_calls(name, code, report):
    """Calls that are banned, or kept to one room."""
    restricted = dict(BANNED)
    if name not in NUMBER_WRAPPERS:
        restricted.update({call: "unchecked number parser" for call in STRICT_NUMBERS})
    if name not in HEAP_WRAPPERS:
        restricted.update({call: "heap call outside base/mem.c" for call in HEAP})
    if name.startswith("src/"):
        restricted.update({call: "the library never prints or exits" for call in LIBRARY_SILENT})
    if not name.startswith(ENVIRONMENT_ROOM):
        restricted["getenv"] = f"environment outside {ENVIRONMENT_ROOM}"
    for match in re.finditer(r"(?<![\w.>])(\w+)\s*\(", code):
        call = match.group(1)
        if call in restricted and (name, call) not in EXEMPT:
            report(name, code.count("\n", 0, match.start()) + 1, f"{call}: {restricted[call]}")


def check_guard(name, text, report):
    """#ifndef, #define with the name the path gives; in tests/ the folder may be left out."""
    path = re.sub(r"^(?:src|apps|include)/", "", name)
    guard = re.sub(r"\W", "_", path).upper()
    if not guard.startswith("AMANUENSIS"):
        guard = "AM_" + guard
    short = "AM_TESTS_" + re.sub(r"\W", "_", Path(name).name).upper()
    accepted = f"{guard}|{short}" if name.startswith("tests/") else guard
    if not re.search(rf"^#ifndef ({accepted})\n#define \1$", text, re.MULTILINE):
        report(name, 1, f"no header guard {guard}")


def check_text(name, text, report):
    """Rules of every text file: length, width, blanks, paths."""
    lines = text.split("\n")
    source = name.endswith(C_FILES + (".js", ".py", ".sh"))
    if source and len(lines) - 1 > MAX_FILE_LINES and (name, "lines") not in EXEMPT:
        report(name, 1, f"{len(lines) - 1} lines")
    for number, line in enumerate(lines, 1):
        if source and len(line) > MAX_COLUMNS and (name, "columns") not in EXEMPT:
            report(name, number, f"{len(line)} columns")
        if line != line.rstrip() and not name.endswith((".exact", ".tsv")):
            report(name, number, "trailing white space")
        if MACHINE_PATH.search(line) and (name, "path") not in EXEMPT:
            report(name, number, "path of a machine")
    if text and not text.endswith("\n"):
        report(name, len(lines), "no newline at the end")


def check_script(name, text, report):
    """Rules of the page's modules: no tabs, nothing printed, nothing from the network."""
    if not text.lstrip().startswith(("/*", "//")):
        report(name, 1, "no file header comment")
    for number, line in enumerate(text.split("\n"), 1):
        if "\t" in line:
            report(name, number, "tab")
        if CONSOLE.search(line):
            report(name, number, "debugging output")
        if NETWORK.search(line):
            report(name, number, "address in the network")


def check_names(names, report):
    """File names of C sources are unique in the tree."""
    seen = {}
    for name in names:
        base = Path(name).name
        if not name.endswith(C_FILES):
            continue
        if base in seen:
            report(name, 1, f"same file name as {seen[base]}")
        seen[base] = name


def lint(root):
    """Every violation under root, as printed lines."""
    problems = []

    def report(name, line, message):
        problems.append(f"{name}:{line}: {message}")

    names = tracked_files(root)
    if not names:
        report(str(root), 1, "no files")
    for name in names:
        content = (root / name).read_bytes()
        if b"\0" in content or not name.endswith(TEXT_FILES):
            if b"\0" in content and len(content) > MAX_BINARY_BYTES:
                report(name, 1, f"binary of {len(content)} bytes")
            continue
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError:
            if len(content) > MAX_BINARY_BYTES:
                report(name, 1, f"binary of {len(content)} bytes")
            continue
        check_text(name, text, report)
        if name.endswith((".c", ".h")):
            check_code(name, text, report)
        if name.endswith(".js"):
            check_script(name, text, report)
        if name.endswith(".py") and not re.match(r'(#!.*\n)?(r?""")', text):
            report(name, 1, "no file header comment")
    check_names(names, report)
    return problems


def self_test():
    """Each planted file must be caught with its message, and a clean file must not."""
    head = "/* What. */\n"
    body = "    x++;\n"
    planted = {
        "src/a/long.c": (head + "\n" * 800, "lines"),
        "src/a/fat.c": (head + "int fat(int x) {\n" + body * 100 + "}\n", "fat has 102 lines"),
        "src/a/knot.c": (head + "static int knot(int x) {\n" + "    if (x && 1) x++;\n" * 10
                         + "}\n", "knot has complexity 21"),
        "src/a/wide.c": (head + "/* " + "w" * 100 + " */\n", "columns"),
        "src/a/ban.c": (head + "void f(void) {\n    sprintf(0, 0);\n}\n", "sprintf: banned call"),
        "src/a/number.c": (head + "void f(void) {\n    strtol(0, 0, 0);\n}\n", "unchecked number"),
        "src/a/heap.c": (head + "void f(void) {\n    free(0);\n}\n", "heap call"),
        "src/a/loud.c": (head + "void f(void) {\n    printf(0);\n}\n", "never prints"),
        "src/a/env.c": (head + "void f(void) {\n    getenv(0);\n}\n", "environment outside"),
        "src/a/guard.h": (head + "#ifndef X\n#define X\n#endif\n", "no header guard AM_A_GUARD_H"),
        "src/a/bare.c": ("int x;\n", "no file header comment"),
        "src/a/blank.c": (head + "int x; \n", "trailing white space"),
        "src/a/path.c": (head + 'char *x = "/ho' + 'me/me";\n', "path of a machine"),
        "src/a/end.c": (head + "int x;", "no newline"),
        "src/b/bare.c": (head, "same file name"),
        "data/big.bin": ("\0" * (MAX_BINARY_BYTES + 1), "binary of"),
        "page/long.js": ("// What.\n" + "\n" * 800, "lines"),
        "page/wide.js": ("// " + "w" * 100 + "\n", "columns"),
        "page/blank.js": ("// What. \n", "trailing white space"),
        "page/bare.js": ("let x;\n", "no file header comment"),
        "page/tab.js": ("// What.\n\tlet x;\n", "tab"),
        "page/loud.js": ("// What.\nconsole.log(1);\n", "debugging output"),
        "page/far.js": ("// What.\nfetch('https://example.org/a');\n", "address in the network"),
        "page/near.js": ("// What.\nfetch('//example.org/a');\n", "address in the network"),
        "tools/bare.py": ("x = 1\n", "no file header comment"),
    }
    clean = {"src/a/clean.c": head + '/* getenv( */ const char *x = "free(";\n'
                              "struct s { int system; };\nstatic const int t[] = {1, 2};\n"
                              "int f(struct s *s) {\n    return s->system;\n}\n",
             "page/clean.js": "// What.\nconst svg = 'http://www.w3.org/2000/svg';  // its name\n"
                              "fetch('status');\n"}
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        for name, content in {**{k: v[0] for k, v in planted.items()}, **clean}.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(content, encoding="utf-8")
        problems = lint(root)
    missed = [f"{name}: {message}" for name, (_, message) in planted.items()
              if not any(line.startswith(name + ":") and message in line for line in problems)]
    false_alarms = [line for line in problems if line.startswith(tuple(clean))]
    for line in missed:
        print(f"self-test: not caught: {line}")
    for line in false_alarms:
        print(f"self-test: false alarm: {line}")
    print(f"lint: self-test of {len(planted)} violations")
    return 1 if missed or false_alarms else 0


def main():
    if "--self-test" in sys.argv[1:]:
        return self_test()
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent).resolve()
    problems = lint(root)
    for line in problems:
        print(line)
    print(f"lint: {len(problems)} problems in {len(tracked_files(root))} files")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

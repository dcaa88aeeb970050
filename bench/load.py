#!/usr/bin/env python3
"""Load on loopback: many clients at once with real clips of 2 to 60 s, beside the program's own
throughput on the same clips and, with --peer, faster-whisper behind FastAPI.

    bench/load.py PROGRAM --model FOLDER [--clients 200] [--seconds 300] [--warm_up 20]
                  [--seed 1] [--beam_size 5] [--peer [--peer_seconds 60] [--peer_options …]]
                  [-- OPTION …]

Options behind -- go to `serve` alone. Each client picks a clip by a seeded generator (classes of
length equally often), sends it to /v1/audio/transcriptions over a connection it keeps, and
compares the text with the one that the program gives for the clip; 429 is counted, and the request
is sent again after Retry-After.

The program's own throughput is measured before and after, on an idle machine, with the same
options, over clips drawn as the clients draw them: as a list of files, one after another in one
session, and joined to one recording whose windows fill the batch.

The exit code is 0 when there was no 5xx and no broken connection, every text was right, resident
memory at the end is within 5 % of that after the warm-up, and seconds of audio per second are at
least 90 % of the program's over the list of files.
"""
import argparse
import csv
import os
import random
import re
import shlex
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "tests" / "http")]

import harness  # noqa: E402
import load_clients  # noqa: E402
import tool_venv  # noqa: E402  (found through the line above)

GROUPS = ("english/", "speakers/ami_30s/")
PATH = "/v1/audio/transcriptions"
DRAWN = 120            # clips of the program's own measurement
RSS_MARGIN = 0.05
THROUGHPUT_GOAL = 0.90


def find_clips():
    """English recordings of 2 to 60 s in the shared data."""
    shared = harness.shared_folder()
    if shared is None:
        sys.exit("load: the shared data is needed: AMANUENSIS_SHARED")
    with open(shared / "audio/manifest.tsv", encoding="utf-8", newline="") as manifest:
        rows = list(csv.DictReader(manifest, delimiter="\t"))
    return [load_clients.Clip(shared / "audio" / row["path"], float(row["seconds"]))
            for row in rows if row["path"].startswith(GROUPS) and
            1.95 <= float(row["seconds"]) <= 60]


class Program:
    """What the program gives for the clips by itself, and how fast."""

    def __init__(self, arguments, scratch):
        self.options = ["--model", arguments.model, "--language", "en", "--beam_size",
                        str(arguments.beam_size)]
        self.command = [arguments.program, "transcribe", "--quiet", *self.options]
        self.scratch = scratch

    def texts(self, clips):
        """Sets the text of every clip."""
        folder = self.scratch / "texts"
        folder.mkdir()
        subprocess.run([*self.command, "-f", "txt", "-o", folder, *(c.path for c in clips)],
                       check=True)
        for clip in clips:
            text = (folder / f"{clip.path.stem}.txt").read_text(encoding="utf-8")
            clip.text = load_clients.words(text)

    def draw(self, clips, seed):
        """Clips as the clients draw them; DRAWN of them, and joined."""
        chance = random.Random(f"{seed} own")
        kinds = [[c for c in clips if c.kind == name] for _, name in load_clients.CLASSES]
        self.drawn = [chance.choice(chance.choice(kinds)) for _ in range(DRAWN)]
        self.joined = self.scratch / "joined.wav"
        inputs = [word for clip in self.drawn for word in ("-i", str(clip.path))]
        subprocess.run(["ffmpeg", "-v", "error", *inputs, "-filter_complex",
                        f"concat=n={DRAWN}:v=0:a=1", "-ac", "1", "-ar", "16000", self.joined],
                       check=True)

    def rates(self):
        """(over the list of files, joined): seconds of audio per second, the model's loading
        taken off."""
        seconds = sum(clip.seconds for clip in self.drawn)
        loading = self.clock([self.drawn[0].path])
        folder = self.scratch / "own"
        folder.mkdir(exist_ok=True)
        listed = self.clock([clip.path for clip in self.drawn], "-f", "txt", "-o", folder)
        joined = self.clock([self.joined])
        one = self.drawn[0].seconds
        return (seconds - one) / (listed - loading), (seconds - one) / (joined - loading)

    def clock(self, paths, *options):
        """Seconds one run takes."""
        start = time.monotonic()
        subprocess.run([*self.command, *options, *paths], check=True, stdout=subprocess.DEVNULL)
        return time.monotonic() - start


class Watch(threading.Thread):
    """/metrics twice a second: queue and resident memory over time."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server, self.samples, self.over = server, [], threading.Event()
        self.start()

    def run(self):
        while not self.over.wait(0.5):
            text = self.server.request("GET", "/metrics").text
            value = {name: float(found) for name, found in
                     re.findall(r"^(\w+) ([-+0-9.e]+)$", text, re.MULTILINE)}
            self.samples.append((time.monotonic(), value["amanuensis_queue_active"],
                                 value["amanuensis_queue_waiting"],
                                 value["process_resident_memory_bytes"] / 2**20,
                                 value["process_cpu_seconds_total"], value["amanuensis_threads"]))

    def between(self, start, end):
        """Samples of that time, column by column."""
        return list(zip(*(row for row in self.samples if start <= row[0] <= end)))


def percentiles(latencies):
    """Median, 95th and 99th percentile in words."""
    if len(latencies) < 2:
        return f"{len(latencies)} only"
    cuts = statistics.quantiles(latencies, n=100, method="inclusive")
    return f"p50 {cuts[49]:.2f} s, p95 {cuts[94]:.2f} s, p99 {cuts[98]:.2f} s"


def print_tally(title, tally, rate):
    """Counts, latencies and rate of one server."""
    shown = ", ".join(f"{status}: {n}" for status, n in sorted(tally.statuses.items(), key=str))
    print(f"\n{title}: {tally.n_done()} transcriptions; statuses {shown}; "
          f"{tally.n_wrong} texts differ; {rate:.1f} s of audio per second")
    for name, latencies in tally.latencies.items():
        print(f"    {name:>11}: {len(latencies):5}  {percentiles(latencies)}")
    everything = [latency for latencies in tally.latencies.values() for latency in latencies]
    print(f"    {'all':>11}: {len(everything):5}  {percentiles(everything)}")
    for line in tally.faults:
        print(f"    ! {line}")


def lone_latency(server, clip, fields):
    """The median over HTTP of one short clip with nobody else there."""
    body, kind = load_clients.form(clip, fields)
    seconds = []
    for _ in range(9):
        start = time.monotonic()
        server.request("POST", PATH, body, {"Content-Type": kind})
        seconds.append(time.monotonic() - start)
    return statistics.median(seconds)


def load(arguments, program, clips):
    """Our server under load: (its seconds of audio per second, whether it kept the rules)."""
    options = [*program.options, *arguments.serve_options]
    with harness.Server(arguments.program, *options) as server:
        short = min(clips, key=lambda clip: abs(clip.seconds - 2))
        alone = lone_latency(server, short, ())
        watch = Watch(server)
        clients = load_clients.Clients((server.host, server.port), PATH, clips, arguments.clients,
                                       arguments.seed)
        time.sleep(arguments.warm_up)
        start = time.monotonic()
        time.sleep(arguments.seconds)
        end = time.monotonic()
        rate = clients.tally.rate(start, end)
        clients.stop()
        watch.over.set()
        watch.join()
    tally = clients.tally
    print_tally("amanuensis serve", tally, rate)
    when, active, waiting, rss, cpu, threads = watch.between(start, end)
    tenth = max(1, len(rss) // 10)
    first, last = statistics.mean(rss[:tenth]), statistics.mean(rss[-tenth:])
    print(f"    queue: active mean {statistics.mean(active):.1f}, waiting mean "
          f"{statistics.mean(waiting):.1f}, most {max(waiting):.0f}; threads {max(threads):.0f}; "
          f"{(cpu[-1] - cpu[0]) / (when[-1] - when[0]):.2f} cores busy")
    print(f"    resident: {first:.0f} MB after the warm-up, {last:.0f} MB at the end "
          f"({100 * (last / first - 1):+.1f} %)")
    print(f"    one clip of {short.seconds:.1f} s with nobody else there: {1e3 * alone:.0f} ms")
    bad = [s for s in tally.statuses if s == "broken" or s >= 500]
    return rate, {"no 5xx, no broken connection": not bad,
                  "every text as the program's": tally.n_wrong == 0 and tally.n_done() > 0,
                  "memory flat": abs(last / first - 1) <= RSS_MARGIN}


def load_peer(arguments, clips):
    """The peer under the same load, for a while: its seconds of audio per second."""
    import socket
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    python = tool_venv.ensure("load-peer")
    script = Path(__file__).with_name("load_peer.py")
    process = subprocess.Popen(
        [python, script, "--model", arguments.model, "--port", str(port), "--beam_size",
         str(arguments.beam_size), *shlex.split(arguments.peer_options)])
    try:
        while True:
            if process.poll() is not None:
                sys.exit("load: the peer ended")
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.1)
        for clip in clips:
            clip.text = None  # its own
        clients = load_clients.Clients(("127.0.0.1", port), PATH, clips, arguments.clients,
                                       arguments.seed)
        time.sleep(arguments.warm_up)
        start = time.monotonic()
        time.sleep(arguments.peer_seconds)
        rate = clients.tally.rate(start, time.monotonic())
        clients.stop()
    finally:
        process.terminate()
        process.wait()
    print_tally("faster-whisper behind FastAPI", clients.tally, rate)
    return rate


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", type=lambda text: str(Path(text).resolve()))
    parser.add_argument("--model", required=True)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--warm_up", type=float, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--beam_size", type=int, default=5)
    parser.add_argument("--peer", action="store_true")
    parser.add_argument("--peer_seconds", type=float, default=60)
    parser.add_argument("--peer_options", default="")
    parser.add_argument("serve_options", nargs="*", metavar="OPTION", help="of serve, behind --")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    clips = find_clips()
    print(f"{len(clips)} clips, {sum(c.seconds for c in clips):.0f} s; {arguments.clients} "
          f"clients, {arguments.seconds:.0f} s; {os.cpu_count()} cores; {arguments.model}")
    with tempfile.TemporaryDirectory() as scratch:
        program = Program(arguments, Path(scratch))
        program.texts(clips)
        program.draw(clips, arguments.seed)
        before = program.rates()
        rate, goals = load(arguments, program, clips)
        after = program.rates()
    listed, joined = ((a + b) / 2 for a, b in zip(before, after))
    print(f"    the program: {listed:.1f} over the list of files ({before[0]:.1f} before, "
          f"{after[0]:.1f} after), {joined:.1f} joined to one ({before[1]:.1f}, {after[1]:.1f})")
    print(f"    the server gives {100 * rate / listed:.0f} % of the first, "
          f"{100 * rate / joined:.0f} % of the second")
    goals["throughput"] = rate >= THROUGHPUT_GOAL * listed
    if arguments.peer:
        print(f"    {rate / load_peer(arguments, clips):.1f} times the peer's")
    for goal, held in goals.items():
        print(f"{'held' if held else 'MISSED'}: {goal}")
    return 0 if all(goals.values()) else 1


if __name__ == "__main__":
    sys.exit(main())

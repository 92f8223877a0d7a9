#!/usr/bin/env python3
"""Fanfare beside its peers: the same sink, bytes, headers and number of connections, in one run.

Every peer sends what Fanfare sends: a delivery is captured from it first. Rounds are interleaved
(each peer once, then again), figures are medians. A peer with all its processes runs on one core;
nginx, and whoever publishes to the peer, on the other. What counts as delivered is what nginx
received, whatever a peer says of itself."""

import argparse
import json
import os
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "Support"))
import publishing
import rounds
from broker import ROOT
from events import say
from plot import draw
from senders import EVERYONE, Fanfare, Wrk
from table import Report

WORK = pathlib.Path(tempfile.gettempdir()) / "fanfare-peers"
PAGE = ROOT / "Documentation/performance.md"
PARTS = ["main", "single", "sizes", "publish"]
PLOT = ROOT / "Documentation/peers.svg"


def parts(options, everyone):
    """(name, function) of every part of the run that was asked for."""
    main = [peer for peer in everyone if not options.peers
            or any(word in peer.name.lower() for word in options.peers)]
    pair = [peer for peer in everyone if type(peer) in (Wrk, Fanfare)]
    works = [rounds.Work(main, tls=True), rounds.Work(main, tls=False),
             rounds.Work(pair, tls=True, fan_out=1)]
    for payload in (4 << 10, 64 << 10):
        works += [rounds.Work(pair, tls=tls, payload=payload) for tls in (True, False)]
    chosen = {"main": works[:2], "single": works[2:3], "sizes": works[3:]}
    return [work for name in chosen for work in chosen[name] if name in options.parts]


def main():
    parser = argparse.ArgumentParser(
        prog="Benchmarks/Peers/run", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4, help="of each peer in each round")
    parser.add_argument("--parts", nargs="+", default=PARTS, choices=PARTS,
                        help="only these; nothing is written")
    parser.add_argument("--peers", nargs="+", metavar="WORD",
                        help="only peers whose name has one of these words; nothing is written")
    parser.add_argument("--unpinned", action="store_true",
                        help="let the system choose the cores")
    parser.add_argument("--quick", action="store_true",
                        help="one round of a second, the main part; nothing is written")
    parser.add_argument("--no-write", action="store_true",
                        help=f"leave {PAGE.relative_to(ROOT)} as it is")
    parser.add_argument("--json", type=pathlib.Path, help="write every round's figures here")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds, options.parts = 1, 1, ["main"]
    options.peers = [word.lower() for word in options.peers or []]
    cores = None if options.unpinned or len(os.sched_getaffinity(0)) < 2 else (
        sorted(os.sched_getaffinity(0))[:2])
    WORK.mkdir(parents=True, exist_ok=True)

    everyone, absent = [], []
    for kind in EVERYONE:
        peer = kind()
        missing = peer.missing()
        if missing is None:
            everyone.append(peer)
        else:
            absent.append((peer.name, missing))
            say(f"{peer.name}: not measured: {missing}")
    if not any(type(peer) is Fanfare for peer in everyone):
        sys.exit(69)
    works = parts(options, everyone)
    for work in works:
        rounds.measure(work, options, WORK, cores)
    published = publishing.measure(options, WORK, cores) if "publish" in options.parts else None

    report = Report(works, published, absent, options, cores)
    say("\n" + report.text())
    if options.json:
        options.json.write_text(json.dumps(report.plain(), indent=1))
    whole = set(options.parts) == set(PARTS) and not options.peers
    if whole and not (options.quick or options.no_write):
        report.write(PAGE)
        PLOT.write_text(draw(works))
        say(f"written to {PAGE.relative_to(ROOT)} and {PLOT.relative_to(ROOT)}")
    sys.exit(1 if any(work.failed for work in works) else 0)


if __name__ == "__main__":
    main()

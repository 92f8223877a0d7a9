#!/usr/bin/env python3
"""Measures storage: ratio, backlogs, restarts, full disks, failing syncs. See `run --help`."""

import argparse
import base64
import contextlib
import json
import pathlib
import random
import re
import signal
import string
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "Support"))
from broker import BINARY, Broker, Publisher
from events import Feeder, drawn, say
from sink import Sink

WORK = pathlib.Path(tempfile.gettempdir()) / "fanfare-storage"
BATCH = 64


class Peak:
    """The resident memory of a broker, looked at four times a second."""

    def __init__(self, broker):
        self.broker = broker
        self.mib = 0.0
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.stopping.wait(0.25):
            try:
                self.mib = max(self.mib, self.broker.resident_mib())
            except (OSError, IndexError):
                pass

    def stop(self):
        self.stopping.set()
        self.thread.join()
        return self.mib


def wait_until(condition, seconds, each=0.1):
    """Seconds until `condition()` held, or None."""
    begun = time.time()
    while time.time() - begun < seconds:
        if condition():
            return time.time() - begun
        time.sleep(each)
    return None


def file_bytes(folder, pattern):
    total = 0
    for file in pathlib.Path(folder).glob(pattern):
        # The broker removes some while they are counted.
        with contextlib.suppress(FileNotFoundError):
            total += file.stat().st_size
    return total


# Ratio

def measure_ratio(options):
    """How small the log and the spool become, on corpus events drawn at random."""
    broker = Broker(WORK / "data", journal_retention="2s").clear().start()
    sink = Sink(WORK / "nginx", 1)
    try:
        broker.add_endpoints([sink.endpoint(0, ["github.*"])])
        batches = drawn(lambda n: "github.check_run", BATCH)
        seconds = Feeder(broker.socket, BATCH).feed(batches, options.events)
        status = broker.json("status")["journal"]
        say(f"ratio: journal {status['plainBytes'] / status['bytes']:.1f} × under load "
            f"({options.events / seconds:,.0f} events/s, {status['plainBytes'] / seconds / 1e6:,.0f} MB/s plain)")
        spooled = wait_until(lambda: broker.metric("fanfare_spool_disk_bytes") > 0, 120)
        if spooled is None:
            say("ratio: nothing was moved to the spool within 120 s")
            return False
        size = 0
        while size < (now := broker.metric("fanfare_spool_disk_bytes")):
            size = now
            time.sleep(5)
        plain = broker.metric("fanfare_spool_disk_plain_bytes")
        say(f"ratio: spool {plain / size:.1f} × ({plain / 2**20:,.0f} MiB in {size / 2**20:,.1f})")
        return broker.pending() == options.events
    finally:
        broker.stop()


# Backlogs

class Backlog:
    """A kind of backlog: who waits, and for what."""

    def __init__(self, endpoints, events, types_of, type_of, fail_share=0, **more):
        self.endpoints = endpoints
        self.events = events
        self.types_of = types_of
        self.type_of = type_of
        self.fail_share = fail_share
        self.more = more

    @property
    def deliveries(self):
        """Pending ones, once all is published."""
        matching = self.endpoints if self.types_of(0) == ["job.same"] else 1
        return self.events * matching


def backlogs(scale):
    def count(number):
        return max(BATCH, int(number * scale) // BATCH * BATCH)
    many = max(10, int(10_000 * scale))
    return {
        # Endpoints that each wait for events of their own.
        "sparse": Backlog(many, many * 100 // BATCH * BATCH, lambda e: [f"job.k{e}"],
                          lambda n: f"job.k{n % many}"),
        # Endpoints that all wait for the same events.
        "same": Backlog(many, count(100_000), lambda e: ["job.same"], lambda n: "job.same"),
        # One endpoint that waits for very many.
        "deep": Backlog(1, count(10_000_000), lambda e: ["job.same"], lambda n: "job.same"),
        # As many endpoints as a dense backlog has when a region is down.
        "dense": Backlog(16, count(100_000), lambda e: ["job.same"], lambda n: "job.same"),
    }


def publish_rate(broker, batches, events):
    """Acknowledged a second, while one healthy endpoint gets all of it."""
    rate = events / Feeder(broker.socket, BATCH).feed(batches, events)
    return rate


def lag(broker, seconds, rate=300):
    """From publishing to the receipt by another endpoint, and to the acknowledgement, in ms.

    Publisher and endpoint are those of `fanfare bench`. They stand for other machines, and so go
    before everything else on this one, where that may be asked for."""
    first = ["chrt", "-f", "5"]
    if subprocess.run([*first, "true"], capture_output=True).returncode:
        first = []
    found = json.loads(subprocess.run(
        [*first, BINARY, "bench", "--data", str(broker.data), "--endpoints", "1", "--rate", f"{rate}/s",
         "--duration", f"{seconds:.0f}s", "--warm-up", str(rate), "--json"],
        check=True, capture_output=True).stdout)

    def shares(kind):
        return " / ".join(f"{found[kind + 'Seconds'][share] * 1e3:.2f}" for share in ("p50", "p99", "max"))
    return (f"{shares('lag')} ms (acknowledged {shares('ack')} ms; an fdatasync beside it "
            f"{shares('fdatasync')} ms)")


def measure_backlog(options):
    """Endpoints down, memory and publishing meanwhile, and how fast all drains afterwards."""
    kind = backlogs(options.scale)[options.kind]
    healthy = Sink(WORK / "nginx-live", 1).start()
    sink = Sink(WORK / "nginx", kind.endpoints, log=False, nice=19)
    broker = Broker(WORK / "data", *options.serve, journal_max_bytes="40GB").clear().start()
    peak = Peak(broker)
    live = drawn(lambda n: "live.load", BATCH, seed=2)
    try:
        broker.add_endpoints([dict(healthy.endpoint(0, ["live.*"]), uid="live")])
        begun = time.time()
        broker.add_endpoints(sink.endpoint(e, kind.types_of(e))
                             for e in range(kind.endpoints))
        say(f"{options.kind}: {kind.endpoints:,} endpoints made in {time.time() - begun:.0f} s, "
            f"{broker.resident_mib():.0f} MiB resident")
        before = [publish_rate(broker, live, options.live) for _ in range(3)]
        broker.wait_empty(600)
        quiet = lag(broker, options.lag_seconds)
        batches = drawn(kind.type_of, BATCH, batches=max(200, kind.endpoints * 2 // BATCH))
        seconds = Feeder(broker.socket, BATCH).feed(batches, kind.events)
        pending = broker.pending()
        say(f"{options.kind}: {kind.events:,} events published at {kind.events / seconds:,.0f}/s; "
            f"{pending:,} deliveries pending, {broker.resident_mib():.0f} MiB resident")
        during = [publish_rate(broker, live, options.live) for _ in range(3)]
        wait_until(lambda: broker.pending() <= kind.deliveries, 600)
        say(f"{options.kind}: publishing {sorted(during)[1]:,.0f}/s with the backlog, "
            f"{sorted(before)[1]:,.0f}/s without: {sorted(during)[1] / sorted(before)[1]:.2f} ×")
        pending = broker.pending()
        cpu = sum(broker.cpu_seconds())
        read = broker.metric("fanfare_blocks_reread_total")
        sink.start()
        first = wait_until(lambda: broker.pending() < pending, 400)
        begun, left, cpu = time.time(), broker.pending(), sum(broker.cpu_seconds())
        others = lag(broker, options.lag_seconds)
        wait_until(lambda: broker.pending() == 0, options.drain_seconds, 0.5)
        took = time.time() - begun
        rest = broker.pending()
        used = (sum(broker.cpu_seconds()) - cpu) / max(1, left - rest) * 1e6
        say(f"{options.kind}: first delivery {first or -1:.0f} s after the return; then "
            f"{(left - rest) / took:,.0f} deliveries/s, {used:.1f} µs CPU each, over {took:.0f} s; "
            f"{rest:,} still pending")
        read = broker.metric("fanfare_blocks_reread_total") - read
        say(f"{options.kind}: {read:,.0f} blocks read, {read / (pending - rest):.3f} a delivery")
        say(f"{options.kind}: the other endpoint's lag p50 / p99 / max {others}; before {quiet}")
        direct = None
        if options.direct and rest == 0:
            begun = time.time()
            Feeder(broker.socket, BATCH).feed(batches, options.direct)
            broker.wait_empty(600)
            direct = options.direct * kind.deliveries / kind.events / (time.time() - begun)
            say(f"{options.kind}: delivered directly at {direct:,.0f}/s: the backlog drained at "
                f"{(left - rest) / took / direct:.2f} × that")
        say(f"{options.kind}: peak {peak.stop():.0f} MiB")
        return broker.process.poll() is None
    finally:
        broker.stop()
        sink.stop()
        healthy.stop()


def measure_failing(options):
    """An endpoint that fails 1 % of its messages for good, beside one that is well."""
    sink = Sink(WORK / "nginx", 1, log=False, fail_share=options.share).start()
    healthy = Sink(WORK / "nginx-live", 1, log=False).start()
    broker = Broker(WORK / "data").clear().start()
    peak = Peak(broker)
    try:
        broker.add_endpoints([sink.endpoint(0, ["job.*"]),
                              dict(healthy.endpoint(0, ["job.*"]), uid="live")])
        feeder = Feeder(broker.socket, BATCH)
        body = b'{"pad":"%s"}' % (b"x" * 490)
        batch = Publisher.command("PUBLISH", "job.completed", body) * BATCH
        begun, number = time.time(), 0
        while number < options.events:
            ahead = number / options.rate - (time.time() - begun)
            if ahead > 0:
                time.sleep(ahead)
            feeder.feed([batch], BATCH)
            number += BATCH
        depth = {}

        def settled():
            depth.update((line["name"], line["depth"]) for line in broker.spool()["endpoints"])
            return depth["live"] == 0 and depth["e0"] <= number * options.share * 1.05 + 64
        took = wait_until(settled, options.settle_seconds, 1)
        say(f"failing: {number:,} events at {number / (time.time() - begun):,.0f}/s, "
            f"{options.share:.0%} answered 422 at every attempt: depth {depth['e0']:,}, of the "
            f"endpoint that is well {depth['live']:,}; peak {peak.stop():.0f} MiB")
        return took is not None
    finally:
        broker.stop()
        sink.stop()
        healthy.stop()


# Restarts

def measure_recovery(options):
    """kill -9 with much journal and a backlog; how long until publishes are taken again."""
    sink = Sink(WORK / "nginx", 16)
    broker = Broker(WORK / "data", journal_max_bytes="60GB").clear().start()
    chosen = random.Random(1)
    bodies = [base64.b64encode(chosen.randbytes(12_000)) for _ in range(300)]
    try:
        broker.add_endpoints([sink.endpoint(e, ["job.*"]) for e in range(16)])
        batches = [b"".join(Publisher.command("PUBLISH", "job.completed", chosen.choice(bodies))
                            for _ in range(BATCH)) for _ in range(100)]
        feeder = Feeder(broker.socket, BATCH)
        goal = int(options.gib * 2**30)
        while file_bytes(broker.data, "*/*") < goal:
            feeder.feed(batches, BATCH * 200)
        before = {line["name"]: line for line in broker.spool()["endpoints"]}
        size = file_bytes(broker.data, "*/*") / 2**30
        broker.kill()
        subprocess.run("sync; echo 3 > /proc/sys/vm/drop_caches", shell=True, stderr=subprocess.DEVNULL)
        start = broker.log.stat().st_size
        begun = time.time()
        broker.launch()
        publisher = Publisher(broker.socket).connect(300)
        publisher.stream.sendall(publisher.command("PUBLISH", "job.completed", "{}"))
        reply = publisher.reply()
        took = time.time() - begun
        broker.wait_answering()
        after = {line["name"]: line for line in broker.spool()["endpoints"]}
        wrong = [name for name, line in before.items() if after[name]["depth"] != line["depth"] + 1]
        say(f"recovery: {size:.1f} GiB of log, {sum(l['depth'] for l in before.values()):,} deliveries "
            f"pending: a publish acknowledged {took:.2f} s after the start (promise "
            f"{2 + size:.1f} s); answer {reply}; endpoints with another depth: {len(wrong)}")
        with open(broker.log, "rb") as file:
            file.seek(start)
            for line in file.read().decode().splitlines()[:12]:
                say("  " + line)
        return took < 2 + size and not wrong
    finally:
        broker.stop()


# Disks that fail

def measure_full_disk(options):
    """A small file system fills up, with an endpoint down, and gets room again."""
    room = WORK / "small"
    room.mkdir(parents=True, exist_ok=True)
    subprocess.run(["umount", str(room)], stderr=subprocess.DEVNULL)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={options.mib}m", "tmpfs", str(room)]).returncode:
        say("full-disk: needs the right to mount a tmpfs")
        return False
    sink = Sink(WORK / "nginx", 2)
    live = Sink(WORK / "nginx-live", 1).start()
    broker = Broker(room / "data", journal_max_bytes="60GB")
    ballast = room / "ballast"
    ok = True
    try:
        ballast.write_bytes(bytes(64 << 20))
        broker.start()
        broker.add_endpoints([sink.endpoint(0, ["job.*"]), sink.endpoint(1, ["job.*"])])
        broker.add_endpoints([dict(live.endpoint(0, ["job.*"]), uid="live")])
        chosen = random.Random(1)
        body = base64.b64encode(chosen.randbytes(12_000))
        publisher = Publisher(broker.socket).connect()
        taken = 0
        begun = time.time()
        answer = None
        while time.time() - begun < 300:
            publisher.stream.sendall(publisher.command(
                "PUBLISH", "job.completed", base64.b64encode(chosen.randbytes(12_000))))
            answer = publisher.reply()
            if isinstance(answer, Exception):
                break
            taken += 1
        say(f"full-disk: {taken:,} taken, then: {answer}")
        ok = ok and str(answer).startswith("SPOOLFULL")
        # What was taken is delivered and recorded on the full disk.
        emptied = wait_until(lambda: next(l for l in broker.spool()["endpoints"]
                                          if l["name"] == "live")["depth"] == 0, 120)
        say(f"full-disk: the healthy endpoint had everything {emptied if emptied is None else round(emptied, 1)} s later; "
            f"broker {'runs' if broker.process.poll() is None else 'ENDED'}")
        ok = ok and emptied is not None
        ballast.unlink()
        begun = time.time()

        def accepted():
            publisher.stream.sendall(publisher.command("PUBLISH", "job.completed", body))
            return not isinstance(publisher.reply(), Exception)
        resumed = wait_until(accepted, 60, 0.05)
        say(f"full-disk: space came back; accepting again after {resumed if resumed is None else round(resumed, 2)} s")
        ok = ok and resumed is not None and resumed <= 5
        taken += 1
        broker.kill()
        broker.start()
        depth = {line["name"]: line["depth"] for line in broker.spool()["endpoints"]}
        say(f"full-disk: after kill -9 and a restart the two that are down wait for {depth['e0']:,} and "
            f"{depth['e1']:,} of {taken:,}")
        ok = ok and depth["e0"] == taken and depth["e1"] == taken
        sink.start()
        empty = broker.wait_empty(600)
        say(f"full-disk: all delivered {'NEVER' if empty is None else f'{empty:.0f} s later'}")
        return ok and empty is not None
    finally:
        if broker.process:
            broker.stop()
        sink.stop()
        live.stop()
        subprocess.run(["umount", "-l", str(room)])


def measure_audit(options):
    """By strace: each acknowledgement leaves after the fdatasync returned that covers its event."""
    broker = Broker(WORK / "data").clear().start()
    trace = WORK / "audit.txt"
    try:
        tracer = subprocess.Popen(
            ["strace", "-f", "-ttt", "-y", "-s", "200000", "-e", "trace=pwrite64,pwritev,write,writev,"
             "sendto,sendmsg,fdatasync", "-o", str(trace), "-p", str(broker.process.pid)],
            stderr=subprocess.DEVNULL)
        time.sleep(1)
        publisher = Publisher(broker.socket).connect()
        chosen = random.Random(1)
        names = []
        for _ in range(options.batches):
            # Random ids, which LZ4 can't shorten: the middle of each stands in the written bytes.
            ids = ["audit" + "".join(chosen.choices(string.ascii_letters + string.digits, k=40))
                   for _ in range(chosen.randint(1, 20))]
            publisher.stream.sendall(b"".join(publisher.command(
                "EMIT", "job.completed", '{"n":"%s"}' % name, "ID", name) for name in ids))
            for name in ids:
                if publisher.reply().decode() != name:
                    raise RuntimeError("a publish was refused")
            names += ids
        tracer.send_signal(signal.SIGINT)
        tracer.wait()
    finally:
        broker.stop()
    return audit(trace, names)


def audit(trace, names):
    """Walks the calls in order: written, then synced, then acknowledged."""
    middles = {name[10:40] for name in names}
    word = re.compile("(?=([A-Za-z0-9]{30}))")
    lines = open(trace, encoding="ascii", errors="replace").read().splitlines()

    def found(line):
        return middles.intersection(word.findall(line))

    def is_write(line):
        return "pwrite" in line and "/journal/" in line

    # By chance LZ4 does shorten one of some thousands; that one can't be followed.
    ever_written = set().union(*(found(line) for line in lines if is_write(line)))
    written, synced, pending = set(), set(), {}
    checked = early = 0
    for line in lines:
        thread = line.split(" ", 1)[0]
        if is_write(line):
            written |= found(line)
        elif "fdatasync(" in line and "/journal/" in line:
            # What was written before the call began is covered once it returns.
            pending[thread] = set(written)
            if "unfinished" not in line and "= 0" in line:
                synced |= pending.pop(thread)
        elif "fdatasync resumed" in line and "= 0" in line:
            synced |= pending.pop(thread, set())
        elif "$" in line and ("sendto(" in line or "sendmsg(" in line or "write(" in line):
            acknowledged = found(line) & ever_written
            checked += len(acknowledged)
            early += len(acknowledged - synced)
    say(f"audit: {len(names):,} events, {checked:,} followed from the write to the acknowledgement: "
        f"{early} acknowledged before an fdatasync that began after the write had returned")
    return early == 0 and checked >= 0.99 * len(names)


def measure_sync_failure(options):
    """EIO from fdatasync: exit 70, and nothing acknowledged is lost by the restart."""
    sink = Sink(WORK / "nginx", 1).start()
    ok = True
    try:
        for trial in range(options.trials):
            broker = Broker(WORK / "data").clear().start()
            broker.add_endpoints([sink.endpoint(0, ["job.*"])])
            tracer = subprocess.Popen(
                ["strace", "-f", "-e", "trace=fdatasync", "-e",
                 f"inject=fdatasync:error=EIO:when={5 + trial * 7}", "-o", "/dev/null", "-p",
                 str(broker.process.pid)], stderr=subprocess.DEVNULL)
            time.sleep(0.5)
            publisher = Publisher(broker.socket).connect()
            acknowledged = []
            try:
                for number in range(100_000):
                    name = f"s{trial}-{number}"
                    publisher.stream.sendall(publisher.command("EMIT", "job.completed", "{}", "ID", name))
                    reply = publisher.reply()
                    if isinstance(reply, Exception):
                        break
                    acknowledged.append(name)
            except OSError:
                pass
            code = broker.process.wait(30)
            tracer.wait(30)
            broker.start()
            broker.wait_empty(60)
            broker.stop()
            sink.reopen()
            seen = {line[1] for line in sink.lines(0)}
            lost = len(set(acknowledged) - seen)
            ok = ok and code == 70 and lost == 0 and len(acknowledged) > 0
            say(f"sync-failure {trial + 1}: exit {code}, {len(acknowledged)} acknowledged before, "
                f"lost {lost}")
        return ok
    finally:
        sink.stop()


PARTS = {"ratio": measure_ratio, "backlog": measure_backlog, "failing": measure_failing,
         "recovery": measure_recovery, "full-disk": measure_full_disk, "audit": measure_audit,
         "sync-failure": measure_sync_failure}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parts = parser.add_subparsers(dest="part", required=True)
    made = {name: parts.add_parser(name, help=part.__doc__.replace("%", "%%")) for name, part in PARTS.items()}
    made["ratio"].add_argument("--events", type=int, default=256_000)
    backlog = made["backlog"]
    backlog.add_argument("kind", choices=list(backlogs(1)))
    backlog.add_argument("--scale", type=float, default=1, help="of the backlog's size")
    backlog.add_argument("--live", type=int, default=64_000, help="events to measure publishing by")
    backlog.add_argument("--lag-seconds", type=float, default=10)
    backlog.add_argument("--drain-seconds", type=float, default=300)
    backlog.add_argument("--direct", type=int, default=0,
                         help="events to deliver directly afterwards, to compare")
    backlog.add_argument("--serve", action="append", default=[], help="a flag for `serve`")
    failing = made["failing"]
    failing.add_argument("--rate", type=float, default=1000)
    failing.add_argument("--events", type=int, default=60_000)
    failing.add_argument("--share", type=float, default=0.01, help="of messages that fail")
    failing.add_argument("--settle-seconds", type=float, default=60)
    made["recovery"].add_argument("--gib", type=float, default=10)
    made["full-disk"].add_argument("--mib", type=int, default=700)
    made["audit"].add_argument("--batches", type=int, default=300)
    made["sync-failure"].add_argument("--trials", type=int, default=10)
    options = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    sys.exit(0 if PARTS[options.part](options) else 1)


if __name__ == "__main__":
    main()

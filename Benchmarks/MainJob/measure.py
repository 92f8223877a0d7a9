#!/usr/bin/env python3
"""Measures the main job: publish, store, fan out, deliver. See `run --help`."""

import argparse
import collections
import pathlib
import random
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "Support"))
from broker import BINARY, Broker, Publisher
from capture import captured_delivery
from events import corpus, say
from generators import wrk
from sink import Sink

WORK = pathlib.Path(tempfile.gettempdir()) / "fanfare-measure"


def add_endpoints(broker, sink, types, *flags):
    ca = ["--ca", str(sink.certificate)] if sink.tls else []
    return [broker.add_endpoint(f"e{i}", sink.url(i), types, *ca, *flags)
            for i in range(sink.endpoints)]


def measure_corpus(options):
    """Every file to 16 endpoints: exactly once, byte for byte, signatures accepted."""
    from standardwebhooks import Webhook
    events = corpus()
    sink = Sink(WORK / "nginx", 16, bodies=True).start()
    broker = Broker(WORK / "data").clear().start()
    try:
        endpoints = add_endpoints(broker, sink, "github.*", "--format", "raw")
        publisher = Publisher(broker.socket).connect()
        ids = {}
        for name, body in events:
            publisher.stream.sendall(publisher.command("EMIT", name, body))
            ids[publisher.reply().decode()] = body
        took = broker.wait_empty(120)
    finally:
        broker.stop()
        sink.stop()
    wrong = collections.Counter()
    for index, endpoint in enumerate(endpoints):
        webhook = Webhook(endpoint["secret"])
        seen = collections.Counter()
        for _, event, timestamp, file, signature in sink.lines(index):
            seen[event] += 1
            body = pathlib.Path(file).read_bytes() if file != "-" else b""
            wrong["body"] += body != ids.get(event)
            try:
                webhook.verify(body, {"webhook-id": event, "webhook-timestamp": timestamp,
                                      "webhook-signature": signature})
            except Exception as problem:
                wrong["signature"] += 1
                say(f"e{index} {event}: {problem!r}")
        wrong["missing"] += len(set(ids) - set(seen))
        wrong["twice"] += sum(count - 1 for count in seen.values())
    say(f"corpus: {len(events)} events × 16 endpoints, empty after {took:.1f} s; missing "
        f"{wrong['missing']}, twice {wrong['twice']}, wrong bodies {wrong['body']}, signatures "
        f"refused {wrong['signature']}")
    return not any(wrong.values())


def measure_load(options):
    """redis-benchmark PUBLISH of 512 B at -P 64, to one and to 16 endpoints."""
    ok = True
    for count in options.endpoints:
        sink = Sink(WORK / "nginx", count, tls=not options.clear).start()
        broker = Broker(WORK / "data").clear().start()
        try:
            add_endpoints(broker, sink, "job.*")
            peak = [0.0]
            begun = time.time()
            cpu = sum(broker.cpu_seconds())
            bench = subprocess.Popen(
                ["redis-benchmark", "-s", broker.socket, "-n", str(options.events), "-P", "64",
                 "-c", "16", "-d", "512", "-q", "PUBLISH", "job.completed", "x" * 512],
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            while bench.poll() is None:
                peak[0] = max(peak[0], broker.resident_mib())
                time.sleep(0.2)
            published = time.time() - begun
            depth = broker.spool()["total"]["depth"]
            broker.wait_empty(3600, lambda: peak.__setitem__(0, max(peak[0], broker.resident_mib())))
            took = time.time() - begun
            cpu = sum(broker.cpu_seconds()) - cpu
            status = broker.json("status")
            threads = broker.threads()
        finally:
            broker.stop()
            sink.stop()
        lost = twice = 0
        # redis-benchmark rounds up to whole pipelines.
        accepted = status["events"]["accepted"]
        for index in range(count):
            seen = collections.Counter(line[1] for line in sink.lines(index))
            lost += accepted - len(seen)
            twice += sum(seen.values()) - len(seen)
        ok = ok and lost == 0 and accepted >= options.events
        say(f"load {'clear' if options.clear else 'TLS'}, {count} endpoints: "
            f"{options.events / published:,.0f} acknowledged/s, depth then {depth:,}, "
            f"{options.events * count / took:,.0f} delivered/s overall, lost {lost}, twice {twice}, "
            f"peak {peak[0]:.0f} MiB, CPU {cpu / options.events / count * 1e6:.1f} µs a delivery, "
            f"threads {{{', '.join(f'{k}: {v:.1f} s' for k, v in sorted(threads.items()) if v > 0.5)}}}, "
            f"journal {status['journal']['bytes'] / 2**20:.0f} MiB")
    return ok


class LoadThread(threading.Thread):
    """Publishes EMITs with ids of its own until told to stop; remembers what was acknowledged."""

    def __init__(self, path, prefix, rate, pipeline=64):
        super().__init__(daemon=True)
        self.publisher = Publisher(path)
        self.prefix = prefix
        self.rate = rate
        self.pipeline = pipeline
        self.acknowledged = set()
        self.stopping = False
        self.errors = collections.Counter()

    def run(self):
        number = 0
        open_ids = []
        connected = False
        begun = time.time()
        while not self.stopping or open_ids:
            try:
                if not connected:
                    self.publisher.connect()
                    connected = True
                while len(open_ids) < self.pipeline and not self.stopping:
                    open_ids.append(f"{self.prefix}-{number}")
                    number += 1
                wait = begun + number / self.rate - time.time()
                if wait > 0:
                    time.sleep(wait)
                batch = b"".join(Publisher.command(
                    "EMIT", "job.completed", f'{{"n":"{name}","pad":"{"x" * 450}"}}', "ID", name)
                    for name in open_ids)
                self.publisher.stream.sendall(batch)
                for name in list(open_ids):
                    reply = self.publisher.reply()
                    if isinstance(reply, Exception):
                        self.errors[str(reply)] += 1
                        continue
                    self.acknowledged.add(name)
                    open_ids.remove(name)
            except OSError:
                connected = False
                time.sleep(0.01)


def measure_kill(options):
    """kill -9 at random moments under load, restarting each time."""
    chosen = random.Random(options.seed)
    sink = Sink(WORK / "nginx", 16).start()
    broker = Broker(WORK / "data").clear().start()
    starts = []
    try:
        add_endpoints(broker, sink, "job.*")
        loads = [LoadThread(broker.socket, f"p{i}", options.rate / 2) for i in range(2)]
        for load in loads:
            load.start()
        for kill in range(options.kills):
            time.sleep(chosen.uniform(0.3, 2.5))
            broker.kill()
            broker.start()
            starts.append(broker.start_seconds)
            say(f"kill {kill + 1}/{options.kills}: ready again after {broker.start_seconds:.2f} s, "
                f"depth {broker.spool()['total']['depth']:,}")
        for load in loads:
            load.stopping = True
        for load in loads:
            load.join(120)
        empty = broker.wait_empty(900)
    finally:
        broker.stop()
        sink.stop()
    acknowledged = set().union(*(load.acknowledged for load in loads))
    lost = twice = delivered = 0
    for index in range(16):
        seen = collections.Counter(line[1] for line in sink.lines(index))
        lost += len(acknowledged - set(seen))
        twice += sum(count - 1 for count in seen.values())
        delivered += len(seen)
    say(f"kill: {options.kills} kills (seed {options.seed}), {len(acknowledged):,} acknowledged, "
        f"{delivered:,} delivered, lost {lost}, delivered twice {twice} "
        f"({twice / max(1, options.kills):.0f} a kill), longest restart {max(starts):.2f} s, "
        f"drained {'in %.1f s' % empty if empty is not None else 'NOT'}, "
        f"errors {sum((load.errors for load in loads), collections.Counter())}")
    return lost == 0 and empty is not None


def percentile(values, fraction):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * fraction))] if values else float("nan")


def paced(broker, rate, seconds):
    """Publishes at a fixed rate; returns id → time of sending."""
    publisher = Publisher(broker.socket).connect()
    sent = {}
    begun = time.time()
    for number in range(int(rate * seconds)):
        due = begun + number / rate
        wait = due - time.time()
        if wait > 0:
            time.sleep(wait)
        name = f"t{number}"
        sent[name] = due
        publisher.stream.sendall(publisher.command(
            "EMIT", "job.completed", '{"pad":"%s"}' % ("x" * 490), "ID", name))
        reply = publisher.reply()
        if isinstance(reply, Exception):
            raise reply
    return sent


def measure_isolation(options):
    """One of 16 endpoints down for a minute, one that answers after 10 s."""
    results = {}
    for faulty in (False, True):
        sink = Sink(WORK / "nginx", 16).start()
        late = Sink(WORK / "nginx-late", 1)
        broker = Broker(WORK / "data").clear().start()
        slow = None
        try:
            ca = ["--ca", str(sink.certificate)]
            good = range(14) if faulty else range(16)
            for index in good:
                broker.add_endpoint(f"e{index}", sink.url(index), "job.*", *ca)
            if faulty:
                broker.add_endpoint("down", late.url(0), "job.*", "--ca", str(late.certificate),
                                    "--retry", "exp:5s,x1,max=5s,for=10m")
                slow = subprocess.Popen(
                    [BINARY, "listen", "--tls", "--delay", "10s", "--subscribe", "job.*",
                     "--data", str(broker.data)],
                    stdout=open(WORK / "slow.log", "w"), stderr=subprocess.STDOUT)
                time.sleep(2)
            sent = paced(broker, options.rate, options.seconds)
            if faulty:
                for line in broker.spool()["endpoints"]:
                    if line["depth"]:
                        say(f"  {line['name']}: depth {line['depth']:,}, {line['bytes']:,} bytes "
                            f"({line['plainBytes']:,} plain), state {line['state']}, "
                            f"{line.get('lastError')}")
                late.start()
                slow.kill()
                slow.wait()
                name = next(line["name"] for line in broker.spool()["endpoints"]
                            if line["name"].startswith("listen-"))
                broker.run("endpoint", "edit", name, sink.url(14), *ca)
            empty = broker.wait_empty(300)
        finally:
            if slow and slow.poll() is None:
                slow.kill()
            broker.stop()
            sink.stop()
            late.stop()
        lags = [float(line[0]) - sent[line[1]] for i in range(14) for line in sink.lines(i)]
        results[faulty] = percentile(lags, 0.5), percentile(lags, 0.99)
        late_seen = len({line[1] for line in late.lines(0)}) if faulty else 0
        say(f"isolation {'with' if faulty else 'without'} faults: {len(lags):,} deliveries, lag p50 "
            f"{results[faulty][0] * 1e3:.1f} ms, p99 {results[faulty][1] * 1e3:.1f} ms; empty "
            f"{'after %.1f s' % empty if empty is not None else 'NEVER'}"
            + (f"; the one that was down got {late_seen:,} of {len(sent):,}" if faulty else ""))
    ratio = results[True][1] / results[False][1]
    say(f"isolation: p99 with faults is {ratio:.2f} × that without")
    return empty is not None


def measure_profile(options):
    """CPU per delivery beside wrk: same nginx, bytes, headers and number of connections."""
    for tls in (False, True):
        request = captured_delivery(WORK, "x" * 512, tls)
        sink = Sink(WORK / "nginx", 16, tls=tls, log=False).start()
        name = "TLS" if tls else "clear"
        rows = []
        try:
            for _ in range(options.rounds):
                requests, used = wrk(WORK, request, sink.url(0), 64, options.seconds)
                wrk_micros = used / requests * 1e6
                wrk_rate = requests / options.seconds
                broker = Broker(WORK / "data").clear().start()
                add_endpoints(broker, sink, "job.*", "--max-in-flight", "4")
                events = options.events
                cpu0, status0 = broker.cpu_seconds(), broker.json("status")
                begun = time.time()
                subprocess.run(
                    ["redis-benchmark", "-s", broker.socket, "-n", str(events), "-P", "64", "-c",
                     "16", "-q", "PUBLISH", "job.completed", "x" * 512],
                    capture_output=True, check=True)
                broker.wait_empty(600)
                took = time.time() - begun
                cpu1, status1 = broker.cpu_seconds(), broker.json("status")
                done = status1["deliveries"]["delivered"] - status0["deliveries"]["delivered"]
                user = (cpu1[0] - cpu0[0]) / done * 1e6
                system = (cpu1[1] - cpu0[1]) / done * 1e6
                threads = broker.threads()
                broker.stop()
                rows.append((user + system) / wrk_micros)
                say(f"profile {name}: wrk {wrk_micros:.2f} µs a request ({wrk_rate:,.0f}/s); Fanfare "
                    f"{user + system:.2f} µs a delivery (user {user:.2f}, system {system:.2f}; "
                    f"{done / took:,.0f}/s): {rows[-1]:.2f} × wrk; threads "
                    + ", ".join(f"{k} {v / done * 1e6:.2f}" for k, v in sorted(threads.items())
                                if v / done * 1e6 > 0.02))
            say(f"profile {name}: median {percentile(rows, 0.5):.2f} × wrk")
            trace_calls(sink, options)
        finally:
            sink.stop()
    return True


def trace_calls(sink, options):
    """System calls a delivery, counted by strace in a run of its own."""
    broker = Broker(WORK / "data").clear().start()
    add_endpoints(broker, sink, "job.*", "--max-in-flight", "4")
    out = WORK / "strace.txt"
    trace = subprocess.Popen(
        ["strace", "-c", "-f", "-S", "calls", "-o", str(out), "-p", str(broker.process.pid)],
        stderr=subprocess.DEVNULL)
    time.sleep(1)
    before = broker.json("status")["deliveries"]["delivered"]
    subprocess.run(["redis-benchmark", "-s", broker.socket, "-n", "20000", "-P", "64", "-c", "16",
                    "-q", "PUBLISH", "job.completed", "x" * 512], capture_output=True, check=True)
    broker.wait_empty(600)
    done = broker.json("status")["deliveries"]["delivered"] - before
    trace.send_signal(2)
    trace.wait()
    broker.stop()
    rows = []
    for line in out.read_text().splitlines():
        words = line.split()
        if len(words) >= 5 and words[0].replace(".", "").isdigit() and words[-1] != "total":
            rows.append((int(words[3]), words[-1]))
    total = sum(count for count, _ in rows)
    say(f"system calls a delivery: {total / max(done, 1):.3f} ("
        + ", ".join(f"{n} {c / max(done, 1):.3f}" for c, n in sorted(rows, reverse=True)[:8]) + ")")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parts = parser.add_subparsers(dest="part", required=True)
    parts.add_parser("corpus", help=measure_corpus.__doc__)
    load = parts.add_parser("load", help=measure_load.__doc__)
    load.add_argument("--events", type=int, default=1_000_000)
    load.add_argument("--endpoints", type=int, nargs="+", default=[1, 16])
    load.add_argument("--clear", action="store_true")
    kill = parts.add_parser("kill", help=measure_kill.__doc__)
    kill.add_argument("--kills", type=int, default=30)
    kill.add_argument("--seed", type=int, default=1)
    kill.add_argument("--rate", type=float, default=4000, help="events a second offered")
    isolation = parts.add_parser("isolation", help=measure_isolation.__doc__)
    isolation.add_argument("--rate", type=float, default=300)
    isolation.add_argument("--seconds", type=float, default=60)
    profile = parts.add_parser("profile", help=measure_profile.__doc__)
    profile.add_argument("--seconds", type=int, default=6)
    profile.add_argument("--events", type=int, default=60_000)
    profile.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    ok = {"corpus": measure_corpus, "load": measure_load, "kill": measure_kill,
          "isolation": measure_isolation, "profile": measure_profile}[options.part](options)
    sys.exit(0 if ok else 1)


if __name__ == "__main__":
    main()

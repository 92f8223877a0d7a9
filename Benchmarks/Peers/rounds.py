"""Rounds: each peer in turn, again and again, so that what the machine does hits all alike."""

import dataclasses
import hmac
import json
import os
import random
import statistics
import time

from capture import Capture, captured_delivery
from events import say
from senders.fanfare import Fanfare
from senders.peer import Job
from sink import Sink


@dataclasses.dataclass
class Figures:
    """What one peer did in one round."""

    deliveries: int
    seconds: float
    cpu: float
    claimed: int | None

    @property
    def rate(self):
        return self.deliveries / self.seconds

    @property
    def micros(self):
        """CPU a delivery."""
        return self.cpu / self.deliveries * 1e6

    @property
    def busy(self):
        """Share of the client's core."""
        return self.cpu / self.seconds


@dataclasses.dataclass
class Work:
    """One kind of deliveries, the peers that make them, and what came of it."""

    peers: list
    tls: bool
    fan_out: int = 16
    payload: int = 512
    connections: int = 64
    request: object = None
    # Seconds of a core that hashing such a body takes, once.
    signing: float = 0.0
    # By peer's name: the figures of each round; the first request it sent; what went wrong.
    figures: dict = dataclasses.field(default_factory=dict)
    sent: dict = dataclasses.field(default_factory=dict)
    failed: dict = dataclasses.field(default_factory=dict)

    @property
    def title(self):
        size = f"{self.payload} B" if self.payload < 1024 else f"{self.payload >> 10} KiB"
        return (f"{'TLS' if self.tls else 'clear'}, fan-out {self.fan_out}, "
                f"{self.connections} connections, {size}")

    def median(self, name, key):
        return statistics.median(getattr(figures, key) for figures in self.figures[name])

    def ratio(self, name, base, key):
        """Median over the rounds of one peer's figure to another's in the same round."""
        pairs = zip(self.figures[name], self.figures[base])
        return statistics.median(getattr(a, key) / getattr(b, key) for a, b in pairs)

    def has(self, *names):
        """Whether these were measured in every round."""
        return all(self.figures.get(name) and name not in self.failed for name in names)


def made_payload(size):
    """A JSON text of so many bytes, as a build server might send it; two numbers in it vary."""
    chosen = random.Random(size)
    steps = []
    text = ""
    while True:
        steps.append({"step": f"{chosen.choice(['fetch', 'build', 'test', 'pack'])}-{len(steps)}",
                      "ms": chosen.randrange(10, 99999), "sha": f"{chosen.getrandbits(96):024x}"})
        longer = json.dumps({"job": "__rand_int__", "run": "__rand_int__", "state": "completed",
                             "steps": steps, "pad": ""}, separators=(",", ":"))
        if len(longer) > size:
            break
        text = longer
    return text[:-2] + "x" * (size - len(text)) + '"}'


def measure(work, options, folder, cores):
    """All rounds of one kind of work."""
    payload = made_payload(work.payload)
    plain = payload.replace("__rand_int__", "000000123456")
    work.request = captured_delivery(folder, plain, work.tls)
    sink = Sink(folder / "nginx", 16, tls=work.tls, log=False).start()
    core, other = cores or (None, None)
    if cores:
        sink.pin(other)
        # This program feeds some of the peers.
        os.sched_setaffinity(0, {other})
    work.signing = signing_seconds(work.request.body)
    job = Job(sink, work.request, payload, work.fan_out, work.connections, folder, core, other)
    try:
        check(work, job)
        for number in range(options.rounds):
            for peer in work.peers:
                if peer.name in work.failed:
                    continue
                try:
                    figures = one(peer, job, options.seconds)
                except (RuntimeError, OSError) as problem:
                    work.failed[peer.name] = str(problem)
                    say(f"{work.title}: {peer.name} FAILED: {problem}")
                    continue
                work.figures.setdefault(peer.name, []).append(figures)
                say(f"{work.title}, round {number + 1}: {peer.name} {figures.rate:,.0f}/s, "
                    f"{figures.micros:.2f} µs, core {figures.busy:.0%} busy, "
                    f"{figures.deliveries:,} arrived, {figures.claimed} claimed")
    finally:
        if cores:
            os.sched_setaffinity(0, cores)
        sink.stop()


def signing_seconds(body):
    """What HMAC-SHA256 of a body takes by OpenSSL, without what it takes to call it."""
    def seconds(text):
        turns, begun = 0, time.process_time()
        while time.process_time() - begun < 0.3:
            for _ in range(100):
                hmac.digest(b"k" * 24, text, "sha256")
            turns += 100
        return (time.process_time() - begun) / turns

    return seconds(body) - seconds(b"")


def one(peer, job, seconds):
    """One round of one peer: CPU by the kernel, deliveries by the sink."""
    try:
        peer.open(job)
        peer.warm_up()
        arrived, cpu, begun = job.sink.requests(), peer.cpu(), time.monotonic()
        claimed = peer.send(seconds)
        took = time.monotonic() - begun
        figures = Figures(
            job.sink.requests() - arrived, peer.lasted or took, peer.cpu() - cpu, claimed)
    finally:
        peer.close()
    if figures.deliveries == 0:
        raise RuntimeError("nothing arrived at the sink")
    # What was on its way at the end may be counted on one side only.
    if claimed is not None and abs(claimed - figures.deliveries) > 2 * job.connections:
        raise RuntimeError(f"it says {claimed:,} deliveries; {figures.deliveries:,} arrived")
    return figures


def check(work, job):
    """Does every peer send what Fanfare sends? Its first request is captured and compared."""
    work.sent[Fanfare.name] = work.request
    for peer in work.peers:
        if isinstance(peer, Fanfare):
            continue
        capture = Capture(job.folder / "capture", work.tls)
        trial = dataclasses.replace(job, sink=capture, fan_out=1, connections=2)
        try:
            try:
                peer.open(trial)
                if hasattr(peer, "feed"):
                    peer.deliver(2)
                else:
                    peer.send(1)
            finally:
                peer.close()
        except (RuntimeError, OSError) as problem:
            work.failed[peer.name] = str(problem)
            say(f"{work.title}: {peer.name} FAILED: {problem}")
            continue
        finally:
            capture.stop()
        work.sent[peer.name] = capture.request
        for difference in work.request.differences(capture.request):
            say(f"{work.title}: {peer.name} {difference}")

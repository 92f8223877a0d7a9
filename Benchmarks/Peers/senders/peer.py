"""What every peer is asked to do, and with what."""

import dataclasses
import pathlib
import subprocess
import time

from processes import cpu_seconds, on_core


@dataclasses.dataclass
class Job:
    """Deliveries of one kind: to whom, what, over how many connections."""

    # A `Sink`, or a `Capture` in its place.
    sink: object
    # The delivery, as Fanfare sends it.
    request: object
    # What is published: text, in which redis-benchmark replaces `__rand_int__`.
    payload: str
    fan_out: int
    connections: int
    # A folder for whatever a peer needs.
    folder: pathlib.Path
    # The core of the peer, and that of nginx and of whoever publishes; None lets the system choose.
    core: int | None
    other_core: int | None

    @property
    def urls(self):
        """One of each endpoint, all of the same length."""
        return [self.sink.url(10 + number) for number in range(self.fan_out)]

    def write_request(self):
        """Lays the request down for senders that are programs; returns the two paths."""
        head, body = self.folder / "head", self.folder / "body"
        head.write_text("".join(f"{name}: {value}\n" for name, value in self.request.headers))
        body.write_bytes(self.request.body)
        return str(head), str(body)


class Peer:
    """Sends the deliveries of a job. This base: a program that runs as long as it is told to."""

    name = ""
    # How it is set up, in a sentence, for the table's notes.
    setup = ""

    def __init__(self):
        self.job = None
        # CPU seconds of processes that ended.
        self.used = 0.0
        # Those that live as long as the job.
        self.processes = []
        # Seconds from the first delivery of the last `send` to the last, when the peer settles
        # after that; else the whole of it counts.
        self.lasted = None

    def missing(self):
        """What has to be installed before this peer can run; None when nothing has."""
        return None

    def open(self, job):
        """Starts whatever lives as long as the job."""
        self.job = job

    def spawn(self, command, **streams):
        """Starts a process that ends with the job."""
        process = subprocess.Popen([*on_core(self.job.core), *command], **streams)
        self.processes.append(process)
        return process

    def close(self):
        """Ends it."""
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes = []

    def warm_up(self):
        """Sends a little that does not count."""

    def send(self, seconds):
        """Sends for about so long; returns when all of it was answered, with how many deliveries
        the peer says that were, None when it does not say."""
        raise NotImplementedError

    def cpu(self):
        """CPU seconds so far, user and system, of everything that belongs to the peer."""
        return self.used + sum(sum(cpu_seconds(process.pid)) for process in self.processes)


class Fed(Peer):
    """A peer that is given events, so many as it can deliver in the time asked for."""

    # Events of the warm-up.
    few = 500
    # How long nothing may arrive before it counts as lost.
    patience = 20

    def __init__(self):
        super().__init__()
        # Deliveries a second, as last seen; by the kind of job.
        self.rates = {}

    def feed(self, events):
        """Hands over so many events; may return before they are delivered."""
        raise NotImplementedError

    def claimed(self):
        """How many deliveries it says it has made so far; None when it does not say."""
        return None

    def warm_up(self):
        self.deliver(self.few)

    def send(self, seconds):
        before = self.claimed()
        self.deliver(max(1, int(self.rates[self.kind()] * seconds / self.job.fan_out)))
        return None if before is None else self.claimed() - before

    def kind(self):
        return self.job.sink.tls, self.job.fan_out, len(self.job.payload)

    def deliver(self, events):
        """Feeds events and waits until the sink has all their deliveries."""
        sink, goal = self.job.sink, events * self.job.fan_out
        start, begun = sink.requests(), time.monotonic()
        self.feed(events)
        seen, last = 0, time.monotonic()
        while seen < goal:
            time.sleep(0.02)
            now = sink.requests() - start
            if now > seen:
                seen, last = now, time.monotonic()
            elif time.monotonic() - last > self.patience:
                raise RuntimeError(f"{self.name}: {seen:,} of {goal:,} deliveries arrived, then "
                                   f"none for {self.patience} s")
        self.lasted = time.monotonic() - begun
        self.rates[self.kind()] = goal / self.lasted
        self.settle()

    def settle(self):
        """Waits until the peer has dealt with the last answers."""

"""Peers that are libraries: each has a small sender of its own, built by `run`."""

import os

from broker import ROOT
from processes import run_to_end

from .peer import Peer

BUILT = ROOT / ".build-peers"


class Program(Peer):
    path = BUILT

    def missing(self):
        return None if os.path.exists(self.path) else f"{self.path} was not built"

    def command(self, head, body, authority, seconds):
        raise NotImplementedError

    def send(self, seconds):
        job = self.job
        head, body = job.write_request()
        authority = str(job.sink.certificate) if job.sink.tls else "-"
        text, cpu = run_to_end(self.command(head, body, authority, seconds), job.core)
        self.used += cpu
        return int(text.split()[-1])

    def threads(self):
        return os.cpu_count() if self.job.core is None else 1


class Go(Program):
    name = "Go net/http"
    setup = ("one `Client`, `MaxIdleConnsPerHost` = connections, HTTP/2 off, answers read to the "
             "end; a goroutine a connection")
    path = BUILT / "go-sender"

    def command(self, head, body, authority, seconds):
        return [str(self.path), head, body, authority, str(self.job.connections), str(seconds),
                *self.job.urls]


class AsyncHTTPClient(Program):
    name = "async-http-client"
    setup = ("one `HTTPClient`, `.http1Only`, soft limit = connections, an event loop a core, "
             "tasks run by the event loops (SwiftNIO's global executor)")
    path = BUILT / "async-http-client/release/sender"

    def command(self, head, body, authority, seconds):
        return [str(self.path), head, body, authority, str(self.job.connections),
                str(seconds), str(self.threads()), *self.job.urls]

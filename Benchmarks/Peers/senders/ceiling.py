"""The ceiling: programs that post one request over and over, and do nothing else."""

import shutil

import generators

from .peer import Peer


class Generator(Peer):
    """A load generator of the system's packages."""

    package = ""

    def missing(self):
        return None if shutil.which(self.name) else f"apt-get install {self.package}"

    def send(self, seconds):
        job = self.job
        answered, cpu = getattr(generators, self.name)(
            job.folder, job.request, job.urls[0], job.connections, seconds, job.core)
        self.used += cpu
        return answered


class Wrk(Generator):
    name = "wrk"
    package = "wrk"
    setup = "one thread; one URL"


class H2load(Generator):
    name = "h2load"
    package = "nghttp2-client"
    setup = "`--h1`, one thread; one URL"

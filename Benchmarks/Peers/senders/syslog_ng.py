"""syslog-ng: lines from a unix socket, kept in disk buffers, posted by its http() destinations."""

import pathlib
import shutil
import socket
import subprocess
import time

from .peer import Fed

CONFIGURATION = """
@version: {version}
options {{
  threaded(yes); keep-hostname(yes); use-dns(no); use-fqdn(no); stats-freq(0);
  log-msg-size(262144); log-fifo-size(20000);
}};
source s {{
  unix-stream("{folder}/events.sock" flags(no-parse) log-iw-size(20000) log-fetch-limit(1000));
}};
{destinations}
log {{ source(s); {names} flags(flow-control); }};
"""

DESTINATION = """
destination d{number} {{
  http(url("{url}") method("POST") user-agent("{agent}") headers({headers}) body("$MSG")
    workers({workers}) batch-lines(1) timeout(30) persist-name("d{number}") {tls}
    disk-buffer(reliable({reliable}) {memory} disk-buf-size(1073741824) dir("{folder}")));
}};
"""


class SyslogNG(Fed):
    name = "syslog-ng"
    setup = ("an `http()` for each endpoint, `workers()` = its connections, one request an event, "
             "`disk-buffer(reliable(no))`, the faster kind by its manual: only what does not fit "
             "into memory goes to disk; flow control; lines from a `unix-stream()`")
    reliable = False
    few = 300

    def missing(self):
        modules = list(pathlib.Path("/usr/lib/syslog-ng").glob("*/libhttp.so"))
        if shutil.which("syslog-ng") and modules:
            return None
        return "apt-get install syslog-ng-core syslog-ng-mod-http"

    def open(self, job):
        super().open(job)
        folder = job.folder / "syslog-ng"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / "syslog-ng.conf").write_text(self.configuration(folder))
        command = ["syslog-ng", "-F", "--no-caps", "-f", str(folder / "syslog-ng.conf"), "-p",
                   str(folder / "pid"), "-c", str(folder / "control"), "-R",
                   str(folder / "persist")]
        self.log = folder / "log"
        with open(self.log, "ab") as log:
            self.process = self.spawn(command, stdout=log, stderr=log)
        self.stream = self.connect(folder / "events.sock")
        self.control = folder / "control"

    def configuration(self, folder):
        job = self.job
        agent = next(value for name, value in job.request.headers if name.lower() == "user-agent")
        # The last keeps libcurl from sending a field of its own.
        headers = ", ".join(quoted(f"{name}: {value}") for name, value in
                            [*job.request.headers, ("Accept", "")] if name.lower() != "user-agent")
        memory = "mem-buf-size(67108864)" if self.reliable else "mem-buf-length(20000)"
        destinations = "".join(DESTINATION.format(
            number=number, url=url, agent=agent, headers=headers, memory=memory, folder=folder,
            workers=max(1, job.connections // job.fan_out),
            reliable="yes" if self.reliable else "no",
            tls=f'tls(ca-file("{job.sink.certificate}") peer-verify(yes))' if job.sink.tls else "")
            for number, url in enumerate(job.urls))
        names = " ".join(f"destination(d{number});" for number in range(job.fan_out))
        version = subprocess.run(["syslog-ng", "-V"], capture_output=True, text=True,
                                 check=True).stdout.split("Config version: ")[1].split()[0]
        return CONFIGURATION.format(version=version, folder=folder, destinations=destinations,
                                    names=names)

    def connect(self, path):
        for _ in range(400):
            if self.process.poll() is not None:
                raise RuntimeError(f"syslog-ng ended: {self.log.read_text()[-2000:]}")
            try:
                stream = socket.socket(socket.AF_UNIX)
                stream.connect(str(path))
                return stream
            except OSError:
                stream.close()
                time.sleep(0.05)
        raise RuntimeError(f"syslog-ng does not listen: {self.log.read_text()[-2000:]}")

    def claimed(self):
        """Its own counter of what its destinations wrote."""
        text = subprocess.run(["syslog-ng-ctl", "stats", "-c", str(self.control)],
                              capture_output=True, text=True, check=True).stdout
        fields = [line.split(";") for line in text.splitlines()]
        return sum(int(field[5]) for field in fields
                   if field[0] == "dst.http" and field[4] == "written")

    def feed(self, events):
        line = self.job.request.body + b"\n"
        chunk = max(1, (1 << 18) // len(line))
        while events > 0:
            count = min(chunk, events)
            self.stream.sendall(line * count)
            events -= count


class SyslogNGReliable(SyslogNG):
    name = "syslog-ng, reliable"
    setup = "the same with `disk-buffer(reliable(yes))`: every message goes to disk first"
    reliable = True


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

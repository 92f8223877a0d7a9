"""Processes beside the broker: on which core they run, and what CPU they took."""

import os
import subprocess
import tempfile

TICKS = os.sysconf("SC_CLK_TCK")


def on_core(core):
    """What to put before a command so that it runs on this core only; nothing for None."""
    return [] if core is None else ["taskset", "-c", str(core)]


def cpu_seconds(pid):
    """User and system seconds of a whole process so far, threads that ended included."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return int(fields[11]) / TICKS, int(fields[12]) / TICKS


def run_to_end(command, core=None, seconds=120):
    """Runs a command to its end; returns its output and the CPU seconds of all its threads.

    Raises RuntimeError with what it said when it fails, or has not ended after `seconds`."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            [*on_core(core), "timeout", str(seconds), *command], stdout=output,
            stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read().decode(errors="replace")
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command[:3]))} … ended with {process.returncode}: "
                           f"{text[-2000:]}")
    return text, usage.ru_utime + usage.ru_stime

"""The load generators that deliveries are compared with: wrk, and h2load over HTTP/1.1."""

import re

from processes import run_to_end

# Reads the body from a file, so that no byte of it has to be quoted.
WRK_SCRIPT = """
wrk.method = "POST"
local file = assert(io.open({body}, "rb"))
wrk.body = file:read("*a")
file:close()
{headers}
"""


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def wrk(folder, request, url, connections, seconds, core=None):
    """Posts the captured request as fast as one thread can.

    Returns how many were answered and the CPU seconds that took."""
    (folder / "body").write_bytes(request.body)
    script = folder / "post.lua"
    script.write_text(WRK_SCRIPT.format(
        body=quoted(str(folder / "body")),
        headers="\n".join(f"wrk.headers[{quoted(name)}] = {quoted(value)}"
                          for name, value in request.headers)))
    text, cpu = run_to_end(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(script), url], core)
    if "Non-2xx" in text or "Socket errors" in text:
        raise RuntimeError(f"wrk: {text}")
    return int(re.search(r"(\d+) requests in", text)[1]), cpu


def h2load(folder, request, url, connections, seconds, core=None):
    """The same by h2load; returns the same."""
    (folder / "body").write_bytes(request.body)
    text, cpu = run_to_end(
        ["h2load", "--h1", "-t1", f"-c{connections}", f"-D{seconds}", "-d", str(folder / "body"),
         *(word for name, value in request.headers for word in ("-H", f"{name}: {value}")), url],
        core)
    done = re.search(r"(\d+) done, (\d+) succeeded, (\d+) failed", text)
    if not done or int(done[3]) > connections:
        raise RuntimeError(f"h2load: {text[-500:]}")
    return int(done[2]), cpu

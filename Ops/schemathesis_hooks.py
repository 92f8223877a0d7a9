"""What schemathesis cannot know: how a certificate and a retry schedule look, that nothing may leave
this machine, and that a missing token is told apart from an unknown one, after some of which the
broker says 429."""

import os
import re

import requests
import schemathesis
from hypothesis import strategies as st

with open(os.environ["FANFARE_CERTIFICATE"]) as file:
    schemathesis.openapi.format("pem-certificates", st.just(file.read()))

# 100 ms to 30 days each.
delay = st.one_of(
    st.integers(100, 2_592_000_000).map("{}ms".format),
    st.integers(1, 2_592_000).map("{}s".format),
    st.integers(1, 43_200).map("{}m".format),
    st.integers(1, 720).map("{}h".format),
    st.integers(1, 30).map("{}d".format),
)
# At most some 150 waits, of 256 that there may be.
growing = st.builds(
    "exp:{}s,x{},max={}h,for={}d".format,
    st.integers(600, 3600), st.integers(2, 100), st.integers(1, 720), st.integers(1, 6),
)
listed = st.lists(delay, min_size=1, max_size=256).map(",".join)
schemathesis.openapi.format("retry-schedule", st.one_of(listed, growing))

asked = set()


@schemathesis.hook
def before_call(context, case, kwargs):
    """Endpoints of this run are here, and refuse; a wrong URL stays as it is, to be refused."""
    if isinstance(case.body, dict) and isinstance(case.body.get("url"), str):
        schemas = case.operation.schema.raw_schema["components"]["schemas"]
        pattern = schemas["EndpointIn"]["properties"]["url"]["pattern"]
        if re.search(pattern, case.body["url"]):
            case.body["url"] = re.sub(r"://[^/?]*", "://localhost:9", case.body["url"], count=1)


@schemathesis.check
def needs_token(ctx, response, case):
    """What is under /api/ is for bearers only, but for health."""
    path = case.operation.path
    if case.operation.label in asked or not path.startswith("/api/") or "/health" in path:
        return
    asked.add(case.operation.label)
    answer = requests.request(case.method, response.request.url, timeout=10)
    assert answer.status_code == 401, f"without a token: {answer.status_code}"
    assert answer.headers["WWW-Authenticate"] == "Bearer"

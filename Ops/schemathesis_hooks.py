"""What schemathesis cannot know: how a certificate looks, that nothing may leave this machine, and
that a missing token is told apart from an unknown one, after some of which the broker says 429."""

import os
import re

import requests
import schemathesis
from hypothesis import strategies as st

with open(os.environ["FANFARE_CERTIFICATE"]) as file:
    schemathesis.openapi.format("pem-certificates", st.just(file.read()))

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

/// A whole story told by the official Svix client, as it comes from PyPI: a receiver that verifies by
/// Svix's own library, and every call that a team's program makes. It prints what it does, and ends
/// with status 0 only when all of it went as Svix's documentation says.
enum SvixStory {
  /// Arguments: URL, token, `own` (the story brings the secret) or `revealed` (it asks for it).
  static let program = """
    import datetime, http.server, json, sys, threading, time
    import httpx
    import svix.models as models
    from svix.api import ApplicationIn, EndpointIn, MessageIn, Svix, SvixOptions
    from svix.api.errors.http_error import HttpError
    from svix.api.errors.http_validation_error import HTTPValidationError
    from svix.api.message import MessageCreateOptions, MessageGetOptions, MessageListOptions
    from svix.api.message_attempt import MessageAttemptListByMsgOptions
    from svix.webhooks import Webhook

    url, token, mode = sys.argv[1:4]
    svix = Svix(token, SvixOptions(server_url=url))
    FIRST = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    SECOND = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"


    class Receiver(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        answer, requests = 204, []

        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            Receiver.requests.append((dict(self.headers), body))
            text = b"" if Receiver.answer == 204 else b"out of order"
            self.send_response(Receiver.answer)
            if text:
                self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *arguments):
            pass


    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()


    def say(*words):
        print(*words, flush=True)


    def eventually(what, condition, seconds=20):
        end = time.monotonic() + seconds
        while True:
            value = condition()
            if value:
                return value
            assert time.monotonic() < end, "not in time: " + what
            time.sleep(0.05)


    def arrival(msg):
        def find():
            for headers, body in Receiver.requests:
                if {k.lower(): v for k, v in headers.items()}["webhook-id"] == msg:
                    return headers, body
        return eventually("arrival of " + msg, find)


    def verify(secret, headers, body):
        Webhook(secret).verify(body, {k.lower(): v for k, v in headers.items()})
        return json.loads(body)


    def now():
        return datetime.datetime.now(datetime.timezone.utc)


    # Application.
    app = svix.application.create(ApplicationIn(name="Customer", uid="customer-1"))
    assert app.id.startswith("app_")
    assert svix.application.get_or_create(ApplicationIn(name="x", uid="customer-1")).id == app.id
    assert svix.application.get("customer-1") == app
    svix.application.patch("customer-1", models.ApplicationPatch(metadata={"tier": "gold"}))
    assert svix.application.get(app.id).metadata == {"tier": "gold"}
    say("application    ", app.id, "by uid customer-1, metadata patched")

    # Event type.
    svix.event_type.create(models.EventTypeIn(
        name="invoice.paid", description="An invoice has been paid.",
        schemas={"1": {"type": "object", "examples": [{"invoice": "example"}]}}))
    assert [e.name for e in svix.event_type.list().data] == ["invoice.paid"]
    say("event type      invoice.paid with a schema and an example")

    # Endpoint.
    target = "http://127.0.0.1:%d/hook" % server.server_port
    given = FIRST if mode == "own" else None
    endpoint = svix.endpoint.create("customer-1", EndpointIn(
        url=target, uid="main", description="the story", event_types=["invoice.paid"],
        secret=given))
    assert endpoint.id.startswith("ep_") and endpoint.event_types == ["invoice.paid"]
    assert [e.id for e in svix.endpoint.list("customer-1").data] == [endpoint.id]
    if mode == "own":
        secret = FIRST
        try:
            svix.endpoint.get_secret("customer-1", "main")
            raise AssertionError("the secret was shown")
        except HttpError as error:
            assert error.code == "insufficient access", error
        say("endpoint       ", endpoint.id, "with a secret of our own, which is not shown again")
    else:
        secret = svix.endpoint.get_secret("customer-1", "main").key
        assert secret.startswith("whsec_")
        say("endpoint       ", endpoint.id, "and its secret, as api.reveal-secrets allows")
    svix.endpoint.set_headers("customer-1", "main", models.EndpointHeadersIn(
        headers={"X-Story": "told"}))
    assert svix.endpoint.get_headers("customer-1", "main").sensitive == ["X-Story"]

    # Message.
    key = MessageCreateOptions(idempotency_key="once", with_content=True)
    message = svix.message.create("customer-1", MessageIn(
        event_type="invoice.paid", payload={"invoice": 1}), key)
    again = svix.message.create("customer-1", MessageIn(
        event_type="invoice.paid", payload={"invoice": 1}), key)
    assert again.id == message.id and message.payload == {"invoice": 1}
    headers, body = arrival(message.id)
    event = verify(secret, headers, body)
    assert event["type"] == "invoice.paid" and event["data"] == {"invoice": 1}, event
    assert headers["X-Story"] == "told"
    assert svix.message.get("customer-1", message.id).id == message.id
    say("message        ", message.id, "arrived once, verified by svix.webhooks; same idempotency "
        "key, same answer")

    # Attempts.
    attempts = eventually("the attempt is listed", lambda: svix.message_attempt.list_by_msg(
        "customer-1", message.id).data)
    assert len(attempts) == 1 and attempts[0].status_text == "success", attempts
    assert attempts[0].response_status_code == 204 and attempts[0].endpoint_id == endpoint.id
    assert svix.message_attempt.get("customer-1", message.id, attempts[0].id) == attempts[0]
    say("attempt        ", attempts[0].id, attempts[0].status_text,
        attempts[0].response_status_code, "in", attempts[0].response_duration_ms, "ms")

    # Resend.
    before = len(Receiver.requests)
    svix.message_attempt.resend("customer-1", message.id, "main")
    eventually("it comes again", lambda: len(Receiver.requests) > before)
    assert verify(secret, *Receiver.requests[-1])["data"] == {"invoice": 1}
    attempts = eventually("the second attempt is listed", lambda: [
        a for a in svix.message_attempt.list_by_endpoint("customer-1", "main").data
        if a.trigger_type == models.MessageAttemptTriggerType.MANUAL])
    assert attempts[0].msg_id == message.id
    say("resend          came again under the same id; its attempt is 'manual'")

    # Content that should not have been sent.
    secret_one = svix.message.create("customer-1", MessageIn(
        event_type="invoice.paid", payload={"card": "4111-planted"}))
    eventually("it arrives", lambda: b"4111-planted" in Receiver.requests[-1][1])
    svix.message.expunge_content("customer-1", secret_one.id)
    shown = svix.message.get("customer-1", secret_one.id, MessageGetOptions(with_content=True))
    assert shown.payload == {"expired": True}, shown
    try:
        svix.message_attempt.resend("customer-1", secret_one.id, "main")
        raise AssertionError("expunged content was sent again")
    except HttpError as error:
        assert error.status_code == 409, error
    say("expunge         ", secret_one.id, "shows", {"expired": True})

    # Example.
    example = svix.endpoint.send_example(
        "customer-1", "main", models.EventExampleIn(event_type="invoice.paid"))
    assert verify(secret, *arrival(example.id))["data"] == {"invoice": "example"}
    say("example        ", example.id, "from the schema")

    # Rotation: the old secret goes on for the grace period, then it is the new one's turn alone.
    svix.endpoint.rotate_secret("customer-1", "main", models.EndpointSecretRotateIn(
        key=SECOND, grace_period_seconds=3600))
    both = svix.message.create("customer-1", MessageIn(
        event_type="invoice.paid", payload={"invoice": 2}))
    headers, body = arrival(both.id)
    verify(secret, headers, body), verify(SECOND, headers, body)
    if mode == "revealed":
        assert svix.endpoint.get_secret("customer-1", "main").key == SECOND
    say("rotation        both secrets verify during the grace period")

    # Failure: everything fails on its own, is given up, and recovered when the receiver is well.
    since = now()
    httpx.patch(url + "/api/v1/app/customer-1/endpoint/main", json={"retry": "100ms"},
                headers={"authorization": "Bearer " + token}).raise_for_status()
    Receiver.answer = 400
    lost = svix.message.create("customer-1", MessageIn(
        event_type="invoice.paid", payload={"invoice": 3}))

    def failed():
        found = svix.message_attempt.list_attempted_messages("customer-1", "main").data
        return [m for m in found if m.id == lost.id and m.status_text == "fail"]

    eventually("it is given up", failed)
    failures = MessageAttemptListByMsgOptions(status=models.MessageStatus.FAIL)
    eventually("both attempts are listed", lambda: [400, 400] == [
        a.response_status_code
        for a in svix.message_attempt.list_by_msg("customer-1", lost.id, failures).data])
    eventually("the answer is kept", lambda: "out of order" in [
        a.response for a in svix.message_attempt.list_by_msg(
            "customer-1", lost.id, MessageAttemptListByMsgOptions(with_content=True)).data])
    say("failure         two attempts, 400, answer kept:", "out of order")
    Receiver.answer = 204
    before = len(Receiver.requests)
    task = svix.endpoint.recover("customer-1", "main", models.RecoverIn(since=since))
    assert task.id.startswith("qtask_") and task.task == "endpoint.recover"
    eventually("the task ends", lambda: svix.background_task.get(task.id).status == "finished")
    eventually("it is recovered", lambda: len(Receiver.requests) > before)
    headers, body = Receiver.requests[-1]
    assert verify(SECOND, headers, body)["data"] == {"invoice": 3}

    def recovered():
        found = svix.message_attempt.list_attempted_destinations("customer-1", lost.id).data
        return found[0].status_text == "success" and found[0].id == endpoint.id

    eventually("it is counted as delivered", recovered)
    say("recover        ", task.id, "sent again what had failed since the trouble began")

    # What a disabled endpoint missed.
    svix.endpoint.patch("customer-1", "main", models.EndpointPatch(disabled=True))
    missed = svix.message.create("customer-1", MessageIn(
        event_type="invoice.paid", payload={"invoice": 4}, event_id="invoice-4"))
    svix.endpoint.patch("customer-1", "main", models.EndpointPatch(disabled=False))
    svix.endpoint.replay_missing("customer-1", "main", models.ReplayIn(since=since))
    assert verify(SECOND, *arrival("invoice-4"))["data"] == {"invoice": 4}
    assert svix.message.get("customer-1", "invoice-4").event_id == "invoice-4"
    say("replay-missing  invoice-4, which came while the endpoint was disabled")

    # Lists in both directions.
    ids, iterator = [], None
    while True:
        page = svix.message.list("customer-1", MessageListOptions(limit=2, iterator=iterator))
        ids += [m.id for m in page.data]
        iterator = page.iterator
        if page.done:
            break
    assert ids == ["invoice-4", lost.id, both.id, example.id, secret_one.id, message.id], ids
    page = svix.message.list("customer-1", MessageListOptions(limit=2, iterator=iterator))
    assert page.data == [] and page.done
    stats = eventually("all is counted", lambda: (lambda s: s if s.success == 7 else None)(
        svix.endpoint.get_stats("customer-1", "main")))
    assert (stats.fail, stats.pending) == (1, 0), stats
    say("lists and stats", len(ids), "messages by pages of two;", stats.success, "deliveries made,",
        stats.fail, "given up")

    # A portal's token sees its application and nothing else.
    access = svix.authentication.app_portal_access("customer-1", models.AppPortalAccessIn())
    portal = Svix(access.token, SvixOptions(server_url=url))
    assert [e.uid for e in portal.endpoint.list("customer-1").data] == ["main"]
    for call in (portal.application.list, lambda: portal.endpoint.list("default"),
                 lambda: portal.application.delete("customer-1")):
        try:
            call()
            raise AssertionError("a portal's token went too far")
        except HttpError as error:
            assert error.code == "insufficient access", error
    portal.authentication.logout()
    try:
        portal.endpoint.list("customer-1")
        raise AssertionError("a token that was logged out is good")
    except HttpError as error:
        assert error.code == "authentication_failed", error
    say("portal          sees its application only, until it logs out")

    # Errors are Svix's.
    try:
        svix.endpoint.create("customer-1", EndpointIn(url="no url"))
        raise AssertionError("taken")
    except HTTPValidationError as error:
        assert error.detail[0].loc == ["body", "url"], error
    try:
        svix.endpoint.get("customer-1", "nothing")
        raise AssertionError("found")
    except HttpError as error:
        assert error.code == "not_found", error
    svix.endpoint.delete("customer-1", "main")
    svix.application.delete("customer-1")
    svix.health.get()
    say("the end         endpoint and application removed, the broker is well")
    """
}

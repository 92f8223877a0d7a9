import Admin
import Broker
import Catalog
import HTTPTypes
import Testing

/// Goal: each error has the status that the contract gives it, and a known path says its methods.
/// Method: by table.
struct ErrorTests {
  @Test(arguments: [
    (ControlError.notFound("x"), 404, "not_found"),
    (.invalid(field: "url", "x"), 422, "validation"),
    (.conflict("x"), 409, "conflict"), (.unavailable("x"), 503, "unavailable"),
    (.forbidden("x"), 403, "insufficient access"), (.spoolFull, 503, "spool_full"),
    (.tooLarge("x"), 413, "payload_too_large"), (.internalFailure("x"), 500, "server_error"),
  ])
  func `what the broker says has a status and a code`(
    error: ControlError, status: Int, code: String
  ) {
    let answer = AdminError(error)
    #expect(answer.status.code == status)
    #expect(answer.code == code)
    #expect((answer.headers[.retryAfter] != nil) == (status == 503))
  }

  @Test func `a fault of ours tells nothing of the inside`() {
    #expect(!AdminError(CatalogError.failure("/var/lib/x")).detail.contains("/var"))
    #expect(!AdminError(ControlError.internalFailure("/var/lib/x")).detail.contains("/var"))
  }

  @Test func `a field to blame is named in a list`() throws {
    #expect(
      try body(.invalid("auth.basic", "no colon"))
        == #"{"code":"validation","detail":[{"loc":["body","auth","basic"],"#
        + #""msg":"no colon","type":"value_error"}]}"#)
    #expect(
      try body(.notFound("gone")) == #"{"code":"not_found","detail":"gone"}"#)
  }

  @Test func `a path knows its methods`() {
    var table = RouteTable()
    table.add(.get, "/api/v1/app/{app}")
    table.add(.delete, "/api/v1/app/{app}")
    table.add(.post, "/api/v1/app/{app}/msg")
    #expect(table.methods(of: "/api/v1/app/x").map(\.rawValue) == ["DELETE", "GET", "HEAD"])
    #expect(table.methods(of: "/api/v1/app/x/").map(\.rawValue) == ["DELETE", "GET", "HEAD"])
    #expect(table.methods(of: "/api/v1/app/x/msg").map(\.rawValue) == ["POST"])
    #expect(table.methods(of: "/api/v1/app").isEmpty)
    #expect(table.methods(of: "/").isEmpty)
  }

  private func body(_ error: AdminError) throws -> String {
    let bytes = try JSON.encode(ErrorBody(error))
    return String(decoding: bytes, as: UTF8.self)
  }
}

import Admin
import Base
import Catalog
import Flow
import Foundation
import TLS
import Testing

/// Goal: listings have the keys that scripts rely on, and never a secret.
/// Method: encode a stored record and search the text.
struct EndpointOutTests {
  private func record(_ change: (inout EndpointDraft) -> Void) throws -> EndpointRecord {
    let directory = NSTemporaryDirectory() + "admin-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let sealer = Sealer(key: [UInt8](repeating: 1, count: 32))
    let catalog = try Catalog(
      path: directory + "/catalog.db", sealer: sealer,
      clock: { UnixMilliseconds(1_700_000_000_000) })
    defer { try? catalog.close() }
    var draft = EndpointDraft(url: "https://a.example/")
    change(&draft)
    return try catalog.createEndpoint(application: "default", draft)
  }

  private func object(_ out: EndpointOut) throws -> [String: Any] {
    let data = Data(try JSON.encode(out))
    return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
  }

  @Test func `the keys of the contract are there, secret only at creation`() throws {
    let made = try record { $0.uid = "hook" }
    let shown = try object(EndpointOut(made, state: "ok"))
    for key in [
      "id", "uid", "name", "url", "description", "eventTypes", "channels", "sources", "disabled",
      "paused", "state", "format", "signing", "retry", "timeoutSeconds", "maxInFlight", "ordered",
      "maxAgeSeconds", "headers", "metadata", "createdAt", "updatedAt",
    ] {
      #expect(shown[key] != nil, "\(key)")
    }
    #expect(shown["secret"] == nil)
    #expect(shown["name"] as? String == "hook")
    #expect(shown["createdAt"] as? String == "2023-11-14T22:13:20.000Z")
    let created = try object(EndpointOut(made, state: "ok", showsSecret: true))
    #expect(created["secret"] as? String == made.secret)
  }

  @Test func `no secret, header value or credential is shown`() throws {
    let made = try record {
      $0.headers = [EndpointHeader(name: "X-Key", value: "header-value")]
      $0.auth = .basic(user: "the-user", password: "the-password")
    }
    let text = String(decoding: try JSON.encode(EndpointOut(made, state: "ok")), as: UTF8.self)
    for secret in [made.secret, "header-value", "the-user", "the-password"] {
      #expect(!text.contains(secret))
    }
    #expect(text.contains(#""headers":{"X-Key":"…"}"#))
    #expect(text.contains(#""auth":"basic""#))
  }

  @Test func `what a listing shows can be given back and changes nothing`() throws {
    let made = try record {
      $0.uid = "hook"
      $0.types = ["a.*"]
      $0.headers = [EndpointHeader(name: "X-Key", value: "v")]
      $0.auth = .bearer(token: "t")
      $0.rateText = "5/m"
      $0.timeoutSeconds = 0.5
    }
    let shown = try JSON.encode(EndpointOut(made, state: "retrying"))
    let given = try JSON.decode(EndpointIn.self, from: shown)
    var draft = EndpointDraft(record: made)
    given.replace(&draft)
    #expect(draft == EndpointDraft(record: made))
  }

  @Test func `an endpoint of all types has an empty list and no filter`() throws {
    let shown = try object(EndpointOut(try record { _ in }, state: "ok"))
    #expect((shown["eventTypes"] as? [Any])?.isEmpty == true)
    #expect(shown["filterTypes"] == nil)
  }
}

import Base
import Catalog
import Foundation
import TLS
import Testing

/// Goal: secrets are nowhere on disk in clear, open only with their key, and rotate without a gap.
/// Method: search every byte of the directory; reopen with other keys; move the clock.
struct SecretTests {
  @Test func `no secret, header value or credential is on disk in clear`() throws {
    let room = try CatalogRoom()
    let catalog = try room.open()
    var draft = EndpointDraft.named("hook")
    draft.headers = [EndpointHeader(name: "X-Api-Key", value: "header-in-clear")]
    draft.auth = .basic(user: "user-in-clear", password: "password-in-clear")
    let made = try catalog.createEndpoint(application: "default", draft)
    let token = try catalog.createToken(name: "t", scopes: [.read])
    let raw = try WebhookSecret(parsing: made.secret).bytes
    for closed in [false, true] {
      if closed { try catalog.close() }
      let disk = try room.bytesOnDisk()
      #expect(
        disk.range(of: Data("example.com/hook".utf8)) != nil, "the search finds what is there")
      for text in [
        made.secret, String(made.secret.dropFirst(6)), "header-in-clear", "user-in-clear",
        "password-in-clear", token,
      ] {
        #expect(disk.range(of: Data(text.utf8)) == nil)
      }
      #expect(disk.range(of: Data(raw)) == nil)
    }
  }

  @Test func `the database file is its owner's only`() throws {
    let room = try CatalogRoom()
    _ = try room.open()
    for name in try FileManager.default.contentsOfDirectory(atPath: room.directory) {
      let path = room.directory + "/" + name
      let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
      #expect(mode == 0o600, "\(name)")
    }
  }

  @Test func `another key is refused at the start, and says what to do`() throws {
    let room = try CatalogRoom()
    try room.open().close()
    let error = refusal { _ = try room.open(key: [UInt8](repeating: 9, count: 32)) }
    guard case .failure(let text)? = error else {
      Issue.record("opened with a wrong key")
      return
    }
    #expect(text.contains(room.path))
    #expect(text.contains("--key-file"))
  }

  @Test func `after one start with a new key the former one is not needed`() throws {
    let room = try CatalogRoom()
    let new = [UInt8](repeating: 9, count: 32)
    let first = try room.open()
    let made = try first.createEndpoint(application: "default", .named("a"))
    try first.close()
    try room.open(key: new, formerKeys: [room.key]).close()
    let again = try room.open(key: new)
    #expect(try again.endpoint(application: "default", idOrUID: "a").secrets == made.secrets)
  }

  @Test func `a given secret is kept as it is`() throws {
    let room = try CatalogRoom()
    let catalog = try room.open()
    var draft = EndpointDraft.named("a")
    draft.secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    #expect(try catalog.createEndpoint(application: "default", draft).secret == draft.secret)
  }

  @Test func `both secrets are kept until the grace period ends`() throws {
    let room = try CatalogRoom()
    let catalog = try room.open()
    let old = try catalog.createEndpoint(application: "default", .named("a"))
    let rotated = try catalog.rotateSecret(
      application: "default", id: "a", key: nil, gracePeriodSeconds: 60)
    #expect(rotated.secrets.count == 2)
    #expect(rotated.secret != old.secret)
    #expect(rotated.secrets[1].key == old.secret)
    #expect(rotated.secrets[1].expiresAt?.value == room.time.now.value + 60_000)
    room.time.advance(seconds: 60)
    let again = try catalog.rotateSecret(
      application: "default", id: "a", key: nil, gracePeriodSeconds: 30)
    #expect(again.secrets.map(\.key) == [again.secret, rotated.secret])
    #expect(again.secrets.map { $0.expiresAt != nil } == [false, true])
  }

  @Test func `a second rotation never lengthens the first one's grace period`() throws {
    let room = try CatalogRoom()
    let catalog = try room.open()
    _ = try catalog.createEndpoint(application: "default", .named("a"))
    let first = try catalog.rotateSecret(
      application: "default", id: "a", key: nil, gracePeriodSeconds: 10)
    let second = try catalog.rotateSecret(
      application: "default", id: "a", key: nil, gracePeriodSeconds: 1000)
    #expect(second.secrets.count == 3)
    #expect(second.secrets[2] == first.secrets[1])
  }

  @Test func `without a grace period the old secret stops at once`() throws {
    let room = try CatalogRoom()
    let catalog = try room.open()
    _ = try catalog.createEndpoint(application: "default", .named("a"))
    let key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    let rotated = try catalog.rotateSecret(
      application: "default", id: "a", key: key, gracePeriodSeconds: 0)
    #expect(rotated.secrets.map(\.key) == [key])
    let again = refusal {
      _ = try catalog.rotateSecret(
        application: "default", id: "a", key: key, gracePeriodSeconds: 0)
    }
    guard case .conflict? = again else {
      Issue.record("rotated to the secret in force")
      return
    }
  }

  @Test func `many rotations keep a bounded number of secrets`() throws {
    let room = try CatalogRoom()
    let catalog = try room.open()
    _ = try catalog.createEndpoint(application: "default", .named("a"))
    for _ in 0..<20 {
      _ = try catalog.rotateSecret(
        application: "default", id: "a", key: nil, gracePeriodSeconds: 604_800)
    }
    #expect(try catalog.endpoint(application: "default", idOrUID: "a").secrets.count == 4)
  }

  @Test(arguments: [-1, 604_801])
  func `a grace period out of range is refused`(seconds: Int) throws {
    let room = try CatalogRoom()
    let catalog = try room.open()
    _ = try catalog.createEndpoint(application: "default", .named("a"))
    #expect(
      refusedField {
        _ = try catalog.rotateSecret(
          application: "default", id: "a", key: nil, gracePeriodSeconds: seconds)
      } == "gracePeriodSeconds")
  }

  @Test func `a file that is no database is refused in words`() throws {
    let room = try CatalogRoom()
    try Data(repeating: 65, count: 8192).write(to: URL(fileURLWithPath: room.path))
    guard case .failure(let text)? = refusal({ _ = try room.open() }) else {
      Issue.record("opened a file that is no database")
      return
    }
    #expect(text.contains(room.path))
  }
}

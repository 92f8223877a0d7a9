import Catalog
import Foundation
import Testing

/// Goal: only a token that was made here, and not removed, opens anything.
/// Method: make, look up, remove, reopen.
struct TokenTests {
  @Test func `a token is known by its text only, also after a restart`() throws {
    let room = try CatalogRoom()
    let first = try room.open()
    let text = try first.createToken(name: "ci", scopes: [.publish], application: "default")
    try first.close()
    let catalog = try room.open()
    let grant = catalog.authenticate(text)
    #expect(grant?.name == "ci")
    #expect(grant?.scopes == [.publish])
    #expect(grant?.applicationNumber == 1)
    for wrong in ["", "fft_", String(text.dropLast()), text + "0", text.uppercased(), "ci"] {
      #expect(catalog.authenticate(wrong) == nil)
    }
  }

  @Test func `a removed token is useless at once`() throws {
    let room = try CatalogRoom()
    let catalog = try room.open()
    let text = try catalog.createToken(name: "ci", scopes: [.admin])
    try catalog.removeToken("ci")
    #expect(catalog.authenticate(text) == nil)
    guard case .notFound? = refusal({ try catalog.removeToken("ci") }) else {
      Issue.record("removed twice")
      return
    }
  }

  @Test func `a token with a lifetime ends by itself, also after a restart`() throws {
    let room = try CatalogRoom()
    let first = try room.open()
    let text = try first.createToken(
      name: "portal", scopes: [.manage], application: "default", lifetimeSeconds: 60)
    let lasting = try first.createToken(name: "lasting", scopes: [.read])
    try first.close()
    let catalog = try room.open()
    room.time.advance(seconds: 59)
    #expect(catalog.authenticate(text)?.scopes == [.manage])
    room.time.advance(seconds: 1)
    #expect(catalog.authenticate(text) == nil)
    #expect(catalog.authenticate(lasting) != nil)
    _ = try catalog.createToken(name: "another", scopes: [.read])
    #expect(!catalog.tokens().contains { $0.name == "portal" })
  }

  @Test func `all passing tokens of an application end at once`() throws {
    let room = try CatalogRoom()
    let catalog = try room.open()
    let passing = try catalog.createToken(
      name: "p", scopes: [.read], application: "default", lifetimeSeconds: 60)
    let lasting = try catalog.createToken(name: "l", scopes: [.read], application: "default")
    try catalog.removePassingTokens(application: "default")
    #expect(catalog.authenticate(passing) == nil)
    #expect(catalog.authenticate(lasting) != nil)
  }

  @Test func `a token goes with its application`() throws {
    let room = try CatalogRoom()
    let catalog = try room.open()
    _ = try catalog.createApplication(ApplicationDraft(name: "a", uid: "a"))
    let text = try catalog.createToken(name: "t", scopes: [.admin], application: "a")
    try catalog.removeApplication("a")
    #expect(catalog.authenticate(text) == nil)
  }

  @Test func `scopes and application bound what a bearer may do`() throws {
    let room = try CatalogRoom()
    let catalog = try room.open()
    let admin = catalog.authenticate(try catalog.createToken(name: "a", scopes: [.admin]))
    let reader = catalog.authenticate(
      try catalog.createToken(name: "r", scopes: [.read], application: "default"))
    #expect(admin?.allows(.publish, application: 5) == true)
    #expect(reader?.allows(.read, application: 1) == true)
    #expect(reader?.allows(.read, application: 2) == false)
    #expect(reader?.allows(.read, application: nil) == false)
    #expect(reader?.allows(.admin, application: 1) == false)
  }

  @Test func `the token file is made once, private, and made again when it is no good`() throws {
    let room = try CatalogRoom()
    let catalog = try room.open()
    let path = room.directory + "/token"
    func text() throws -> String {
      try String(contentsOfFile: path, encoding: .utf8).trimmingCharacters(in: .newlines)
    }
    try catalog.ensureAdminToken(writeTo: path)
    let first = try text()
    #expect(catalog.authenticate(first)?.allows(.admin, application: nil) == true)
    let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    #expect(mode == 0o600)
    try catalog.ensureAdminToken(writeTo: path)
    #expect(try text() == first)
    try Data("fft_other\n".utf8).write(to: URL(fileURLWithPath: path))
    try catalog.ensureAdminToken(writeTo: path)
    #expect(try text() != first)
    #expect(catalog.authenticate(first) == nil)
    #expect(catalog.tokens().count == 1)
  }
}

import Catalog
import Foundation
import Glibc
import Synchronization
import TLS
import Testing

/// Goal: a new key takes over while the catalogue is in use, and no moment of it loses a secret.
/// Method: rotate beside writers and readers; stop at each step; search the disk for the old seals.
struct KeyRotationTests {
  private let room: CatalogRoom
  private let keyFile: String

  init() throws {
    room = try CatalogRoom()
    keyFile = room.directory + "/key"
  }

  private func open() throws -> Catalog {
    try Catalog(path: room.path, sealer: try Sealer(keyFile: keyFile))
  }

  private func keys() throws -> [String] {
    try String(contentsOfFile: keyFile, encoding: .utf8).split(separator: "\n").map(String.init)
  }

  @Test func `all secrets are sealed anew, and the former key opens nothing on disk`() throws {
    let catalog = try open()
    var draft = EndpointDraft.named("a")
    draft.auth = .bearer(token: "credential")
    draft.headers = [EndpointHeader(name: "X-Key", value: "header")]
    let made = try catalog.createEndpoint(application: "default", draft)
    for number in 0..<50 {
      _ = try catalog.createEndpoint(application: "default", .named("b\(number)"))
    }
    let former = try keys()
    let formerID = try Sealer(keyFile: keyFile).keyID
    let result = try catalog.rotateKey(file: keyFile, keepsFormer: false)
    #expect(result.endpoints == 51 && result.keyID != formerID)
    #expect(try keys().count == 1 && keys() != former)
    var status = stat()
    #expect(unsafe stat(keyFile, &status) == 0 && status.st_mode & 0o777 == 0o600)
    // What a sealer makes begins with its version and its key's id.
    let bytes = try #require(Self.bytes(ofHex: formerID))
    #expect(try room.bytesOnDisk().range(of: Data([1] + bytes)) == nil)
    let again = try catalog.endpoint(application: "default", idOrUID: "a")
    #expect(again.secrets == made.secrets && again.auth == made.auth)
    try catalog.close()
    let reopened = try open()
    #expect(try reopened.endpoint(application: "default", idOrUID: "b7").secrets.count == 1)
    try reopened.close()
    let refused = refusal {
      _ = try Catalog(
        path: room.path, sealer: Sealer(key: Array(try #require(Data(base64Encoded: former[0])))))
    }
    #expect(refused != nil)
  }

  private static func bytes(ofHex text: String) -> [UInt8]? {
    let digits = Array(text)
    guard digits.count == 8 else { return nil }
    return stride(from: 0, to: 8, by: 2).compactMap { UInt8(String(digits[$0...$0 + 1]), radix: 16) }
  }

  private final class Progress: Sendable {
    let hasRotated = Atomic(false)
    let made = Atomic(0)
    let failures = Mutex<[String]>([])
  }

  /// Makes, changes and reads endpoints as long as the key is being changed.
  private static func write(_ catalog: Catalog, _ name: String, _ progress: Progress) throws {
    repeat {
      let count = progress.made.add(1, ordering: .relaxed).newValue
      _ = try catalog.rotateSecret(
        application: "default", id: name, key: nil, gracePeriodSeconds: 60)
      _ = try catalog.createEndpoint(application: "default", .named("\(name)-\(count)"))
      _ = try catalog.endpoint(application: "default", idOrUID: "\(name)-\(count)")
    } while !progress.hasRotated.load(ordering: .relaxed)
  }

  @Test func `writers and readers beside it meet no secret that cannot be opened`() throws {
    let catalog = try open()
    let progress = Progress()
    let names = ["a", "b", "c"]
    for name in names { _ = try catalog.createEndpoint(application: "default", .named(name)) }
    let ended = DispatchGroup()
    for name in names {
      ended.enter()
      // Threads: they block, and the pool of tasks has as many as there are cores.
      Thread.detachNewThread {
        defer { ended.leave() }
        do { try Self.write(catalog, name, progress) } catch {
          progress.failures.withLock { $0.append("\(error)") }
        }
      }
    }
    for _ in 0..<20 { _ = try catalog.rotateKey(file: keyFile, keepsFormer: false) }
    progress.hasRotated.store(true, ordering: .relaxed)
    ended.wait()
    #expect(progress.failures.withLock { $0 } == [])
    #expect(progress.made.load(ordering: .relaxed) >= names.count)
    #expect(try keys().count == 1)
    try catalog.close()
    // The one key that is left opens all of it.
    let reopened = try open()
    for name in names {
      #expect(try !reopened.endpoint(application: "default", idOrUID: name).secrets.isEmpty)
    }
    try reopened.close()
  }

  @Test func `a crash after the file has the new key loses nothing, and rotating again finishes`()
    throws
  {
    let first = try open()
    let made = try first.createEndpoint(application: "default", .named("a"))
    try first.close()
    // As a rotation that ends before anything is sealed anew.
    let former = try keys()
    let next = try Sealer(keyFile: keyFile).addingKey(toFile: keyFile)
    #expect(try keys().count == 2 && keys()[1] == former[0])
    let second = try open()
    #expect(try second.endpoint(application: "default", idOrUID: "a").secrets == made.secrets)
    let result = try second.rotateKey(file: keyFile, keepsFormer: false)
    #expect(result.keyID != next.keyID && result.endpoints == 1)
    #expect(try keys().count == 1)
    try second.close()
    let third = try open()
    #expect(try third.endpoint(application: "default", idOrUID: "a").secrets == made.secrets)
    try third.close()
  }

  @Test func `a crash before the former key leaves the file loses nothing either`() throws {
    let first = try open()
    let made = try first.createEndpoint(application: "default", .named("a"))
    _ = try first.rotateKey(file: keyFile, keepsFormer: true)
    #expect(try keys().count == 2)
    try first.close()
    let second = try open()
    #expect(try second.endpoint(application: "default", idOrUID: "a").secrets == made.secrets)
    try second.close()
  }

  @Test func `a file that cannot be written, or is another one, changes nothing`() throws {
    let catalog = try open()
    let made = try catalog.createEndpoint(application: "default", .named("a"))
    let before = try keys()
    let absent = refusal {
      _ = try catalog.rotateKey(file: room.directory + "/no/such/key", keepsFormer: false)
    }
    guard case .conflict(let text)? = absent else {
      Issue.record("rotated without a file: \(String(describing: absent))")
      return
    }
    #expect(text.contains("/no/such/key"))
    let other = room.directory + "/other"
    _ = try Sealer(keyFile: other)
    let others = try String(contentsOfFile: other, encoding: .utf8)
    guard
      case .conflict(let reason)? = refusal({
        _ = try catalog.rotateKey(file: other, keepsFormer: false)
      })
    else {
      Issue.record("rotated by another file")
      return
    }
    #expect(reason.contains("which is in use"))
    #expect(try keys() == before && others == String(contentsOfFile: other, encoding: .utf8))
    try catalog.close()
    let reopened = try open()
    #expect(try reopened.endpoint(application: "default", idOrUID: "a").secrets == made.secrets)
    try reopened.close()
  }
}

import Base
import Catalog
import Foundation
import Synchronization
import TLS

/// A directory of its own with a catalogue in it; gone at the end of the test.
final class CatalogRoom {
  let directory: String
  let time = TestTime()
  let key = [UInt8](repeating: 7, count: Sealer.keyCount)

  init() throws {
    directory = NSTemporaryDirectory() + "catalog-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: directory) }

  var path: String { directory + "/catalog.db" }

  func open(key: [UInt8]? = nil, formerKeys: [[UInt8]] = []) throws -> Catalog {
    let sealer = Sealer(key: key ?? self.key, formerKeys: formerKeys)
    return try Catalog(path: path, sealer: sealer, clock: { [time] in time.now })
  }

  /// Every byte of the database and its companions.
  func bytesOnDisk() throws -> Data {
    var all = Data()
    for name in try FileManager.default.contentsOfDirectory(atPath: directory) {
      all += try Data(contentsOf: URL(fileURLWithPath: directory + "/" + name))
    }
    return all
  }
}

/// A clock that moves only when told.
final class TestTime: Sendable {
  private let value = Mutex<UInt64>(1_700_000_000_000)
  var now: UnixMilliseconds { UnixMilliseconds(value.withLock { $0 }) }
  func advance(seconds: UInt64) { value.withLock { $0 += seconds * 1000 } }
}

/// The error that `body` throws; `nil` when it throws none.
func refusal(_ body: () throws -> Void) -> CatalogError? {
  do {
    try body()
    return nil
  } catch {
    return error as? CatalogError
  }
}

/// The field that `body` is refused for.
func refusedField(_ body: () throws -> Void) -> String? {
  if case .invalid(let field, _)? = refusal(body) { field } else { nil }
}

extension EndpointDraft {
  static func named(_ uid: String?, _ url: String = "https://example.com/hook") -> EndpointDraft {
    var draft = EndpointDraft(url: url)
    draft.uid = uid
    return draft
  }
}

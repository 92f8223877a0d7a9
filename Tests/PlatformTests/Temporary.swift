internal import Foundation
internal import Synchronization

/// A directory that a test has for itself.
final class TemporaryDirectory {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "fanfare-\(UUID().uuidString.prefix(8))"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// A number that threads change and a test reads.
final class Shared: Sendable {
  private let cell = Atomic<Int>(0)
  var value: Int { cell.load(ordering: .acquiring) }
  func add(_ amount: Int = 1) { _ = cell.add(amount, ordering: .acquiringAndReleasing) }
  func set(_ value: Int) { cell.store(value, ordering: .releasing) }
}

/// What `top -H` would show for the calling thread.
func nameOfThisThread() -> String {
  let text = FileManager.default.contents(atPath: "/proc/thread-self/comm") ?? Data()
  return String(decoding: text, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
}

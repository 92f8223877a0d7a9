internal import Base
package import Flow
package import Routing

/// Which types of events are wanted. Header sections carry a type's hash only, so what a type
/// turned out to be is remembered by it: a block is unpacked for types that were never met.
package struct TypeFilter {
  /// Types remembered; a log has few, unless a publisher makes them up.
  private static let knownMax = 65_536

  private let patterns: [TypePattern]
  /// Hashes of the wanted types when no pattern has a star.
  private let exact: Set<UInt64>?
  private var known: [UInt64: Bool] = [:]

  /// - Parameter patterns: none of them is every type.
  package init(_ patterns: [TypePattern]) {
    self.patterns = patterns.contains(.all) ? [] : patterns
    let isExact = patterns.allSatisfy { $0.form == .exact }
    exact = isExact && !patterns.isEmpty
      ? Set(patterns.map { unsafe $0.stem.withUnsafeBytes { unsafe Hash64.of($0) } }) : nil
  }

  /// Whether an event is wanted by its type; `nil` when the type must be looked at.
  package func verdict(_ header: EventHeader) -> Bool? {
    if patterns.isEmpty { return true }
    if let exact { return exact.contains(header.typeHash) }
    return known[header.typeHash]
  }

  /// Looks at the type, and remembers what came of it.
  package mutating func judge(_ event: EventView) -> Bool {
    if patterns.isEmpty { return true }
    let isWanted = patterns.contains { unsafe $0.matches(event.type) }
    if known.count >= Self.knownMax { known.removeAll() }
    known[event.header.typeHash] = isWanted
    return isWanted
  }
}

/// The same by names alone, for what is not read from the log.
struct TypeNames {
  private let patterns: [TypePattern]
  private var known: [String: Bool] = [:]

  init(_ patterns: [TypePattern]) { self.patterns = patterns.contains(.all) ? [] : patterns }

  /// Whether a type is wanted.
  mutating func takes(_ type: String) -> Bool {
    if patterns.isEmpty { return true }
    if let known = known[type] { return known }
    let bytes = Array(type.utf8)
    let isWanted = unsafe bytes.withUnsafeBytes { bytes in
      patterns.contains { unsafe $0.matches(bytes) }
    }
    known[type] = isWanted
    return isWanted
  }
}

/// What a header alone says of an event.
package enum HeaderVerdict: Equatable {
  case unwanted, wanted
  /// The block must be unpacked to know.
  case open
}

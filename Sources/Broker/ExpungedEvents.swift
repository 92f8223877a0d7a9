internal import Catalog
internal import Flow
internal import Storage
internal import Synchronization

/// Which events' content was deleted, by their places.
///
/// > Runs on: any thread.
final class ExpungedEvents: Sendable {
  private let positions = Mutex<Set<UInt64>>([])

  /// Takes what the catalogue knows, but for what the log has no more: a place may be an event of
  /// another log by now.
  func load(_ catalog: Catalog, _ reader: LogReader) throws(CatalogError) -> [Position] {
    let known = try catalog.expungedEvents()
    if known.isEmpty { return [] }
    let oldest = reader.oldest
    let events = reader.identities(at: known.map(\.position))
    var live: [Position] = []
    var gone: [Position] = []
    for ((position, id), event) in zip(known, events) {
      // One that can't be read just now may be readable later.
      let isThere = event.map { $0.id == id } ?? (position >= oldest)
      if isThere { live.append(position) } else { gone.append(position) }
    }
    try catalog.forgetExpunged(gone)
    for position in live { add(position) }
    return live
  }

  func add(_ position: Position) { positions.withLock { _ = $0.insert(position.packed) } }

  func contains(_ position: Position) -> Bool {
    positions.withLock { $0.contains(position.packed) }
  }

  /// Those of some events that still have their content.
  func remaining(of events: [Position]) -> [Position] {
    positions.withLock { expunged in
      expunged.isEmpty ? events : events.filter { !expunged.contains($0.packed) }
    }
  }
}

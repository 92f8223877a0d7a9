internal import Base
internal import Catalog
internal import Flow
internal import Storage
internal import Synchronization

/// Keeps the events of dead letters in the log, and later in its spool, for as long as they are
/// listed.
///
/// > Runs on: the keeper's thread; `note` on a task of the control plane.
final class KeptDeadLetters: KeptEvents {
  private let catalog: Catalog
  private let recorded = Atomic<UInt64>(0)
  /// Gauge: what dead letters and their events hold on disk, as of the last look.
  let bytes = Counter()

  init(catalog: Catalog) { self.catalog = catalog }

  /// Everything that died durably before `instant` is in the catalogue.
  func note(recordedBefore instant: Instant) {
    recorded.store(instant.nanoseconds, ordering: .releasing)
  }

  func isComplete(before instant: Instant) -> Bool {
    recorded.load(ordering: .acquiring) >= instant.nanoseconds
  }

  func positions(first: UInt64, last: UInt64, since: UnixMilliseconds) -> [Position]? {
    do throws(CatalogError) {
      return try catalog.deadPositions(in: Self.events(first, last), since: since)
    } catch { return nil }
  }

  func hasAny(first: UInt64, last: UInt64, since: UnixMilliseconds) -> Bool {
    do throws(CatalogError) {
      return try catalog.hasDead(in: Self.events(first, last), since: since)
    } catch { return true }
  }

  private static func events(_ first: UInt64, _ last: UInt64) -> ClosedRange<Position> {
    Position(sequence: first, index: 0)...Position(sequence: max(first, last), index: 0xFFFF)
  }
}

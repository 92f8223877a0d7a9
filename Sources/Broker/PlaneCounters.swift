internal import Base
internal import Delivery
internal import Flow
internal import Ingest
internal import Storage

/// The counters of all stages: each has one writer, its stage's thread; anybody may read.
struct PlaneCounters: Sendable {
  let ingest: IngestCounters
  let journal: JournalCounters
  let reactors: [ReactorCounters]

  /// Counts from first start.
  func lifetime() -> LifetimeCounters { journal.lifetime }

  /// Pending deliveries, wherever they lie.
  var depth: UInt64 { reactors.reduce(0) { $0 + $1.depth.value } }
}

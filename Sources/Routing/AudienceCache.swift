public import Base
public import Flow

/// An audience with its size: what a publish needs to know of routing.
public struct Audience: BitwiseCopyable, Sendable, Equatable {
  /// Its number in the log.
  public var number: AudienceNumber
  /// Endpoints in it.
  public var count: UInt32
  /// Pairs the two.
  @inlinable public init(number: AudienceNumber, count: UInt32) {
    self.number = number
    self.count = count
  }
}

/// Remembers the audience of each (application, type, source, channels), so that an ordinary
/// publish costs two hashes and two cache lines.
///
/// Two levels. The first is a fixed 4-way table keyed by 128 bits of seeded hash: no two queries
/// that a publisher could make up share a key, and a new snapshot empties it by a number. The
/// second maps the set of matched buckets to the audience, so that a type never seen before costs
/// a few look-ups and not the expansion of 100,000 endpoints. Memory is bounded: 2 MiB, and 16,384
/// bucket sets.
///
/// Owned by the ingest thread. `@safe`: every index is masked by the table's size.
@safe
public struct AudienceCache: ~Copyable {
  private struct Way: BitwiseCopyable {
    var low: UInt64
    var high: UInt64
    var generation: UInt32
    var audience: Audience
  }
  private struct Key: Hashable {
    var low: UInt64
    var high: UInt64
  }

  private static let setCount = 16_384
  private static let wayCount = 4
  private static let bucketSetsMax = 16_384

  private let ways: UnsafeMutablePointer<Way>
  private var interner: AudienceInterner
  private var snapshot = RoutingSnapshot.empty
  private var generation: UInt32 = 1
  private var victim = 0
  private let seedLow: UInt64
  private let seedHigh: UInt64
  private var bucketSets: [Key: Audience] = [:]
  private var found: [Int32] = []
  private var names = RoutingSnapshot.empty.names
  /// Queries that had to be matched anew.
  public private(set) var misses: UInt64 = 0

  /// An empty cache over a table that recovery may have filled.
  public init(table: AudienceTable, random: inout SeededRandom) {
    unsafe ways = .allocate(capacity: Self.setCount * Self.wayCount)
    unsafe ways.initialize(
      repeating: Way(
        low: 0, high: 0, generation: 0, audience: Audience(number: .empty, count: 0)),
      count: Self.setCount * Self.wayCount)
    interner = AudienceInterner(table: table)
    seedLow = random.next()
    seedHigh = random.next()
  }

  deinit { unsafe ways.deallocate() }

  /// Routes by `snapshot` from now on; everything remembered is void.
  public mutating func install(_ snapshot: RoutingSnapshot) {
    self.snapshot = snapshot
    names = snapshot.names
    bucketSets.removeAll(keepingCapacity: true)
    generation &+= 1
    if generation == 0 { generation = 1 }
  }

  /// What it routes by.
  public var current: RoutingSnapshot { snapshot }

  /// The number of an application; `nil` for an unknown one.
  /// - Complexity: O(1); no allocation.
  public func application(named name: UnsafeRawBufferPointer) -> ApplicationNumber? {
    unsafe names.number(of: name)
  }

  /// The audience of an event.
  /// - Returns: `nil` when the log has no audience number left.
  /// - Complexity: O(bytes of type, source and channels) and no allocation when it is remembered.
  public mutating func resolve(_ query: RouteQuery) -> Audience? {
    let low = query.hash(seed: seedLow)
    let high = query.hash(seed: seedHigh)
    let set = unsafe ways + Int(truncatingIfNeeded: low & UInt64(Self.setCount - 1)) * Self.wayCount
    for way in 0..<Self.wayCount {
      let entry = unsafe set[way]
      if entry.low == low, entry.high == high, entry.generation == generation {
        return entry.audience
      }
    }
    return unsafe miss(query, low, high, set)
  }

  /// The audience that is one endpoint, whatever it subscribed to.
  /// - Returns: `nil` when the log has no audience number left.
  public mutating func audience(of endpoint: EndpointNumber) -> Audience? {
    interner.number(of: [endpoint]).map { Audience(number: $0, count: 1) }
  }

  @inline(never)
  private mutating func miss(
    _ query: RouteQuery, _ low: UInt64, _ high: UInt64, _ set: UnsafeMutablePointer<Way>
  ) -> Audience? {
    misses &+= 1
    guard let audience = match(query) else { return nil }
    var way = victim
    for candidate in 0..<Self.wayCount where unsafe set[candidate].generation != generation {
      way = candidate
    }
    victim = (victim + 1) & (Self.wayCount - 1)
    unsafe set[way] = Way(low: low, high: high, generation: generation, audience: audience)
    return audience
  }

  private mutating func match(_ query: RouteQuery) -> Audience? {
    found.removeAll(keepingCapacity: true)
    let filtersSource = snapshot.collect(query, into: &found)
    if found.isEmpty { return Audience(number: .empty, count: 0) }
    found.sort()
    let sourceHash = filtersSource ? unsafe Hash64.of(query.source, seed: seedHigh) : 0
    let key = unsafe found.withUnsafeBytes { bytes in
      unsafe Key(
        low: Hash64.of(bytes, seed: seedLow &+ sourceHash),
        high: Hash64.of(bytes, seed: seedHigh ^ sourceHash))
    }
    if let known = bucketSets[key] { return known }
    let endpoints = snapshot.endpoints(of: found, query)
    guard let number = interner.number(of: endpoints) else { return nil }
    let audience = Audience(number: number, count: UInt32(endpoints.count))
    if bucketSets.count >= Self.bucketSetsMax { bucketSets.removeAll(keepingCapacity: true) }
    bucketSets[key] = audience
    return audience
  }
}

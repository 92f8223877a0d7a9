internal import Base
internal import Flow

/// Buckets of endpoints by application, channel and pattern.
///
/// A type with two dots asks for four buckets: itself, its two prefixes, and `*`; with channels, four
/// more for each. So the time of a look-up does not depend on how many patterns there are. Immutable.
struct RoutingIndex: Sendable {
  /// Endpoints that one pattern of one application leads to.
  struct Bucket: Sendable {
    let application: ApplicationNumber
    let form: TypePattern.Form
    let stem: [UInt8]
    let channel: [UInt8]
    var members: [Int32] = []
    /// Some member wants certain sources only.
    var filtersSource = false
  }

  /// One subscriber's endpoint and the sources it wants.
  private struct Member: Sendable {
    let endpoint: EndpointNumber
    let sources: [[UInt8]]
  }

  private var members: [Member] = []
  private var buckets: [Bucket] = []
  /// Key hash → buckets with that hash; more than one only after a collision.
  private var index: [UInt64: [Int32]] = [:]

  /// - Parameter entries: Endpoints; those that are disabled are left out here.
  /// - Complexity: O(entries × their applications × channels × patterns).
  init(_ entries: some Sequence<RoutingEntry>) {
    for entry in entries where entry.enabled { add(entry) }
  }

  /// Buckets are numbered from 0 up to here.
  var bucketCount: Int32 { Int32(buckets.count) }

  // MARK: Looking up

  /// Finds the buckets that an event falls into.
  /// - Parameter offset: Added to each number that goes into `found`.
  /// - Returns: Whether the event's source matters beside them.
  func collect(_ query: RouteQuery, offset: Int32, into found: inout [Int32]) -> Bool {
    if buckets.isEmpty { return false }
    var filtersSource = unsafe collect(
      query, channel: unsafe UnsafeRawBufferPointer(start: nil, count: 0), offset, &found)
    unsafe query.forEachRoutingExtra { tag, channel in
      guard tag == ExtraTag.channel else { return }
      if unsafe collect(query, channel: channel, offset, &found) { filtersSource = true }
    }
    return filtersSource
  }

  private func collect(
    _ query: RouteQuery, channel: UnsafeRawBufferPointer, _ offset: Int32, _ found: inout [Int32]
  ) -> Bool {
    let type = unsafe query.type
    let application = query.application
    var filters = unsafe look(.all, type, 0, channel, application, offset, &found)
    for dot in 0..<type.count where unsafe type[dot] == UInt8(ascii: ".") {
      if unsafe look(.prefix, type, dot + 1, channel, application, offset, &found) {
        filters = true
      }
    }
    if unsafe look(.exact, type, type.count, channel, application, offset, &found) {
      filters = true
    }
    return filters
  }

  /// Looks for one bucket, the stem being the first `length` bytes of the type.
  private func look(
    _ form: TypePattern.Form, _ type: UnsafeRawBufferPointer, _ length: Int,
    _ channel: UnsafeRawBufferPointer, _ application: ApplicationNumber, _ offset: Int32,
    _ found: inout [Int32]
  ) -> Bool {
    let stem = unsafe UnsafeRawBufferPointer(rebasing: type[0..<length])
    let key = unsafe Self.key(application, form, stem, channel)
    guard let candidates = index[key] else { return false }
    for number in candidates {
      let bucket = buckets[Int(number)]
      guard bucket.application == application, bucket.form == form,
        unsafe bucket.stem.elementsEqual(stem), unsafe bucket.channel.elementsEqual(channel)
      else { continue }
      if !found.contains(number + offset) { found.append(number + offset) }
      return bucket.filtersSource
    }
    return false
  }

  /// Calls `body` with each endpoint of a bucket that wants the source; repeats over several buckets.
  func forEachEndpoint(
    inBucket number: Int32, source: UnsafeRawBufferPointer, _ body: (EndpointNumber) -> Void
  ) {
    for index in buckets[Int(number)].members {
      let member = members[Int(index)]
      let wanted = member.sources.isEmpty
        || member.sources.contains { unsafe $0.elementsEqual(source) }
      if wanted { body(member.endpoint) }
    }
  }

  // MARK: Building

  /// The hash that a bucket is found by; an empty channel is "any".
  private static func key(
    _ application: ApplicationNumber, _ form: TypePattern.Form, _ stem: UnsafeRawBufferPointer,
    _ channel: UnsafeRawBufferPointer
  ) -> UInt64 {
    let seed = UInt64(application.value) << 8 | UInt64(form.rawValue)
    let stemHash = unsafe Hash64.of(stem, seed: seed)
    return channel.count == 0 ? stemHash : unsafe Hash64.of(channel, seed: stemHash)
  }

  /// Puts an endpoint into the bucket of each of its subscriptions.
  private mutating func add(_ entry: RoutingEntry) {
    let member = Int32(members.count)
    members.append(Member(endpoint: entry.endpoint, sources: entry.sources.map { Array($0.utf8) }))
    let types = entry.types.isEmpty ? [TypePattern.all] : entry.types
    let channels = entry.channels.isEmpty ? [[]] : entry.channels.map { Array($0.utf8) }
    for application in entry.applications {
      for channel in channels {
        for pattern in types {
          let bucket = bucket(application, pattern, channel)
          buckets[bucket].members.append(member)
          if !entry.sources.isEmpty { buckets[bucket].filtersSource = true }
        }
      }
    }
  }

  /// The bucket of a subscription, made if need be.
  private mutating func bucket(
    _ application: ApplicationNumber, _ pattern: TypePattern, _ channel: [UInt8]
  ) -> Int {
    let key = unsafe pattern.stem.withUnsafeBytes { stem in
      unsafe channel.withUnsafeBytes { channel in
        unsafe Self.key(application, pattern.form, stem, channel)
      }
    }
    for number in index[key] ?? [] {
      let bucket = buckets[Int(number)]
      if bucket.application == application, bucket.form == pattern.form,
        bucket.stem == pattern.stem, bucket.channel == channel
      { return Int(number) }
    }
    index[key, default: []].append(Int32(buckets.count))
    buckets.append(
      Bucket(
        application: application, form: pattern.form, stem: pattern.stem, channel: channel))
    return buckets.count - 1
  }
}

internal import Base
public import Flow

/// Who subscribed to what, at one moment: immutable, made by the control plane, read by ingest.
///
/// Every (application, channel, pattern) that somebody subscribed to has a *bucket* of endpoints,
/// found by hash. A type with two dots asks for four of them: itself, its two prefixes, and `*`;
/// with channels, four more for each channel. So the time of a match does not depend on how many
/// patterns there are.
public final class RoutingSnapshot: Sendable {
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

  /// Names of all applications, sorted.
  public let applicationNames: [String]
  /// Types that are catalogued or were seen, sorted: what a mistyped one is compared with.
  public let knownTypes: [String]
  /// Endpoints that receive anything.
  public let endpointCount: Int
  private let applications: [[UInt8]: ApplicationNumber]
  private let members: [Member]
  private let buckets: [Bucket]
  /// Key hash → buckets with that hash; more than one only after a collision.
  private let index: [UInt64: [Int32]]

  /// Builds the index.
  /// - Parameters:
  ///   - applications: Every application by name.
  ///   - entries: Every endpoint; those that are disabled are left out here.
  ///   - knownTypes: For suggestions.
  /// - Complexity: O(entries × their applications × channels × patterns).
  public init(
    applications: [String: ApplicationNumber], entries: [RoutingEntry], knownTypes: [String] = []
  ) {
    applicationNames = applications.keys.sorted()
    self.knownTypes = knownTypes.sorted()
    var byBytes: [[UInt8]: ApplicationNumber] = [:]
    for name in applicationNames { byBytes[Array(name.utf8)] = applications[name] }
    self.applications = byBytes
    var builder = RoutingIndexBuilder()
    var members: [Member] = []
    for entry in entries where entry.enabled {
      let member = Int32(members.count)
      members.append(
        Member(endpoint: entry.endpoint, sources: entry.sources.map { Array($0.utf8) }))
      builder.add(entry, member: member)
    }
    self.members = members
    endpointCount = members.count
    buckets = builder.buckets
    index = builder.index
  }

  /// No application but `default` (1), and nobody subscribed.
  public static let empty = RoutingSnapshot(
    applications: ["default": ApplicationNumber(1)], entries: [])

  /// The number of an application; `nil` for an unknown one.
  public func application(named name: String) -> ApplicationNumber? {
    applications[Array(name.utf8)]
  }

  /// Every application's name and number, in the order of names.
  var applicationTable: [(name: [UInt8], number: ApplicationNumber)] {
    applicationNames.compactMap { name in
      application(named: name).map { (Array(name.utf8), $0) }
    }
  }

  /// Who gets an event.
  /// - Returns: Endpoint numbers, sorted, without repeats.
  public func match(_ query: RouteQuery) -> [EndpointNumber] {
    var found: [Int32] = []
    _ = collect(query, into: &found)
    return endpoints(of: found, query)
  }

  /// Who gets an event; for the control plane and tests.
  public func match(
    application: ApplicationNumber, type: String, source: String? = nil, channels: [String] = []
  ) -> [EndpointNumber] {
    var extras = source.map { Self.extra(ExtraTag.source, $0) } ?? []
    for channel in channels { extras += Self.extra(ExtraTag.channel, channel) }
    return unsafe Array(type.utf8).withUnsafeBytes { type in
      unsafe extras.withUnsafeBytes { extras in
        match(unsafe RouteQuery(application: application, type: type, extras: extras))
      }
    }
  }

  private static func extra(_ tag: UInt8, _ text: String) -> [UInt8] {
    let bytes = Array(text.utf8.prefix(Int(UInt16.max)))
    return [tag, UInt8(truncatingIfNeeded: bytes.count), UInt8(bytes.count >> 8)] + bytes
  }

  // MARK: Buckets

  /// Finds the buckets that an event falls into.
  /// - Returns: Whether the event's source matters beside them.
  func collect(_ query: RouteQuery, into found: inout [Int32]) -> Bool {
    var filtersSource = unsafe collect(
      query, channel: unsafe UnsafeRawBufferPointer(start: nil, count: 0), into: &found)
    unsafe query.forEachRoutingExtra { tag, channel in
      guard tag == ExtraTag.channel else { return }
      if unsafe collect(query, channel: channel, into: &found) { filtersSource = true }
    }
    return filtersSource
  }

  private func collect(
    _ query: RouteQuery, channel: UnsafeRawBufferPointer, into found: inout [Int32]
  ) -> Bool {
    let type = unsafe query.type
    var filters = unsafe look(.all, type, 0, channel, query.application, &found)
    for dot in 0..<type.count where unsafe type[dot] == UInt8(ascii: ".") {
      if unsafe look(.prefix, type, dot + 1, channel, query.application, &found) { filters = true }
    }
    if unsafe look(.exact, type, type.count, channel, query.application, &found) { filters = true }
    return filters
  }

  /// Looks for one bucket, the stem being the first `length` bytes of the type.
  private func look(
    _ form: TypePattern.Form, _ type: UnsafeRawBufferPointer, _ length: Int,
    _ channel: UnsafeRawBufferPointer, _ application: ApplicationNumber, _ found: inout [Int32]
  ) -> Bool {
    let stem = unsafe UnsafeRawBufferPointer(rebasing: type[0..<length])
    let key = unsafe RoutingIndexBuilder.key(application, form, stem, channel)
    guard let candidates = index[key] else { return false }
    for number in candidates {
      let bucket = buckets[Int(number)]
      guard bucket.application == application, bucket.form == form,
        unsafe bucket.stem.elementsEqual(stem), unsafe bucket.channel.elementsEqual(channel)
      else { continue }
      if !found.contains(number) { found.append(number) }
      return bucket.filtersSource
    }
    return false
  }

  /// The endpoints in some buckets that want the event's source.
  func endpoints(of found: [Int32], _ query: RouteQuery) -> [EndpointNumber] {
    let source = unsafe query.source
    var endpoints: [EndpointNumber] = []
    for number in found {
      let bucket = buckets[Int(number)]
      for index in bucket.members {
        let member = members[Int(index)]
        let wanted = member.sources.isEmpty
          || member.sources.contains { unsafe $0.elementsEqual(source) }
        if wanted { endpoints.append(member.endpoint) }
      }
    }
    endpoints.sort()
    var last: EndpointNumber?
    endpoints.removeAll { endpoint in
      defer { last = endpoint }
      return endpoint == last
    }
    return endpoints
  }
}

/// Collects buckets while a snapshot is made.
struct RoutingIndexBuilder {
  private(set) var buckets: [RoutingSnapshot.Bucket] = []
  private(set) var index: [UInt64: [Int32]] = [:]

  /// The hash that a bucket is found by; an empty channel is "any".
  static func key(
    _ application: ApplicationNumber, _ form: TypePattern.Form, _ stem: UnsafeRawBufferPointer,
    _ channel: UnsafeRawBufferPointer
  ) -> UInt64 {
    let seed = UInt64(application.value) << 8 | UInt64(form.rawValue)
    let stemHash = unsafe Hash64.of(stem, seed: seed)
    return channel.count == 0 ? stemHash : unsafe Hash64.of(channel, seed: stemHash)
  }

  /// Puts an endpoint into the bucket of each of its subscriptions.
  mutating func add(_ entry: RoutingEntry, member: Int32) {
    let types = entry.types.isEmpty ? [TypePattern.all] : entry.types
    let channels = entry.channels.isEmpty ? [[]] : entry.channels.map { Array($0.utf8) }
    for application in entry.applications {
      for channel in channels {
        for pattern in types {
          add(
            application, pattern, channel, member: member, filtersSource: !entry.sources.isEmpty)
        }
      }
    }
  }

  private mutating func add(
    _ application: ApplicationNumber, _ pattern: TypePattern, _ channel: [UInt8], member: Int32,
    filtersSource: Bool
  ) {
    let key = unsafe pattern.stem.withUnsafeBytes { stem in
      unsafe channel.withUnsafeBytes { channel in
        unsafe Self.key(application, pattern.form, stem, channel)
      }
    }
    let bucket = find(key, application, pattern, channel)
    buckets[bucket].members.append(member)
    if filtersSource { buckets[bucket].filtersSource = true }
  }

  private mutating func find(
    _ key: UInt64, _ application: ApplicationNumber, _ pattern: TypePattern, _ channel: [UInt8]
  ) -> Int {
    for number in index[key] ?? [] {
      let bucket = buckets[Int(number)]
      if bucket.application == application, bucket.form == pattern.form,
        bucket.stem == pattern.stem, bucket.channel == channel
      { return Int(number) }
    }
    index[key, default: []].append(Int32(buckets.count))
    buckets.append(
      RoutingSnapshot.Bucket(
        application: application, form: pattern.form, stem: pattern.stem, channel: channel))
    return buckets.count - 1
  }
}

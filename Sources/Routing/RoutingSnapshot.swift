internal import Base
public import Flow

/// Who subscribed to what, at one moment: immutable, made by the control plane, read by ingest.
///
/// Two indexes: a large one that many snapshots share, and a small one of the endpoints that were
/// added, changed or removed since it was made. So an edit costs what lies in the small one, and not
/// 100,000 endpoints.
public final class RoutingSnapshot: Sendable {
  /// Names of all applications, sorted.
  public let applicationNames: [String]
  /// Types that are catalogued or were seen, sorted: what a mistyped one is compared with.
  public let knownTypes: [String]
  /// Every application's number.
  let names: ApplicationNames
  private let base: RoutingIndex
  private let recent: RoutingIndex
  /// Endpoints whose place in `base` is out of date.
  private let superseded: Set<EndpointNumber>

  /// Builds the index.
  /// - Parameters:
  ///   - applications: Every application by name.
  ///   - entries: Every endpoint; those that are disabled are left out here.
  ///   - knownTypes: For suggestions.
  /// - Complexity: O(entries × their applications × channels × patterns).
  public init(
    applications: [String: ApplicationNumber], entries: some Sequence<RoutingEntry>,
    knownTypes: [String] = []
  ) {
    applicationNames = applications.keys.sorted()
    self.knownTypes = knownTypes.sorted()
    names = ApplicationNames(applications)
    base = RoutingIndex(entries)
    recent = RoutingIndex([])
    superseded = []
  }

  private init(_ old: RoutingSnapshot, _ changes: [EndpointNumber: RoutingEntry?]) {
    applicationNames = old.applicationNames
    knownTypes = old.knownTypes
    names = old.names
    base = old.base
    recent = RoutingIndex(changes.values.compactMap { $0 })
    superseded = Set(changes.keys)
  }

  /// No application but `default` (1), and nobody subscribed.
  public static let empty = RoutingSnapshot(
    applications: ["default": ApplicationNumber(1)], entries: [])

  /// This snapshot after some edits.
  /// - Parameter changes: Every endpoint that is other than it was when the index was built, the ones
  ///   of earlier calls included; `nil` = removed.
  /// - Precondition: This one was built by `init`.
  /// - Complexity: O(changes).
  public func applying(_ changes: [EndpointNumber: RoutingEntry?]) -> RoutingSnapshot {
    require(superseded.isEmpty, "edits are applied to a snapshot that was built whole")
    return RoutingSnapshot(self, changes)
  }

  /// The number of an application; `nil` for an unknown one.
  public func application(named name: String) -> ApplicationNumber? {
    unsafe Array(name.utf8).withUnsafeBytes { unsafe names.number(of: $0) }
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

  /// Finds the buckets that an event falls into, those of `recent` numbered after those of `base`.
  /// - Returns: Whether the event's source matters beside them.
  func collect(_ query: RouteQuery, into found: inout [Int32]) -> Bool {
    let filtersOld = base.collect(query, offset: 0, into: &found)
    let filtersNew = recent.collect(query, offset: base.bucketCount, into: &found)
    return filtersOld || filtersNew
  }

  /// The endpoints in some buckets that want the event's source; sorted, without repeats.
  func endpoints(of found: [Int32], _ query: RouteQuery) -> [EndpointNumber] {
    let source = unsafe query.source
    var endpoints: [EndpointNumber] = []
    for number in found {
      if number < base.bucketCount {
        unsafe base.forEachEndpoint(inBucket: number, source: source) {
          if superseded.isEmpty || !superseded.contains($0) { endpoints.append($0) }
        }
      } else {
        unsafe recent.forEachEndpoint(inBucket: number - base.bucketCount, source: source) {
          endpoints.append($0)
        }
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

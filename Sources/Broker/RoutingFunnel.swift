internal import Base
internal import Catalog
internal import Flow
internal import Platform
internal import Routing
internal import Synchronization
internal import TLS
internal import Wire

/// Brings catalogue changes to the data plane, in order, several at a time.
///
/// Reactors learn of an endpoint before routing names it, so that no event can be accepted for a
/// lane that nobody knows. Edits that come close upon one another share one snapshot.
final class RoutingFunnel: Sendable {
  private struct Model {
    var entries: [UInt32: RoutingEntry] = [:]
    var applications: [String: ApplicationNumber] = [:]
    /// The last snapshot that was built whole; `nil` when none can serve any more.
    var base: RoutingSnapshot?
    /// What has changed since.
    var changes: [EndpointNumber: RoutingEntry?] = [:]
    /// Who takes events of `_system`.
    var systemListeners: [UInt32: RoutingEntry] = [:]
    /// When the next former secret of an endpoint stops signing, where one still does.
    var expiries: [UInt32: UnixMilliseconds] = [:]
    var publishing = false
    var waiters: [CheckedContinuation<Void, Never>] = []

    mutating func set(_ entry: RoutingEntry?, of number: UInt32) {
      entries[number] = entry
      noteListener(entry, number)
      changes.updateValue(entry, forKey: EndpointNumber(number))
    }

    /// Its events carry neither channel nor source, so whoever wants one gets none.
    mutating func noteListener(_ entry: RoutingEntry?, _ number: UInt32) {
      let system = ApplicationNumber(Catalog.systemApplicationNumber)
      let listens = entry.map { $0.enabled && $0.wants(application: system) && !$0.looksAtExtras }
      systemListeners[number] = listens == true ? entry : nil
    }

    /// Built whole when the edits since the last time are more than a 64th of all: then an edit
    /// costs O(endpoints / 64) at most, and the whole building is shared by as many.
    mutating func snapshot() -> RoutingSnapshot {
      if let base, changes.count <= max(64, entries.count / 64) {
        return changes.isEmpty ? base : base.applying(changes)
      }
      let whole = RoutingSnapshot(applications: applications, entries: entries.values)
      base = whole
      changes = [:]
      return whole
    }
  }

  private let model = Mutex(Model())
  private let catalog: Catalog
  private let plane: DataPlane

  init(catalog: Catalog, plane: DataPlane) {
    self.catalog = catalog
    self.plane = plane
  }

  /// Posts all endpoints to the stages before their threads run: it is the first thing they find.
  func preload() throws(CatalogError) {
    let now = RealClock.unix
    var configs: [EndpointConfig] = []
    var loaded = Model()
    loaded.applications = Self.names(of: try catalog.applications())
    try catalog.forEachEndpoint { record in
      if let config = EndpointConfig(record: record, now: now) { configs.append(config) }
      loaded.entries[record.number] = RoutingEntry(record)
      loaded.noteListener(loaded.entries[record.number], record.number)
      loaded.expiries[record.number] = record.nextSecretExpiry(after: now)
    }
    plane.post(configs)
    plane.post(loaded.snapshot())
    model.withLock { $0 = loaded }
  }

  /// Takes an endpoint as it now is to reactors and routing.
  func apply(_ record: EndpointRecord) async {
    await follow(record)
    model.withLock { $0.set(RoutingEntry(record), of: record.number) }
    await publish()
  }

  /// Takes what the reactors need of an endpoint to them, and nothing to routing.
  func follow(_ record: EndpointRecord) async {
    let now = RealClock.unix
    let expiry = record.nextSecretExpiry(after: now)
    model.withLock { $0.expiries[record.number] = expiry }
    if expiry != nil { plane.bell.ring() }
    if let config = EndpointConfig(record: record, now: now) { await plane.configure([config]) }
  }

  /// Endpoints of which a former secret has come to its end and still signs.
  func expired(by now: UnixMilliseconds) -> [UInt32] {
    model.withLock { model in
      if model.expiries.isEmpty { return [] }
      return model.expiries.filter { $0.value <= now }.keys.sorted()
    }
  }

  /// When the next former secret of all stops signing; `nil`: none does.
  var nextExpiry: UnixMilliseconds? { model.withLock { $0.expiries.values.min() } }

  /// Whether routing knows an endpoint by this number.
  func knows(_ number: UInt32) -> Bool { model.withLock { $0.entries[number] != nil } }

  /// The application that an endpoint is active in, the oldest of them.
  func application(of number: UInt32) -> UInt32? {
    model.withLock { $0.entries[number]?.applications.first?.value }
  }

  /// Whether anybody takes events of the application `_system`.
  var hasSystemListener: Bool { model.withLock { !$0.systemListeners.isEmpty } }

  /// Whether anybody takes events of this type of the application `_system`.
  func systemTakes(_ type: String) -> Bool {
    var type = type
    return type.withUTF8 { bytes in
      let bytes = UnsafeRawBufferPointer(bytes)
      return model.withLock { model in
        model.systemListeners.values.contains { entry in
          entry.types.isEmpty || entry.types.contains { unsafe $0.matches(bytes) }
        }
      }
    }
  }

  /// Takes an endpoint out of routing; its lane lives on until it is removed.
  func withdraw(_ record: EndpointRecord) async {
    model.withLock { model in
      model.set(nil, of: record.number)
      model.expiries[record.number] = nil
    }
    await publish()
  }

  /// Endpoints known to routing.
  var endpointCount: Int { model.withLock { $0.entries.count } }

  /// Takes new or removed applications to routing.
  func applyApplications() async {
    guard let applications = try? catalog.applications() else { return }
    model.withLock { model in
      model.applications = Self.names(of: applications)
      model.base = nil
    }
    await publish()
  }

  private static func names(of applications: [ApplicationRecord]) -> [String: ApplicationNumber] {
    var names: [String: ApplicationNumber] = [:]
    for application in applications {
      let number = ApplicationNumber(application.number)
      names[application.id] = number
      if let uid = application.uid { names[uid] = number }
      names[application.name] = number
    }
    return names
  }

  /// Returns when ingest routes by a snapshot that holds every change made before the call.
  private func publish() async {
    await withCheckedContinuation { continuation in
      let starts = model.withLock { model in
        model.waiters.append(continuation)
        defer { model.publishing = true }
        return !model.publishing
      }
      if starts { Task { await self.publishRounds() } }
    }
  }

  private func publishRounds() async {
    while true {
      let (waiters, snapshot) = model.withLock { model in
        defer { model.waiters = [] }
        return (model.waiters, model.snapshot())
      }
      await plane.route(snapshot)
      for waiter in waiters { waiter.resume() }
      // Whoever comes in the meantime shares the next snapshot. Each one has ingest resolve its
      // audiences anew, 0.5 ms for one of 10,000 endpoints: the more there are, the longer it rests.
      await ControlThreads.sleep(for: .microseconds(UInt64(min(10_000, endpointCount / 10))))
      let finished = model.withLock { model in
        if model.waiters.isEmpty { model.publishing = false }
        return model.waiters.isEmpty
      }
      if finished { return }
    }
  }
}

extension EndpointRecord {
  /// When the next of its former secrets stops signing.
  fileprivate func nextSecretExpiry(after now: UnixMilliseconds) -> UnixMilliseconds? {
    secrets.compactMap(\.expiresAt).filter { $0 > now }.min()
  }
}

extension RoutingEntry {
  init(_ record: EndpointRecord) {
    self.init(
      endpoint: EndpointNumber(record.number),
      applications: record.applicationNumbers.map { ApplicationNumber($0) },
      types: record.types.compactMap { try? TypePattern(parsing: $0) },
      channels: record.channels, sources: record.sources, enabled: !record.disabled)
  }
}

extension EndpointConfig {
  /// What the data plane needs of a record.
  /// - Returns: `nil` when the stored record is no longer usable; the lane then keeps what it had.
  convenience init?(record: EndpointRecord, now: UnixMilliseconds) {
    guard let target = try? URLTarget(parsing: record.url),
      let prefix = try? RequestPrefix(
        target: target, version: fanfareVersion, headers: record.headers.map { ($0.name, $0.value) },
        authorization: record.auth.headerValue),
      let retry = record.retryText == RetrySchedule.standard.text
        ? .standard : try? RetrySchedule(parsing: record.retryText)
    else { return nil }
    // A rotated secret signs until its grace period ends; housekeeping comes back then.
    let live = record.secrets.filter { $0.expiresAt.map { $0 > now } ?? true }
    let keys = live.compactMap { try? WebhookSecret(parsing: $0.key).bytes }
    let rate = record.rateText.flatMap { Quantity.rate($0)?.perSecond } ?? 0
    self.init(
      number: EndpointNumber(record.number), id: record.id, name: record.name,
      usesTLS: target.usesTLS, host: target.host, port: target.port,
      requestPrefix: prefix.bytes, secretKeys: keys,
      format: record.format, signing: record.signing,
      retryDelaysMilliseconds: retry.delays,
      timeout: .milliseconds(UInt64(record.timeoutSeconds * 1000)),
      maxInFlight: record.maxInFlight, ratePerSecond: rate,
      maxAgeMilliseconds: UInt64(record.maxAgeSeconds) * 1000, ordered: record.ordered,
      caPEM: record.caPEM, paused: record.paused, disabled: record.disabled)
  }
}

public import Base
public import Catalog
internal import Delivery
package import Flow
internal import Platform
internal import Storage

/// How a delivery stands.
public struct DeliveryState: Sendable, Equatable {
  /// What is known of it.
  public enum Kind: Int, Sendable {
    /// It was made.
    case success = 0
    /// It will be tried, or tried again.
    case pending = 1
    /// It was given up.
    case failed = 2
  }
  /// Where it stands.
  public var kind: Kind
  /// When the next attempt is due; `nil` when none is planned.
  public var nextAttempt: UnixMilliseconds?

  /// A state.
  public init(_ kind: Kind, nextAttempt: UnixMilliseconds? = nil) {
    self.kind = kind
    self.nextAttempt = nextAttempt
  }

  /// What the last attempt, the list of dead letters and the lane say together.
  ///
  /// - Parameters:
  ///   - last: the last attempt that is kept.
  ///   - isDead: whether it is on the list of dead letters.
  ///   - oldestPending: where the lane's oldest pending delivery stands; `nil` when it has none.
  package init(
    position: Position, last: AttemptEntry?, isDead: Bool, oldestPending: Position?
  ) {
    let mayBePending = oldestPending.map { position >= $0 } ?? false
    switch last?.result {
    case _ where isDead: self.init(.failed)
    case .success: self.init(.success)
    case .retried where mayBePending: self.init(.pending, nextAttempt: last?.nextAttempt)
    case .dead where !mayBePending: self.init(.failed)
    // Of a delivery that was made, the attempt may not have been kept.
    default: self.init(mayBePending ? .pending : .success)
    }
  }
}

extension BrokerControl {
  /// Events that were accepted for an endpoint, the newest first, and how their deliveries stand.
  /// - Parameter query: its `endpoint` is needed.
  public func messages(of endpoint: String, _ query: EventQuery)
    async throws(ControlError) -> (page: MessagePage, states: [DeliveryState])
  {
    let record = try self.endpoint(
      application: query.application ?? Catalog.defaultApplication, id: endpoint)
    var query = query
    query.endpoint = record.number
    let page = try await messages(query)
    let positions = page.messages.compactMap { UInt64($0.record.position) }
      .map { Position(packed: $0) }
    return (page, try await states(of: record, positions))
  }

  /// Endpoints that an event was accepted for, or was sent to since, in order of their ids.
  public func receivers(application: String, id: String, page: PageRequest)
    async throws(ControlError) -> (page: Page<EndpointRecord>, states: [DeliveryState])
  {
    let event = try await find(application: application, id: id)
    var numbers = Set(
      unsafe plane.window.audiences.endpoints(of: event.audience).map(\.value))
    let tried = try catalogCall { () throws(CatalogError) in
      try attempts.store.attempts(position: event.position, limit: PageRequest.limitMax)
    }
    numbers.formUnion(tried.map(\.endpoint))
    let records = try catalogCall { () throws(CatalogError) in
      try catalog.endpoints(application: application)
    }
    let part = page.page(of: records.filter { numbers.contains($0.number) }, id: \.id)
    var states: [DeliveryState] = []
    for record in part.elements { states += try await self.states(of: record, [event.position]) }
    return (part, states)
  }

  private func states(of record: EndpointRecord, _ positions: [Position])
    async throws(ControlError) -> [DeliveryState]
  {
    let lane = await plane.status(of: EndpointNumber(record.number))
    let (last, dead) = try catalogCall { () throws(CatalogError) in
      (
        try attempts.store.last(of: positions.map { (record.number, $0) }),
        try catalog.deadPositions(endpoint: record.number, among: positions)
      )
    }
    return zip(positions, last).map { position, last in
      DeliveryState(
        position: position, last: last, isDead: dead.contains(position),
        oldestPending: lane?.depth == 0 ? nil : lane?.oldest)
    }
  }
}

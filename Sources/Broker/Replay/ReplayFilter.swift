package import Base
package import Flow
package import Routing

/// Which events of the log go to an endpoint once more: those it was in the audience of, and those
/// that its present subscription takes, so that a new endpoint gets what it would have got.
package struct ReplayFilter {
  private let endpoint: EndpointNumber
  private let entry: RoutingEntry
  private let audiences: AudienceTable
  private var asked: TypeFilter
  private var subscribed: TypeFilter
  private let since: UnixMilliseconds
  private let until: UnixMilliseconds
  private let skipsMembers: Bool

  /// - Parameters:
  ///   - entry: the endpoint's subscription as it is now.
  ///   - types: what was asked for; none is all that the endpoint gets.
  ///   - skipsMembers: leaves out what was accepted for the endpoint.
  package init(
    entry: RoutingEntry, audiences: AudienceTable, types: [TypePattern] = [],
    since: UnixMilliseconds = UnixMilliseconds(0), until: UnixMilliseconds = UnixMilliseconds(.max),
    skipsMembers: Bool = false
  ) {
    endpoint = entry.endpoint
    self.entry = entry
    self.audiences = audiences
    asked = TypeFilter(types)
    subscribed = TypeFilter(entry.types)
    self.since = since
    self.until = until
    self.skipsMembers = skipsMembers
  }

  /// Whether the event was accepted for the endpoint.
  package func isMember(_ header: EventHeader) -> Bool {
    header.audience != .empty && audiences.contains(endpoint, in: header.audience)
  }

  /// What the header says.
  package func verdict(_ header: EventHeader) -> HeaderVerdict {
    if header.time < since || header.time > until { return .unwanted }
    let type = asked.verdict(header)
    if type == false { return .unwanted }
    if isMember(header) { return skipsMembers ? .unwanted : type == true ? .wanted : .open }
    guard entry.wants(application: header.application) else { return .unwanted }
    let own = subscribed.verdict(header)
    if own == false { return .unwanted }
    if entry.looksAtExtras { return header.extrasLength == 0 ? .unwanted : .open }
    return type == true && own == true ? .wanted : .open
  }

  /// What the event itself says, its header not having spoken against it.
  package mutating func judge(_ event: EventView) -> Bool {
    let own = subscribed.judge(event)
    guard asked.judge(event) else { return false }
    if isMember(event.header) { return true }
    guard own else { return false }
    return entry.wants(
      unsafe RouteQuery(
        application: event.header.application, type: event.type, extras: event.extras))
  }
}

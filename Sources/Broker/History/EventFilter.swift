package import Base
package import Flow
internal import Routing

/// Which events of the log somebody wants to see.
package struct EventFilter {
  package var application: ApplicationNumber?
  package var types = TypeFilter([])
  /// Events that carry it.
  package var channel: [UInt8]?
  package var id: [UInt8]? {
    didSet { idHash = id.map { unsafe $0.withUnsafeBytes { unsafe Hash64.of($0) } } }
  }
  /// Inclusive, by the event's own time.
  package var since = UnixMilliseconds(0)
  /// Inclusive.
  package var until = UnixMilliseconds(.max)
  /// Events that were accepted for this endpoint.
  package var receiver: (endpoint: EndpointNumber, audiences: AudienceTable)?
  private var idHash: UInt64?

  /// Every event.
  package init() {}

  /// What the header says.
  package func verdict(_ header: EventHeader) -> HeaderVerdict {
    if let idHash, header.idHash != idHash { return .unwanted }
    if header.time < since || header.time > until { return .unwanted }
    if let application, header.application != application { return .unwanted }
    if let (endpoint, audiences) = receiver, !audiences.contains(endpoint, in: header.audience) {
      return .unwanted
    }
    if channel != nil, header.extrasLength == 0 { return .unwanted }
    let type = types.verdict(header)
    if type == false { return .unwanted }
    // A hash may lie: an id is compared.
    return type == nil || channel != nil || id != nil ? .open : .wanted
  }

  /// What the event itself says, its header not having spoken against it.
  package mutating func judge(_ event: EventView) -> Bool {
    guard types.judge(event) else { return false }
    if let id, unsafe !id.elementsEqual(event.id) { return false }
    guard let channel else { return true }
    var found = false
    unsafe Extras.forEach(event.extras) { tag, value in
      found = unsafe tag == ExtraTag.channel && value.elementsEqual(channel)
      return !found
    }
    return found
  }
}

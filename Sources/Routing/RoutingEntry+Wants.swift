internal import Base
public import Flow

extension RoutingEntry {
  /// Whether this subscription, alone, takes an event: what ``RoutingSnapshot/match(_:)`` says of
  /// an enabled endpoint.
  /// - Complexity: O(patterns + channels + sources); no allocation.
  public func wants(_ query: RouteQuery) -> Bool {
    guard wants(application: query.application) else { return false }
    if !types.isEmpty, !types.contains(where: { unsafe $0.matches(query.type) }) { return false }
    return wantsExtras(of: query)
  }

  /// Whether it is active in an application.
  public func wants(application: ApplicationNumber) -> Bool { applications.contains(application) }

  /// Whether attributes of an event matter beside application and type.
  public var looksAtExtras: Bool { !channels.isEmpty || !sources.isEmpty }

  private func wantsExtras(of query: RouteQuery) -> Bool {
    if !sources.isEmpty {
      let source = unsafe query.source
      guard sources.contains(where: { unsafe $0.utf8.elementsEqual(source) }) else { return false }
    }
    if channels.isEmpty { return true }
    var found = false
    unsafe query.forEachRoutingExtra { tag, value in
      guard tag == ExtraTag.channel else { return }
      if channels.contains(where: { unsafe $0.utf8.elementsEqual(value) }) { found = true }
    }
    return found
  }
}

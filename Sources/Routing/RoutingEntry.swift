public import Flow

/// What routing needs to know of one endpoint.
public struct RoutingEntry: Sendable {
  /// The endpoint.
  public var endpoint: EndpointNumber
  /// The applications it is active in; none = it receives nothing.
  public var applications: [ApplicationNumber]
  /// The types it subscribed to; none = all.
  public var types: [TypePattern]
  /// Only events that carry one of these; none = all events.
  public var channels: [String]
  /// Only events from one of these; none = all events.
  public var sources: [String]
  /// A disabled endpoint is not queued for.
  public var enabled: Bool

  /// Describes an endpoint's subscription; see the properties.
  public init(
    endpoint: EndpointNumber, applications: [ApplicationNumber], types: [TypePattern] = [],
    channels: [String] = [], sources: [String] = [], enabled: Bool = true
  ) {
    self.endpoint = endpoint
    self.applications = applications
    self.types = types
    self.channels = channels
    self.sources = sources
    self.enabled = enabled
  }
}

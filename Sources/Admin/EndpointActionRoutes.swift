internal import Broker
internal import Catalog
internal import Hummingbird

extension AdminRoutes {
  /// `POST …/endpoint/{endpoint}/pause|resume|enable|disable`.
  mutating func addEndpointActions(_ control: BrokerControl) {
    let states = EndpointStates(control)
    for (word, paused) in [("pause", true), ("resume", false)] {
      on(.post, "\(Self.endpointPath)/\(word)", .manage) { _, context in
        let record = try await control.setPaused(
          application: try context.application(), id: try context.endpoint(), paused)
        return try await Self.show(record, states, context)
      }
    }
    for (word, disabled) in [("disable", true), ("enable", false)] {
      on(.post, "\(Self.endpointPath)/\(word)", .manage) { _, context in
        let record = try await control.setDisabled(
          application: try context.application(), id: try context.endpoint(), disabled)
        return try await Self.show(record, states, context)
      }
    }
  }
}

internal import Broker
internal import Hummingbird

/// Whether the broker is up, or ready, and why not.
struct HealthOut: Encodable, Equatable {
  var status: String
  var reasons: [String]
}

extension AdminRoutes {
  /// `/healthz`, `/readyz` and Svix's `/api/v1/health`.
  mutating func addHealth(_ control: BrokerControl) {
    on(.get, "/healthz", nil) { _, _ in
      try JSON.response(HealthOut(status: "ok", reasons: []))
    }
    on(.get, "/readyz", nil) { _, _ in
      let reasons = control.notReadyReasons
      return try JSON.response(
        HealthOut(status: reasons.isEmpty ? "ready" : "not ready", reasons: reasons),
        status: reasons.isEmpty ? .ok : .serviceUnavailable)
    }
    for path in ["/api/v1/health", "/api/v1/health/ping"] {
      on(.get, path, nil) { _, _ in .empty() }
    }
  }
}

internal import Broker
internal import Hummingbird

/// The description of the API, OpenAPI 3.1, as `/openapi.json` serves it.
package enum OpenAPIDocument {
  /// JSON.
  package static let bytes = PackageResources.openapi_json
}

/// Whether the broker is up, or ready, and why not.
struct HealthOut: Encodable, Equatable {
  var status: String
  var reasons: [String]
}

extension AdminRoutes {
  /// `/healthz`, `/readyz`, `/openapi.json` and Svix's `/api/v1/health`.
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
    on(.get, "/openapi.json", nil) { _, _ in JSON.response(bytes: OpenAPIDocument.bytes) }
    for path in ["/api/v1/health", "/api/v1/health/ping"] {
      on(.get, path, nil) { _, _ in .empty() }
    }
  }
}

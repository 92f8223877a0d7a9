internal import Broker
internal import Catalog
internal import Hummingbird

/// Header changes: null removes a header (PATCH).
struct HeadersIn: Decodable {
  var headers: [String: String?]

  /// The headers after this change.
  func patched(_ known: [EndpointHeader]) -> [EndpointHeader] {
    let changed = Set(headers.keys.map { $0.lowercased() })
    let given = headers.compactMapValues { $0 }
    return known.filter { !changed.contains($0.name.lowercased()) }
      + HeaderMask.merge(given, into: known)
  }

  /// The headers that these replace the old ones with.
  func replaced(_ known: [EndpointHeader]) -> [EndpointHeader] {
    HeaderMask.merge(headers.compactMapValues { $0 }, into: known)
  }
}

/// Names of all headers; their values are all sensitive.
struct HeadersOut: Encodable {
  var headers: [String: String] = [:]
  var sensitive: [String]
}

extension AdminRoutes {
  /// `…/endpoint/{endpoint}/headers`.
  mutating func addEndpointHeaders(_ control: BrokerControl) {
    let path = "\(Self.endpointPath)/headers"
    on(.get, path, .read) { _, context in
      let record = try control.catalog.endpoint(
        application: try context.application(), idOrUID: try context.endpoint())
      return try JSON.response(HeadersOut(sensitive: record.headers.map(\.name)))
    }
    on(.put, path, .manage) { request, context in
      let given = try await JSON.decode(HeadersIn.self, from: request)
      _ = try await control.updateEndpoint(
        application: try context.application(), id: try context.endpoint()
      ) { $0.headers = given.replaced($0.headers) }
      return .empty()
    }
    on(.patch, path, .manage) { request, context in
      let given = try await JSON.decode(HeadersIn.self, from: request)
      _ = try await control.updateEndpoint(
        application: try context.application(), id: try context.endpoint()
      ) { $0.headers = given.patched($0.headers) }
      return .empty()
    }
  }
}

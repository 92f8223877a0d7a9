internal import Broker
package import Catalog
internal import HTTPTypes
internal import Hummingbird

/// What a portal's token is to be good for; unknown members are ignored.
package struct PortalAccessIn: Decodable {
  /// Four weeks.
  package static let lifetimeSecondsMax = 28 * 86_400
  static let lifetimeSecondsMin = 3_600

  var application: ApplicationIn?
  var readOnly: Bool?
  /// Svix's list; without `ManageEndpoint` in it the bearer may only look.
  var capabilities: [String]?
  /// Seconds.
  var expiry: Int?

  /// What the bearer may do.
  package var scopes: Set<TokenScope> {
    let mayManage = capabilities?.contains("ManageEndpoint") ?? true
    return readOnly == true || !mayManage ? [.read] : [.read, .manage]
  }

  /// How long the token is good, seconds.
  ///
  /// - Throws: ``AdminError``, 422.
  package func lifetime() throws(AdminError) -> UInt64 {
    let range = Self.lifetimeSecondsMin...Self.lifetimeSecondsMax
    guard let expiry else { return UInt64(Self.lifetimeSecondsMax) }
    guard range.contains(expiry) else {
      throw .invalid("expiry", "from \(range.lowerBound) to \(range.upperBound) seconds")
    }
    return UInt64(expiry)
  }
}

/// A token for one application, and where its bearer may use it.
struct PortalAccessOut: Encodable {
  var url: String
  var token: String
}

extension AdminRoutes {
  /// `POST /api/v1/auth/app-portal-access/{app}`: a token for the portal of one application, which
  /// ends by itself; `POST /api/v1/auth/logout` ends it, `…/auth/app/{app}/expire-all` all of them.
  mutating func addPortal(_ control: BrokerControl) {
    let catalog = control.catalog
    on(.post, "/api/v1/auth/app-portal-access/{app}", .admin) { request, context in
      let bytes = try await JSON.body(request)
      let given = try JSON.decode(
        PortalAccessIn.self, from: bytes.isEmpty ? Array("{}".utf8) : bytes)
      let application = try context.application()
      let lifetime = try given.lifetime()
      try await Self.ensureApplication(control, application, given.application)
      let token = try catalog.createToken(
        name: "portal", scopes: given.scopes, application: application, lifetimeSeconds: lifetime)
      let base = Self.publicURL(control.settings, request)
      return try JSON.response(PortalAccessOut(url: "\(base)/#token=\(token)", token: token))
    }
    on(.post, "/api/v1/auth/logout", .read, isShared: true) { _, context in
      guard let grant = context.grant, grant.expiresAt != nil else {
        throw AdminError.forbidden(
          "only a portal's token can be logged out; remove others with the broker's own")
      }
      try catalog.removeToken(grant.id)
      return .empty()
    }
    on(.post, "/api/v1/auth/app/{app}/expire-all", .admin) { _, context in
      try catalog.removePassingTokens(application: try context.application())
      return .empty()
    }
  }

  /// The broker's address as its users know it.
  static func publicURL(_ settings: Settings, _ request: Request) -> String {
    var url = settings.publicURL
    while url.hasSuffix("/") { url.removeLast() }
    if !url.isEmpty { return url }
    let scheme = settings.tlsCertificate.isEmpty ? "http" : "https"
    return "\(scheme)://\(request.head.authority ?? settings.listen)"
  }
}

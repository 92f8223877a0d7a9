internal import Base
internal import Broker
internal import Catalog
internal import HTTPTypes
internal import Hummingbird
internal import Wire

/// A token to be made; unknown members are ignored.
struct TokenIn: Decodable {
  /// Ten years.
  static let lifetimeSecondsMax = 315_360_000

  var name: String
  var scopes: [String]
  /// The only application that it is good for.
  var application: String?
  /// How long it is good, seconds; without, until it is removed.
  var expiresInSeconds: Int?

  /// - Throws: ``AdminError``, 422: which word is no scope.
  func scopeSet() throws(AdminError) -> Set<TokenScope> {
    var result: Set<TokenScope> = []
    for word in scopes {
      guard let scope = TokenScope(rawValue: word) else {
        let near = Suggestion.nearest(to: word, in: TokenScope.allCases.map(\.rawValue))
        let words = TokenScope.allCases.map(\.rawValue).joined(separator: ", ")
        throw .invalid("scopes", near.map { "did you mean '\($0)'?" } ?? "of \(words)")
      }
      result.insert(scope)
    }
    return result
  }

  /// - Throws: ``AdminError``, 422.
  func lifetime() throws(AdminError) -> UInt64? {
    guard let expiresInSeconds else { return nil }
    guard (1...Self.lifetimeSecondsMax).contains(expiresInSeconds) else {
      throw .invalid("expiresInSeconds", "from 1 to \(Self.lifetimeSecondsMax)")
    }
    return UInt64(expiresInSeconds)
  }
}

/// A token; its text only in the answer that makes it.
struct TokenOut: Encodable {
  var id: String
  var name: String
  var scopes: [String]
  var application: String?
  var createdAt: String
  var expiresAt: String?
  var token: String?

  /// - Parameter names: applications by number, as people call them.
  init(_ grant: TokenGrant, names: [UInt32: String], text: String? = nil) {
    id = grant.id
    name = grant.name
    scopes = grant.scopes.map(\.rawValue).sorted()
    application = grant.applicationNumber.map { names[$0] ?? "" }
    createdAt = RFC3339.text(grant.createdAt)
    expiresAt = grant.expiresAt.map { RFC3339.text($0) }
    token = text
  }
}

/// What a change of the key came to.
struct KeyOut: Encodable {
  var keyId: String
  var endpoints: Int
}

extension AdminRoutes {
  /// `/api/v1/token`: who may use this API; `POST /api/v1/key/rotate`: what secrets are kept under.
  mutating func addTokens(_ control: BrokerControl) {
    let list = "/api/v1/token"
    let catalog = control.catalog
    on(.get, list, .admin) { request, _ in
      let page = try PageRequest(query: QueryReader(request), prefix: "tok_")
        .page(of: catalog.tokens(), id: \.id)
      let names = try Self.applicationNames(catalog)
      return try JSON.response(ListOut(page, id: \.id) { TokenOut($0, names: names) })
    }
    on(.post, list, .admin) { request, _ in
      let given = try await JSON.decode(TokenIn.self, from: request)
      let made = try catalog.makeToken(
        name: given.name, scopes: try given.scopeSet(), application: given.application,
        lifetimeSeconds: try given.lifetime())
      return try JSON.response(
        TokenOut(made.grant, names: try Self.applicationNames(catalog), text: made.text),
        status: .created)
    }
    on(.delete, "\(list)/{token}", .admin) { _, context in
      try catalog.removeToken(try context.path("token"), unlessNamed: Catalog.localTokenName)
      return .empty()
    }
    on(.post, "/api/v1/key/rotate", .admin) { request, _ in
      let keeps = try QueryReader(request).flag("keep_former") ?? false
      let (keyID, endpoints) = try catalog.rotateKey(
        file: control.settings.keyPath, keepsFormer: keeps)
      return try JSON.response(KeyOut(keyId: keyID, endpoints: endpoints))
    }
  }

  private static func applicationNames(_ catalog: Catalog) throws -> [UInt32: String] {
    let pairs = try catalog.applications().map { ($0.number, $0.uid ?? $0.id) }
    return Dictionary(pairs) { first, _ in first }
  }
}

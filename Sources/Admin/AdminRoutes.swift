package import Broker
internal import Catalog
internal import HTTPTypes
internal import Hummingbird

/// Collects the routes of all nouns, each with the scope that its bearer needs.
package struct AdminRoutes {
  /// Paths that answer whatever the host is called.
  static let healthPaths: Set<String> = ["/healthz", "/readyz"]
  private static let openPaths: Set<String> = [
    "/healthz", "/readyz", "/metrics", "/api/v1/health", "/api/v1/health/ping",
  ]

  typealias Handler = @Sendable (Request, AdminContext) async throws -> Response

  private struct Route {
    var method: HTTPRequest.Method
    var path: String
    var scope: TokenScope?
    var isShared: Bool
    var handler: Handler
  }

  private var routes: [Route] = []

  /// Adds a route.
  ///
  /// - Parameters:
  ///   - path: below `/`; `{app}` and `{endpoint}` name parts.
  ///   - scope: what the bearer needs; nil for everybody.
  ///   - isShared: it belongs to no application, and a token for a single one will do.
  mutating func on(
    _ method: HTTPRequest.Method, _ path: String, _ scope: TokenScope?, isShared: Bool = false,
    _ handler: @escaping Handler
  ) {
    routes.append(
      Route(method: method, path: path, scope: scope, isShared: isShared, handler: handler))
  }

  /// Whether a path is served without a token; what is not under `/api/` has nothing to hide.
  package static func isOpen(_ path: String) -> Bool {
    openPaths.contains(path) || !path.hasPrefix("/api/")
  }

  /// The router with all routes and what lies before them.
  static func router(control: BrokerControl) -> Router<AdminContext> {
    all(control).build(control)
  }

  /// The methods of each path, as they were added.
  package static func methods(_ control: BrokerControl) -> [String: Set<String>] {
    var methods: [String: Set<String>] = [:]
    for route in all(control).routes {
      methods[route.path, default: []].insert(route.method.rawValue)
    }
    return methods
  }

  private static func all(_ control: BrokerControl) -> AdminRoutes {
    var routes = AdminRoutes()
    routes.addHealth(control)
    routes.addApplications(control)
    routes.addEndpoints(control)
    routes.addEndpointActions(control)
    routes.addEndpointHeaders(control)
    routes.addSecrets(control)
    routes.addMessages(control)
    routes.addEventTypes(control)
    routes.addAttempts(control)
    routes.addRecovery(control)
    routes.addPortal(control)
    routes.addTokens(control)
    routes.addReports(control)
    routes.addParked(control)
    routes.addDeadLetters(control)
    routes.addEvents(control)
    routes.addReplays(control)
    return routes
  }

  private func build(_ control: BrokerControl) -> Router<AdminContext> {
    var table = RouteTable()
    for route in routes { table.add(route.method, route.path) }
    let router = Router(context: AdminContext.self, options: .autoGenerateHeadEndpoints)
    router.middlewares.add(ErrorMiddleware(table: table))
    router.middlewares.add(
      HostMiddleware(
        rules: HostRules(listenHost: control.settings.listenHostAndPort?.host ?? "") {
          control.settings.publicURL
        }))
    router.middlewares.add(AuthenticationMiddleware(catalog: control.catalog))
    router.middlewares.add(IdempotencyMiddleware(clock: { control.catalog.now }))
    let gate = Gate(catalog: control.catalog)
    for route in routes {
      router.on(RouterPath(route.path), method: route.method) { request, context in
        if let scope = route.scope {
          try gate.require(scope, isShared: route.isShared, request, context)
        }
        return try await route.handler(request, context)
      }
    }
    return router
  }
}

extension Response {
  /// An answer without a body.
  static func empty(headers: HTTPFields = [:]) -> Response {
    Response(status: .noContent, headers: headers)
  }
}

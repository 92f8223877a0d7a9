internal import Hummingbird
internal import Wire

/// Which `Host` headers are taken: a page that a browser was lured to by a name of its own, which
/// now resolves to this machine, must not reach the API.
package struct HostRule: Sendable {
  private let names: Set<String>
  private let takesAddresses: Bool

  /// A rule for a server.
  ///
  /// - Parameters:
  ///   - listenHost: what it listens on; a wildcard address takes every address as host, which no
  ///     foreign name can be.
  ///   - publicURL: what it is called from outside; empty if nothing.
  package init(listenHost: String, publicURL: String) {
    var names: Set<String> = ["localhost", listenHost.lowercased()]
    if let target = try? URLTarget(parsing: publicURL) { names.insert(target.host) }
    self.names = names
    takesAddresses = ["0.0.0.0", "::"].contains(listenHost)
  }

  /// Whether a `Host` header, with or without port, names this server.
  package func allows(_ authority: String) -> Bool {
    guard let target = try? URLTarget(parsing: "http://\(authority)/"),
      target.pathAndQuery == "/"
    else { return false }
    if names.contains(target.host) { return true }
    guard target.isIPLiteral else { return false }
    return takesAddresses || target.host.hasPrefix("127.") || target.host == "::1"
  }
}

/// Refuses requests for another host, except to the health checks, which tell nothing.
struct HostMiddleware: RouterMiddleware {
  let rule: HostRule

  func handle(
    _ request: Request, context: AdminContext,
    next: (Request, AdminContext) async throws -> Response
  ) async throws -> Response {
    guard let host = request.head.authority, !host.isEmpty else {
      throw AdminError.badRequest("the Host header is missing")
    }
    guard rule.allows(host) || AdminRoutes.healthPaths.contains(request.uri.path) else {
      throw AdminError(
        status: .misdirectedRequest, code: "host_not_allowed",
        detail: "this host name is not the broker's; set --public-url to the URL it is known by")
    }
    return try await next(request, context)
  }
}

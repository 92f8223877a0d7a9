internal import HTTPTypes
internal import Hummingbird
internal import Synchronization
internal import Wire

/// Which `Host` headers are taken: a page that a browser was lured to by a name of its own, which
/// now resolves to this machine, must not reach the API.
package struct HostRule: Sendable {
  private let names: Set<String>
  private let publicOrigin: URLTarget?
  private let takesAddresses: Bool

  /// A rule for a server.
  ///
  /// - Parameters:
  ///   - listenHost: what it listens on; a wildcard address takes every address as host, which no
  ///     foreign name can be.
  ///   - publicURL: what it is called from outside; empty if nothing.
  package init(listenHost: String, publicURL: String) {
    var names: Set<String> = ["localhost", listenHost.lowercased()]
    publicOrigin = try? URLTarget(parsing: publicURL)
    if let target = publicOrigin { names.insert(target.host) }
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

  /// Whether an `Origin` header names this server itself: what the `Host` header says, or the public
  /// URL. Another port is another origin; `null` is nobody's.
  package func allows(origin: String, at authority: String) -> Bool {
    guard let asked = try? URLTarget(parsing: origin), asked.pathAndQuery == "/" else {
      return false
    }
    let scheme = asked.usesTLS ? "https" : "http"
    let own = try? URLTarget(parsing: "\(scheme)://\(authority)/")
    return [own, publicOrigin].contains { target in
      guard let target else { return false }
      return target.usesTLS == asked.usesTLS && target.host == asked.host
        && target.port == asked.port
    }
  }
}

/// The rule for a server whose public URL may change while it runs.
final class HostRules: Sendable {
  private let listenHost: String
  private let publicURL: @Sendable () -> String
  private let made: Mutex<(publicURL: String, rule: HostRule)?>

  init(listenHost: String, publicURL: @escaping @Sendable () -> String) {
    self.listenHost = listenHost
    self.publicURL = publicURL
    made = Mutex(nil)
  }

  /// The rule that holds now.
  var rule: HostRule {
    let url = publicURL()
    return made.withLock { made in
      if let known = made, known.publicURL == url { return known.rule }
      let rule = HostRule(listenHost: listenHost, publicURL: url)
      made = (url, rule)
      return rule
    }
  }
}

/// Refuses requests for another host, and those that another site's page makes, except to the health
/// checks, which tell nothing.
struct HostMiddleware: RouterMiddleware {
  let rules: HostRules

  func handle(
    _ request: Request, context: AdminContext,
    next: (Request, AdminContext) async throws -> Response
  ) async throws -> Response {
    guard let host = request.head.authority, !host.isEmpty else {
      throw AdminError.badRequest("the Host header is missing")
    }
    if AdminRoutes.healthPaths.contains(request.uri.path) { return try await next(request, context) }
    let rule = rules.rule
    guard rule.allows(host) else {
      throw AdminError(
        status: .misdirectedRequest, code: "host_not_allowed",
        detail: "this host name is not the broker's; set --public-url to the URL it is known by")
    }
    if let origin = request.headers[.origin], !rule.allows(origin: origin, at: host) {
      throw AdminError(
        status: .forbidden, code: "origin_not_allowed",
        detail: "a page of another site may not use this API from a browser")
    }
    return try await next(request, context)
  }
}

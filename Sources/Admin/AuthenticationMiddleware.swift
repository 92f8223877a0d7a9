internal import Catalog
internal import HTTPTypes
internal import Hummingbird
internal import Logging

/// Finds out who asks. What the bearer may do is each route's matter.
struct AuthenticationMiddleware: RouterMiddleware {
  let catalog: Catalog
  let failures = AuthFailures()

  func handle(
    _ request: Request, context: AdminContext,
    next: (Request, AdminContext) async throws -> Response
  ) async throws -> Response {
    if AdminRoutes.isOpen(request.uri.path) { return try await next(request, context) }
    guard let token = BearerToken.of(request.headers[.authorization]) else {
      throw AdminError.unauthorized(
        "a bearer token is needed: Authorization: Bearer …; the broker's own is in the file "
          + "'token' of its data directory")
    }
    guard let grant = catalog.authenticate(token) else { throw refusal(request, context) }
    var context = context
    context.grant = grant
    return try await next(request, context)
  }

  private func refusal(_ request: Request, _ context: AdminContext) -> AdminError {
    let now = catalog.now
    let peer = context.peer ?? "unknown"
    let count = failures.record(peer, now: now)
    if count == 1 || count == AuthFailures.failuresMax {
      context.logger.notice(
        "api token refused",
        metadata: ["peer": "\(peer)", "failures": "\(count)", "path": "\(request.uri.path)"])
    }
    if count <= AuthFailures.failuresMax { return .unauthorized("the token is not known") }
    return AdminError(
      status: .tooManyRequests, code: "too_many_failures",
      detail: "too many unknown tokens from this address; wait",
      headers: [.retryAfter: "\(AuthFailures.secondsLeft(now: now))"])
  }
}

/// How a bearer token is written.
package enum BearerToken {
  /// The token of an `Authorization` header.
  package static func of(_ header: String?) -> String? {
    guard let header else { return nil }
    let words = header.split(separator: " ", maxSplits: 1)
    guard words.count == 2, words[0].lowercased() == "bearer" else { return nil }
    let token = words[1].trimmingPrefix { $0 == " " }
    return token.isEmpty ? nil : String(token)
  }
}

/// Whether the bearer may do what a route does.
struct Gate: Sendable {
  let catalog: Catalog

  /// - Throws: ``AdminError``: 403, or 404 when the application in question does not exist.
  func require(
    _ scope: TokenScope, isShared: Bool, _ request: Request, _ context: AdminContext
  ) throws {
    guard let grant = context.grant else { throw AdminError.unauthorized("a token is needed") }
    guard grant.allows(scope, application: grant.applicationNumber) else {
      throw AdminError.forbidden("this token lacks the scope '\(scope.rawValue)'")
    }
    guard let own = grant.applicationNumber, !isShared else { return }
    let text: String? =
      context.parameters.get("app") == nil
      ? request.uri.queryParameters.get("app") : try context.application()
    guard let text, (try? catalog.application(text))?.number == own else {
      throw AdminError.forbidden("this token is for one application only, and not for this one")
    }
  }
}

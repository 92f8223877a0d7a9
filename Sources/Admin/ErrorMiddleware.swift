internal import Broker
internal import Catalog
internal import Hummingbird
internal import Logging
internal import NIOCore
internal import NIOHTTP1

/// Turns every error into a JSON answer, and says which methods a known path has.
struct ErrorMiddleware: RouterMiddleware {
  let table: RouteTable

  func handle(
    _ request: Request, context: AdminContext,
    next: (Request, AdminContext) async throws -> Response
  ) async throws -> Response {
    var response: Response
    do {
      response = try await next(request, context)
    } catch let error as HTTPParserError {
      // The request cannot be read on; Hummingbird closes the connection.
      throw error
    } catch {
      response = try Self.response(for: answer(to: error, request, context))
    }
    response.headers[.cacheControl] = "no-store"
    response.headers[.xContentTypeOptions] = "nosniff"
    return response
  }

  /// The answer to an error; what is our fault is logged.
  private func answer(
    to error: any Error, _ request: Request, _ context: AdminContext
  ) -> AdminError {
    switch error {
    case let error as AdminError: return error
    case let error as ControlError:
      if case .internalFailure(let text) = error { log(text, request, context) }
      return AdminError(error)
    case let error as CatalogError:
      if case .failure(let text) = error { log(text, request, context) }
      return AdminError(error)
    case is NIOTooManyBytesError: return .payloadTooLarge
    case let error as HTTPError where error.status == .notFound:
      return unknown(request)
    case let error as HTTPError:
      return AdminError(
        status: error.status, code: "generic_error",
        detail: error.body ?? error.status.reasonPhrase)
    default:
      log("\(error)", request, context)
      return .internalFault
    }
  }

  /// Nothing handles the request: the path is unknown, or it has other methods.
  private func unknown(_ request: Request) -> AdminError {
    let methods = table.methods(of: request.uri.path)
    if methods.isEmpty { return .notFound("there is nothing at this path") }
    let allowed = methods.map(\.rawValue).joined(separator: ", ")
    return AdminError(
      status: .methodNotAllowed, code: "method_not_allowed",
      detail: "\(request.method.rawValue) is not possible here; allowed: \(allowed)",
      headers: [.allow: allowed])
  }

  private func log(_ text: String, _ request: Request, _ context: AdminContext) {
    context.logger.error(
      "api request failed",
      metadata: [
        "method": "\(request.method.rawValue)", "path": "\(request.uri.path)", "error": "\(text)",
      ])
  }

  static func response(for error: AdminError) throws -> Response {
    try JSON.response(ErrorBody(error), status: error.status, headers: error.headers)
  }
}

/// `{"code","detail"}`; `detail` is a sentence, or a list with the place of a wrong value.
package struct ErrorBody: Encodable {
  private struct Item: Encodable {
    var loc: [String]
    var msg: String
    var type = "value_error"
  }

  private enum Key: CodingKey { case code, detail }

  private let error: AdminError

  package init(_ error: AdminError) { self.error = error }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(error.code, forKey: .code)
    if error.location.isEmpty {
      try container.encode(error.detail, forKey: .detail)
    } else {
      let item = Item(loc: error.location, msg: error.detail)
      try container.encode([item], forKey: .detail)
    }
  }
}

internal import Base
internal import Catalog
package import HTTPTypes
internal import Hummingbird
internal import NIOCore
internal import TLS

/// Answers a POST that comes again under the same `idempotency-key` as it was answered before,
/// without doing it twice.
///
/// Answers are kept in memory for 12 hours, bounded; a restart forgets them. A message that must
/// not be doubled by one has an `eventId`, which the log remembers.
struct IdempotencyMiddleware: RouterMiddleware {
  /// Longest key, bytes.
  static let keyBytesMax = 256

  private let answers = KeptAnswers()
  private let clock: @Sendable () -> UnixMilliseconds

  init(clock: @escaping @Sendable () -> UnixMilliseconds) { self.clock = clock }

  func handle(
    _ request: Request, context: AdminContext,
    next: (Request, AdminContext) async throws -> Response
  ) async throws -> Response {
    guard request.method == .post, let key = request.headers[.idempotencyKey],
      let grant = context.grant
    else { return try await next(request, context) }
    guard (1...Self.keyBytesMax).contains(key.utf8.count),
      key.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
    else {
      throw AdminError.badRequest(
        "idempotency-key: 1 to \(Self.keyBytesMax) printable ASCII characters without spaces")
    }
    let body = try await JSON.body(request)
    let name = "\(grant.id) \(request.uri.path) \(key)"
    let content = Digest.sha256(Array((request.uri.query ?? "").utf8) + [0] + body)
    switch await answers.begin(name, content: content, now: clock()) {
    case .conflict:
      throw AdminError(
        status: .conflict, code: "conflict",
        detail: "this idempotency-key came before with another request")
    case .kept(let answer): return answer.response
    case .first:
      var request = request
      request.body = RequestBody(buffer: ByteBuffer(bytes: body))
      return try await answer(name, request, context, next)
    }
  }

  private func answer(
    _ name: String, _ request: Request, _ context: AdminContext,
    _ next: (Request, AdminContext) async throws -> Response
  ) async throws -> Response {
    do {
      let response = try await next(request, context)
      let answer = try await KeptAnswer(response)
      await answers.end(name, answer, now: clock())
      return answer.response
    } catch {
      // A refusal costs nothing to find again, and what has failed may succeed the next time.
      await answers.end(name, nil, now: clock())
      throw error
    }
  }
}

extension HTTPField.Name {
  static let idempotencyKey: HTTPField.Name = {
    guard let name = HTTPField.Name("idempotency-key") else { preconditionFailure("a token") }
    return name
  }()
}

/// A whole answer.
package struct KeptAnswer: Sendable, Equatable {
  package var status: HTTPResponse.Status
  package var headers: HTTPFields
  package var body: [UInt8]

  package init(status: HTTPResponse.Status, headers: HTTPFields = [:], body: [UInt8] = []) {
    self.status = status
    self.headers = headers
    self.body = body
  }

  fileprivate init(_ response: Response) async throws {
    status = response.status
    headers = response.headers
    let collected = Collected()
    try await response.body.write(Collector(collected))
    body = collected.bytes
  }

  var response: Response {
    let content =
      body.isEmpty ? ResponseBody() : ResponseBody(byteBuffer: ByteBuffer(bytes: body))
    return Response(status: status, headers: headers, body: content)
  }
}

/// Where a body is gathered. One task writes it, and reads it afterwards.
private final class Collected {
  var bytes: [UInt8] = []
}

private struct Collector: ResponseBodyWriter {
  private let collected: Collected

  init(_ collected: Collected) { self.collected = collected }

  mutating func write(_ buffer: ByteBuffer) async throws {
    collected.bytes += Array(buffer.readableBytesView)
  }

  consuming func finish(_ trailingHeaders: HTTPFields?) async throws {}
}

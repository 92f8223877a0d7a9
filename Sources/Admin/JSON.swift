internal import Foundation
internal import Hummingbird
internal import NIOCore
internal import Wire

/// JSON in and out of requests.
package enum JSON {
  /// The request's whole body; empty when there is none.
  ///
  /// - Throws: ``AdminError/payloadTooLarge``.
  static func body(_ request: Request) async throws -> [UInt8] {
    do {
      let buffer = try await request.body.collect(upTo: AdminServer.requestBytesMax)
      return Array(buffer.readableBytesView)
    } catch is NIOTooManyBytesError {
      throw AdminError.payloadTooLarge
    }
  }

  /// The request's body as a value.
  ///
  /// - Throws: ``AdminError``: 400 when it is not JSON, 422 with the place when a value is wrong.
  @inline(never)
  static func decode<Value: Decodable>(
    _ type: Value.Type, from request: Request
  ) async throws -> Value {
    try decode(type, from: try await body(request))
  }

  @inline(never)
  package static func decode<Value: Decodable>(
    _ type: Value.Type, from bytes: [UInt8]
  ) throws(AdminError) -> Value {
    // The decoder takes more than JSON, trailing commas for one.
    let result = unsafe bytes.withUnsafeBytes { unsafe JSONScanner.scan($0) }
    if case .invalid(let offset) = result {
      throw .badRequest("the body is not JSON: wrong at byte \(offset)")
    }
    do {
      return try JSONDecoder().decode(type, from: Data(bytes))
    } catch let error as AdminError {
      throw error
    } catch let error as DecodingError {
      throw AdminError(error)
    } catch {
      throw .badRequest("the body is not JSON")
    }
  }

  package static func encode(_ value: some Encodable) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return [UInt8](try encoder.encode(value))
  }

  /// An object's bytes with one member more, whose value is JSON already.
  package static func object(
    _ value: some Encodable, adding name: String, _ raw: [UInt8]
  ) throws -> [UInt8] {
    var bytes = try encode(value)
    bytes.removeLast()
    if bytes.count > 1 { bytes.append(UInt8(ascii: ",")) }
    return bytes + Array(#""\#(name)":"#.utf8) + raw + [UInt8(ascii: "}")]
  }

  /// A list whose elements are JSON already.
  static func list(
    _ elements: [[UInt8]], iterator: String?, prevIterator: String?, done: Bool
  ) throws -> [UInt8] {
    let empty = ListOut<String>(
      data: [], iterator: iterator, prevIterator: prevIterator, done: done)
    let text = Array(#"{"data":["#.utf8)
    let rest = try encode(empty).dropFirst(text.count)
    return text + elements.joined(separator: [UInt8(ascii: ",")]) + rest
  }

  static func response(
    _ value: some Encodable, status: HTTPResponse.Status = .ok, headers: HTTPFields = [:]
  ) throws -> Response {
    response(bytes: try encode(value), status: status, headers: headers)
  }

  static func response(
    bytes: [UInt8], status: HTTPResponse.Status = .ok, headers: HTTPFields = [:]
  ) -> Response {
    var headers = headers
    headers[.contentType] = "application/json"
    return Response(
      status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
  }
}

extension AdminError {
  /// Where a value of the body is wrong.
  ///
  /// - Parameter member: the member that was decoded; nil for the whole body.
  package init(_ error: DecodingError, in member: String? = nil) {
    func place(_ path: [any CodingKey]) -> String {
      let keys = path.map { $0.intValue.map(String.init) ?? $0.stringValue }
      return ((member.map { [$0] } ?? []) + keys).joined(separator: ".")
    }
    switch error {
    case .dataCorrupted(let context):
      self = .invalid(place(context.codingPath), context.debugDescription)
    case .keyNotFound(let key, let context):
      self = .invalid(place(context.codingPath + [key]), "this field is required")
    case .valueNotFound(_, let context):
      self = .invalid(place(context.codingPath), "must not be null")
    case .typeMismatch(let type, let context):
      self = .invalid(place(context.codingPath), "must be \(Self.word(for: type))")
    @unknown default: self = .badRequest("the body cannot be read")
    }
  }

  private static func word(for type: any Any.Type) -> String {
    switch type {
    case is String.Type: "a string"
    case is Bool.Type: "true or false"
    case is Int.Type: "a whole number"
    case is Double.Type: "a number"
    case is [Any].Type: "an array"
    case is [String: Any].Type: "an object"
    default: "of another type"
    }
  }
}

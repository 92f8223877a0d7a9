internal import Base
internal import Broker
internal import Catalog
internal import Flow
internal import HTTPTypes
internal import Hummingbird
internal import NIOCore
internal import Wire

extension AdminRoutes {
  /// `GET /api/v1/event`: what was published, the newest first;
  /// `GET /api/v1/event/{position}/data`: what one carries.
  ///
  /// A page may be short, or empty, and not be the last: a search over a long history ends after a
  /// second and goes on with the next page.
  mutating func addEvents(_ control: BrokerControl) {
    on(.get, "/api/v1/event", .read) { request, _ in
      let page = try await control.events(try Self.query(QueryReader(request)))
      return try JSON.response(
        ListOut(
          data: page.events, iterator: "\(page.next.packed)", prevIterator: nil,
          done: page.isLast))
    }
    on(.get, "/api/v1/event/{position}/data", .read) { request, context in
      let position = try Self.position(try context.path("position"))
      let (record, data) = try control.event(
        at: position, application: QueryReader(request).text("app"))
      var headers: HTTPFields = [
        // Whatever a publisher called it, no browser is to run it here.
        .contentType: "application/octet-stream", .contentDisposition: "attachment",
      ]
      headers[.fanfareContentType] = record.contentType
      return Response(
        status: .ok, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: data)))
    }
  }

  private static func query(_ given: QueryReader) throws -> EventQuery {
    var query = EventQuery()
    query.application = given.text("app")
    query.types = try given.types("types")
    query.channel = try given.channel()
    query.id = try given.text("id") {
      EventRules.isValidID($0.hasPrefix("msg_") ? String($0.dropFirst(4)) : $0)
    }
    query.since = try TimeText.read(given.text("since"), field: "since", in: "query")
    query.until = try TimeText.read(given.text("until"), field: "until", in: "query")
    query.before = try given.text("iterator").map { try position($0) }
    query.limit = try given.limit()
    return query
  }

  private static func position(_ text: String) throws -> Position {
    guard let packed = UInt64(text) else {
      throw AdminError.badRequest("'\(text.prefix(40))' is no position that a list gave")
    }
    return Position(packed: packed)
  }
}

extension HTTPField.Name {
  /// What the publisher, or the scan at its acceptance, says that the data is.
  static let fanfareContentType: HTTPField.Name = {
    guard let name = HTTPField.Name("Fanfare-Content-Type") else { preconditionFailure("a token") }
    return name
  }()
}

package import Base
package import Broker
internal import Wire

/// An event to publish; unknown members are ignored.
///
/// `payload` is any JSON and is delivered byte for byte; `dataBase64` is for data that is not JSON,
/// and so is Svix's `transformationsParams.rawPayload`, a text that takes the payload's place.
package struct MessageIn {
  package var type: String
  package var data: [UInt8]
  /// The payload as it stood in the request; nil for other data.
  package var payload: [UInt8]?
  package var eventID: String?
  package var channels: [String]
  package var source: String?
  package var subject: String?
  package var contentType: String?
  /// What to make the application of, if there is none of the name in the path.
  package var application: ApplicationIn?

  private struct RawPayload: Decodable {
    var rawPayload: String?
    var headers: [String: String]?
  }

  /// - Throws: ``AdminError``: 400 when it is no JSON object, 422 for a wrong or missing member.
  package init(_ bytes: [UInt8]) throws(AdminError) {
    let members = try JSONMembers(bytes)
    guard let type = try members.value(String.self, "eventType") else {
      throw .invalid("eventType", "this field is required")
    }
    self.type = type
    for name in ["payload", "dataBase64"] where members.isNull(name) {
      throw .invalid(name, "must not be null")
    }
    payload = members.raw("payload")
    let encoded = try members.value(String.self, "dataBase64")
    switch (payload, encoded) {
    case (let payload?, nil): data = payload
    case (nil, let text?):
      guard let decoded = Base64.decode(text) else { throw .invalid("dataBase64", "not base64") }
      data = decoded
    case (nil, nil): throw .invalid("payload", "this field is required")
    default: throw .invalid("dataBase64", "either payload or dataBase64, not both")
    }
    eventID = try members.value(String.self, "eventId")
    channels = try members.value([String].self, "channels") ?? []
    source = try members.value(String.self, "source")
    subject = try members.value(String.self, "subject")
    contentType = try members.value(String.self, "contentType")
    application = try members.value(ApplicationIn.self, "application")
    if let raw = try members.value(RawPayload.self, "transformationsParams"),
      let text = raw.rawPayload
    {
      data = Array(text.utf8)
      payload = nil
      contentType = contentType ?? raw.headers?["content-type"]
    }
  }

  /// What the broker is asked to publish.
  package func message(application: String) -> PublishMessage {
    PublishMessage(
      application: application, type: type, data: data, id: eventID, source: source,
      subject: subject, channels: channels, contentType: contentType)
  }

  /// The payload as answers show it.
  package var shown: [UInt8] {
    PayloadText.object(data, isJSON: payload != nil, isText: UTF8Text.isValid(data))
  }
}

/// An event as clients see it: Svix's members and Fanfare's. The payload is laid in by ``bytes``.
package struct MessageOut: Encodable {
  var id: String
  var eventId: String?
  var eventType: String
  var channels: [String]?
  var timestamp: String
  var endpoints: Int
  /// Only in the answer to a publish.
  var duplicate: Bool?
  var source: String?
  var subject: String?

  /// The acknowledgement of an event.
  package init(_ given: MessageIn, _ result: PublishResult, now: UnixMilliseconds) {
    id = result.id
    eventId = given.eventID
    eventType = given.type
    channels = given.channels.isEmpty ? nil : given.channels
    timestamp = RFC3339.text(now)
    endpoints = result.endpoints
    duplicate = result.duplicate
    source = given.source
    subject = given.subject
  }

  /// The acknowledgement of an event that was made here.
  init(_ given: PublishMessage, _ result: PublishResult, now: UnixMilliseconds) {
    id = result.id
    eventType = given.type
    timestamp = RFC3339.text(now)
    endpoints = result.endpoints
    duplicate = result.duplicate
  }

  /// An event of the log.
  package init(_ message: Message) {
    let record = message.record
    id = record.id
    eventId = message.publisherID
    eventType = record.eventType
    channels = record.channels.isEmpty ? nil : record.channels
    timestamp = record.timestamp
    endpoints = record.endpoints
    source = record.source
    subject = record.subject
  }

  /// The answer's bytes, with the payload laid in as it was given.
  package func bytes(payload: [UInt8]) throws -> [UInt8] {
    try JSON.object(self, adding: "payload", payload)
  }

  /// The bytes for an event of the log.
  static func bytes(_ message: Message, showsContent: Bool) throws -> [UInt8] {
    try MessageOut(message).bytes(payload: message.shown(showsContent))
  }
}

extension Message {
  /// Its data as the payload that clients see, or `{}`.
  func shown(_ showsContent: Bool) -> [UInt8] {
    if !showsContent { return Array("{}".utf8) }
    if isExpunged { return Array(#"{"expired":true}"#.utf8) }
    return PayloadText.object(data, isJSON: isJSON, isText: isText)
  }
}

/// Data as a JSON object, which a payload must be for generated clients: an object as it is, other
/// JSON and text in `data`, anything else in `dataBase64`.
package enum PayloadText {
  package static func object(_ data: [UInt8], isJSON: Bool, isText: Bool) -> [UInt8] {
    let spaces: [UInt8] = [0x20, 0x09, 0x0A, 0x0D]
    if isJSON, data.first(where: { !spaces.contains($0) }) == UInt8(ascii: "{") { return data }
    if isJSON { return member("data", data) }
    if isText, let text = try? JSON.encode(String(decoding: data, as: UTF8.self)) {
      return member("data", text)
    }
    return member("dataBase64", Array(#""\#(Base64.encode(data))""#.utf8))
  }

  private static func member(_ name: String, _ value: [UInt8]) -> [UInt8] {
    Array(#"{"\#(name)":"#.utf8) + value + [UInt8(ascii: "}")]
  }
}

/// Whether bytes are UTF-8.
enum UTF8Text {
  static func isValid(_ bytes: [UInt8]) -> Bool {
    unsafe bytes.withUnsafeBytes { unsafe UTF8Check.isValid($0) }
  }
}

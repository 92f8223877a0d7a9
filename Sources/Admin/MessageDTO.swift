package import Base
package import Broker
internal import Wire

/// An event to publish; unknown members are ignored.
///
/// `payload` is any JSON and is delivered byte for byte; `dataBase64` is for data that is not JSON.
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

  /// - Throws: ``AdminError``: 400 when it is no JSON object, 422 for a wrong or missing member.
  package init(_ bytes: [UInt8]) throws(AdminError) {
    let members = try JSONMembers(bytes)
    guard let type = try members.value(String.self, "eventType") else {
      throw .invalid("eventType", "this field is required")
    }
    self.type = type
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
  }

  /// What the broker is asked to publish.
  package func message(application: String) -> PublishMessage {
    PublishMessage(
      application: application, type: type, data: data, id: eventID, source: source,
      subject: subject, channels: channels, contentType: contentType)
  }
}

/// The acknowledgement of an event: Svix's members and Fanfare's.
package struct MessageOut: Encodable {
  var id: String
  var eventId: String?
  var eventType: String
  var channels: [String]?
  var timestamp: String
  var endpoints: Int
  var duplicate: Bool

  package init(_ given: MessageIn, _ result: PublishResult, now: UnixMilliseconds) {
    id = result.id
    eventId = given.eventID
    eventType = given.type
    channels = given.channels.isEmpty ? nil : given.channels
    timestamp = RFC3339.text(now)
    endpoints = result.endpoints
    duplicate = result.duplicate
  }

  /// The answer's bytes, with the payload laid in as it was given.
  package func bytes(payload: [UInt8]) throws -> [UInt8] {
    var bytes = try JSON.encode(self)
    bytes.removeLast()
    return bytes + Array(#","payload":"#.utf8) + payload + [UInt8(ascii: "}")]
  }
}

internal import Base

/// The part of an endpoint's requests that is the same for all of them.
///
/// Built when the endpoint's configuration is, so that an attempt copies one run of bytes:
/// request line, `Host`, `User-Agent`, custom headers; each line with its CRLF.
public struct RequestPrefix: Sendable, Equatable {
  /// The bytes, up to and with the CRLF of the last line.
  public let bytes: [UInt8]

  /// Lays the lines down.
  ///
  /// - Parameters:
  ///   - target: Where the requests go.
  ///   - version: Fanfare's version, for `User-Agent`.
  ///   - headers: Custom headers, in the order to be sent.
  ///   - authorization: Value of `Authorization`, from the endpoint's credential.
  /// - Throws: What ``HeaderRules`` says against a header; nothing that could end a line early
  ///   reaches the wire even when it was stored before a rule existed.
  public init(
    target: URLTarget, version: String, headers: [(name: String, value: String)] = [],
    authorization: String? = nil
  ) throws(HeaderError) {
    var all = headers
    if let authorization { all.append((name: "authorization", value: authorization)) }
    try HeaderRules.validate(all)
    try HeaderRules.validateValue(version, of: "user-agent")
    var buffer = ByteBuffer(capacity: 512)
    buffer.append(text: "POST \(target.pathAndQuery) HTTP/1.1\r\n")
    buffer.append(text: "Host: \(target.authority)\r\n")
    buffer.append(text: "User-Agent: Fanfare/\(version)\r\n")
    for (name, value) in all {
      buffer.append(text: "\(name): \(value)\r\n")
    }
    bytes = buffer.array
  }
}

public import Base
public import Flow

/// Lays down the bytes of a request: the body once per event and format, the head per attempt.
public enum RequestLayout {
  /// Appends the body.
  ///
  /// `standard` is `{"type":…,"timestamp":…,"data":…}` with the time of the event: JSON data goes
  /// in verbatim, text as a JSON string, anything else as `data_base64`. `raw` is the data.
  ///
  /// - Returns: Bytes appended.
  /// - Complexity: O(bytes of data); allocates only if the buffer must grow.
  @discardableResult
  public static func body(
    _ format: PayloadFormat, event: EventView, into buffer: inout ByteBuffer
  ) -> Int {
    let before = buffer.count
    switch format {
    case .raw: unsafe buffer.append(contentsOf: event.data)
    case .standard: standard(event, into: &buffer)
    }
    return buffer.count - before
  }

  private static func standard(_ event: EventView, into buffer: inout ByteBuffer) {
    let data = unsafe event.data
    buffer.reserve(data.count + 256)
    buffer.append("{\"type\":\"")
    // The grammar of types has nothing that JSON would escape.
    unsafe buffer.append(contentsOf: event.type)
    buffer.append("\",\"timestamp\":\"")
    RFC3339.append(event.header.time, to: &buffer)
    switch event.header.kind {
    case .json:
      buffer.append("\",\"data\":")
      unsafe buffer.append(contentsOf: data)
    case .text:
      buffer.append("\",\"data\":")
      unsafe JSONText.appendString(data, to: &buffer)
    default:
      buffer.append("\",\"data_base64\":\"")
      unsafe Base64.append(data, to: &buffer)
      buffer.append(ASCII.quote)
    }
    buffer.append("}")
  }

  /// Appends everything up to the empty line before the body.
  ///
  /// - Parameters:
  ///   - prefix: ``RequestPrefix/bytes``.
  ///   - id: The event's id, the same at every attempt.
  ///   - timestampSeconds: Unix time of this attempt, as signed.
  ///   - signature: Value of the signature header; ignored when `signing` is `none`.
  ///   - signing: Which signature headers are sent. Id and time are sent in any case.
  ///   - format: Decides the content type, together with the event.
  ///   - event: Where the content type of raw data is taken from.
  ///   - contentLength: Bytes of the body.
  ///   - buffer: Where the bytes go.
  /// - Complexity: O(bytes appended); allocates only if the buffer must grow.
  public static func head(
    prefix: [UInt8], id: UnsafeRawBufferPointer, timestampSeconds: UInt64,
    signature: UnsafeRawBufferPointer, signing: SigningScheme, format: PayloadFormat,
    event: EventView, contentLength: Int, into buffer: inout ByteBuffer
  ) {
    buffer.reserve(prefix.count + id.count + signature.count + 256)
    buffer.append(contentsOf: prefix)
    contentType(format, event: event, into: &buffer)
    buffer.append("\r\nContent-Length: ")
    buffer.append(decimal: UInt64(contentLength))
    unsafe names(
      "\r\nwebhook-id: ", "\r\nwebhook-timestamp: ", "\r\nwebhook-signature: ", id,
      timestampSeconds, signing == .none ? nil : signature, into: &buffer)
    if signing == .svix {
      unsafe names(
        "\r\nsvix-id: ", "\r\nsvix-timestamp: ", "\r\nsvix-signature: ", id, timestampSeconds,
        signature, into: &buffer)
    }
    buffer.append("\r\n\r\n")
  }

  @inline(__always)
  private static func names(
    _ idName: StaticString, _ timeName: StaticString, _ signatureName: StaticString,
    _ id: UnsafeRawBufferPointer, _ seconds: UInt64, _ signature: UnsafeRawBufferPointer?,
    into buffer: inout ByteBuffer
  ) {
    buffer.append(idName)
    unsafe buffer.append(contentsOf: id)
    buffer.append(timeName)
    buffer.append(decimal: seconds)
    if let signature = unsafe signature {
      buffer.append(signatureName)
      unsafe buffer.append(contentsOf: signature)
    }
  }

  /// Appends the line's name and value, without CRLF.
  private static func contentType(
    _ format: PayloadFormat, event: EventView, into buffer: inout ByteBuffer
  ) {
    buffer.append("Content-Type: ")
    if format == .standard {
      buffer.append("application/json")
    } else if let given = unsafe event.extra(ExtraTag.contentType),
      unsafe EventRules.isValidContentType(given)
    {
      // Checked again although ingest did: it is a header now.
      unsafe buffer.append(contentsOf: given)
    } else {
      switch event.header.kind {
      case .json: buffer.append("application/json")
      case .text: buffer.append("text/plain; charset=utf-8")
      default: buffer.append("application/octet-stream")
      }
    }
  }
}

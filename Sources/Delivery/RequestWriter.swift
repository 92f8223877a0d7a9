internal import Base
internal import Flow
internal import TLS
internal import Wire

/// Lays requests down: head, signature, body, in one run of bytes.
///
/// The formatted body of the last event is kept, so that an event with many endpoints is formatted
/// once; signing contexts are kept by `SignerCache`. Nothing is allocated once buffers have grown.
struct RequestWriter: ~Copyable {
  private var body = ByteBuffer(capacity: 4096)
  /// Whose body it is; `start` names no event.
  private var bodyPosition = Position.start
  private var signature = ByteBuffer(capacity: 128)
  private var signers: SignerCache
  /// Bodies above this are not worth the memory once they are sent.
  private static let bodyKeptMax = 256 * 1024
  /// Keys that sign one request.
  private static let keysMax = 4

  init(signersMax: Int) { signers = SignerCache(capacity: signersMax) }

  /// Appends the request for `event` to `out`.
  /// - Parameter seconds: Unix time of the attempt.
  mutating func write(
    _ lane: LaneRef, _ event: EventView, at position: Position, seconds: UInt64,
    into out: inout ByteBuffer
  ) {
    // `body` does not change until the bytes are copied.
    let bytes = unsafe bodyBytes(lane.it.format, event, position)
    unsafe sign(lane, event, seconds, bytes)
    let signed = unsafe signature.withBytes { unsafe $0 }
    out.reserve(bytes.count + lane.it.prefix.count + 512)
    unsafe RequestLayout.head(
      prefix: lane.it.prefix, id: event.id, timestampSeconds: seconds, signature: signed,
      signing: lane.it.signing, format: lane.it.format, event: event,
      contentLength: bytes.count, into: &out)
    unsafe out.append(contentsOf: bytes)
  }

  /// Gives back memory that one large event made necessary.
  mutating func shrink() {
    if body.capacity <= Self.bodyKeptMax { return }
    body.removeAll()
    body.shrink(above: Self.bodyKeptMax)
    bodyPosition = .start
  }

  private mutating func bodyBytes(
    _ format: PayloadFormat, _ event: EventView, _ position: Position
  ) -> UnsafeRawBufferPointer {
    if format == .raw { return unsafe event.data }
    if bodyPosition != position {
      body.removeAll()
      RequestLayout.body(format, event: event, into: &body)
      bodyPosition = position
    }
    return unsafe body.withBytes { unsafe $0 }
  }

  /// `v1,<base64>` for each key, newest first, with spaces between.
  private mutating func sign(
    _ lane: LaneRef, _ event: EventView, _ seconds: UInt64, _ bytes: UnsafeRawBufferPointer
  ) {
    signature.removeAll()
    if lane.it.signing == .none { return }
    for index in 0..<min(lane.it.keys.count, Self.keysMax) {
      if index > 0 { signature.append(UInt8(ascii: " ")) }
      var digest: [32 of UInt8] = .init(repeating: 0)
      unsafe withUnsafeMutableBytes(of: &digest) { digest in
        unsafe lane.it.keys[index].withUnsafeBytes { key in
          unsafe signers.sign(
            endpoint: lane.it.number.value,
            keyVersion: lane.it.keyVersion &* UInt32(Self.keysMax) &+ UInt32(index), key: key,
            id: event.id, timestampSeconds: Int64(clamping: seconds), body: bytes, into: digest)
        }
        _ = unsafe signature.fill(minimum: MessageSigner.signatureTextCount) { room in
          unsafe MessageSigner.writeText(of: UnsafeRawBufferPointer(digest), into: room)
          return MessageSigner.signatureTextCount
        }
      }
    }
  }
}

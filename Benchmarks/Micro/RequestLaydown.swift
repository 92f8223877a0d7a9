internal import Base
internal import Flow
internal import Wire

extension MicroCase {
  /// A delivery's request, head and body, laid down for the socket: the body once for 16 endpoints.
  static func requestLayout() -> MicroCase {
    let block = Sample.block(events: 1)
    let prefix = Array(
      "POST /hooks/render HTTP/1.1\r\nHost: ci.example.com\r\nUser-Agent: Fanfare/1.0\r\n".utf8)
    let signature = Array("v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=".utf8)
    let buffers = RequestBuffers()
    return MicroCase(name: "request", event: "a request of 512 B laid down") { events in
      let event = block.event(0)
      var sum: UInt64 = 0
      unsafe signature.withUnsafeBytes { signature in
        for ordinal in 0..<events {
          if ordinal & 15 == 0 { buffers.body(event) }
          sum &+= UInt64(unsafe buffers.request(prefix, event, signature))
        }
      }
      return sum
    }
  }
}

/// A closure keeps no noncopyable value; an object does.
private final class RequestBuffers {
  private var body = ByteBuffer(capacity: 4096)
  private var out = ByteBuffer(capacity: 16_384)

  func body(_ event: EventView) {
    body.removeAll()
    RequestLayout.body(.standard, event: event, into: &body)
  }

  func request(
    _ prefix: [UInt8], _ event: EventView, _ signature: UnsafeRawBufferPointer
  ) -> Int {
    out.removeAll()
    unsafe RequestLayout.head(
      prefix: prefix, id: event.id, timestampSeconds: 1_732_190_400, signature: signature,
      signing: .standard, format: .standard, event: event, contentLength: body.count, into: &out)
    unsafe body.withBytes { unsafe out.append(contentsOf: $0) }
    return out.count
  }
}

import Base
import Wire

/// Lends a text's bytes, copied to memory of exactly their size so that an over-read can be seen
/// by a sanitizer.
func lend<R>(_ text: String, _ body: (UnsafeRawBufferPointer) -> R) -> R {
  unsafe lend(Array(text.utf8), body)
}

func lend<R>(_ bytes: [UInt8], _ body: (UnsafeRawBufferPointer) -> R) -> R {
  let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
  defer { unsafe copy.deallocate() }
  unsafe copy.copyBytes(from: bytes)
  return unsafe body(UnsafeRawBufferPointer(copy))
}

/// What a buffer holds, as text.
func text(_ buffer: borrowing ByteBuffer) -> String {
  String(decoding: buffer.array, as: UTF8.self)
}

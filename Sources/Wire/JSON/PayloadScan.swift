public import Flow

/// Tells what kind of data a publisher sent, in one pass.
public enum PayloadScan {
  /// JSON if it is valid JSON, else text if it is UTF-8, else binary. No bytes at all are text.
  ///
  /// - Complexity: O(n); the UTF-8 check goes on where the JSON scan stopped.
  public static func kind(of bytes: UnsafeRawBufferPointer) -> PayloadKind {
    switch unsafe JSONScanner.scan(bytes) {
    case .valid: return .json
    case .invalid(let offset):
      // What the scan passed over is valid, and it stops where a character begins.
      let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[offset...])
      return unsafe UTF8Check.isValid(rest) ? .text : .binary
    }
  }
}

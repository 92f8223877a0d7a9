internal import Base
internal import Glibc
public import Logging
internal import Platform
internal import Synchronization
internal import Wire

/// Writes log lines to stderr: logfmt or JSON, one line an event of note, repeats limited.
///
/// The same message more than 10 times in a second is written 10 times; the first line of the next
/// second says how many were left out. A full pipe or disk never blocks the broker for longer than
/// one `write`.
public struct LogLines: LogHandler {
  /// How a line looks.
  public enum Format: String, Sendable {
    case logfmt, json
  }

  private static let threshold = Mutex(Logger.Level.info)
  private static let format = Mutex(Format.logfmt)

  /// Sets how lines look and what is written at least, by every logger that sets nothing else; may
  /// be called again.
  public static func follow(_ settings: Settings) {
    threshold.withLock { $0 = Logger.Level(rawValue: settings.logLevel) ?? .info }
    format.withLock { $0 = Format(rawValue: settings.logFormat) ?? .logfmt }
  }

  public var metadata: Logger.Metadata = [:]
  private var ownLevel: Logger.Level?
  public var logLevel: Logger.Level {
    get { ownLevel ?? Self.threshold.withLock { $0 } }
    set { ownLevel = newValue }
  }
  private static let limiter = Mutex(RepeatLimiter())

  /// A handler for one logger.
  public init() {}

  public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  public func log(event: LogEvent) {
    let now = RealClock.unix
    let message = event.message.description
    let verdict = Self.limiter.withLock { $0.admit(message, second: now.seconds) }
    guard let leftOut = verdict else { return }
    var fields: [(String, String)] = [
      ("time", RFC3339.text(now)), ("level", event.level.rawValue), ("msg", message),
    ]
    for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
      fields.append((key, value.description))
    }
    for (key, value) in (event.metadata ?? [:]).sorted(by: { $0.key < $1.key }) {
      fields.append((key, value.description))
    }
    if let error = event.error { fields.append(("error", "\(error)")) }
    if leftOut > 0 { fields.append(("repeatsLeftOut", String(leftOut))) }
    let line = Self.format.withLock { $0 } == .json ? Self.json(fields) : Self.logfmt(fields)
    Self.write(line + "\n")
  }

  package static func logfmt(_ fields: [(String, String)]) -> String {
    fields.map { "\($0)=\(needsQuotes($1) ? quoted($1) : $1)" }.joined(separator: " ")
  }

  package static func json(_ fields: [(String, String)]) -> String {
    "{" + fields.map { "\(quoted($0)):\(quoted($1))" }.joined(separator: ",") + "}"
  }

  private static func needsQuotes(_ text: String) -> Bool {
    text.isEmpty || text.utf8.contains { $0 <= 0x20 || $0 == 0x22 || $0 == 0x3D || $0 >= 0x7F }
  }

  /// A JSON string: control characters escaped, so that a log can't be forged with a line end.
  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      default:
        if scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) {
          let hex = String(scalar.value, radix: 16)
          result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
        } else {
          result.unicodeScalars.append(scalar)
        }
      }
    }
    return result + "\""
  }

  private static func write(_ line: String) {
    var line = line
    line.withUTF8 { bytes in _ = unsafe Glibc.write(2, bytes.baseAddress, bytes.count) }
  }
}

/// Counts how often each message came in the current second.
package struct RepeatLimiter: Sendable {
  package static let perSecond = 10
  private static let messagesMax = 256
  private var second: UInt64 = 0
  private var seen: [String: Int] = [:]
  private var leftOut: [String: Int] = [:]

  /// One that has seen nothing.
  package init() {}

  /// Decides on one message.
  /// - Returns: `nil` to leave it out; else how many like it were left out before.
  package mutating func admit(_ message: String, second now: UInt64) -> Int? {
    if now != second {
      second = now
      seen.removeAll(keepingCapacity: true)
      if leftOut.count > Self.messagesMax { leftOut.removeAll() }
    }
    if seen.count >= Self.messagesMax, seen[message] == nil { return 0 }
    seen[message, default: 0] += 1
    if seen[message, default: 0] > Self.perSecond {
      leftOut[message, default: 0] += 1
      return nil
    }
    return leftOut.removeValue(forKey: message) ?? 0
  }
}

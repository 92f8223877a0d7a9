public import Base
internal import CLinux
internal import Glibc

/// The service manager that started this process and wants to know how it is: systemd, mostly.
///
/// Without one nothing is sent. Messages are datagrams and never wait: one that finds no room or
/// nobody is lost, as sd_notify(3) has it.
///
/// > Source: sd_notify(3), sd_watchdog_enabled(3); the protocol is NOTIFY_SOCKET's, no library needed.
public struct ServiceManager: Sendable {
  /// The path of its socket; an abstract name begins with `@`. Empty without a manager.
  private let address: String
  /// How long may pass between two signs of life; `nil` when it does not ask for any.
  public let watchdogInterval: Nanoseconds?

  /// The manager that an environment names.
  public init(environment: [String: String]) {
    let named = environment["NOTIFY_SOCKET"] ?? ""
    address = named.hasPrefix("/") || named.hasPrefix("@") ? named : ""
    let isForUs = environment["WATCHDOG_PID"].map { $0 == String(getpid()) } ?? true
    let microseconds = environment["WATCHDOG_USEC"].flatMap { UInt64($0) } ?? 0
    watchdogInterval =
      isForUs && !address.isEmpty && microseconds > 0
      ? .microseconds(min(microseconds, UInt64(Int64.max) / 1_000)) : nil
  }

  /// What the manager is told.
  public enum Message: Sendable {
    /// What goes on, for `systemctl status`.
    case status(String)
    /// Started: whoever waits for it may go on.
    case ready(String)
    /// Reading the configuration again, until the next `ready`.
    case reloading
    /// Stopping, which may take so long.
    case stopping(String, within: Nanoseconds)
    /// A sign of life.
    case alive
  }

  /// Tells it.
  /// - Returns: whether it was taken; `false` as well without a manager.
  @discardableResult
  public func tell(_ message: Message) -> Bool {
    if address.isEmpty { return false }
    return send(Self.text(message))
  }

  package static func text(_ message: Message) -> String {
    switch message {
    case .status(let text): "STATUS=\(line(text))"
    case .ready(let text): "READY=1\nSTATUS=\(line(text))"
    case .reloading:
      "RELOADING=1\nMONOTONIC_USEC=\(RealClock.monotonic.nanoseconds / 1_000)"
    case .stopping(let text, let time):
      "STOPPING=1\nEXTEND_TIMEOUT_USEC=\(time.count / 1_000)\nSTATUS=\(line(text))"
    case .alive: "WATCHDOG=1"
    }
  }

  /// A line end would begin another assignment.
  private static func line(_ text: String) -> String {
    String(text.map { $0.isNewline ? " " : $0 })
  }

  private func send(_ text: String) -> Bool {
    let type = Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
      | Int32(SOCK_NONBLOCK.rawValue)
    let descriptor = socket(AF_UNIX, type, 0)
    guard descriptor >= 0 else { return false }
    defer { _ = close(descriptor) }
    guard let manager = UnixAddress(path: address, mayBeAbstract: true) else { return false }
    return manager.send(Array(text.utf8), through: descriptor)
  }
}

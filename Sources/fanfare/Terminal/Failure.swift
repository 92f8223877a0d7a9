/// What ends a command early: one sentence for stderr, what to do next, and the exit code.
struct Failure: Error {
  /// The exit codes that scripts may rely on; the numbers are those of `sysexits.h`.
  enum Code: Int32, Sendable {
    case failed = 1
    case usage = 64
    case badData = 65
    case unreachable = 69
    case internalFault = 70
    case tryLater = 75
    case noAccess = 77
    case configuration = 78
    case thresholdMissed = 99
  }

  let code: Code
  let message: String
  /// The next thing to try, on lines of its own.
  var next: [String] = []

  /// Ends the command with `code` after saying `message`.
  init(_ code: Code, _ message: String, next: [String] = []) {
    self.code = code
    self.message = message
    self.next = next
  }

  /// Says on stderr what went wrong and what to do next.
  func tell() {
    Console.talk("\(Console.styled("fanfare:", .red, on: .standardError)) \(message)")
    for line in next { Console.talk("  \(line)") }
  }
}

internal import ArgumentParser

/// `--yes` of a command that takes something away for good.
struct Consent: ParsableArguments {
  @Flag(name: .shortAndLong, help: "Do not ask.")
  var yes = false

  /// Goes on when `--yes` was given, or when somebody at the terminal says so.
  ///
  /// - Throws: exit 64 when there is nobody to ask, 1 when the answer is no.
  func obtain(_ question: String) throws(Failure) {
    if yes { return }
    switch Console.ask(question) {
    case true?: return
    case false?: throw Failure(.failed, "nothing was changed")
    case nil: throw Failure(.usage, "\(question) Say so with --yes.")
    }
  }

  /// `1 endpoint`, `3 endpoints`; a noun whose plural is no mere `s` comes with it.
  static func counted(_ count: Int, _ noun: String, plural: String? = nil) -> String {
    count == 1 ? "1 \(noun)" : "\(count) \(plural ?? noun + "s")"
  }

  /// `1 pending delivery`, `3 pending deliveries`.
  static func deliveries(_ count: Int, _ adjective: String = "") -> String {
    counted(count, "\(adjective)delivery", plural: "\(adjective)deliveries")
  }
}

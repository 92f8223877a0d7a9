internal import ArgumentParser
internal import Glibc
internal import Platform
internal import Wire

/// The command line: one executable, one file a command.
@main
struct Fanfare: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fanfare",
    abstract: "A webhook broker: publish on a local socket, deliver to every subscriber.",
    discussion: """
      First steps, in three terminals:
        fanfare serve --dev
        fanfare listen --subscribe 'job.*'
        fanfare publish job.completed '{"job":42}'

      Exit codes: 0 done, 1 failed or refused by an endpoint, 64 wrong usage,
      65 bad data, 69 no broker reachable, 70 internal fault, 75 try later,
      77 no access, 78 bad configuration, 99 a threshold of bench missed.
      """,
    version: programVersion,
    subcommands: [BenchSinkCommand.self, BenchBrokerCommand.self],
    groupedSubcommands: [
      CommandGroup(name: "Broker", subcommands: [Serve.self, ConfigCommand.self, Health.self]),
      CommandGroup(
        name: "Events", subcommands: [Publish.self, Listen.self, Events.self, Replay.self]),
      CommandGroup(name: "Receivers", subcommands: [EndpointCommand.self, AppCommand.self]),
      CommandGroup(name: "Access", subcommands: [TokenCommand.self, KeyCommand.self]),
      CommandGroup(
        name: "State", subcommands: [Status.self, Spool.self, Attempts.self, DeadCommand.self]),
      CommandGroup(
        name: "Tools",
        subcommands: [
          BenchCommand.self, JournalCommand.self, Sign.self, Verify.self, Completions.self,
          Manual.self,
        ]),
    ])

  /// Parses, runs, and exits with the code that the contract has for what happened.
  static func main() {
    // A peer that went away is an error of the write, not the end of the program.
    signal(SIGPIPE, SIG_IGN)
    let arguments = Array(CommandLine.arguments.dropFirst())
    do {
      try refuseMistyped(arguments)
      var command = try parseAsRoot(arguments)
      if !isBench(command) { ProcessSetup.protect() }
      guard let command = command as? any AsyncParsableCommand else { return try command.run() }
      // A broker with nothing to do must not wake up.
      if command is Serve { ControlThreads.takeTasks() }
      // Handed over: this thread does not touch it again.
      nonisolated(unsafe) let handed = command
      Task.detached { await finish(unsafe handed) }
      // Signals find a thread that does nothing else.
      while true { pause() }
    } catch {
      end(with: error)
    }
  }

  /// The others hold tokens and secrets. These hold none, and ask the kernel about each other.
  private static func isBench(_ command: any ParsableCommand) -> Bool {
    command is BenchCommand || command is BenchSinkCommand || command is BenchBrokerCommand
  }

  private static func finish(_ command: any AsyncParsableCommand) async -> Never {
    var command = command
    do { try await command.run() } catch { end(with: error) }
    Glibc.exit(EXIT_SUCCESS)
  }

  private static func end(with error: any Error) -> Never {
    guard let failure = error as? Failure else { exit(withError: error) }
    failure.tell()
    Glibc.exit(failure.code.rawValue)
  }

  /// Suggests the command that was probably meant; the parser only calls it unexpected.
  private static func refuseMistyped(_ arguments: [String]) throws(Failure) {
    var command: any ParsableCommand.Type = Fanfare.self
    var path = "fanfare"
    for word in arguments {
      let names = names(of: command)
      guard !names.isEmpty, !word.hasPrefix("-"), word != "help" else { return }
      guard let next = subcommands(of: command).first(where: { name(of: $0) == word }) else {
        throw unknown(word, path: path, names: names)
      }
      command = next
      path += " \(word)"
    }
  }

  private static func unknown(_ word: String, path: String, names: [String]) -> Failure {
    let meant = Suggestion.nearest(to: word, in: names)
    let question = meant.map { "; did you mean '\(path) \($0)'?" } ?? ""
    let next =
      meant == nil
      ? ["commands: \(names.joined(separator: " "))", "more:     \(path) --help"]
      : ["more: \(path) --help"]
    return Failure(
      .usage, "there is no command '\(path) \(Console.clean(word))'\(question)", next: next)
  }

  private static func subcommands(of command: any ParsableCommand.Type)
    -> [any ParsableCommand.Type]
  {
    let configuration = command.configuration
    return configuration.subcommands
  }

  /// Hidden ones are for the program itself.
  private static func isShown(_ command: any ParsableCommand.Type) -> Bool {
    let configuration = command.configuration
    return configuration.shouldDisplay
  }

  private static func names(of command: any ParsableCommand.Type) -> [String] {
    subcommands(of: command).filter { isShown($0) }.map { name(of: $0) }
  }

  private static func name(of command: any ParsableCommand.Type) -> String {
    command._commandName
  }
}

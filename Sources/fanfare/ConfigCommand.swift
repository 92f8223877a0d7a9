internal import ArgumentParser
internal import Broker

/// `fanfare config`: what may be asked of a configuration without starting a broker.
struct ConfigCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "config",
    abstract: "Check the configuration.",
    subcommands: [Check.self])

  /// `fanfare config check`: every problem with file, line, column and key; exit 78 if there is one.
  struct Check: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Name everything in the configuration that is unknown or out of range.",
      discussion: """
        Example:
          fanfare config check --config /etc/fanfare.yaml
        """)

    @OptionGroup var options: SettingOptions

    func run() async throws {
      let loader = options.loader()
      let problems = loader.check() + loader.misspelt()
      for problem in problems { Console.talk(problem.description) }
      if !problems.isEmpty {
        throw Failure(
          .configuration, problems.count == 1 ? "1 problem" : "\(problems.count) problems")
      }
      Console.print("configuration is valid")
    }
  }
}

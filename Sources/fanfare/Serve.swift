internal import Admin
internal import ArgumentParser
internal import Broker
internal import Glibc
internal import Logging

/// `fanfare serve`: runs the broker until SIGTERM or SIGINT.
struct Serve: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run the broker.",
    discussion: """
      Examples:
        fanfare serve --dev
        fanfare serve --data /var/lib/fanfare --listen 127.0.0.1:8071 --durability fsync

      Every setting is also a FANFARE_… variable and a key of the YAML file (--config); flags win
      over the environment, the environment over the file. SIGTERM drains and exits 0; a second one
      exits at once. SIGHUP reads the file again and says what needs a restart.
      """)

  @OptionGroup var options: SettingOptions

  func run() async throws {
    let loader = options.loader()
    let settings: Settings
    do throws(SettingsError) {
      settings = try loader.load()
    } catch {
      throw Failure(.configuration, error.description)
    }
    LogLines.follow(settings)
    LoggingSystem.bootstrap { _ in LogLines() }
    for problem in loader.misspelt() {
      Logger(label: "fanfare").warning(
        "a variable was ignored", metadata: ["problem": "\(problem)"])
    }
    try await BrokerShell(settings: settings, loader: loader).run()
    // All is on disk. The stages' threads still run, and must not see libraries being taken down.
    _exit(0)
  }
}

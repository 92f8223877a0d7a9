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
    LogLines.setLevel(settings.logLevel)
    LoggingSystem.bootstrap { label in
      LogLines(label: label, format: .init(rawValue: settings.logFormat) ?? .logfmt)
    }
    try await BrokerShell(settings: settings, loader: loader).run()
    // All is on disk. The stages' threads still run, and must not see libraries being taken down.
    _exit(0)
  }
}

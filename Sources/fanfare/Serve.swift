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
      exits at once.
      """)

  @OptionGroup var options: SettingOptions

  func run() async throws {
    let settings: Settings
    do throws(SettingsError) {
      settings = try options.loader().load()
    } catch {
      throw Failure(.configuration, error.description)
    }
    LoggingSystem.bootstrap { label in
      LogLines(
        label: label, format: .init(rawValue: settings.logFormat) ?? .logfmt,
        level: .init(rawValue: settings.logLevel) ?? .info)
    }
    try await BrokerShell(settings: settings).run()
    // All is on disk. The stages' threads still run, and must not see libraries being taken down.
    _exit(0)
  }
}

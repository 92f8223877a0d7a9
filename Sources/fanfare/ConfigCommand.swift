internal import ArgumentParser
internal import Broker
internal import Glibc

/// `fanfare config`: what may be asked of a configuration without starting a broker.
struct ConfigCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "config",
    abstract: "Write, check and show the configuration.",
    subcommands: [ConfigInit.self, ConfigCheck.self, ConfigShow.self])
}

/// `fanfare config init`: a file with every key, its meaning and its default.
struct ConfigInit: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "init",
    abstract: "Write a configuration file with every key at its default, commented out.",
    discussion: """
      Examples:
        fanfare config init /etc/fanfare/fanfare.yaml
        fanfare config init > fanfare.yaml
      A file that is there is left alone.
      """)

  @Argument(help: "The file to write; stdout without one.")
  var file: String?

  func run() throws {
    guard let file, file != "-" else {
      return Console.write(SettingsText.template, to: .standardOutput)
    }
    let descriptor = unsafe open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw failure(file) }
    defer { close(descriptor) }
    let bytes = Array(SettingsText.template.utf8)
    errno = ENOSPC
    guard unsafe write(descriptor, bytes, bytes.count) == bytes.count else { throw failure(file) }
    Console.talk("wrote \(Input.absolute(file))")
    Console.talk("  next: fanfare serve --config \(file)")
  }

  private func failure(_ file: String) -> Failure {
    let path = Input.absolute(file)
    if errno == EEXIST { return Failure(.failed, "\(path) is there already; it was left alone") }
    return Failure(errno == EACCES ? .noAccess : .failed, "\(path): \(SystemText.last())")
  }
}

/// `fanfare config check`: every problem with file, line, column and key; exit 78 if there is one.
struct ConfigCheck: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Name everything in the configuration that is unknown or out of range.",
    discussion: """
      Example:
        fanfare config check --config /etc/fanfare/fanfare.yaml
      Exits 0 when it is valid, 78 when it is not, with file, line, column and key of each problem.
      """)

  @OptionGroup var options: SettingOptions

  func run() throws {
    let loader = options.loader()
    try ConfigProblems.refuse(loader.check() + loader.misspelt())
    Console.print("configuration is valid")
  }
}

/// `fanfare config show`: what would be in force, and where it comes from.
struct ConfigShow: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show",
    abstract: "Print every setting with its value and where that comes from.",
    discussion: """
      Examples:
        fanfare config show --config /etc/fanfare/fanfare.yaml
        fanfare config show --json | jq -r '.[] | select(.source != "default") | .key'
      The output is a configuration file itself. No setting is a secret: keys are named by file.
      """)

  @OptionGroup var options: SettingOptions
  @OptionGroup var output: OutputOptions

  func run() throws {
    let draft = options.loader().draft()
    try ConfigProblems.refuse(draft.problems)
    guard output.json else {
      return Console.write(SettingsText.effective(draft), to: .standardOutput)
    }
    JSONValue.array(
      SettingKey.all.map { key in
        let values = key.values(in: draft.settings)
        return .members([
          ("key", .string(key.name)),
          ("value", key.repeats ? .strings(values) : .string(values.first ?? "")),
          ("source", .string(draft.places[key.name] ?? "default")),
          ("reloads", .bool(key.reloads)),
        ])
      }
    ).print()
  }
}

/// What is wrong with a configuration, told line by line.
enum ConfigProblems {
  /// - Throws: exit 78 when there is a problem, after each was told.
  static func refuse(_ problems: [SettingsError]) throws(Failure) {
    if problems.isEmpty { return }
    for problem in problems { Console.talk(problem.description) }
    throw Failure(.configuration, Consent.counted(problems.count, "problem"))
  }
}

internal import Broker

/// The manual page, made of what the commands say of themselves and of the configuration table.
struct ManualPage {
  /// Changed with the version.
  private static let date = "November 21, 2026"

  private var page = MDoc()

  /// - Parameter root: the program, as the argument parser describes it.
  init(_ root: JSONValue) {
    page.macro("Dd \(Self.date)")
    page.macro("Dt FANFARE 1")
    page.macro("Os")
    addSummary(root)
    page.macro("Sh COMMANDS")
    for command in Self.shown(root["subcommands"]) { addCommand(command) }
    addSettings()
    addEnvironment()
    addFiles()
    addExitStatus()
    addExamples()
    page.macro("Sh SEE ALSO")
    page.prose("Standard Webhooks, https://www.standardwebhooks.com")
  }

  /// The page in mdoc.
  var text: String { page.text }

  private mutating func addSummary(_ root: JSONValue) {
    page.macro("Sh NAME")
    page.macro("Nm fanfare")
    page.macro("Nd a webhook broker")
    page.macro("Sh SYNOPSIS")
    page.macro("Nm")
    page.macro("Ar command")
    page.macro("Op Ar options")
    page.macro("Nm")
    page.macro("Fl \\-version")
    page.macro("Sh DESCRIPTION")
    page.prose(
      """
      A system hands an event to the broker over a local socket, which speaks the Redis protocol; the
      broker stores it durably, finds every endpoint that subscribed to its type, and delivers it to
      each of them over HTTPS, signed, until that endpoint has answered 2xx.
      Each command describes itself with
      """)
    page.macro("Fl \\-help .")
  }

  private mutating func addCommand(_ command: JSONValue) {
    let path = (command["superCommands"]?.texts ?? []) + [command["commandName"]?.text ?? ""]
    let children = Self.shown(command["subcommands"])
    if children.isEmpty {
      page.macro("Ss \(path.map(MDoc.escaped).joined(separator: " "))")
      page.prose(command["abstract"]?.text ?? "")
      addDiscussion(command["discussion"]?.text ?? "")
      let arguments = Self.shown(command["arguments"]).filter { !Self.isCommon($0) }
      page.terms(arguments.map { (Self.term($0), Self.meaning($0)) })
    }
    for child in children { addCommand(child) }
  }

  /// Indented lines are examples.
  private mutating func addDiscussion(_ text: String) {
    var examples: [String] = []
    var isNew = true
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.hasPrefix("  ") {
        examples.append(String(line.dropFirst(2)))
        continue
      }
      if !examples.isEmpty {
        page.literal(examples)
        isNew = true
      }
      examples = []
      guard !line.isEmpty else { continue }
      if isNew { page.macro("Pp") }
      isNew = false
      page.prose(String(line))
    }
    if !examples.isEmpty { page.literal(examples) }
  }

  private mutating func addSettings() {
    page.macro("Sh CONFIGURATION")
    page.prose(
      """
      Flags win over variables, variables over the YAML file, the file over the defaults.
      A key with a dot may be nested.
      """)
    page.macro("Nm")
    page.macro("Cm config init")
    page.prose("writes a file with all keys. SIGHUP follows those that are marked with a star.")
    page.terms(
      SettingKey.all.map { key in
        ("Cm \(MDoc.word(key.name))\(key.reloads ? " *" : "")", Self.sentence(key.help))
      })
  }

  private mutating func addEnvironment() {
    page.macro("Sh ENVIRONMENT")
    page.terms([
      (
        "Ev FANFARE_*",
        "A setting: the key in capitals, with underscores, such as FANFARE_DRAIN_TIMEOUT."
      ),
      ("Ev FANFARE_CONFIG", "The YAML file."),
      ("Ev FANFARE_DATA", "Where the commands find the broker, too."),
      ("Ev FANFARE_SOCKET", "Where publish finds its socket, too."),
      ("Ev FANFARE_URL , FANFARE_TOKEN", "A broker elsewhere, and the token for it."),
      ("Ev FANFARE_API_CA", "The certificate that its API is checked against."),
      ("Ev STATE_DIRECTORY", "The data directory, if no other is set; by systemd."),
      ("Ev NOTIFY_SOCKET , WATCHDOG_USEC", "Told when the broker is ready, and alive; by systemd."),
      ("Ev LISTEN_FDS", "The local socket, if systemd opened it."),
      ("Ev NO_COLOR", "No colours."),
    ])
  }

  private mutating func addFiles() {
    page.macro("Sh FILES")
    page.prose("In the data directory:")
    page.terms([
      ("Pa fanfare.sock", "The local socket."),
      ("Pa token", "The token of the commands on this machine; for the broker's user only."),
      ("Pa key", "What secrets are encrypted under. Keep a copy elsewhere."),
      ("Pa address", "Where the API is, while the broker runs."),
      ("Pa catalog.db", "Applications, endpoints, tokens, dead letters."),
      ("Pa attempts.db", "What was tried; may be lost."),
      ("Pa journal/ , spool/ , checkpoints/", "The log."),
    ])
  }

  private mutating func addExitStatus() {
    page.macro("Sh EXIT STATUS")
    page.terms(
      [
        ("0", "Done."), ("1", "Failed, or refused by an endpoint."), ("64", "Wrong usage."),
        ("65", "Bad data, too large, or a conflict."), ("69", "No broker is reachable."),
        ("70", "An internal fault."), ("75", "Nothing was stored; try later."),
        ("77", "No access."), ("78", "The configuration is wrong."),
        ("99", "A threshold of bench was missed."),
      ].map { ("Er \($0.0)", $0.1) })
  }

  private mutating func addExamples() {
    page.macro("Sh EXAMPLES")
    page.prose("A first delivery, in three terminals:")
    page.literal([
      "fanfare serve --dev", "fanfare listen --subscribe 'job.*'",
      "fanfare publish job.completed '{\"job\":42}'",
    ])
  }

  // MARK: Parts

  private static func shown(_ list: JSONValue?) -> [JSONValue] {
    (list?.elements ?? []).filter {
      $0["shouldDisplay"]?.isTrue ?? true && $0["commandName"]?.text != "help"
    }
  }

  /// What every command has.
  private static func isCommon(_ argument: JSONValue) -> Bool {
    ["help", "version"].contains(argument["preferredName"]?["name"]?.text ?? "")
  }

  private static func term(_ argument: JSONValue) -> String {
    let value = MDoc.word(argument["valueName"]?.text ?? "value")
    let names = (argument["names"]?.elements ?? []).map { name in
      let text = MDoc.escaped(name["name"]?.text ?? "")
      return name["kind"]?.text == "short" ? "Fl \(text)" : "Fl \\-\(text)"
    }
    switch argument["kind"]?.text {
    case "positional": return "Ar \(value)"
    case "flag": return names.joined(separator: " , ")
    default: return "\(names.joined(separator: " , ")) Ar \(value)"
    }
  }

  private static func meaning(_ argument: JSONValue) -> String {
    sentence(argument["abstract"]?.text ?? "")
  }

  private static func sentence(_ text: String) -> String {
    let capital = text.prefix(1).uppercased() + text.dropFirst()
    return capital.isEmpty || capital.hasSuffix(".") ? capital : capital + "."
  }
}

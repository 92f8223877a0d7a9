internal import ArgumentParser
internal import Wire

/// `fanfare app`: applications, which are tenants.
struct AppCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "app", abstract: "Applications (tenants): add, list, remove.",
    subcommands: [AppAdd.self, AppList.self, AppRemove.self])
}

/// `fanfare app add`.
struct AppAdd: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "add", abstract: "Add an application.",
    discussion: "Example:\n  fanfare app add acme")

  @Argument(help: "Its name: unique, no spaces.")
  var name: String

  @OptionGroup var client: ClientOptions
  @OptionGroup var output: OutputOptions

  func run() throws {
    guard EventRules.isValidName(name) else {
      throw Failure(
        .badData, "'\(Console.clean(name))' is no name: use letters, digits, '.', '_', '-'")
    }
    let body = JSONValue.members([("name", .string(name)), ("uid", .string(name))])
    let made = try client.client().value("POST", "/api/v1/app", body: body)
    if output.json { return made.print() }
    Console.print(made["id"]?.text ?? name)
  }
}

/// `fanfare app list`.
struct AppList: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List the applications.",
    discussion: "Example:\n  fanfare app list --json")

  @OptionGroup var client: ClientOptions
  @OptionGroup var output: OutputOptions

  func run() throws {
    let apps = try client.client().list("/api/v1/app")
    if output.json { return JSONValue.array(apps).print() }
    var table = Table([.text("name"), .text("id"), .text("created")])
    for app in apps {
      table.add([
        Table.Cell(app["uid"]?.text ?? app["name"]?.text ?? "-", .bold),
        Table.Cell(app["id"]?.text ?? "-"), Table.Cell(app["createdAt"]?.text ?? "-"),
      ])
    }
    table.print(ifEmpty: "no applications")
  }
}

/// `fanfare app remove`.
struct AppRemove: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "remove", abstract: "Remove an application with its endpoints.",
    discussion: "Example:\n  fanfare app remove acme --yes")

  @Argument(help: "Its name or id.")
  var name: String

  @Flag(name: .shortAndLong, help: "Do not ask.")
  var yes = false

  @OptionGroup var client: ClientOptions

  func run() throws {
    let client = try client.client()
    let path = "/api/v1/app/\(PathText.encoded(name))"
    let endpoints = try client.list("\(path)/endpoint").count
    try Consent.obtain(
      yes, "remove application '\(name)' with \(Consent.counted(endpoints, "endpoint"))?")
    try client.call("DELETE", path)
    Console.talk("removed \(name)")
  }
}

/// Asking before something is destroyed.
enum Consent {
  /// Goes on when `isGiven`, or when somebody at the terminal says so.
  ///
  /// - Throws: exit 64 when there is nobody to ask, 1 when the answer is no.
  static func obtain(_ isGiven: Bool, _ question: String) throws(Failure) {
    if isGiven { return }
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

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

  @OptionGroup var consent: Consent

  @OptionGroup var client: ClientOptions

  func run() throws {
    let client = try client.client()
    let path = "/api/v1/app/\(PathText.encoded(name))"
    let endpoints = try client.list("\(path)/endpoint").count
    try consent.obtain(
      "remove application '\(name)' with \(Consent.counted(endpoints, "endpoint"))?")
    try client.call("DELETE", path)
    Console.talk("removed \(name)")
  }
}

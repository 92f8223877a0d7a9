internal import ArgumentParser

/// `fanfare endpoint remove-parked`.
struct EndpointRemoveParked: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "remove-parked",
    abstract: "Drop what waits for an endpoint that the catalogue does not know; it asks.",
    discussion: """
      Example:
        fanfare endpoint remove-parked 7
      After catalog.db was lost or an older one was put back, deliveries to the endpoints that it
      lacks are parked: 'fanfare spool' lists them by number. Put back the catalog.db that knows
      them, restart, and they are sent. Only if there is none, remove the endpoint for good by this.
      """)

  @Argument(help: "The endpoint's number, as 'fanfare spool' shows it.")
  var number: UInt32

  @OptionGroup var consent: Consent

  @OptionGroup var client: ClientOptions

  func run() throws {
    let client = try client.client()
    if !consent.yes {
      let parked = try client.value("GET", "/api/v1/spool")["parked"]?.elements ?? []
      let depth = parked.first { $0["number"]?.integer == Int(number) }?["depth"]?.integer ?? 0
      if depth > 0 {
        let backlog = Consent.deliveries(depth, "parked ")
        try consent.obtain("remove endpoint number \(number) and drop its \(backlog)?")
      }
    }
    let answer = try client.call("DELETE", "/api/v1/parked/\(number)")
    let dropped = answer.header("fanfare-dropped").flatMap { Int($0) } ?? 0
    Console.talk(
      "removed endpoint number \(number); \(Consent.deliveries(dropped, "parked ")) dropped")
  }
}

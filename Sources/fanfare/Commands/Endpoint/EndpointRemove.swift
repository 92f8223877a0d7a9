internal import ArgumentParser

/// `fanfare endpoint remove`.
struct EndpointRemove: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "remove", abstract: "Remove an endpoint; with a backlog it asks.",
    discussion: "Example:\n  fanfare endpoint remove ci --yes")

  @OptionGroup var consent: Consent

  @OptionGroup var reference: EndpointReference

  func run() throws {
    let endpoint = try reference.fetch()
    let name = EndpointText.name(of: endpoint) ?? reference.endpoint
    if !consent.yes {
      let depth = try depth(of: endpoint["id"]?.text ?? "")
      if depth > 0 {
        let backlog = Consent.deliveries(depth, "pending ")
        try consent.obtain("remove '\(name)' and drop its \(backlog)?")
      }
    }
    let answer = try reference.call("DELETE")
    let dropped = answer.header("fanfare-dropped").flatMap { Int($0) } ?? 0
    let lost = dropped > 0 ? "; \(Consent.deliveries(dropped, "pending ")) dropped" : ""
    Console.talk("removed \(name)\(lost)")
  }

  private func depth(of id: String) throws(Failure) -> Int {
    let report = try reference.client.client().value("GET", "/api/v1/spool")
    let lines = report["endpoints"]?.elements ?? []
    return lines.first { $0["id"]?.text == id }?["depth"]?.integer ?? 0
  }
}

internal import ArgumentParser
internal import Wire

/// `fanfare endpoint`: who receives what.
struct EndpointCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "endpoint",
    abstract: "Endpoints: add, list, show, edit, pause, resume, enable, disable, remove.",
    subcommands: [
      EndpointAdd.self, EndpointList.self, EndpointShow.self, EndpointEdit.self,
      EndpointPause.self, EndpointResume.self, EndpointEnable.self, EndpointDisable.self,
      EndpointRemove.self, EndpointRemoveParked.self, EndpointRotateSecret.self,
    ])
}

/// One endpoint of an application, by name or id, and the client to reach it with.
struct EndpointReference: ParsableArguments {
  @Argument(help: "The endpoint, by name or id.")
  var endpoint: String

  @OptionGroup var application: ApplicationOption
  @OptionGroup var client: ClientOptions

  /// Its path in the API, with `suffix` behind it.
  func path(_ suffix: String = "") -> String {
    "\(application.path)/endpoint/\(PathText.encoded(endpoint))\(suffix)"
  }

  /// Sends a request about it; when there is none of that name, says which one was meant.
  func call(_ method: String, _ suffix: String = "", body: JSONValue? = nil) throws(Failure)
    -> APIAnswer
  {
    let client = try client.client()
    let answer = try client.send(method, path(suffix), body: body)
    if answer.status == 404 { throw notFound(client) ?? APIProblem.failure(for: answer) }
    guard (200...299).contains(answer.status) else { throw APIProblem.failure(for: answer) }
    return answer
  }

  /// The endpoint as the API has it.
  func fetch() throws(Failure) -> JSONValue {
    guard let json = try call("GET").json else {
      throw Failure(.internalFault, "the broker's answer is not JSON")
    }
    return json
  }

  /// `nil` when the application is what is missing.
  private func notFound(_ client: APIClient) -> Failure? {
    guard let endpoints = try? client.list("\(application.path)/endpoint", max: 1_000) else {
      return nil
    }
    let names = endpoints.compactMap { EndpointText.name(of: $0) }
    let near = Suggestion.nearest(to: endpoint, in: names)
    let question = near.map { "; did you mean '\($0)'?" } ?? ""
    return Failure(
      .failed,
      "there is no endpoint '\(Console.clean(endpoint))' in '\(application.app)'\(question)",
      next: ["list them: fanfare endpoint list"])
  }
}

/// An endpoint in words.
enum EndpointText {
  /// Its name, or its id when it has none.
  static func name(of endpoint: JSONValue) -> String? {
    endpoint["uid"]?.text ?? endpoint["name"]?.text ?? endpoint["id"]?.text
  }

  /// What it subscribed to; `*` for everything.
  static func types(of endpoint: JSONValue) -> String {
    let types = endpoint["eventTypes"]?.texts ?? []
    return types.isEmpty ? "*" : types.joined(separator: ",")
  }

  /// In a word: paused, disabled, or what its lane says.
  static func state(of endpoint: JSONValue) -> String {
    if endpoint["disabled"]?.isTrue == true { return "disabled" }
    if endpoint["paused"]?.isTrue == true { return "paused" }
    return endpoint["state"]?.text ?? "ok"
  }

  /// Every property that is set, the secret included where the answer carries it.
  static func properties(of endpoint: JSONValue) -> Properties {
    var lines = Properties()
    lines.add("name", name(of: endpoint))
    lines.add("id", endpoint["id"]?.text)
    lines.add("url", endpoint["url"]?.text)
    lines.add("types", types(of: endpoint))
    for key in ["channels", "sources"] {
      let texts = endpoint[key]?.texts ?? []
      lines.add(key, texts.isEmpty ? nil : texts.joined(separator: ","))
    }
    lines.add("state", state(of: endpoint))
    lines.add("reason", endpoint["disabledReason"]?.text)
    let description = endpoint["description"]?.text ?? ""
    lines.add("description", description.isEmpty ? nil : description)
    addSettings(of: endpoint, to: &lines)
    lines.add("created", endpoint["createdAt"]?.text)
    lines.add("secret", endpoint["secret"]?.text)
    return lines
  }

  private static func addSettings(of endpoint: JSONValue, to lines: inout Properties) {
    for key in ["format", "signing", "retry", "rate", "ordered"] {
      lines.add(key, endpoint[key]?.shown)
    }
    for (key, name) in [("timeoutSeconds", "timeout"), ("maxAgeSeconds", "max age")] {
      lines.add(name, endpoint[key]?.double.map { Spans.text(seconds: $0) })
    }
    lines.add("max in flight", endpoint["maxInFlight"]?.shown)
    if let auth = endpoint["auth"]?.text, auth != "none" { lines.add("auth", auth) }
    if endpoint["ca"]?.text != nil { lines.add("ca", "its own, instead of the system's") }
    if case .object(let headers)? = endpoint["headers"], !headers.isEmpty {
      lines.add("headers", headers.map(\.key).joined(separator: ", "))
    }
    if case .object(let members)? = endpoint["metadata"], !members.isEmpty {
      lines.add(
        "metadata", members.map { "\($0.key)=\($0.value.shown ?? "")" }.joined(separator: ", "))
    }
  }
}

internal import ArgumentParser
internal import TLS

/// `fanfare listen`: a request bin that shows what arrives, and may misbehave.
struct Listen: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Receive webhooks and show them; --subscribe registers with the broker until ^C.",
    discussion: """
      Examples:
        fanfare listen --subscribe 'job.*'
        fanfare listen --subscribe '*' --status 503 --fail-rate 0.5
        fanfare listen --port 8000 --secret @secret.txt --json
      A GET shows the last requests as a page.
      """)

  @Option(
    help: "Register as an endpoint for these event types. Repeat, or use commas.")
  var subscribe: [String] = []

  @Option(help: "With --subscribe: only events that carry one of these channels.")
  var channels: [String] = []

  @Flag(inversion: .prefixedNo, help: "Serve HTTPS with a certificate made now (with --subscribe).")
  var tls: Bool?

  @Option(help: "Check signatures with this secret; '@FILE' or '-' keeps it off the command line.")
  var secret: String?

  @Option(help: "Address to listen on, and to be reached at.")
  var host = "127.0.0.1"

  @Option(help: "Port to listen on; 0 takes a free one.")
  var port = 0

  @Flag(help: "A line a request, without its body.")
  var brief = false

  @OptionGroup var behaviour: RequestBinOptions
  @OptionGroup var application: ApplicationOption
  @OptionGroup var client: ClientOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let types = CommaList.split(subscribe)
    // Found out before anything listens: without a broker there is nothing to subscribe to.
    let api = types.isEmpty ? nil : try client.client()
    try api?.call("GET", "/api/v1/health")
    let secrets = try secretsToCheck(isSubscribed: api != nil)
    let identity = try servesTLS ? certificate() : nil
    let signals = StopSignals()
    let bin = RequestBin(
      host: host, port: port, identity: identity, secrets: secrets,
      behaviour: try BinBehaviour(behaviour),
      journal: BinJournal(style: style, countMax: behaviour.count) { signals.stop() })
    try await serve(bin, until: signals) { (actualPort) throws(Failure) in
      let url = "\(servesTLS ? "https" : "http")://\(urlHost):\(actualPort)/"
      Console.talk("listening on \(Console.styled(url, .cyan, on: .standardError))")
      guard let api else { return nil }
      let subscription = try BinSubscription.register(
        api, applicationPath: application.path, url: url, types: types,
        channels: CommaList.split(channels), secret: secrets[0].text,
        certificate: identity?.certificatePEM)
      Console.talk("subscribed to \(types.joined(separator: ", ")) as \(subscription.name)")
      if let warning = subscription.warning { Console.warn(warning) }
      if secret == nil { Console.talk("secret \(secrets[0].text) (shown once)") }
      Console.talk("stop with ^C")
      return subscription
    }
  }

  mutating func validate() throws {
    guard (0...65_535).contains(port) else {
      throw ValidationError("--port must be between 0 and 65535.")
    }
  }

  private var style: BinLine.Style { output.json ? .json : brief ? .brief : .full }

  private var servesTLS: Bool { tls ?? !subscribe.isEmpty }

  private var urlHost: String { host.contains(":") ? "[\(host)]" : host }

  private func secretsToCheck(isSubscribed: Bool) throws(Failure) -> [WebhookSecret] {
    if let secret { return [try SecretOption.parse(secret)] }
    return isSubscribed ? [WebhookSecret.makeSymmetric()] : []
  }

  private func certificate() throws(Failure) -> (certificatePEM: String, keyPEM: String) {
    do throws(TLSError) {
      let names = host == "127.0.0.1" ? [host, "localhost"] : [host]
      return try SelfSignedCertificate.make(hosts: names)
    } catch {
      throw Failure(.badData, "--host: \(error.description)")
    }
  }

  /// Runs the bin until a signal, its last request, or a failure of `subscribe`.
  private func serve(
    _ bin: RequestBin, until signals: StopSignals,
    subscribe: @escaping @Sendable (Int) throws(Failure) -> BinSubscription?
  ) async throws {
    let subscription = Slot<BinSubscription>()
    let failure = Slot<Failure>()
    do {
      try await bin.run(until: signals) { port in
        do throws(Failure) {
          if let made = try subscribe(port) { subscription.put(made) }
        } catch {
          failure.put(error)
          signals.stop()
        }
      } onLeaving: {
        subscription.take()?.remove()
      }
    } catch {
      throw ListenFailure.failure(
        error, address: "\(urlHost):\(bin.port)", flag: "--host, --port")
    }
    if let failure = failure.take() { throw failure }
  }
}

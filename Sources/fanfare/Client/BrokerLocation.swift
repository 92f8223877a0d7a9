internal import Glibc
internal import Wire

/// Where a broker is: a data directory of this machine, or a URL.
struct BrokerLocation {
  enum Place {
    case directory(String)
    case url(URLTarget, token: String?)
  }

  let place: Place
  /// Where the local socket is, if not in the data directory.
  var socket: String?
  let caFile: String?

  /// A broker on this machine, by its data directory's absolute path.
  static func local(
    directory: String, socket: String? = nil, caFile: String?
  ) -> BrokerLocation {
    BrokerLocation(place: .directory(directory), socket: socket, caFile: caFile)
  }

  /// A broker by the URL of its API.
  static func remote(url: String, token: String?, caFile: String?) throws(Failure)
    -> BrokerLocation
  {
    BrokerLocation(place: .url(try target(url, of: "--url"), token: token), caFile: caFile)
  }

  /// A client of its API. Nothing is connected yet.
  ///
  /// - Throws: exit 69 when the directory is not that of a running broker, 77 when its token may
  ///   not be read.
  func client() throws(Failure) -> APIClient {
    let roots = try caFile.map { (path: String) throws(Failure) in try Input.text(of: path) }
    switch place {
    case .url(let target, let token):
      return APIClient(
        target: target, token: token, roots: roots, advice: ["is it the right one?  --url URL"])
    case .directory(let directory):
      let address = try Self.read("address", of: directory)
      let token = try Self.read("token", of: directory)
      let target = try Self.target(address, of: "\(directory)/address")
      return APIClient(
        target: target, token: token, roots: roots,
        advice: Self.advice(directory), source: "\(directory)/address")
    }
  }

  /// The path of the local socket; `nil` for a broker that is known by URL only.
  func socketPath(override: String?) -> String? {
    if let override { return Input.absolute(override) }
    guard case .directory(let directory) = place else { return nil }
    if let socket { return Input.absolute(socket) }
    return directory + "/fanfare.sock"
  }

  /// What to do when there is no broker in a directory.
  static func advice(_ directory: String) -> [String] {
    [
      "start one:    fanfare serve --data \(quoted(directory))   (--dev to try it out here)",
      "or name one:  --data DIR, or --url URL --token TOKEN",
    ]
  }

  private static func read(_ name: String, of directory: String) throws(Failure) -> String {
    let path = "\(directory)/\(name)"
    if unsafe access(path, R_OK) == 0 { return try Input.text(of: path) }
    if errno == EACCES {
      throw Failure(
        .noAccess, "no permission to read \(path)",
        next: ["run it as the broker's user, or use --url URL --token TOKEN"])
    }
    throw Failure(
      .unreachable, "no broker runs on \(directory): \(path) does not exist",
      next: advice(directory))
  }

  private static func target(_ url: String, of place: String) throws(Failure) -> URLTarget {
    do {
      return try URLTarget(parsing: url)
    } catch {
      throw Failure(.usage, "\(place): '\(Console.clean(url))' is no URL of an API: \(error.text)")
    }
  }

  private static func quoted(_ path: String) -> String {
    path.contains(where: { " '\"$&;()".contains($0) }) ? "'\(path)'" : path
  }
}

package import HTTPTypes

/// Which methods each path has, for the answer 405 and its `Allow` header.
package struct RouteTable: Sendable {
  private struct Route {
    var method: HTTPRequest.Method
    var parts: [Substring]
  }

  private var routes: [Route] = []

  /// An empty table.
  package init() {}

  /// Remembers a route; `{name}` stands for one part of a path.
  package mutating func add(_ method: HTTPRequest.Method, _ path: String) {
    routes.append(Route(method: method, parts: Self.parts(path)))
  }

  /// The methods of a path in order of their names; empty for an unknown path.
  package func methods(of path: String) -> [HTTPRequest.Method] {
    let parts = Self.parts(path)
    var methods: Set<HTTPRequest.Method> = []
    for route in routes where Self.matches(route.parts, parts) { methods.insert(route.method) }
    if methods.contains(.get) { methods.insert(.head) }
    return methods.sorted { $0.rawValue < $1.rawValue }
  }

  private static func parts(_ path: String) -> [Substring] { path.split(separator: "/") }

  private static func matches(_ pattern: [Substring], _ parts: [Substring]) -> Bool {
    pattern.count == parts.count
      && zip(pattern, parts).allSatisfy { $0.hasPrefix("{") || $0 == $1 }
  }
}

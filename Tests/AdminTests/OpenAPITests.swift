import Admin
import Broker
import Foundation
import Logging
import Testing

/// Goal: the document describes the routes that there are, each with its methods, and no others.
/// Method: the routes of a real broker against the document that is served.
struct OpenAPITests {
  private func operations() throws -> [String: Set<String>] {
    let document = try JSONSerialization.jsonObject(with: Data(OpenAPIDocument.bytes))
    let object = try #require(document as? [String: Any])
    let paths = try #require(object["paths"] as? [String: [String: Any]])
    return paths.mapValues { Set($0.keys.map { $0.uppercased() }) }
  }

  @Test func `every route is described, and nothing else`() async throws {
    let directory = NSTemporaryDirectory() + "openapi-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: directory) }
    var settings = Settings()
    settings.data = directory
    let broker = try Broker.start(settings: settings, logger: Logger(label: "test"))
    let served = AdminRoutes.methods(broker.control)
    _ = await broker.stop()
    let described = try operations()
    #expect(Set(described.keys) == Set(served.keys))
    for (path, methods) in served { #expect(described[path] == methods, "\(path)") }
  }

  @Test func `every reference leads somewhere`() throws {
    let text = String(decoding: OpenAPIDocument.bytes, as: UTF8.self)
    let document = try JSONSerialization.jsonObject(with: Data(OpenAPIDocument.bytes))
    let references = Set(text.matches(of: /"\$ref": "#([^"]+)"/).map { String($0.1) })
    #expect(references.count > 30)
    for reference in references {
      var place: Any? = document
      for part in reference.split(separator: "/") {
        place = (place as? [String: Any])?[String(part)]
      }
      #expect(place != nil, "\(reference)")
    }
  }
}

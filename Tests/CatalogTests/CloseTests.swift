import Catalog
import Foundation
import Testing

/// Goal: after a clean stop the database file alone is the catalogue.
/// Method: copy the one file, open the copy.
struct CloseTests {
  @Test func `a closed catalogue is whole in its one file`() throws {
    let room = try CatalogRoom()
    let catalog = try room.open()
    let made = try catalog.createEndpoint(application: "default", .named("kept"))
    try catalog.close()
    let copy = try CatalogRoom()
    try FileManager.default.copyItem(atPath: room.path, toPath: copy.path)
    let found = try copy.open().endpoint(application: "default", idOrUID: "kept")
    #expect(found.id == made.id)
    #expect(found.secret == made.secret)
  }
}

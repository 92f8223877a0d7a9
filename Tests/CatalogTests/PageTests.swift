import Catalog
import Testing

/// Goal: a list walked in either direction shows every element once.
/// Method: endpoints from SQLite and a plain array must give the same pages.
struct PageTests {
  @Test(arguments: [false, true])
  func `a walk forward and back sees the same elements`(isDescending: Bool) throws {
    let room = try CatalogRoom()
    let catalog = try room.open()
    var ids: [String] = []
    for _ in 0..<23 {
      ids.append(try catalog.createEndpoint(application: "default", .named(nil)).id)
    }
    #expect(ids == ids.sorted())
    let expected = isDescending ? ids.reversed() : ids

    func fetch(_ cursor: String?, back: Bool) throws -> Page<EndpointRecord> {
      try catalog.endpoints(
        application: "default",
        page: PageRequest(
          limit: 5, cursor: cursor, isBackwards: back, isDescending: isDescending))
    }
    var forward: [String] = []
    var pages = 0
    while true {
      let page = try fetch(forward.last, back: false)
      forward += page.elements.map(\.id)
      pages += 1
      if page.isLast { break }
    }
    #expect(forward == expected)
    #expect(pages == 5)

    var backward: [String] = []
    var cursor = expected.last
    while true {
      let page = try fetch(cursor, back: true)
      backward = page.elements.map(\.id) + backward
      cursor = page.elements.first?.id
      if page.isLast { break }
    }
    #expect(backward == Array(expected.dropLast()))
  }

  @Test(
    arguments: [
      (nil, false, false, ["a", "b"], false), ("b", false, false, ["c", "d"], false),
      ("d", false, false, ["e"], true), ("d", true, false, ["b", "c"], false),
      ("b", true, false, ["a"], true), (nil, false, true, ["e", "d"], false),
      ("d", false, true, ["c", "b"], false), ("b", true, true, ["d", "c"], false),
      ("0", false, false, ["a", "b"], false), ("x' OR 1=1", false, false, [], true),
    ] as [(String?, Bool, Bool, [String], Bool)])
  func `a page of an array`(
    cursor: String?, back: Bool, descending: Bool, expected: [String], isLast: Bool
  ) {
    let request = PageRequest(
      limit: 2, cursor: cursor, isBackwards: back, isDescending: descending)
    let page = request.page(of: ["a", "b", "c", "d", "e"]) { $0 }
    #expect(page.elements == expected)
    #expect(page.isLast == isLast)
  }

  @Test func `a cursor is data, not SQL`() throws {
    let room = try CatalogRoom()
    let catalog = try room.open()
    _ = try catalog.createEndpoint(application: "default", .named("a"))
    let page = try catalog.endpoints(
      application: "default", page: PageRequest(cursor: "zz' OR '1'='1"))
    #expect(page.elements.isEmpty)
  }
}

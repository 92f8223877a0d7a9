import Admin
import Catalog
import Foundation
import HTTPTypes
import Testing

/// Goal: iterators lead through a list in both directions, and nonsense is refused.
/// Method: walk a list of ids by the iterators of each answer.
struct PagingTests {
  private static let ids = (0..<7).map { "ep_0ujsswThIGTUYm2K8FjOOfXtY1\($0)" }

  private func page(_ query: String) throws -> ListOut<String> {
    let page = try PageRequest(query: QueryReader(query), prefix: "ep_").page(of: Self.ids) { $0 }
    return ListOut(page, id: { $0 }) { $0 }
  }

  @Test(arguments: ["ascending", "descending"])
  func `iterator leads to the end, prevIterator back to the start`(order: String) throws {
    let expected = order == "ascending" ? Self.ids : Self.ids.reversed()
    var answer = try page("limit=3&order=\(order)")
    var seen = answer.data
    while !answer.done {
      answer = try page("limit=3&order=\(order)&iterator=\(answer.iterator ?? "")")
      seen += answer.data
    }
    #expect(seen == expected)

    var back: [String] = []
    repeat {
      answer = try page("limit=3&order=\(order)&iterator=\(answer.prevIterator ?? "")")
      back = answer.data + back
    } while !answer.done
    #expect(back == Array(expected.dropLast()))
  }

  @Test func `an empty part has null iterators`() throws {
    let answer = try page("iterator=\(Self.ids[6])")
    let text = String(decoding: try JSON.encode(answer), as: UTF8.self)
    #expect(text == #"{"data":[],"done":true,"iterator":null,"prevIterator":null}"#)
  }

  @Test(arguments: [
    "limit=0", "limit=-1", "limit=251", "limit=1000000000", "limit=99999999999999999999",
    "limit=x", "iterator=app_0ujsswThIGTUYm2K8FjOOfXtY11", "iterator=ep_", "iterator=-",
    "iterator=", "iterator=ep_..%2F..%2Fetc", "iterator=ep_'%20OR%201=1", "order=sideways",
  ])
  func `nonsense in a query is a bad request`(query: String) {
    do {
      _ = try page(query)
      Issue.record("accepted")
    } catch {
      #expect((error as? AdminError)?.status.code == 400)
    }
  }

  @Test func `queries are percent-decoded`() {
    let query = QueryReader("a=x%20y+z&b=&c&a%3D=1&d=%zz")
    #expect(query.text("a") == "x y z")
    #expect(query.text("b") == "")
    #expect(query.text("c") == "")
    #expect(query.text("e") == nil)
    #expect(query.text("d") == "%zz")
  }
}

internal import Base
package import Catalog
internal import Foundation
internal import Hummingbird
internal import Wire

/// A part of a list, as Svix clients walk it.
package struct ListOut<Element: Encodable>: Encodable {
  package var data: [Element]
  /// Where the next part begins; null when this one is empty.
  package var iterator: String?
  /// Where the part before this one ends.
  package var prevIterator: String?
  /// Whether nothing lies beyond this part.
  package var done: Bool

  enum Key: CodingKey { case data, iterator, prevIterator, done }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(data, forKey: .data)
    // Null, not absent: generated clients ask for the key.
    try container.encode(iterator, forKey: .iterator)
    try container.encode(prevIterator, forKey: .prevIterator)
    try container.encode(done, forKey: .done)
  }
}

extension ListOut {
  /// The part of a list that a page is.
  package init<Record>(
    _ page: Page<Record>, id: (Record) -> String, _ element: (Record) -> Element
  ) {
    data = page.elements.map(element)
    iterator = page.elements.last.map(id)
    prevIterator = page.elements.first.map { "-" + id($0) }
    done = page.isLast
  }
}

extension PageRequest {
  /// Reads `limit`, `iterator` and `order`.
  ///
  /// - Parameter prefix: what the ids of this list begin with, so that the iterator of another list
  ///   is told apart.
  /// - Throws: ``AdminError``, 400: out of range or of another list.
  package init(query: QueryReader, prefix: String) throws {
    try self.init(query: query) { cursor in
      cursor.hasPrefix(prefix) && KSUID(String(cursor.dropFirst(prefix.count))) != nil
    }
  }

  /// The same for a list whose iterators are something else than ids.
  ///
  /// - Parameter isOwn: whether a text may stand in this list.
  init(query: QueryReader, isOwn: (String) -> Bool) throws {
    let iterator = try query.iterator { isOwn($0) ? $0 : nil }
    let order = query.text("order") ?? "ascending"
    guard ["ascending", "descending"].contains(order) else {
      throw AdminError.badRequest("order: ascending or descending")
    }
    self.init(
      limit: try query.limit(), cursor: iterator?.place,
      isBackwards: iterator?.isBackwards ?? false,
      isDescending: order == "descending")
  }
}

/// The query of a request, percent-decoded.
package struct QueryReader {
  private var values: [String: String] = [:]

  init(_ request: Request) { self.init(request.uri.query ?? "") }

  package init(_ query: String) {
    for pair in query.split(separator: "&") {
      let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let text = parts.count == 2 ? String(parts[1].replacing("+", with: " ")) : ""
      values[String(parts[0])] = text.removingPercentEncoding ?? text
    }
  }

  /// A value; nil when it is absent.
  package func text(_ name: String) -> String? { values[name] }

  /// A value that must look as it should; nil when it is absent.
  ///
  /// - Throws: ``AdminError``, 422: it does not.
  func text(_ name: String, where isValid: (String) -> Bool) throws(AdminError) -> String? {
    guard let text = values[name] else { return nil }
    guard isValid(text) else { throw .invalid(name, "is not one", in: "query") }
    return text
  }

  /// `true` or `false`; nil when it is absent.
  ///
  /// - Throws: ``AdminError``, 422: it is another word.
  package func flag(_ name: String) throws(AdminError) -> Bool? {
    switch values[name] {
    case nil: nil
    case "true": true
    case "false": false
    default: throw .invalid(name, "must be true or false", in: "query")
    }
  }

  /// Several types or patterns, joined by commas; empty when the parameter is absent.
  ///
  /// - Throws: ``AdminError``, 422: one of them is empty.
  func types(_ name: String) throws(AdminError) -> [String] {
    guard let text = values[name] else { return [] }
    let texts = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    guard !texts.contains("") else { throw .invalid(name, "an empty type", in: "query") }
    return texts
  }

  /// A channel; nil when the parameter is absent.
  func channel() throws(AdminError) -> String? {
    try text("channel") { EventRules.isValidChannel($0) }
  }

  /// A time; nil when it is absent.
  func time(_ name: String) throws(AdminError) -> UnixMilliseconds? {
    try TimeText.read(values[name], field: name, in: "query")
  }

  /// A whole number; nil when it is absent.
  ///
  /// - Throws: ``AdminError``, 422: it is none, or out of range.
  func whole(_ name: String, in range: ClosedRange<Int>) throws(AdminError) -> Int? {
    guard let text = values[name] else { return nil }
    guard let value = Int(text), range.contains(value) else {
      throw .invalid(name, "from \(range.lowerBound) to \(range.upperBound)", in: "query")
    }
    return value
  }

  /// `iterator`: a place in the list, behind a `-` for the part before it; nil when it is absent.
  ///
  /// - Parameter read: the place that a text stands for; nil for a text of another list.
  /// - Throws: ``AdminError``, 400: it is of another list.
  func iterator<Place>(_ read: (String) -> Place?) throws -> (place: Place, isBackwards: Bool)? {
    guard let text = text("iterator") else { return nil }
    let isBackwards = text.hasPrefix("-")
    guard let place = read(String(text.dropFirst(isBackwards ? 1 : 0))) else {
      throw AdminError.badRequest("iterator: not one that this list gave")
    }
    return (place, isBackwards)
  }

  /// `limit`, 1 to 250, 50 when it is absent.
  func limit() throws -> Int {
    guard let text = text("limit") else { return PageRequest.limitDefault }
    guard let value = Int(text), (1...PageRequest.limitMax).contains(value) else {
      throw AdminError.badRequest("limit: from 1 to \(PageRequest.limitMax)")
    }
    return value
  }
}

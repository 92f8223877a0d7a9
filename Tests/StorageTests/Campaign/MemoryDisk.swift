import Platform
import Storage
import Synchronization

/// The content of one file, page by page; a page of zeros takes no memory. Copies are cheap.
struct FileImage: Equatable {
  static let pageBytes = 4096

  private(set) var size: Int
  private(set) var pages: [[UInt8]?]

  init(size: Int = 0) {
    self.size = size
    pages = Array(repeating: nil, count: Self.count(size))
  }

  init(_ bytes: [UInt8]) {
    self.init(size: bytes.count)
    write(bytes[...], at: 0)
  }

  private static func count(_ size: Int) -> Int { (size + pageBytes - 1) / pageBytes }

  /// One page, zeros where the file ends in it.
  func page(_ index: Int) -> [UInt8] {
    guard index < pages.count, let page = pages[index] else {
      return [UInt8](repeating: 0, count: Self.pageBytes)
    }
    return page
  }

  mutating func setPage(_ index: Int, _ bytes: [UInt8]) {
    var page = bytes
    let end = min(Self.pageBytes, size - index * Self.pageBytes)
    for place in end..<Self.pageBytes { page[place] = 0 }
    pages[index] = page.allSatisfy { $0 == 0 } ? nil : page
  }

  mutating func truncate(to size: Int) {
    self.size = size
    let count = Self.count(size)
    if count < pages.count {
      pages.removeLast(pages.count - count)
    } else {
      pages.append(contentsOf: repeatElement(nil, count: count - pages.count))
    }
    if size % Self.pageBytes > 0 { setPage(count - 1, page(count - 1)) }
  }

  mutating func write(_ bytes: ArraySlice<UInt8>, at offset: Int) {
    if offset + bytes.count > size { truncate(to: offset + bytes.count) }
    var place = offset
    var rest = bytes
    while !rest.isEmpty {
      let start = place % Self.pageBytes
      let part = rest.prefix(Self.pageBytes - start)
      let index = place / Self.pageBytes
      if pages[index] != nil || part.contains(where: { $0 != 0 }) {
        var page = page(index)
        page.replaceSubrange(start..<(start + part.count), with: part)
        pages[index] = page
      }
      place += part.count
      rest = rest.dropFirst(part.count)
    }
  }

  func byte(_ offset: Int) -> UInt8 {
    pages[offset / Self.pageBytes]?[offset % Self.pageBytes] ?? 0
  }

  mutating func flip(bit: Int, at offset: Int) {
    var page = page(offset / Self.pageBytes)
    page[offset % Self.pageBytes] ^= 1 << UInt8(bit)
    setPage(offset / Self.pageBytes, page)
  }

  /// The bytes that differ: from the first to one past the last, in each page.
  func changes(from other: FileImage) -> [Range<Int>] {
    var result: [Range<Int>] = []
    for index in 0..<max(pages.count, other.pages.count) {
      let mine = page(index)
      let its = other.page(index)
      guard mine != its, let first = mine.indices.first(where: { mine[$0] != its[$0] }),
        let last = mine.indices.last(where: { mine[$0] != its[$0] })
      else { continue }
      let base = index * Self.pageBytes
      result.append((base + first)..<(base + last + 1))
    }
    if size < other.size { result.append(size..<other.size) }
    return result
  }
}

/// Files in memory: thousands of restarts a minute, each from its own copy. Durable at once.
final class MemoryDisk: Disk, @unchecked Sendable {
  private final class Node {
    var image: FileImage
    init(_ image: FileImage) { self.image = image }
  }

  private var nodes: [String: Node] = [:]
  private var handles: [Int32: Node] = [:]
  private var nextHandle: Int32 = 1

  init(_ files: [String: FileImage]) { nodes = files.mapValues { Node($0) } }

  var files: [String: FileImage] { nodes.mapValues { $0.image } }

  private func node(_ file: FileHandle) throws(SystemError) -> Node {
    guard let node = handles[file.descriptor] else {
      throw SystemError(code: 9, operation: "bad descriptor")
    }
    return node
  }

  func open(_ path: String, _ mode: OpenMode) throws(SystemError) -> FileHandle {
    if case .create = mode {
      if nodes[path] != nil { throw SystemError(code: 17, operation: "open \(path)") }
      nodes[path] = Node(FileImage())
    }
    guard let node = nodes[path] else { throw SystemError(code: 2, operation: "open \(path)") }
    nextHandle += 1
    handles[nextHandle] = node
    return FileHandle(descriptor: nextHandle)
  }
  func close(_ file: FileHandle) { handles[file.descriptor] = nil }

  func write(_ file: FileHandle, _ bytes: UnsafeRawBufferPointer, at offset: UInt64)
    throws(SystemError) -> Int
  {
    let node = try node(file)
    // The zeros of a fresh segment need no bytes.
    if unsafe !bytes.contains(where: { $0 != 0 }), Int(offset) >= node.image.size {
      node.image.truncate(to: Int(offset) + bytes.count)
    } else {
      unsafe node.image.write(Array(bytes)[...], at: Int(offset))
    }
    return bytes.count
  }
  func read(_ file: FileHandle, into bytes: UnsafeMutableRawBufferPointer, at offset: UInt64)
    throws(SystemError) -> Int
  {
    let image = try node(file).image
    let count = max(0, min(bytes.count, image.size - Int(offset)))
    var done = 0
    while done < count {
      let place = Int(offset) + done
      let start = place % FileImage.pageBytes
      let length = min(FileImage.pageBytes - start, count - done)
      let target = unsafe UnsafeMutableRawBufferPointer(rebasing: bytes[done..<(done + length)])
      if let page = image.pages[place / FileImage.pageBytes] {
        unsafe page.withUnsafeBytes { source in
          unsafe target.copyMemory(
            from: UnsafeRawBufferPointer(rebasing: source[start..<(start + length)]))
        }
      } else {
        unsafe target.initializeMemory(as: UInt8.self, repeating: 0)
      }
      done += length
    }
    return count
  }
  func syncData(_ file: FileHandle) throws(SystemError) {}
  func size(_ file: FileHandle) throws(SystemError) -> UInt64 { UInt64(try node(file).image.size) }
  func truncate(_ file: FileHandle, to size: UInt64) throws(SystemError) {
    try node(file).image.truncate(to: Int(size))
  }
  func rename(_ from: String, to: String) throws(SystemError) {
    guard let node = nodes.removeValue(forKey: from) else {
      throw SystemError(code: 2, operation: "rename \(from)")
    }
    nodes[to] = node
  }
  func remove(_ path: String) throws(SystemError) {
    if nodes.removeValue(forKey: path) == nil {
      throw SystemError(code: 2, operation: "unlink \(path)")
    }
  }
  func makeDirectory(_ path: String) throws(SystemError) {}
  func list(_ directory: String) throws(SystemError) -> [String] {
    let prefix = directory + "/"
    return nodes.keys.filter { $0.hasPrefix(prefix) && !$0.dropFirst(prefix.count).contains("/") }
      .map { String($0.dropFirst(prefix.count)) }.sorted()
  }
  func syncDirectory(_ path: String) throws(SystemError) {}
  func space(_ path: String) throws(SystemError) -> (free: UInt64, total: UInt64) {
    (1 << 40, 1 << 40)
  }
}

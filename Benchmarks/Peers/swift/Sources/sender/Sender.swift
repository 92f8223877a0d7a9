import AsyncHTTPClient
import NIOCore
import NIOHTTP1

/// One task a connection.
struct Sender {
  let client: HTTPClient
  let headers: HTTPHeaders
  let body: ByteBuffer
  let deadline: NIODeadline

  /// Sends until the deadline; returns how many were answered 204.
  func run(_ arguments: Arguments) async throws -> Int {
    try await withThrowingTaskGroup(of: Int.self) { tasks in
      for lane in 0..<arguments.connections {
        tasks.addTask { try await send(arguments.urls, from: lane) }
      }
      return try await tasks.reduce(0, +)
    }
  }

  private func send(_ urls: [String], from lane: Int) async throws -> Int {
    let requests = urls.map { url in
      var request = HTTPClientRequest(url: url)
      request.method = .POST
      request.headers = headers
      request.body = .bytes(body)
      return request
    }
    var number = lane
    var answered = 0
    while NIODeadline.now() < deadline {
      let response = try await client.execute(
        requests[number % requests.count], timeout: .seconds(30))
      for try await _ in response.body {}
      answered += response.status == .noContent ? 1 : 0
      number += 1
    }
    return answered
  }
}

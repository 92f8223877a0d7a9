internal import Broker
internal import Catalog
internal import Hummingbird
internal import NIOCore

extension AdminRoutes {
  /// `/api/v1/status`, `/api/v1/spool` and `/metrics`.
  mutating func addReports(_ control: BrokerControl) {
    on(.get, "/api/v1/status", .read) { _, _ in
      try JSON.response(await control.status())
    }
    on(.get, "/api/v1/spool", .read) { request, _ in
      let application = QueryReader(request).text("app")
      return try JSON.response(try await control.spool(application: application))
    }
    on(.get, "/metrics", nil) { _, _ in
      Response(
        status: .ok, headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
        body: ResponseBody(byteBuffer: ByteBuffer(string: await control.metricsText())))
    }
  }
}

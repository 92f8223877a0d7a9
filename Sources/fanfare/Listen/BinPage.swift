internal import Base
internal import Wire

/// The page of a request bin: what came last, for a browser.
enum BinPage {
  /// HTML without scripts; everything that was received is escaped.
  static func html(_ count: Int, _ requests: [BinRequest]) -> String {
    let items = requests.map { request in
      let verdict =
        switch request.verdict {
        case .verified: "<b class=good>✓ verified</b>"
        case .refused(let why): "<b class=bad>✗ \(HTMLText.escaped(why))</b>"
        case .notChecked: "not checked"
        }
      let time = RFC3339.text(UnixMilliseconds(request.timeMilliseconds))
      return """
        <details><summary><time>\(time)</time> <b>\(HTMLText.escaped(request.type ?? "-"))</b>
        <code>\(HTMLText.escaped(request.id ?? "-"))</code> \(verdict) \(request.body.count) B
        → \(request.status)</summary><pre>\(HTMLText.escaped(headers(of: request)))

        \(HTMLText.escaped(body(of: request)))</pre></details>
        """
    }
    return """
      <!doctype html><html lang=en><meta charset=utf-8><meta http-equiv=refresh content=5>
      <title>\(count) requests · Fanfare</title>
      <style>body{font:15px/1.5 system-ui;margin:2em;max-width:70em}summary{cursor:pointer}
      pre{background:#8881;padding:1em;overflow:auto}time{opacity:.6}
      .good{color:#180}.bad{color:#c22}
      :root{color-scheme:light dark}</style>
      <h1>\(count) requests</h1>
      \(items.isEmpty ? "<p>Nothing yet: POST something here." : items.joined())
      </html>
      """
  }

  private static func headers(of request: BinRequest) -> String {
    (["\(request.method) \(request.path)"] + request.headers.map { "\($0.name): \($0.value)" })
      .joined(separator: "\n")
  }

  private static func body(of request: BinRequest) -> String {
    if let json = request.json { return json.pretty() }
    guard UTF8Check.accepts(request.body) else { return "(\(request.body.count) bytes, no text)" }
    return String(decoding: request.body, as: UTF8.self)
  }
}

internal import ArgumentParser

/// The languages that `endpoint add --sample` knows.
enum SampleLanguage: String, CaseIterable, ExpressibleByArgument {
  case python, node, go, swift, bash
}

/// Small receivers that verify what Fanfare sends, with nothing but their language's own library.
///
/// Each listens on port 8000 in clear, to be put behind whatever ends TLS.
enum ReceiverSample {
  /// The program, with `secret` where the environment has no `WEBHOOK_SECRET`.
  static func text(_ language: SampleLanguage, secret: String) -> String {
    let template =
      switch language {
      case .python: python
      case .node: node
      case .go: go
      case .swift: swift
      case .bash: bash
      }
    var text = template
    while let range = text.firstRange(of: "SECRET-HERE") {
      text.replaceSubrange(range, with: secret)
    }
    return text + "\n"
  }

  private static let python = """
    #!/usr/bin/env python3
    \"\"\"Receives webhooks on port 8000 and verifies them (Standard Webhooks).\"\"\"
    import base64, hashlib, hmac, os, time
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    SECRET = os.environ.get("WEBHOOK_SECRET", "SECRET-HERE")
    KEY = base64.b64decode(SECRET.removeprefix("whsec_"))


    def verified(headers, body):
        id, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        if not stamp.isdigit() or abs(time.time() - int(stamp)) > 300:
            return False
        signed = f"{id}.{stamp}.".encode() + body
        expected = "v1," + base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
        given = headers.get("webhook-signature", "").split()
        return any(hmac.compare_digest(expected.encode(), one.encode()) for one in given)


    class Receiver(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            good = verified(self.headers, body)
            if good:
                # The same id may come twice: remember the ids you have dealt with.
                print(self.headers["webhook-id"], body.decode(errors="replace"), flush=True)
            self.send_response(204 if good else 401)
            self.send_header("content-length", "0")
            self.end_headers()


    ThreadingHTTPServer(("", 8000), Receiver).serve_forever()
    """

  private static let node = """
    // Receives webhooks on port 8000 and verifies them (Standard Webhooks).  node receiver.js
    const http = require("node:http");
    const crypto = require("node:crypto");

    const secret = process.env.WEBHOOK_SECRET || "SECRET-HERE";
    const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");

    function verified(headers, body) {
      const id = headers["webhook-id"] || "";
      const stamp = headers["webhook-timestamp"] || "";
      if (!/^\\d+$/.test(stamp) || Math.abs(Date.now() / 1000 - Number(stamp)) > 300) return false;
      const mac = crypto.createHmac("sha256", key).update(`${id}.${stamp}.`).update(body).digest();
      return (headers["webhook-signature"] || "").split(" ").some((one) => {
        const [version, text] = one.split(",");
        const given = Buffer.from(text || "", "base64");
        if (version !== "v1" || given.length !== mac.length) return false;
        return crypto.timingSafeEqual(given, mac);
      });
    }

    http.createServer((request, response) => {
      const chunks = [];
      request.on("data", (chunk) => chunks.push(chunk));
      request.on("end", () => {
        const body = Buffer.concat(chunks);
        const good = verified(request.headers, body);
        // The same id may come twice: remember the ids you have dealt with.
        if (good) console.log(request.headers["webhook-id"], body.toString());
        response.writeHead(good ? 204 : 401).end();
      });
    }).listen(8000);
    """

  private static let go = """
    // Receives webhooks on port 8000 and verifies them (Standard Webhooks).  go run receiver.go
    package main

    import (
    \t"crypto/hmac"
    \t"crypto/sha256"
    \t"encoding/base64"
    \t"fmt"
    \t"io"
    \t"log"
    \t"net/http"
    \t"os"
    \t"strconv"
    \t"strings"
    \t"time"
    )

    func secretKey() []byte {
    \tsecret := os.Getenv("WEBHOOK_SECRET")
    \tif secret == "" {
    \t\tsecret = "SECRET-HERE"
    \t}
    \tkey, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
    \tif err != nil {
    \t\tlog.Fatal(err)
    \t}
    \treturn key
    }

    func verified(key []byte, header http.Header, body []byte) bool {
    \tstamp := header.Get("webhook-timestamp")
    \tseconds, err := strconv.ParseInt(stamp, 10, 64)
    \tif err != nil || time.Since(time.Unix(seconds, 0)).Abs() > 5*time.Minute {
    \t\treturn false
    \t}
    \tmac := hmac.New(sha256.New, key)
    \tfmt.Fprintf(mac, "%s.%s.", header.Get("webhook-id"), stamp)
    \tmac.Write(body)
    \tfor _, one := range strings.Fields(header.Get("webhook-signature")) {
    \t\tgiven, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(one, "v1,"))
    \t\tif err == nil && strings.HasPrefix(one, "v1,") && hmac.Equal(given, mac.Sum(nil)) {
    \t\t\treturn true
    \t\t}
    \t}
    \treturn false
    }

    func main() {
    \tkey := secretKey()
    \thttp.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
    \t\tbody, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 4<<20))
    \t\tif err != nil || !verified(key, r.Header, body) {
    \t\t\tw.WriteHeader(http.StatusUnauthorized)
    \t\t\treturn
    \t\t}
    \t\t// The same id may come twice: remember the ids you have dealt with.
    \t\tfmt.Println(r.Header.Get("webhook-id"), string(body))
    \t\tw.WriteHeader(http.StatusNoContent)
    \t})
    \tlog.Fatal(http.ListenAndServe(":8000", nil))
    }
    """

  private static let swift = """
    // Verifies webhooks (Standard Webhooks); main.swift of a package that has
    //   .package(url: "https://github.com/apple/swift-crypto.git", from: "4.0.0")
    //   .package(url: "https://github.com/hummingbird-project/hummingbird.git", from: "2.28.0")
    import Crypto
    import Foundation
    import HTTPTypes
    import Hummingbird

    let secret = ProcessInfo.processInfo.environment["WEBHOOK_SECRET"] ?? "SECRET-HERE"
    let keyText = secret.hasPrefix("whsec_") ? String(secret.dropFirst(6)) : secret
    let key = SymmetricKey(data: Data(base64Encoded: keyText)!)

    func verified(_ headers: HTTPFields, _ body: Data) -> Bool {
      func value(_ name: String) -> String { headers[HTTPField.Name(name)!] ?? "" }
      let stamp = value("webhook-timestamp")
      guard let seconds = Double(stamp), abs(Date().timeIntervalSince1970 - seconds) <= 300
      else { return false }
      let signed = Data("\\(value("webhook-id")).\\(stamp).".utf8) + body
      return value("webhook-signature").split(separator: " ").contains { one in
        guard one.hasPrefix("v1,"), let given = Data(base64Encoded: String(one.dropFirst(3)))
        else { return false }
        return HMAC<SHA256>.isValidAuthenticationCode(given, authenticating: signed, using: key)
      }
    }

    let router = Router()
    router.post("**") { request, _ -> HTTPResponse.Status in
      let body = Data(try await request.body.collect(upTo: 4 << 20).readableBytesView)
      guard verified(request.headers, body) else { return .unauthorized }
      // The same id may come twice: remember the ids you have dealt with.
      print(String(decoding: body, as: UTF8.self))
      return .noContent
    }
    try await Application(
      router: router, configuration: .init(address: .hostname("0.0.0.0", port: 8000))
    ).runService()
    """

  private static let bash = #"""
    #!/usr/bin/env bash
    # Receives webhooks on port 8000 and verifies them (Standard Webhooks).
    # Needs socat and openssl:  bash receiver.sh
    secret=${WEBHOOK_SECRET:-SECRET-HERE}
    export LC_ALL=C WEBHOOK_SECRET=$secret
    if [[ $1 != handle ]]; then
      exec socat TCP-LISTEN:8000,reuseaddr,fork EXEC:"bash $0 handle"
    fi

    length=0
    while IFS= read -r line && line=${line%$'\r'} && [[ -n $line ]]; do
      name=${line%%:*} value=${line#*: }
      case ${name,,} in
        content-length) length=$value ;;
        webhook-id) id=$value ;;
        webhook-timestamp) stamp=$value ;;
        webhook-signature) given=$value ;;
      esac
    done
    body=$(mktemp) && trap 'rm -f "$body"' EXIT
    head -c "$length" > "$body"

    key=$(printf %s "${secret#whsec_}" | base64 -d | od -An -vtx1 | tr -d ' \n')
    expected=v1,$({ printf '%s.%s.' "$id" "$stamp"; cat "$body"; } |
      openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | base64 -w0)
    age=$(( $(date +%s) - ${stamp:-0} ))
    if (( age <= 300 && age >= -300 )) && [[ " $given " == *" $expected "* ]]; then
      # The same id may come twice: remember the ids you have dealt with.
      { printf '%s ' "$id"; cat "$body"; echo; } >&2
      printf 'HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n'
    else
      printf 'HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'
    fi
    """#
}

// Posts one request over and over, on every connection as soon as the last was answered, and prints
// how many were answered 204: sender HEAD BODY CA|- CONNECTIONS SECONDS URL…
//
// Set up for speed by the documentation of net/http: one Client and Transport for the whole run, as
// many idle connections kept as there are, answers read to the end and closed.
package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

func main() {
	if len(os.Args) < 7 {
		log.Fatal("usage: sender HEAD BODY CA|- CONNECTIONS SECONDS URL…")
	}
	connections, seconds := number(os.Args[4]), number(os.Args[5])
	client := client(os.Args[3], connections)
	headers, body := headers(os.Args[1]), file(os.Args[2])
	deadline := time.Now().Add(time.Duration(seconds) * time.Second)
	answered := make([]int, connections)
	var lanes sync.WaitGroup
	for lane := 0; lane < connections; lane++ {
		lanes.Add(1)
		go func(lane int) {
			defer lanes.Done()
			answered[lane] = send(client, headers, body, os.Args[6:], lane, deadline)
		}(lane)
	}
	lanes.Wait()
	sum := 0
	for _, count := range answered {
		sum += count
	}
	fmt.Println(sum)
}

// client returns one that keeps as many connections, trusting the given certificate.
func client(authority string, connections int) *http.Client {
	transport := &http.Transport{
		MaxIdleConns:        connections,
		MaxIdleConnsPerHost: connections,
		DisableCompression:  true,
		// An empty map turns HTTP/2 off.
		TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{},
	}
	if authority != "-" {
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(file(authority)) {
			log.Fatalf("%s: no certificate", authority)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool}
	}
	return &http.Client{Transport: transport, Timeout: 30 * time.Second}
}

// send posts until the deadline and returns how many were answered 204.
func send(client *http.Client, headers http.Header, body []byte, urls []string, lane int,
	deadline time.Time) int {
	answered := 0
	for turn := lane; time.Now().Before(deadline); turn++ {
		request, err := http.NewRequest("POST", urls[turn%len(urls)], bytes.NewReader(body))
		if err != nil {
			log.Fatal(err)
		}
		request.Header = headers
		response, err := client.Do(request)
		if err != nil {
			log.Fatal(err)
		}
		io.Copy(io.Discard, response.Body)
		response.Body.Close()
		if response.StatusCode == http.StatusNoContent {
			answered++
		}
	}
	return answered
}

func headers(path string) http.Header {
	result := http.Header{}
	for _, line := range strings.Split(strings.TrimSpace(string(file(path))), "\n") {
		name, value, _ := strings.Cut(line, ":")
		result.Set(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	return result
}

func file(path string) []byte {
	content, err := os.ReadFile(path)
	if err != nil {
		log.Fatal(err)
	}
	return content
}

func number(text string) int {
	value, err := strconv.Atoi(text)
	if err != nil || value < 1 {
		log.Fatalf("%q is not a count", text)
	}
	return value
}

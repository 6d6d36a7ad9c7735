// Command connectproxy is an HTTP proxy for tests. It knows CONNECT only, asks
// for a password, and resolves names from its command line, so that a test sees
// who looked a name up. It prints its address, then a line for each request.
package main

import (
	"bufio"
	"encoding/base64"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
)

type proxy struct {
	credentials string            // base64 of user:password; empty: none asked for
	names       map[string]string // host:port to host:port
	early       bool              // the first bytes of the server come with the answer

	mu sync.Mutex // of standard output
}

func main() {
	user := flag.String("user", "", "user:password to ask for")
	names := flag.String("names", "", "comma-separated host:port=host:port")
	early := flag.Bool("early", false, "send the server's first bytes in one piece with the answer")
	cert := flag.String("tls", "", "name of a .pem and .key file, for a proxy that speaks TLS")
	flag.Parse()
	p := &proxy{names: map[string]string{}, early: *early}
	if *user != "" {
		p.credentials = base64.StdEncoding.EncodeToString([]byte(*user))
	}
	for entry := range strings.SplitSeq(*names, ",") {
		if from, to, found := strings.Cut(entry, "="); found {
			p.names[from] = to
		}
	}
	listener, err := listen(*cert)
	if err != nil {
		panic(err)
	}
	fmt.Println("listening", listener.Addr())
	for {
		conn, err := listener.Accept()
		if err != nil {
			panic(err)
		}
		go p.serve(conn)
	}
}

func (p *proxy) serve(client net.Conn) {
	defer client.Close()
	in := bufio.NewReader(client)
	req, err := http.ReadRequest(in)
	if err != nil {
		return
	}
	server, status := p.connect(req)
	p.mu.Lock()
	fmt.Println(req.Method, req.Host, status)
	p.mu.Unlock()
	answer := fmt.Sprintf("HTTP/1.1 %d %s\r\n\r\n", status, http.StatusText(status))
	if server == nil {
		io.WriteString(client, answer)
		return
	}
	defer server.Close()
	if p.early {
		first := make([]byte, 4096)
		n, _ := server.Read(first)
		answer += string(first[:n])
	}
	io.WriteString(client, answer)
	go func() {
		io.Copy(server, in)
		server.Close()
	}()
	io.Copy(client, server)
}

func (p *proxy) connect(req *http.Request) (net.Conn, int) {
	switch {
	case req.Method != http.MethodConnect:
		return nil, http.StatusMethodNotAllowed
	case p.credentials != "" && req.Header.Get("Proxy-Authorization") != "Basic "+p.credentials:
		return nil, http.StatusProxyAuthRequired
	}
	target, known := p.names[req.Host]
	if !known {
		return nil, http.StatusForbidden
	}
	server, err := net.Dial("tcp", target)
	if err != nil {
		return nil, http.StatusBadGateway
	}
	return server, http.StatusOK
}

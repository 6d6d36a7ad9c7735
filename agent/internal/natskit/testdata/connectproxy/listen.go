package main

import (
	"crypto/tls"
	"net"
)

func listen(cert string) (net.Listener, error) {
	if cert == "" {
		return net.Listen("tcp", "127.0.0.1:0")
	}
	pair, err := tls.LoadX509KeyPair(cert+".pem", cert+".key")
	if err != nil {
		return nil, err
	}
	return tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}})
}

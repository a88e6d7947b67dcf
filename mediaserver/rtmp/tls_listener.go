package rtmp

import (
	"crypto/tls"
	"net"

	"flashpod.dev/flashpod/mediaserver/socket"
)

// NewTLSListener is tls.NewListener for connections that are served from a
// fan-out loop: a Conn over one of them encrypts in the goroutine that writes,
// and hands records to the socket without waiting, as it does with plain bytes.
func NewTLSListener(ln net.Listener, cfg *tls.Config) net.Listener {
	return tls.NewListener(socketListener{ln}, cfg)
}

type socketListener struct{ net.Listener }

// Accept implements net.Listener.
func (l socketListener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return socket.NewSealed(nc), nil
}

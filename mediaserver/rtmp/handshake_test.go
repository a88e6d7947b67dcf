package rtmp

import (
	"net"
	"testing"
)

// reads counts the reads of a connection.
type reads struct {
	net.Conn
	n int
}

func (r *reads) Read(b []byte) (int, error) {
	r.n++
	return r.Conn.Read(b)
}

// TestHandshakeTakesFewReads has a handshake come whole: each of its halves that is
// waited for is one read, and so one turn.
func TestHandshakeTakesFewReads(t *testing.T) {
	t.Parallel()
	near, far := net.Pipe()
	server, client := &reads{Conn: near}, &reads{Conn: far}
	told := make(chan error, 1)
	go func() { told <- NewServerConn(server, Config{}).Handshake() }()
	if err := NewClientConn(client, Config{}).Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := <-told; err != nil {
		t.Fatal(err)
	}
	if server.n != 2 || client.n != 1 {
		t.Errorf("%d reads of the server and %d of the client", server.n, client.n)
	}
}

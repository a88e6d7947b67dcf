package rtmp

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/media"
)

// dialed is both ends of a connection that Dial has made by TLS.
func dialed(t *testing.T, version uint16) (server, client *Conn) {
	t.Helper()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln := NewTLSListener(tcp, tlsConfig())
	defer ln.Close()
	accepted := make(chan *Conn, 1)
	go func() {
		nc, err := ln.Accept()
		if err != nil {
			t.Error(err)
			close(accepted)
			return
		}
		c := NewServerConn(nc, Config{})
		if err := c.Handshake(); err != nil {
			t.Error(err)
		}
		accepted <- c
	}()
	cfg := Config{TLS: &tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version}}
	client, _, err = Dial(t.Context(), "rtmps://"+ln.Addr().String()+"/live", cfg)
	if err != nil {
		t.Fatal(err)
	}
	server = <-accepted
	t.Cleanup(func() { server.Close(); client.Close() })
	return server, client
}

// Both ends send at once, more than sockets hold; all of it arrives, and the end
// behind it.
func TestBothEndsOfTLSSend(t *testing.T) {
	for _, version := range tlsVersions {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			t.Parallel()
			server, client := dialed(t, version)
			const count, largest = 100, 100000
			all := pattern(largest)
			payload := func(i int) []byte { return all[:i*i*53%largest] }
			sent := make(chan error, 2)
			for _, c := range []*Conn{server, client} {
				go func() {
					for i := range count {
						m := &Message{Type: TypeVideo, StreamID: 1, Timestamp: media.Timestamp(i), Payload: payload(i)}
						if err := c.SendWait(t.Context(), m); err != nil {
							sent <- err
							return
						}
					}
					sent <- c.CloseWrite()
				}()
			}
			// Both are read at once: an end that is not read is slow.
			atServer, atClient := collect(t, server), collect(t, client)
			for i := range count {
				for name, got := range map[string]<-chan Message{"server": atServer, "client": atClient} {
					if m := <-got; m.Timestamp != media.Timestamp(i) || !bytes.Equal(m.Payload, payload(i)) {
						t.Fatalf("the %s's message %d: %d bytes at %d", name, i, len(m.Payload), m.Timestamp)
					}
				}
			}
			for range 2 {
				if err := <-sent; err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// What the socket takes is encrypted and written by Send itself: it is not kept
// for a flusher.
func TestSendByTLSWritesAtOnce(t *testing.T) {
	for _, version := range tlsVersions {
		_, client := dialed(t, version)
		for range 5 {
			const size = 20 << 10
			before := client.BytesOut()
			if err := client.Send(&Message{Type: TypeVideo, StreamID: 1, Payload: make([]byte, size)}); err != nil {
				t.Fatal(err)
			}
			if n := client.BytesOut() - before; n < size {
				t.Errorf("%s: %d bytes are written of %d", tls.VersionName(version), n, size)
			}
		}
	}
}

// A server whose certificate is for another name is none, and one that says
// nothing is waited for no longer than the caller wants to.
func TestDialByTLSFails(t *testing.T) {
	t.Run("another name", func(t *testing.T) {
		tcp, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ln := NewTLSListener(tcp, tlsConfig())
		defer ln.Close()
		done := make(chan struct{})
		go func() {
			defer close(done)
			if nc, err := ln.Accept(); err == nil {
				_, _ = io.Copy(io.Discard, nc)
				nc.Close()
			}
		}()
		trusted := x509.NewCertPool()
		leaf, err := x509.ParseCertificate(tlsConfig().Certificates[0].Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		trusted.AddCert(leaf)
		var name x509.HostnameError
		if _, _, err := Dial(t.Context(), "rtmps://"+ln.Addr().String()+"/live", Config{TLS: &tls.Config{RootCAs: trusted}}); !errors.As(err, &name) {
			t.Errorf("%v", err)
		}
		<-done
	})
	t.Run("silence", func(t *testing.T) {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if _, _, err := Dial(ctx, "rtmps://"+ln.Addr().String()+"/live", Config{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
	})
}

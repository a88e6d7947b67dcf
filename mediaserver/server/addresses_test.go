package server

import (
	"io"
	"net"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

// from connects from an address of this machine.
func from(t *testing.T, s *Server, address string) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}, Timeout: servertest.Patience}
	nc, err := d.Dial("tcp", s.RTMPAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	if err := nc.SetDeadline(time.Now().Add(servertest.Patience)); err != nil {
		t.Fatal(err)
	}
	return nc
}

// hello shakes hands and connects, and returns the code of the answer.
func hello(t *testing.T, nc net.Conn) string {
	t.Helper()
	conn := rtmp.NewClientConn(nc, rtmp.Config{})
	if err := conn.Handshake(); err != nil {
		t.Fatal(err)
	}
	c := servertest.NewClient(t, conn, func(m *rtmp.Message) string {
		if m.Type != rtmp.TypeCommand {
			return ""
		}
		return servertest.Word(m)
	})
	c.Connect("app/one")
	word, _ := c.Next()
	return word
}

// One address has its share of the places, is told so, and keeps nobody else
// from coming; an address that stands for many has no bound.
func TestPlacesOfAnAddress(t *testing.T) {
	t.Parallel()
	const full, fine = "_error NetConnection.Connect.Failed", "_result NetConnection.Connect.Success"
	s, _ := runWith(t, Config{wordsTime: servertest.Patience},
		"{application: app, instance: one, access: {publish: {mode: Anyone}}, limits: {maxConnectionsPerAddress: 2, sharedAddresses: [127.0.0.8/29]}}")
	first, second := from(t, s, "127.0.0.1"), from(t, s, "127.0.0.1")
	for _, nc := range []net.Conn{first, second} {
		if got := hello(t, nc); got != fine {
			t.Fatalf("one of two: %s", got)
		}
	}
	if got := hello(t, from(t, s, "127.0.0.1")); got != full {
		t.Errorf("a third of two: %s", got)
	}
	turnedAway(t, s, "too many connections of an address", 1)
	if got := hello(t, from(t, s, "127.0.0.2")); got != fine {
		t.Errorf("another address: %s", got)
	}
	for range 5 {
		if got := hello(t, from(t, s, "127.0.0.9")); got != fine {
			t.Fatalf("an address that stands for many: %s", got)
		}
	}
	first.Close()
	servertest.Eventually(t, "a place that was left is free", func() bool { return hello(t, from(t, s, "127.0.0.1")) == fine })
}

// Who takes places and says nothing keeps nobody else from coming, and does not
// hear why for ever.
func TestSilentConnectionsOfAnAddress(t *testing.T) {
	t.Parallel()
	s, _ := run(t, "{application: app, instance: one, limits: {maxConnectionsPerAddress: 20}}")
	for range 22 { // the last two hear why, if they ask
		from(t, s, "127.0.0.1")
	}
	// All others are closed at once.
	if _, err := io.Copy(io.Discard, from(t, s, "127.0.0.1")); err != nil {
		t.Errorf("one of too many is not closed: %v", err)
	}
	if got := hello(t, from(t, s, "127.0.0.2")); got != "_result NetConnection.Connect.Success" {
		t.Errorf("another address: %s", got)
	}
}

// Where an address stands for many, more than a few of its clients at once hear
// why there is no place for them.
func TestManyOfASharedAddressHearWhy(t *testing.T) {
	t.Parallel()
	for _, spec := range []string{"limits: {sharedAddresses: [127.0.0.0/8]}", "service: {externalTrafficPolicy: Cluster}"} {
		s, _ := runWith(t, Config{MaxConnections: 1, wordsTime: servertest.Patience}, "{application: app, instance: one, "+spec+"}")
		if got := hello(t, from(t, s, "127.0.0.1")); got != servertest.Success {
			t.Fatalf("%s: the first hears %s", spec, got)
		}
		var crowd []net.Conn
		for range 3 * maxInWordsBy {
			crowd = append(crowd, from(t, s, "127.0.0.1"))
		}
		for _, nc := range crowd {
			if got := hello(t, nc); got != "_error NetConnection.Connect.Failed" {
				t.Errorf("%s: one of many hears %s", spec, got)
			}
		}
	}
}

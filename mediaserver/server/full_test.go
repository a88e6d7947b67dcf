package server

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

// Who comes when all places of the server are taken hears so, and is counted.
func TestFullServerSaysSo(t *testing.T) {
	t.Parallel()
	s, _ := runWith(t, Config{MaxConnections: 2, wordsTime: servertest.Patience}, open)
	first := connect(t, s, "app/one").hello()
	connect(t, s, "app/one").hello()
	c := connect(t, s, "app/one")
	info := c.expect("_error NetConnection.Connect.Failed")
	if said, _ := info.Get("description"); !strings.Contains(fmt.Sprint(said), "all places of the server are taken") {
		t.Errorf("it hears %v", said)
	}
	c.expect("close []", "end")
	turnedAway(t, s, "too many connections", 1)
	first.conn.Close()
	servertest.Eventually(t, "its place is free", func() bool {
		nc, err := rtmp.Connect(t.Context(), "rtmp://"+s.RTMPAddr().String()+"/app/one/cam", rtmp.Config{})
		if err != nil {
			return false // who comes meanwhile may be closed without a word
		}
		nc.Close()
		return true
	})
}

// An instance lets one address have what it says, whatever another says of its own,
// and a place that was left is free.
func TestPlacesOfAnAddressByInstance(t *testing.T) {
	t.Parallel()
	s, _ := run(t, "{application: app, instance: one, limits: {maxConnectionsPerAddress: 1}}",
		"{application: app, instance: two, limits: {maxConnectionsPerAddress: 12}}", "{application: app, instance: many, limits: {maxConnectionsPerAddress: 1, sharedAddresses: [127.0.0.0/8]}}")
	only := connect(t, s, "app/one").hello()
	for range 2 {
		info := connect(t, s, "app/one").expect("_error NetConnection.Connect.Failed")
		if said, _ := info.Get("description"); !strings.Contains(fmt.Sprint(said), "spec.limits.maxConnectionsPerAddress") {
			t.Errorf("it hears %v", said)
		}
		connect(t, s, "app/two").hello()
		connect(t, s, "app/many").hello()
	}
	only.conn.Close()
	servertest.Eventually(t, "its place is free", func() bool {
		nc, err := rtmp.Connect(t.Context(), "rtmp://"+s.RTMPAddr().String()+"/app/one/cam", rtmp.Config{})
		if err != nil {
			return false // who comes meanwhile may be closed without a word
		}
		nc.Close()
		return true
	})
}

// One address has half of HTTP's places and no more, also when nobody else wants
// any.
func TestHalfOfThePlaces(t *testing.T) {
	t.Parallel()
	l := newPlaces(nil, 8, nil)
	closed := 0
	for n := range 20 {
		p := &place{of: l, from: budget.Address(net.JoinHostPort("192.0.2.1", fmt.Sprint(n))), since: time.Now()}
		if l.take(p) != nil {
			closed++
		}
	}
	if len(l.taken) != 4 || closed != 16 {
		t.Errorf("one address has %d places of 8, and %d of its own made room", len(l.taken), closed)
	}
}

// One address has half of the server's places and no more, whatever the manifest
// lets it have: others get in.
func TestHalfOfTheServer(t *testing.T) {
	t.Parallel()
	s, _ := runWith(t, Config{MaxConnections: 40}, "{application: app, instance: one, limits: {maxConnectionsPerAddress: 1000}}")
	for range 20 {
		from(t, s, "127.0.0.1")
	}
	servertest.Eventually(t, "they are there", func() bool { return s.open.Load() == 20 })
	if got := hello(t, from(t, s, "127.0.0.1")); got != "_error NetConnection.Connect.Failed" {
		t.Errorf("one more: %s", got)
	}
	for range 5 {
		if got := hello(t, from(t, s, "127.0.0.2")); got != servertest.Success {
			t.Errorf("another address: %s", got)
		}
	}
}

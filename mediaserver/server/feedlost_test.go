package server

import (
	"net"
	"testing"

	"flashpod.dev/flashpod/mediaserver/servertest"
)

// Where an edge asks for a stream and cannot be fed, since no connection to its origin
// comes about any more, its player hears that it plays, as one does who waits for a
// publisher, and is sent what comes once it does.
func TestPlayWithoutAFeed(t *testing.T) {
	t.Parallel()
	b := runBroken(t, Config{}, open)
	p := publishes(t, b.of, "cam")
	v := connect(t, b.edge, "app/one").hello()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nowhere := ln.Addr()
	ln.Close()
	b.net.To(nowhere) // links that are there stay
	v.on(1, "play", "cam")
	v.expect("event 0", "onStatus NetStream.Play.Reset", "onStatus NetStream.Play.Start", "data |RtmpSampleAccess")
	b.net.To(b.of.RTMPAddr())
	v.expect("onStatus NetStream.Play.PublishNotify")
	servertest.Eventually(t, "it is sent what is published", func() bool {
		audio(t, p, 0)
		return v.Heard() > 0
	})
	v.expect("audio 0")
}

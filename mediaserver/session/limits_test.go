package session_test

import (
	"fmt"
	"io"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/session"
)

// Who does not get to the point is shown out, at whatever it stops.
func TestWhoNeverConnects(t *testing.T) {
	t.Parallel()
	h, _ := run(t, here, open) // what is behind the session does not hear of it
	hello := append([]byte{3}, make([]byte, 2*1536)...)
	for _, c := range []struct {
		name  string
		bytes []byte
		want  string
	}{
		{"says nothing", nil, "closed before the handshake"},
		{"stops in the handshake", hello[:700], "handshake failed"},
		{"stops before the end of the handshake", hello[:2000], "handshake failed"},
		{"stops behind the handshake", hello, "never connected to an instance"},
		{"stops in connect", rtmp.AppendChunks(hello, say(0, "connect", nil), 128)[:len(hello)+20], "never connected to an instance"},
		{"wants RTMPE", append([]byte{6}, hello[1:]...), "handshake failed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			refused := make(chan string, 10)
			far, _, served := h.visit(t, session.Config{
				RTMP:           rtmp.Config{HandshakeTimeout: 100 * time.Millisecond},
				ConnectTimeout: 100 * time.Millisecond,
				Refused:        func(reason string) { refused <- reason },
			})
			if _, err := far.Write(c.bytes); err != nil {
				t.Fatal(err)
			}
			if err := far.SetReadDeadline(time.Now().Add(patience)); err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, far); isTimeout(err) {
				t.Fatal("the connection is still open")
			}
			<-served
			if got := <-refused; got != c.want {
				t.Errorf("refused because of %q, want %q", got, c.want)
			}
		})
	}
}

// createStream ends somewhere, and what is deleted can be had again.
func TestStreamsOfAConnection(t *testing.T) {
	t.Parallel()
	h, _ := run(t, here, open)            // the instance does not hear of it
	c := connect(t, h, "app/one").hello() // with stream 1
	for n := 2; n <= session.MaxNetStreams; n++ {
		c.send("createStream", 2, nil)
	}
	for n := 2; n <= session.MaxNetStreams; n++ {
		c.expect(fmt.Sprintf("_result [%d]", n))
	}
	c.send("createStream", 2, nil)
	c.expect("_error NetConnection.Call.Failed")
	c.send("deleteStream", 2, nil, 7.0)
	c.send("createStream", 2, nil)
	c.expect("_result [7]")
}

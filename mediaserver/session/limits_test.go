package session_test

import (
	"fmt"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/session"
)

// Who does not get to the point is shown out, at whatever it stops, when it has
// had its time.
func TestWhoNeverConnects(t *testing.T) {
	t.Parallel()
	const forHandshake, forConnect = 10 * time.Second, 15 * time.Second
	hello := append([]byte{3}, make([]byte, 2*1536)...)
	for _, c := range []struct {
		name  string
		bytes []byte
		want  string
		after time.Duration
	}{
		{"says nothing", nil, "closed before the handshake", forHandshake},
		{"stops in the handshake", hello[:700], "handshake failed", forHandshake},
		{"stops before the end of the handshake", hello[:2000], "handshake failed", forHandshake},
		{"stops behind the handshake", hello, "never connected to an instance", forConnect},
		{"stops in connect", rtmp.AppendChunks(hello, say(0, "connect", nil), 128)[:len(hello)+20], "never connected to an instance", forConnect},
		{"stops in the request for a policy file", []byte("<policy-file"), "handshake failed", forHandshake},
		{"asks for a policy file", []byte("<policy-file-request/>\x00"), "asked for a policy file", 0},
		{"asks for something else", []byte("<policy-file-request/>\n"), "handshake failed", 0},
		{"wants RTMPE", append([]byte{6}, hello[1:]...), "handshake failed", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				near, far := net.Pipe()
				defer far.Close()
				refused := make(chan string, 10)
				s := session.New(near, newDesk(), session.Config{
					RTMP:           rtmp.Config{HandshakeTimeout: forHandshake, Policy: func() []byte { return []byte("<policy/>\x00") }},
					ConnectTimeout: forConnect,
					Refused:        func(reason string) { refused <- reason },
				})
				began := time.Now()
				served := make(chan struct{})
				go func() { defer close(served); s.Serve() }()
				// It may be shown out while it still speaks.
				go func() { _, _ = far.Write(c.bytes) }()
				if _, err := io.Copy(io.Discard, far); err != nil {
					t.Error(err)
				}
				<-served
				if took := time.Since(began); took != c.after {
					t.Errorf("shown out after %v, want %v", took, c.after)
				}
				if got := <-refused; got != c.want || len(refused) > 0 {
					t.Errorf("refused because of %q, want %q", got, c.want)
				}
			})
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
	c.expect("event 1", "_result [{}]")
	c.send("createStream", 2, nil)
	c.expect("_result [7]")
}

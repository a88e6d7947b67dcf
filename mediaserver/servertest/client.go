package servertest

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// Patience is how long anything may take before a test counts it as stuck: on a machine
// with forty times as much to do as it can, a second becomes most of a minute.
const Patience = 2 * time.Minute

// Client is a client that knows no more of RTMP than messages: it can say what
// no well-behaved client would, and hears every message as a word, in the order
// in which they have come.
type Client struct {
	T    testing.TB // which fails when the client hears something else
	Conn *rtmp.Conn

	heard chan heard
}

type heard struct {
	word string
	info *amf.Object // of a command; nil: it has none
}

// Dial connects to an address and shakes hands. The connection is closed when the test ends,
// and kept until then: one that nobody holds the garbage collector would close.
func Dial(t testing.TB, to net.Addr) *rtmp.Conn {
	t.Helper()
	conn, _, err := rtmp.Dial(context.Background(), "rtmp://"+to.String()+"/x", rtmp.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// DialNarrow is Dial by a socket that keeps less than a megabyte for who does not read: a
// little is enough then to be more than sockets take.
func DialNarrow(t testing.TB, to net.Addr) *rtmp.Conn {
	t.Helper()
	nc, err := net.Dial("tcp", to.String())
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.(*net.TCPConn).SetReadBuffer(256 << 10); err != nil {
		t.Fatal(err)
	}
	conn := rtmp.NewClientConn(nc, rtmp.Config{})
	t.Cleanup(func() { conn.Close() })
	if err := conn.Handshake(); err != nil {
		t.Fatal(err)
	}
	return conn
}

// NewClient serves a connection, until the test ends, with a client that hears
// each message as the word that it is given for it; one without a word it does
// not hear. A word that is waited for holds up the connection.
func NewClient(t testing.TB, conn *rtmp.Conn, word func(*rtmp.Message) string) *Client {
	c := &Client{T: t, Conn: conn, heard: make(chan heard, 10000)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(c.heard)
		_ = conn.Serve(func(m *rtmp.Message) error {
			if w := word(m); w != "" {
				c.heard <- heard{w, info(m)}
			}
			return nil
		})
	}()
	t.Cleanup(func() { conn.Close(); <-done })
	return c
}

// Word is the word for a message of any kind but pings: of a command its name and
// the code of its information object, or else its arguments; of the rest what kind
// it is, and of sound its timestamp.
func Word(m *rtmp.Message) string {
	switch m.Type {
	case rtmp.TypeCommand:
		cmd, err := rtmp.ParseCommand(m)
		if err != nil {
			return err.Error()
		}
		if o := info(m); o != nil {
			code, _ := o.Get("code")
			return fmt.Sprintf("%s %v", cmd.Name, code)
		}
		return fmt.Sprintf("%s %v", cmd.Name, cmd.Args)
	case rtmp.TypeUserControl:
		event := binary.BigEndian.Uint16(m.Payload)
		if event == rtmp.EventPingRequest {
			return "" // for who is silent for half a minute, as anybody is on a machine that is busy
		}
		return fmt.Sprintf("event %d", event)
	case rtmp.TypeData:
		values, _ := amf.DecodeAll(m.Payload)
		return fmt.Sprintf("data %v", values[0])
	case rtmp.TypeAudio:
		return fmt.Sprintf("audio %d", m.Timestamp)
	}
	return fmt.Sprintf("type %d", m.Type)
}

// info is the object of a command that has a code; nil: there is none.
func info(m *rtmp.Message) *amf.Object {
	if m.Type != rtmp.TypeCommand {
		return nil
	}
	cmd, err := rtmp.ParseCommand(m)
	if err != nil {
		return nil
	}
	for _, v := range append(slices.Clone(cmd.Args), cmd.Object) {
		if o, ok := v.(*amf.Object); ok {
			if _, ok := o.Get("code"); ok {
				return o
			}
		}
	}
	return nil
}

// Connect sends connect, whose command object says more when there are pairs of
// names and values.
func (c *Client) Connect(app string, more ...any) {
	c.T.Helper()
	c.Send("connect", 1, amf.NewObject(append([]any{"app", app, "tcUrl", "rtmp://h/" + app, "objectEncoding", 0}, more...)...))
}

// Send sends a command on the NetConnection.
func (c *Client) Send(name string, transaction float64, object amf.Value, args ...amf.Value) {
	c.T.Helper()
	if err := c.Conn.SendCommand(0, name, transaction, object, args...); err != nil {
		c.T.Fatal(err)
	}
}

// On sends a command on a NetStream.
func (c *Client) On(stream uint32, name string, args ...amf.Value) {
	c.T.Helper()
	if err := c.Conn.SendCommand(stream, name, 0, nil, args...); err != nil {
		c.T.Fatal(err)
	}
}

// Audio sends a frame of sound on a NetStream.
func (c *Client) Audio(stream uint32, at media.Timestamp) {
	c.T.Helper()
	if err := c.Conn.Send(&rtmp.Message{Type: rtmp.TypeAudio, StreamID: stream, Timestamp: at, Payload: []byte{0xaf, 1, 0}}); err != nil {
		c.T.Fatal(err)
	}
}

// Next is the next word, and the information object of its command; "end": the
// connection has ended.
func (c *Client) Next() (string, *amf.Object) {
	c.T.Helper()
	select {
	case h, ok := <-c.heard:
		if !ok {
			return "end", nil
		}
		return h.word, h.info
	case <-time.After(Patience):
		c.T.Fatal("nothing came")
		return "", nil
	}
}

// Heard is how many words have come that were not asked for yet.
func (c *Client) Heard() int { return len(c.heard) }

// Expect fails the test when the next words are not those. It returns the
// information object of the last.
func (c *Client) Expect(want ...string) (last *amf.Object) {
	c.T.Helper()
	for i, w := range want {
		got, info := c.Next()
		if got != w {
			c.T.Fatalf("got %q, want %q, of %q", got, w, want[i:])
		}
		last = info
	}
	return last
}

// Until returns the words up to one, and it.
func (c *Client) Until(last string) (all []string) {
	c.T.Helper()
	for {
		w, _ := c.Next()
		all = append(all, w)
		if w == last {
			return all
		}
		if w == "end" {
			c.T.Fatalf("%q ends without %q", all, last)
		}
	}
}

// Success is the word for the answer to a connect that is let in.
const Success = "_result NetConnection.Connect.Success"

// Hello hears what every client hears that is let in, and makes a NetStream: the
// chunk size, window and bandwidth messages before it concern the connection
// alone.
func (c *Client) Hello() {
	c.T.Helper()
	c.Expect("event 0", Success, "onBWDone []")
	c.Send("createStream", 2, nil)
	c.Expect("_result [1]")
}

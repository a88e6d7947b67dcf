package session_test

import (
	"testing"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

// client sees every message of its connection as a word.
type client struct {
	*servertest.Client
	t    *testing.T
	conn *rtmp.Conn
}

// connect says more in its command object when there are pairs of names and
// values.
func connect(t *testing.T, s *house, app string, more ...any) *client {
	t.Helper()
	c := hear(t, servertest.Dial(t, s.RTMPAddr()), servertest.Word)
	c.Connect(app, more...)
	return c
}

// hear is the client at the end of a connection, with its words.
func hear(t *testing.T, conn *rtmp.Conn, word func(*rtmp.Message) string) *client {
	return &client{Client: servertest.NewClient(t, conn, word), t: t, conn: conn}
}

func (c *client) send(name string, txn float64, object amf.Value, args ...amf.Value) {
	c.t.Helper()
	c.Send(name, txn, object, args...)
}

func (c *client) on(id uint32, name string, args ...amf.Value) {
	c.t.Helper()
	c.On(id, name, args...)
}

func (c *client) next() (string, *amf.Object) {
	c.t.Helper()
	return c.Next()
}

func (c *client) expect(want ...string) *amf.Object {
	c.t.Helper()
	return c.Expect(want...)
}

const success = servertest.Success

func (c *client) hello() *client {
	c.t.Helper()
	c.Hello()
	return c
}

// settled waits until everything that was sent before is done: commands are
// taken one after another.
func (c *client) settled() {
	c.t.Helper()
	c.send("FCUnsubscribe", 99, nil)
	c.expect("_result [{}]")
}

func audio(t *testing.T, c *client, at media.Timestamp) {
	t.Helper()
	c.Audio(1, at)
}

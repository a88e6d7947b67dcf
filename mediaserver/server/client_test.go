package server

import (
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

// client sees every message of its connection as a word.
type client struct {
	*servertest.Client
	conn *rtmp.Conn
}

// connect says more in its command object when there are pairs of names and
// values.
func connect(t *testing.T, s *Server, app string, more ...any) *client {
	t.Helper()
	conn := servertest.Dial(t, s.RTMPAddr())
	c := &client{servertest.NewClient(t, conn, servertest.Word), conn}
	c.Connect(app, more...)
	return c
}

func (c *client) send(name string, txn float64, object amf.Value, args ...amf.Value) {
	c.Send(name, txn, object, args...)
}

func (c *client) on(id uint32, name string, args ...amf.Value) { c.On(id, name, args...) }
func (c *client) next() (string, *amf.Object)                  { return c.Next() }
func (c *client) expect(want ...string) *amf.Object            { return c.Expect(want...) }

// hears expects a status, and how what it says begins.
func (c *client) hears(code, level, says string) {
	c.T.Helper()
	c.saysOf(c.expect("onStatus "+code), code, level, says)
}

// hearsOf is hears for one that comes among pictures and other statuses.
func (c *client) hearsOf(code, level, says string) {
	c.T.Helper()
	for {
		w, info := c.next()
		switch w {
		case "onStatus " + code:
			c.saysOf(info, code, level, says)
			return
		case "end":
			c.T.Fatalf("it ends without %s", code)
		}
	}
}

func (c *client) saysOf(info *amf.Object, code, level, says string) {
	c.T.Helper()
	is, _ := info.Get("level")
	said, _ := info.Get("description")
	if text, _ := said.(string); is != level || !strings.HasPrefix(text, says) {
		c.T.Errorf("%s of the level %v says %q, want %s, and %q", code, is, said, level, says)
	}
}

func (c *client) hello() *client {
	c.Hello()
	return c
}

// joined waits until so many play: they are told that they do a moment before
// they get what is published.
func joined(t *testing.T, s *Server, players int) {
	t.Helper()
	servertest.Eventually(t, "so many play", func() bool { return s.Stats()[0].Players == players })
}

func audio(t *testing.T, c *client, at media.Timestamp) {
	t.Helper()
	c.Audio(1, at)
}

package origin

import (
	"context"
	"log/slog"
	"time"

	"flashpod.dev/flashpod/mediaserver/session"
)

// What the log says of clients of edges is what it says of a server's own, with the edge that
// they come by, and paced as that is: each line has the client's address. Where a link is lost
// there is one line for all of its clients: they stay at their edge, and who is asked for anew
// over the next link has come before.

// say tells the log of a client. It keeps nothing for that but when the client came: there are
// many.
func (c *client) say(level slog.Level, what string, args ...any) {
	if !c.e.o.log.Enabled(context.Background(), level) {
		return
	}
	about := []any{"client", c.self.ID, "address", c.self.Address}
	if of, ok := c.instance().(interface {
		Application() string
		Name() string
	}); ok {
		about = append(about, "application", of.Application(), "instance", of.Name())
	}
	about = append(about, args...)
	c.e.o.log.Log(context.Background(), level, what, append(about, "edge", c.e.name, "edgeAddress", c.e.address)...)
}

// letIn says that a client was let in, but not of one that has come before.
func (c *client) letIn() {
	c.since.Store(time.Now().UnixNano())
	if !c.again {
		c.say(slog.LevelInfo, "connected", "agent", c.self.Agent)
	}
}

// notLetIn says why a client was not let in.
func (c *client) notLetIn(why *session.Refusal, args ...any) {
	c.say(slog.LevelWarn, "connect refused", append(args, because(why)...)...)
}

// toldToGo notes why, for the line of its end.
func (c *client) toldToGo(why string) { c.told.CompareAndSwap(nil, &why) }

// left says that a client has left its edge.
func (c *client) left() {
	since := c.since.Load()
	if since == 0 {
		return // it was not let in, of which the log has a line
	}
	t := c.Seen()
	args := []any{"seconds", int(time.Since(time.Unix(0, since)).Seconds()), "received", t.In, "sent", t.Out}
	if why := c.told.Load(); why != nil {
		args = append(args, "because", *why)
	}
	c.say(slog.LevelInfo, "disconnected", args...)
}

// because is why something was refused, for the log.
func because(why *session.Refusal) []any {
	args := []any{"reason", why.Error()}
	if why.Cause != nil {
		args = append(args, "err", why.Cause)
	}
	return args
}

// plays says what a client plays, or why it does not.
func (c *client) plays(name string, a *session.PlayAnswer) {
	switch why := a.Refusal; {
	case why == nil:
		c.say(slog.LevelInfo, "playing", "stream", session.Printable(name), "recorded", a.File != nil)
	case why.Code == session.RefusedNotFound, why.Code == session.RefusedBadName:
		c.say(slog.LevelInfo, "play refused", "stream", session.Printable(name), "reason", string(session.RefusedNotFound))
	default:
		c.say(slog.LevelWarn, "play refused", append([]any{"stream", session.Printable(name)}, because(why)...)...)
	}
}

// unpublished says that a client publishes a stream no more.
func (c *client) unpublished(name string) {
	c.say(slog.LevelInfo, "unpublished", "stream", session.Printable(name))
}

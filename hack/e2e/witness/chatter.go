package witness

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// Script is the application that chatters meet in: its main.asc.
const Script = `
application.onAppStart = function () { this.wall = SharedObject.get("wall", true); };
application.onConnect = function (client, name) {
	client.name = name;
	this.acceptConnection(client);
	return true;
};
Client.prototype.say = function (line, text) { application.wall.setProperty(line, text); return true; };
Client.prototype.isBack = function () { return this.reconnected; };
Client.prototype.count = function () { return application.clients.length; };
`

// wall is the persistent shared object that lines are written on, a slot each.
const wall = "wall"

// lineEvery is how often a chatter says something.
const lineEvery = 100 * time.Millisecond

// Chatter says something ten times a second, by turns to the script, which writes it on
// the wall, and on the wall itself. What nobody has acknowledged is said again.
type Chatter struct {
	*client

	// Under mu.
	now    *rtmp.NetConnection
	wall   *rtmp.SharedObject
	acked  map[string]string // lines that the server has said it has
	denied int               // times that it has not taken one, or could not be asked
}

// Chat has somebody chat at a place.
func Chat(t testing.TB, name string, place Place, follows bool) *Chatter {
	t.Helper()
	c := &Chatter{client: newClient(t, name, place, follows, name), acked: map[string]string{}}
	c.runs.Go(func() { c.run(c.begin) })
	c.runs.Go(c.talk)
	return c
}

func (c *Chatter) begin(on *connection) error {
	ctx, cancel := context.WithTimeout(c.ctx, patience)
	defer cancel()
	o := on.nc.SharedObject(wall, true)
	if err := o.Use(ctx); err != nil {
		return err
	}
	c.mu.Lock()
	c.now, c.wall = on.nc, o
	c.mu.Unlock()
	return nil
}

// talk says one line after another.
func (c *Chatter) talk() {
	tick := time.NewTicker(lineEvery)
	defer tick.Stop()
	for n := 0; ; {
		select {
		case <-tick.C:
		case <-c.ctx.Done():
			return
		}
		c.mu.Lock()
		nc, o := c.now, c.wall
		c.mu.Unlock()
		if nc == nil {
			continue
		}
		line := fmt.Sprintf("%s-%d", c.name, n)
		text := "line " + line
		err := c.say(nc, o, n, line, text)
		c.mu.Lock()
		if err == nil {
			c.acked[line] = text
			n++
		} else if c.ctx.Err() == nil {
			c.denied++
		}
		c.mu.Unlock()
	}
}

func (c *Chatter) say(nc *rtmp.NetConnection, o *rtmp.SharedObject, n int, line, text string) error {
	ctx, cancel := context.WithTimeout(c.ctx, patience)
	defer cancel()
	if n%2 == 1 {
		return o.Set(ctx, line, text)
	}
	said, err := nc.Call(ctx, "say", line, text)
	if err == nil && (len(said) == 0 || said[0] != true) {
		err = fmt.Errorf("the script has answered %v", said)
	}
	return err
}

// Acknowledged are the lines that the server has said it has.
func (c *Chatter) Acknowledged() map[string]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.acked)
}

// Connects is how often it was let in, and Denied how often a line was not taken at once.
func (c *Chatter) Connects() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.connects
}

// Denied is how often a line was not taken.
func (c *Chatter) Denied() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.denied
}

// Talks waits until so many more of its lines are acknowledged.
func (c *Chatter) Talks(t testing.TB, lines int) {
	t.Helper()
	from := len(c.Acknowledged())
	until(t, fmt.Sprintf("%d lines more of %s to be acknowledged", lines, c.name), func() bool { return len(c.Acknowledged()) >= from+lines })
}

// Ask calls a method of the script over the connection that there is.
func (c *Chatter) Ask(t testing.TB, method string) amf.Value {
	t.Helper()
	c.mu.Lock()
	nc := c.now
	c.mu.Unlock()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	said, err := nc.Call(ctx, method)
	if err != nil || len(said) == 0 {
		t.Errorf("%s calls %s: %v, %v", c.name, method, said, err)
		return nil
	}
	return said[0]
}

// Reads waits until the chatter has all lines of some others on its wall.
func (c *Chatter) Reads(t testing.TB, all ...*Chatter) {
	t.Helper()
	want := map[string]string{}
	for _, other := range all {
		maps.Copy(want, other.Acknowledged())
	}
	c.mu.Lock()
	o := c.wall
	c.mu.Unlock()
	var lost []string
	until(t, c.name+" to read what all have said", func() bool {
		if lost = Missing(o.Slots(), want); len(lost) > 0 && c.ctx.Err() == nil {
			c.mu.Lock()
			o = c.wall
			c.mu.Unlock()
			return false
		}
		return true
	})
	if len(lost) > 0 {
		t.Errorf("%s does not read %d lines of %d: %s", c.name, len(lost), len(want), strings.Join(lost[:min(len(lost), 5)], ", "))
	}
}

// Missing are the lines that are not on a wall as they were said.
func Missing(slots map[string]amf.Value, want map[string]string) (lost []string) {
	for line, text := range want {
		if slots[line] != text {
			lost = append(lost, line)
		}
	}
	slices.Sort(lost)
	return lost
}

// Wall is what a client that comes just now finds on the wall.
func Wall(t testing.TB, url string) map[string]amf.Value {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	nc, err := rtmp.Connect(ctx, url, rtmp.Config{}, "reader")
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	o := nc.SharedObject(wall, true)
	if err := o.Use(ctx); err != nil {
		t.Fatal(err)
	}
	return o.Slots()
}

// String is a line of the figures of a test.
func (c *Chatter) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	line := fmt.Sprintf("%-14s %5d lines acknowledged, %d said again, %d reconnects (%d failed)", c.name, len(c.acked), c.denied, c.connects-1, c.failed)
	if len(c.statuses) > 0 {
		line += ", told " + strings.ReplaceAll(strings.Join(c.statuses, " "), "NetConnection.", "")
	}
	return line
}

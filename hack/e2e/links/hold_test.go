//go:build clients

package links

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// One client of an edge that takes nothing, of a stream, a recording and a shared object,
// holds up nobody else there: the link goes on.
func TestSlowClientAtAnEdge(t *testing.T) {
	if *long {
		return
	}
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	h := newHouse(t)
	e := h.edge("edge")
	cam := connect(t, "publisher", h.origin).publishes("cam", "record", 2*aMegabit, 0)
	viewer := connect(t, "another viewer at the edge", e).plays("cam", cam)
	viewer.past(2 * gop)

	near, err := net.Dial("tcp", e.address+":1935")
	must(t, err)
	defer near.Close()
	must(t, near.(*net.TCPConn).SetReadBuffer(16<<10))
	slow := rtmp.NewClientConn(near, rtmp.Config{})
	must(t, slow.Handshake())
	must(t, slow.SendCommand(0, "connect", 1, amf.NewObject("app", "live", "tcUrl", e.url(), "objectEncoding", 0)))
	for n := range 3 {
		must(t, slow.SendCommand(0, "createStream", float64(n+2), nil))
	}
	must(t, slow.SendCommand(1, "play", 0, nil, "cam", -1000))
	must(t, slow.SendCommand(2, "play", 0, nil, "cam", 0)) // what is recorded of it
	h.origin.untilMetric(2, "players")                     // and it reads nothing from here on

	one, another := connect(t, "client of an object", e), connect(t, "another one", e)
	ours, theirs := one.nc.SharedObject("wall", false), another.nc.SharedObject("wall", false)
	must(t, ours.Use(ctx))
	must(t, theirs.Use(ctx))
	large := strings.Repeat("x", 50<<10)
	for n := range 100 { // five megabytes, which the slow one does not take
		must(t, ours.Set(ctx, "brick", fmt.Sprint(n, large)))
	}
	until(t, "the other client has the last change", func() bool {
		v, _ := theirs.Get("brick")
		s, _ := v.(string)
		return strings.HasPrefix(s, "99x")
	})
	cam.goes(6 * gop)
	viewer.past(cam.next.Load())
	if l := viewer.tells("another client at the edge takes nothing", 2, 0); l.missing != 0 || len(l.said) != 0 {
		t.Errorf("the viewer has lost %v, and was told %q", l.missing, l.said)
	}
	if n := e.metric("edge_links_lost_total"); n != 0 {
		t.Errorf("the link was lost %v times", n)
	}
}

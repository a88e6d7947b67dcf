//go:build clients

package links

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// Viewers who come all at once to an edge for a stream that it does not have: the origin
// feeds it once, over one connection beside that for control.
func TestCrowd(t *testing.T) {
	if *long {
		return
	}
	t.Parallel()
	const viewers = 1000
	h := newHouse(t)
	e := h.edge("edge")
	cam := connect(t, "publisher", h.origin).publishes("cam", "live", smallest, 0)
	e.line.counts()
	c := crowds(t, e, viewers)
	h.origin.untilMetric(viewers, "players")
	if c.past(0) != viewers {
		t.Errorf("%d of %d have seen a picture", c.past(0), viewers)
	}
	n := e.line.opened()
	fed, published := e.metric("edge_origin_received_bytes_total", `purpose="feed"`), cam.nc.BytesOut()
	figure("1,000 viewers come at once to an edge without the stream", "the link", fmt.Sprintf("%d connections", n), "",
		fmt.Sprintf("%.0f bytes fed, of %d published", fed, published), "nothing")
	if n > 5 { // one for control and one for the stream, unless one was lost
		t.Errorf("the edge has opened %d connections to its origin", n)
	}
	if fed > 5*float64(published) {
		t.Errorf("%.0f bytes have come of a stream of %d", fed, published)
	}
}

// So it is when the link of an edge with as many viewers was lost: all of them play on, fed
// once.
func TestCrowdAfterACut(t *testing.T) {
	if !*long {
		return
	}
	t.Parallel()
	const viewers = 1000
	h := newHouse(t)
	e := h.edge("edge")
	cam := connect(t, "publisher", h.origin).publishes("cam", "live", smallest, 0)
	c := crowds(t, e, viewers)
	e.line.counts()
	e.line.cut()
	until(t, "the link is known to be lost", func() bool { return e.metric("edge_links_lost_total") > 0 })
	h.origin.untilMetric(0, "players")
	e.line.mend()
	began, published := time.Now(), cam.next.Load()
	until(t, "all play on", func() bool { return c.past(published) == viewers })
	took := time.Since(began)
	h.origin.untilMetric(viewers, "players")
	n := e.line.opened()
	figure("link cut until it is noticed, with 1,000 viewers", "the link", fmt.Sprintf("%d connections", n), "all play on "+ms(took)+" after the cut", "", "")
	if n > 100 { // tries that have failed among them
		t.Errorf("the edge has opened %d connections to its origin", n)
	}
}

// crowd is many viewers.
type crowd struct{ newest []atomic.Int64 }

// past is how many have seen a picture as new as the n-th.
func (c *crowd) past(n int64) (viewers int) {
	for i := range c.newest {
		if c.newest[i].Load() >= n {
			viewers++
		}
	}
	return viewers
}

// crowds has so many come at once, and waits until all have seen a picture. They stay until
// the test ends.
func crowds(t *testing.T, e *server, viewers int) *crowd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c := &crowd{make([]atomic.Int64, viewers)}
	var all sync.WaitGroup
	failed := make(chan error, viewers)
	for i := range viewers {
		all.Go(func() {
			if err := arrive(ctx, t, e, &c.newest[i]); err != nil {
				failed <- err
			}
		})
	}
	all.Wait()
	close(failed)
	for err := range failed {
		t.Fatal(err)
	}
	return c
}

// arrive connects, plays, and waits for a picture, the number of the newest of which is kept.
func arrive(ctx context.Context, t *testing.T, e *server, newest *atomic.Int64) error {
	var nc *rtmp.NetConnection
	for nc == nil {
		var err error
		var refused *rtmp.StatusError
		// Who has waited for ten seconds, since this machine is slow, tries again.
		if nc, err = rtmp.Connect(ctx, e.url(), rtmp.Config{}); err != nil && !errors.As(err, &refused) {
			return err
		}
	}
	t.Cleanup(nc.Close)
	ns, err := nc.CreateStream(ctx)
	if err != nil {
		return err
	}
	seen := make(chan struct{})
	saw := sync.OnceFunc(func() { close(seen) })
	ns.OnMedia(func(m *rtmp.Message) error {
		if m.Type == rtmp.TypeVideo && len(m.Payload) >= smallest {
			newest.Store(int64(binary.BigEndian.Uint64(m.Payload[numbered:])))
			saw()
		}
		return nil
	})
	if err := ns.Play(ctx, "cam", rtmp.PlayLive); err != nil {
		return err
	}
	select {
	case <-seen:
		return nil
	case <-nc.Ended():
		return fmt.Errorf("a viewer's connection has ended")
	case <-ctx.Done():
		return ctx.Err()
	}
}

//go:build clients

package links

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

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
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var all sync.WaitGroup
	failed := make(chan error, viewers)
	for range viewers {
		all.Go(func() {
			if err := arrive(ctx, e, t); err != nil {
				failed <- err
			}
		})
	}
	all.Wait()
	close(failed)
	for err := range failed {
		t.Fatal(err)
	}
	h.origin.untilMetric(viewers, "players")
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

// arrive connects, plays, and waits for a picture. It stays until the test ends.
func arrive(ctx context.Context, e *server, t *testing.T) error {
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

//go:build clients

package links

import (
	"os"
	"sync"
	"time"
)

// farQueue is how many packets are on their way at most; what comes beyond is dropped.
const farQueue = 4096

// layFar connects an edge with an origin that is far away: each packet takes so long, one
// way. What one end sends comes out at the other in its order.
func layFar(edge, origin *place, takes time.Duration) *line {
	edge.t.Helper()
	l := newLine(edge, origin)
	var ends [2]*os.File
	for i, end := range []struct {
		*place
		dev string
	}{{edge, l.edgeDev}, {origin, l.originDev}} {
		must(edge.t, end.in(func() (err error) {
			ends[i], err = openTUN(end.dev)
			return err
		}))
	}
	l.address()
	var all sync.WaitGroup
	all.Go(func() { forward(ends[0], ends[1], takes) })
	all.Go(func() { forward(ends[1], ends[0], takes) })
	edge.t.Cleanup(func() {
		_ = ends[0].Close()
		_ = ends[1].Close()
		all.Wait()
	})
	return l
}

type packet struct {
	b   []byte
	due time.Time
}

// forward takes packets from one device to another until one of them is closed.
func forward(from, to *os.File, takes time.Duration) {
	way := make(chan packet, farQueue)
	var out sync.WaitGroup
	out.Go(func() {
		for p := range way {
			<-time.After(time.Until(p.due))
			_, _ = to.Write(p.b) // one that a device does not take is lost, as packets are
		}
	})
	defer out.Wait()
	defer close(way)
	b := make([]byte, 64<<10)
	for {
		n, err := from.Read(b)
		if err != nil {
			return
		}
		select {
		case way <- packet{append([]byte(nil), b[:n]...), time.Now().Add(takes)}:
		default:
		}
	}
}

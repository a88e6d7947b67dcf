package hls

import (
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/outlet"
	"flashpod.dev/flashpod/mediaserver/stream"
)

// A server that ends while a publication does closes a stream in the middle of its last
// segment: nothing of it is kept or paid for.
func TestASegmentEndsBehindTheEnd(t *testing.T) {
	t.Parallel()
	b := budget.New("segments", 1<<20)
	l := newLive(Options{Budget: b}, outlet.HLSRules{})
	l.cancel = func() {}
	l.begin(stream.Cut{Number: 1})
	l.part(map[int]*part{0: {data: make([]byte, 100)}}, map[int]*initSegment{0: {}})
	if b.Used() != 100+partCost {
		t.Fatalf("%d bytes are paid for", b.Used())
	}
	l.close()
	l.part(map[int]*part{0: {data: make([]byte, 100)}}, map[int]*initSegment{0: {}})
	l.end(time.Second)
	if b.Used() != 0 || !l.isEmpty() {
		t.Errorf("%d bytes are paid for behind the end", b.Used())
	}
}

package session

import (
	"net/url"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// item is one call of play: what plays, and how much of it.
type item struct {
	name    string
	query   url.Values // behind the name: credentials
	track   track
	from    From
	start   time.Duration // of a recorded stream: where it begins, and its time 0 is
	resume  time.Duration // how far behind start it goes on, for play2 to resume
	length  time.Duration // from start on; 0: all of it
	picture bool          // a single picture of it, and no more
	data    bool          // data messages only, all at once
}

// bounded says whether the item has an end of its own.
func (it item) bounded() bool { return it.length > 0 || it.picture }

// newItem makes an item of the name, start and length of play and play2, in ms.
// The error is for the client.
func newItem(raw string, start, length float64) (item, error) {
	name, query, err := parseName(raw)
	if err != nil {
		return item{}, err
	}
	track, err := parseTrack(query)
	if err != nil {
		return item{}, err
	}
	it := item{name: name, query: query, track: track, picture: length == 0}
	switch {
	case start >= 0:
		it.from, it.start = RecordedOnly, milliseconds(start)
	case start == -1 || start == -1000:
		it.from = LiveOnly
	}
	if length > 0 {
		// Less than a millisecond is still an end.
		it.length = max(milliseconds(length), time.Nanosecond)
	}
	return it, nil
}

// milliseconds saturates at a year, which no stream reaches.
func milliseconds(ms float64) time.Duration {
	const year = 365 * 24 * time.Hour
	return time.Duration(min(ms, float64(year/time.Millisecond)) * float64(time.Millisecond))
}

// playCommand is what play asks for.
func playCommand(cmd *rtmp.Command, raw string) (it item, reset bool, err error) {
	start, length := -2.0, -1.0
	if v, ok := number(cmd.Args, 1); ok {
		start = v
	}
	if v, ok := number(cmd.Args, 2); ok {
		length = v
	}
	if it, err = newItem(raw, start, length); err != nil {
		return it, false, err
	}
	reset = true
	if len(cmd.Args) > 3 {
		switch v := cmd.Args[3].(type) {
		case bool:
			reset = v
		case float64: // 2 and 3: as 0 and 1, for data alone
			reset, it.data = v == 1 || v == 3, v == 2 || v == 3
		}
	}
	return it, reset, nil
}

// property returns a value of an object that is of the same type as what it is
// without. Whole numbers of AMF3 are numbers.
func property[T any](o *amf.Object, name string, without T) T {
	if v, ok := o.Get(name); ok {
		if n, ok := v.(int32); ok {
			v = float64(n)
		}
		if t, ok := v.(T); ok {
			return t
		}
	}
	return without
}

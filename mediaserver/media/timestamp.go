package media

import "time"

// Timestamp is a time of media in ms, as RTMP messages and FLV tags carry it:
// modulo 2^32, so that it begins anew after 49.7 days. What follows from one to
// the other is known where they are less than half of that apart, and only such
// times are compared by the methods.
//
// In a file, times begin near 0 and never begin anew: there, they are in the
// order of their numbers, and compared by < and >.
type Timestamp uint32

// TimestampAt is the time that is later than 0 by d, of which whole milliseconds
// count.
func TimestampAt(d time.Duration) Timestamp { return Timestamp(d.Milliseconds()) }

// Before says whether t is earlier than o.
func (t Timestamp) Before(o Timestamp) bool { return int32(t-o) < 0 }

// After says whether t is later than o.
func (t Timestamp) After(o Timestamp) bool { return int32(t-o) > 0 }

// Sub is how much later t is than o; negative when it is earlier.
func (t Timestamp) Sub(o Timestamp) time.Duration {
	return time.Duration(int32(t-o)) * time.Millisecond
}

// Add returns the time that is later by d, of which whole milliseconds count.
func (t Timestamp) Add(d time.Duration) Timestamp { return t + TimestampAt(d) }

// Duration is how much later t is than 0, where times do not begin anew. It is
// TimestampAt's inverse.
func (t Timestamp) Duration() time.Duration { return time.Duration(t) * time.Millisecond }

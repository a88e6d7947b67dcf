package media

import (
	"math"
	"testing"
	"time"
)

func TestTimestampsBeginAnew(t *testing.T) {
	const end = math.MaxUint32
	for _, c := range []struct {
		t, o Timestamp
		want time.Duration // from o to t
	}{
		{0, 0, 0},
		{1000, 40, 960 * time.Millisecond},
		{40, 1000, -960 * time.Millisecond},
		{end, end, 0},
		{0, end, time.Millisecond},
		{end, 0, -time.Millisecond},
		{16, end - 15, 32 * time.Millisecond},
		{end - 15, 16, -32 * time.Millisecond},
		{math.MaxInt32, 0, math.MaxInt32 * time.Millisecond},
		{0, math.MaxInt32, -math.MaxInt32 * time.Millisecond},
		{1<<31 + 500, 1000, (math.MaxInt32 - 499) * time.Millisecond},
	} {
		if got := c.t.Sub(c.o); got != c.want {
			t.Errorf("from %d to %d it is %v, want %v", c.o, c.t, got, c.want)
		}
		if c.t.After(c.o) != (c.want > 0) || c.t.Before(c.o) != (c.want < 0) {
			t.Errorf("%d is after %d: %v, before: %v; it is %v later", c.t, c.o, c.t.After(c.o), c.t.Before(c.o), c.want)
		}
		if got := c.o.Add(c.want); got != c.t {
			t.Errorf("%d and %v is %d, want %d", c.o, c.want, got, c.t)
		}
	}
}

func TestAddCountsWholeMilliseconds(t *testing.T) {
	for d, want := range map[time.Duration]Timestamp{
		999 * time.Microsecond: 5, 1999 * time.Microsecond: 6, -999 * time.Microsecond: 5, -6 * time.Millisecond: math.MaxUint32,
	} {
		if got := Timestamp(5).Add(d); got != want {
			t.Errorf("5 and %v is %d, want %d", d, got, want)
		}
	}
}

func TestDurationOfATime(t *testing.T) {
	if d := Timestamp(math.MaxUint32).Duration(); d != math.MaxUint32*time.Millisecond {
		t.Errorf("the last time is %v behind the first", d)
	} else if at := TimestampAt(d); at != math.MaxUint32 {
		t.Errorf("%v behind the first it is %d", d, at)
	}
}

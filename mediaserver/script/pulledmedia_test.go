package script

import (
	"context"
	"errors"
	"testing"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// What a far server plays is paid for until it was taken, and no more of it is read than
// may wait, in messages and in bytes.
func TestPulledMediaIsPaidFor(t *testing.T) {
	t.Parallel()
	pays := budget.New("answers to scripts", 20<<20)
	var q pulledMedia
	q.begin(pays)
	large := &rtmp.Message{Type: rtmp.TypeVideo, Payload: make([]byte, 3<<20)}
	put := func(m *rtmp.Message) bool {
		t.Helper()
		ok, err := q.add(m)
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	if !put(large) || !put(nil) || !put(large) || put(large) {
		t.Error("6 MiB and no more should wait")
	}
	if used := pays.Used(); used < 6<<20 || used > 7<<20 {
		t.Errorf("%d bytes are paid for", used)
	}
	waits := make(chan error)
	go func() { waits <- q.put(t.Context(), large) }()
	given := 0
	give := func(m *rtmp.Message) error {
		if m != nil && len(m.Payload) == 3<<20 {
			given++
		}
		return nil
	}
	if any, err := q.next(give); !any || err != nil || given != 1 {
		t.Errorf("%v, %v, %d given", any, err, given)
	}
	if err := <-waits; err != nil {
		t.Error(err)
	}
	wrong := errors.New("wrong")
	if _, err := q.next(func(m *rtmp.Message) error { return map[bool]error{true: wrong}[m == nil] }); !errors.Is(err, wrong) {
		t.Errorf("the second says %v", err)
	}
	for n := 0; put(nil) && n <= maxPulled; n++ {
	}
	if len(q.list) > maxPulled {
		t.Errorf("more than %d messages wait", maxPulled)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := q.put(gone, large); err != nil {
		t.Error(err)
	}
	q.end()
	if used := pays.Used(); used != 0 || !put(large) || pays.Used() != 0 {
		t.Errorf("%d bytes are paid for in the end", used)
	}
	var poor pulledMedia
	poor.begin(pays)
	pays.Owe(pays.Max())
	if err := poor.put(t.Context(), large); !errors.Is(err, errNoPulled) {
		t.Errorf("where nobody pays: %v", err)
	}
}

package instance

import (
	"context"
	"errors"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/script"
)

// Who reads a stream for the script goes on at a newer keyframe when what it gives is
// not taken; its times are those that have passed, and go on from one publication to
// the next. It keeps nothing in use.
func TestReadStream(t *testing.T) {
	inTime(t, Rules{}, func(t *testing.T, i *Instance, dir string, _ *ear) {
		film(t, dir, "a", 'a', 250)
		ctx, cancel := context.WithCancel(t.Context())
		var all []heard
		done, began := make(chan error, 1), time.Now()
		go func() {
			done <- i.ReadStream(ctx, "tv", began, func(m *rtmp.Message) error {
				all = append(all, heard{what: word(m), at: m.Timestamp.Duration(), came: time.Since(began)})
				if len(all) == 20 {
					<-time.After(8 * time.Second)
				}
				return nil
			})
		}()
		pass(time.Second)
		i.PlayStream("tv", script.StreamItem{Name: "a"}, true)
		pass(15 * time.Second)
		if all[0].what != "header a" || all[0].at != time.Second {
			t.Errorf("first came %+v", all[0])
		}
		if n := len(all); n < 50 || n > 100 {
			t.Errorf("%d messages of 251, of which eight seconds could not be taken", n)
		}
		if at := all[20].at; at < 9*time.Second-10*frameEvery {
			t.Errorf("it goes on at %v", at)
		}
		first := len(all)
		i.PlayStream("tv", script.StreamItem{Name: "a", Length: time.Second}, true)
		pass(3 * time.Second)
		for n, h := range all[first:] {
			if late := h.came - h.at; late < -frameEvery || late > frameEvery {
				t.Errorf("message %d of the next publication came at %v with time %v", n, h.came, h.at)
			}
		}
		if len(all) == first {
			t.Error("nothing came of the next publication")
		}
		used := make(chan int, 1)
		i.post(func(o *owner) { used <- o.inUse() })
		if n := <-used; n != 0 {
			t.Errorf("%d names are in use", n)
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

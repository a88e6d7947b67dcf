package waker

import (
	"fmt"
	"testing"
	"time"
)

// One AppInstance is woken so often, and all together so often; what is used up comes back.
func TestLimits(t *testing.T) {
	l, now := newLimits(), time.Date(2026, 11, 29, 18, 0, 0, 0, time.UTC)
	n := 0
	for range 100 {
		if ok, one := l.take("ns/lobby", now); ok {
			n++
		} else if !one {
			t.Fatal("all are refused for one")
		}
	}
	if n != burstOfOne {
		t.Errorf("one is woken %d times", n)
	}
	for i := range 100 {
		if ok, one := l.take(fmt.Sprint("ns/", i), now); ok {
			n++
		} else if one {
			t.Fatal("one is refused that was not woken")
		}
	}
	if n != burstOfAll {
		t.Errorf("all are woken %d times", n)
	}
	if ok, _ := l.take("ns/99", now.Add(everyOfAll)); !ok {
		t.Error("nothing comes back")
	}
	if ok, one := l.take("ns/lobby", now.Add(everyOfOne-1)); ok || !one {
		t.Error("it comes back too soon")
	}
	if ok, _ := l.take("ns/lobby", now.Add(everyOfOne)); !ok {
		t.Error("it does not come back")
	}
	if ok, _ := l.take("ns/lobby", now.Add(-time.Hour)); ok {
		t.Error("a clock that goes back gives more")
	}
	l.forget(now.Add(24 * time.Hour))
	if len(l.ones) != 0 {
		t.Errorf("%d are kept", len(l.ones))
	}
}

package instance

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/recording"
	"flashpod.dev/flashpod/mediaserver/servertest"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
	"flashpod.dev/flashpod/mediaserver/stream"
)

// kept is an instance whose shared objects are kept in a folder.
func kept(t *testing.T, dir string, change func(*Rules)) *Instance {
	t.Helper()
	i, _ := newInstance(t, change)
	i.objectStore = sharedobject.OpenStore(dir, sharedobject.StoreOptions{})
	return i
}

// within has f called with an object, and waits for that.
func within(t *testing.T, i *Instance, name string, f func(SharedObject)) *session.Refusal {
	t.Helper()
	return asked(t, func(done func(*session.Refusal)) {
		i.WithSharedObject(name, true, func(s SharedObject) { f(s); done(nil) }, done)
	})
}

// on is within for an object that is there.
func on(t *testing.T, i *Instance, name string, f func(SharedObject)) {
	t.Helper()
	if why := within(t, i, name, f); why != nil {
		t.Fatal(why)
	}
}

func number(t *testing.T, v amf.Value) sharedobject.Value {
	t.Helper()
	got, err := sharedobject.NewValue(v)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// The server's own code has objects as clients have them, in the owner's turn.
func TestServersOwnSharedObject(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	i := kept(t, dir, func(r *Rules) { r.Objects.SlotBytes = 100 })
	var first uint32
	on(t, i, "a", func(s SharedObject) {
		first = s.Version()
		s.Keep()
		s.Lock()
		if err := s.Set("x", number(t, 1)); err != nil {
			t.Error(err)
		}
		if err := s.Set("y", number(t, strings.Repeat("y", 100))); err == nil || !strings.Contains(err.Error(), "spec.limits.maxSlotSize") {
			t.Error(err)
		}
		if err := s.Send(number(t, "hi")); err != nil {
			t.Error(err)
		}
		if left := s.Unlock(); left != 0 || s.Version() != first+1 || len(s.Names()) != 1 {
			t.Errorf("%d locks, version %d, slots %v", left, s.Version(), s.Names())
		}
	})
	if s := i.Stats(); s.SharedObjects != 1 || s.Total.ObjectChanges != 1 {
		t.Errorf("%d objects, %d changes", s.SharedObjects, s.Total.ObjectChanges)
	}
	on(t, i, "a", func(s SharedObject) { _, _ = s.Delete("x"), s.Clear(); _ = s.Set("z", number(t, 3)); s.Release() })
	i.Close()
	again := kept(t, dir, nil)
	on(t, again, "a", func(s SharedObject) {
		v, ok := s.Get("z")
		if !ok || string(v.Raw) != string(number(t, 3).Raw) || len(s.Names()) != 1 || s.Version() != first+4 {
			t.Errorf("z is %x, %v; slots %q, version %d", v.Raw, ok, s.Names(), s.Version())
		}
	})
	refusedWith(t, within(t, again, "../a", func(SharedObject) { t.Error("a bad name was taken") }), session.RefusedBadName)
}

// What cannot be read is refused and stays as it is; what cannot be written goes on
// in memory, and is written once it can be.
func TestSharedObjectsAndABadDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "old.fso"), []byte("TCSO"), 0o644); err != nil {
		t.Fatal(err)
	}
	i := kept(t, dir, func(r *Rules) { r.Objects.Max = 3 })
	refusedWith(t, within(t, i, "old", func(SharedObject) { t.Error("a foreign file was read") }), session.RefusedFailed)
	on(t, i, "in/the/way", func(s SharedObject) {
		if err := os.WriteFile(filepath.Join(dir, "in"), nil, 0o644); err != nil { // where a folder should be
			t.Error(err)
		}
		_ = s.Set("x", number(t, 1))
	})
	settled(t, i)
	on(t, i, "in/the/way", func(s SharedObject) {
		if len(s.Names()) != 1 {
			t.Error("what cannot be written is lost")
		}
	})
	if err := os.Remove(filepath.Join(dir, "in")); err != nil {
		t.Fatal(err)
	}
	servertest.Eventually(t, "it is written, and forgotten", func() bool {
		_, err := os.Stat(filepath.Join(dir, "in", "the", "way.fso"))
		return err == nil && i.Stats().SharedObjects == 0
	})
	// One is there that is not ours to read, one is ours, and a third may come.
	on(t, i, "third", func(s SharedObject) { _ = s.Set("x", number(t, 1)) })
	servertest.Eventually(t, "it is written", func() bool { return i.Stats().SharedObjects == 0 })
	refusedWith(t, within(t, i, "fourth", func(SharedObject) { t.Error("one too many") }), session.RefusedFailed)
}

// teller is a client that keeps the codes of what it is told, and how often.
type teller struct {
	client
	mu   sync.Mutex
	told map[string]int
}

func (t *teller) Tell(u sharedobject.Update, _ sharedobject.Waiter) bool {
	m, err := sharedobject.Parse(u.Payload[1:], 1<<20)
	if err != nil {
		panic(err) // it is the instance's own
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, e := range m.Events {
		switch e.Type {
		case sharedobject.Status:
			t.told[e.Name]++
		case sharedobject.UseSuccess:
			t.told["used"]++
		case sharedobject.Success:
			t.told["ok"]++
		}
	}
	return true
}

// heard is what it was told since the last time.
func (t *teller) heard() map[string]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	told := t.told
	t.told = map[string]int{}
	return told
}

// While a disk hangs, messages about an object that lies on it wait for it, and only
// so many, which are paid for; whoever has sent them goes on, and is answered in time.
func TestSharedObjectOnAHungDisk(t *testing.T) {
	for name, heals := range map[string]bool{"and comes back": true, "and hangs": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { testSharedObjectOnAHungDisk(t, heals) })
		})
	}
}

func testSharedObjectOnAHungDisk(t *testing.T, heals bool) {
	i := kept(t, t.TempDir(), nil)
	pays := budget.New("shared objects", 1<<20)
	i.budgets.Objects = pays
	heal := make(chan struct{})
	for range maxDiskWork {
		i.objectDisk.do(func() { <-heal })
	}
	say := func(one *teller, events ...sharedobject.Event) (done bool) {
		i.SharedObject(session.SharedObjectRequest{
			Client:  session.Client{ID: one.id},
			Message: &sharedobject.Message{Name: "wall", Persistent: true, Events: events},
		}, func() { done = true })
		synctest.Wait()
		return done
	}
	come := func(id string) *teller {
		one := &teller{client: client{id: id}, told: map[string]int{}}
		i.Connect(session.ConnectRequest{Client: session.Client{ID: id}}, one, func(session.ConnectAnswer) {})
		return one
	}
	use := sharedobject.Event{Type: sharedobject.Use}
	set := sharedobject.Event{Type: sharedobject.RequestChange, Name: "a", Value: number(t, strings.Repeat("x", 10000))}
	one, other, large := come("one"), come("other"), come("large")
	const asked = 40
	for n := range asked {
		if !say(one, use, set) {
			t.Fatalf("message %d of a client keeps it waiting", n)
		}
	}
	if got := one.heard(); got[sharedobject.CodeCreationFailed] != asked-maxWaitingOfOne || len(got) != 1 {
		t.Errorf("heard at once %v", got)
	}
	if used := pays.Used(); used < maxWaitingOfOne*10000 {
		t.Errorf("%d bytes are paid for what waits", used)
	}
	say(other, use)
	if got := other.heard(); len(got) != 0 {
		t.Errorf("another hears at once %v", got)
	}
	say(large, use, sharedobject.Event{Type: sharedobject.RequestChange, Name: "b", Value: sharedobject.Value{Raw: make([]byte, 1<<20)}})
	if got := large.heard(); got[sharedobject.CodeCreationFailed] != 1 {
		t.Errorf("who asks for more than is left hears %v", got)
	}
	if heals {
		close(heal)
		synctest.Wait()
		if got := one.heard(); got["used"] != maxWaitingOfOne || got["ok"] != maxWaitingOfOne {
			t.Errorf("heard once the disk is back: %v", got)
		}
		if got := other.heard(); got["used"] != 1 {
			t.Errorf("another hears %v", got)
		}
		i.Leave(session.Client{ID: "one"})
		i.Leave(session.Client{ID: "other"})
	} else {
		<-time.After(diskTimeout)
		synctest.Wait()
		if got := one.heard(); got[sharedobject.CodeCreationFailed] != maxWaitingOfOne {
			t.Errorf("heard when the time is over: %v", got)
		}
		if got := other.heard(); got[sharedobject.CodeCreationFailed] != 1 {
			t.Errorf("another hears %v", got)
		}
		close(heal)
	}
	i.Leave(session.Client{ID: "large"})
	<-time.After(time.Minute)
	synctest.Wait()
	kept := int64(0)
	if heals {
		kept = perKept + int64(len("wall")) // who has made the file
	}
	if used := pays.Used(); used != kept {
		t.Errorf("%d bytes are paid for nothing", used-kept)
	}
}

// BenchmarkSharedObject is a change that a thousand clients hear, from the request
// on: all but the sockets.
func BenchmarkSharedObject(b *testing.B) {
	store, err := recording.Open(b.TempDir(), nil, recording.Options{})
	if err != nil {
		b.Fatal(err)
	}
	f := stream.NewFanout(1)
	defer f.Close()
	i, err := New(Config{Application: "app", Name: "one", Fanout: f, Store: store})
	if err != nil {
		b.Fatal(err)
	}
	defer i.Close()
	request := func(n int, e sharedobject.Event) session.SharedObjectRequest {
		return session.SharedObjectRequest{
			Client:  session.Client{ID: fmt.Sprint(n)},
			Message: &sharedobject.Message{Name: "room", Events: []sharedobject.Event{e}},
		}
	}
	const users = 1000
	for n := range users {
		r := request(n, sharedobject.Event{Type: sharedobject.Use})
		i.Connect(session.ConnectRequest{Client: r.Client}, &client{id: r.ID}, func(session.ConnectAnswer) {})
		i.SharedObject(r, func() {})
	}
	v, err := sharedobject.NewValue("here I am")
	if err != nil {
		b.Fatal(err)
	}
	under := make(chan struct{}, 16) // as a session has under way
	b.ReportAllocs()
	b.ResetTimer()
	for n := range b.N {
		under <- struct{}{}
		i.SharedObject(request(n%users, sharedobject.Event{Type: sharedobject.RequestChange, Name: "a", Value: v}), func() { <-under })
	}
	for range cap(under) {
		under <- struct{}{}
	}
	b.ReportMetric(float64(b.N)*users/b.Elapsed().Seconds(), "deliveries/s")
	if i.seen.changes.Load() < uint64(b.N) {
		b.Error(errors.New("changes were lost"))
	}
}

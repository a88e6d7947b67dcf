package instance

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/recording"
	"flashpod.dev/flashpod/mediaserver/servertest"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
	"flashpod.dev/flashpod/mediaserver/stream"
)

// hears is a client that notes what it is told, and takes all of it.
type hears struct {
	client
	mu   sync.Mutex
	told []string
}

func (h *hears) Tell(u sharedobject.Update, _ sharedobject.Waiter) bool {
	if len(u.Payload) == 0 {
		return true
	}
	m, err := sharedobject.Parse(u.Payload[1:], 16<<20)
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := 0; err == nil && i < len(m.Events); i++ {
		switch m.Events[i].Type { // whatever the slot
		case sharedobject.Success:
			h.told = append(h.told, isDone)
			continue
		case sharedobject.Remove:
			h.told = append(h.told, isDenied)
			continue
		}
		h.told = append(h.told, fmt.Sprint(m.Events[i].Type, " ", m.Events[i].Name))
	}
	return true
}

// heard says how often it was told something.
func (h *hears) heard(what string) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, one := range h.told {
		if one == what {
			n++
		}
	}
	return n
}

// answered waits until a client has heard so many of these.
func (h *hears) answered(t *testing.T, n int, what ...string) {
	t.Helper()
	servertest.Eventually(t, fmt.Sprint(h.id, " hears ", n, " of ", what), func() bool {
		all := 0
		for _, one := range what {
			all += h.heard(one)
		}
		return all == n
	})
}

// guests are clients of an instance whose budgets and log are looked at.
type guests struct {
	*Instance
	t       *testing.T
	budgets *budget.Budgets
	log     *syncBuffer
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(b)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func receive(t *testing.T, dir string, opts sharedobject.StoreOptions, rules Rules) *guests {
	t.Helper()
	store, err := recording.Open(t.TempDir(), nil, recording.Options{})
	if err != nil {
		t.Fatal(err)
	}
	g := &guests{t: t, budgets: &budget.Budgets{Objects: budget.New("shared objects", 16<<20)}, log: &syncBuffer{}}
	f := stream.NewFanout(1)
	rules.MaxPerAddress = 1000
	g.Instance, err = New(Config{
		Application: "app", Name: "one", Fanout: f, Store: store, Rules: rules, Budgets: g.budgets,
		Objects: sharedobject.OpenStore(dir, opts), Log: slog.New(slog.NewTextHandler(g.log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		g.Close()
		f.Close()
		if err := store.Close(t.Context()); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
		// Close waits for no disk that takes too long, as that of a machine that is busy may.
		servertest.Eventually(t, "no bytes are taken in the end", func() bool { return g.budgets.Objects.Used() == 0 })
	})
	return g
}

// connect lets a client in, from an address.
func (g *guests) connect(id, address string) *hears {
	g.t.Helper()
	h := &hears{client: client{id: id}}
	r := session.ConnectRequest{Client: session.Client{ID: id, Address: address + ":1000"}}
	asked(g.t, func(done func(session.ConnectAnswer)) { g.Connect(r, h, done) })
	g.t.Cleanup(func() { g.Leave(r.Client) })
	return h
}

// say has a client send events about a persistent object.
func (g *guests) say(id, address, name string, events ...sharedobject.Event) {
	g.t.Helper()
	r := session.SharedObjectRequest{
		Client:  session.Client{ID: id, Address: address + ":1000"},
		Message: &sharedobject.Message{Name: name, Persistent: true, Events: events},
	}
	asked(g.t, func(done func(struct{})) { g.SharedObject(r, func() { done(struct{}{}) }) })
}

var (
	joins    = sharedobject.Event{Type: sharedobject.Use}
	leaves   = sharedobject.Event{Type: sharedobject.Release}
	notMade  = fmt.Sprint(sharedobject.Status, " ", sharedobject.CodeCreationFailed)
	noAccess = fmt.Sprint(sharedobject.Status, " ", sharedobject.CodeNoWriteAccess)
	isDone   = "done"
	isDenied = "there is no such slot"
	isUsed   = fmt.Sprint(sharedobject.UseSuccess, " ")
)

// change is a request to put so many bytes into a slot.
func change(t *testing.T, slot string, bytes int) sharedobject.Event {
	t.Helper()
	return sharedobject.Event{Type: sharedobject.RequestChange, Name: slot, Value: number(t, strings.Repeat("x", bytes))}
}

// One client makes a part of all objects at most, one address another, and all
// others make theirs. Who makes files and goes has made them all the same.
func TestNobodyMakesAllObjects(t *testing.T) {
	t.Parallel()
	g := receive(t, t.TempDir(), sharedobject.StoreOptions{}, Rules{Objects: ObjectRules{Max: 40}})
	made := func(id, address string, keep bool) (n int) {
		h := g.connect(id, address)
		for i := range 40 {
			g.say(id, address, fmt.Sprintf("%s/%d", id, i), joins, change(t, "x", 1))
			if !keep {
				g.say(id, address, fmt.Sprintf("%s/%d", id, i), leaves)
			}
		}
		h.answered(t, 40, isUsed, notMade)
		return h.heard(isUsed)
	}
	for _, c := range []struct {
		id, address string
		keep        bool
		want        int
		says        string
	}{
		{"a", "192.0.2.1", true, 10, "one client may have made a quarter"},
		{"b", "192.0.2.1", false, 10, "one client may have made a quarter"},
		{"c", "192.0.2.1", true, 0, "one address may have made half"},
		{"d", "192.0.2.2", true, 10, "one client may have made a quarter"},
	} {
		if n := made(c.id, c.address, c.keep); n != c.want {
			t.Errorf("%s of %s makes %d objects of 40, want %d", c.id, c.address, n, c.want)
		}
		if log := g.log.String(); !strings.Contains(log, "spec.limits.maxSharedObjects, of which "+c.says) {
			t.Errorf("%s: the log says\n%.1000s", c.id, log)
		}
	}
	// Slots go, and with them files: others may be made.
	for i := range 10 {
		g.say("b", "192.0.2.1", fmt.Sprint("b/", i), joins, sharedobject.Event{Type: sharedobject.RequestRemove, Name: "x"})
		g.say("b", "192.0.2.1", fmt.Sprint("b/", i), leaves)
	}
	servertest.Eventually(t, "the files of b are gone", func() bool { return g.objectStore.Files() == 20 && g.Stats().SharedObjects == 20 })
	if n := made("e", "192.0.2.1", true); n != 10 {
		t.Errorf("%d objects are made of 10 whose places were given back", n)
	}
}

// One client fills a part of the memory at most, and one address another.
func TestNobodyFillsTheBudgetOfObjects(t *testing.T) {
	t.Parallel()
	g := receive(t, t.TempDir(), sharedobject.StoreOptions{}, Rules{Objects: ObjectRules{Max: -1}})
	filled := func(id, address string) {
		h := g.connect(id, address)
		for o := range 8 {
			name := fmt.Sprint(id, "/", o)
			g.say(id, address, name, joins)
			for s := range 15 {
				g.say(id, address, name, change(t, fmt.Sprint(s), 60<<10))
			}
		}
		servertest.Eventually(t, "it is refused something", func() bool { return h.heard(noAccess)+h.heard(notMade) > 0 })
		servertest.Eventually(t, "nothing is read", func() bool {
			return asked(t, func(done func(bool)) {
				g.post(func(o *owner) {
					loading := false
					for _, obj := range o.objects {
						loading = loading || obj.loading
					}
					done(!loading)
				})
			})
		})
	}
	has := func(id string) (client, address int64) {
		asked(t, func(done func(struct{})) {
			g.post(func(o *owner) {
				m := o.makers.clients[id]
				client, address = m.pays.Used(), m.at.pays.Used()
				done(struct{}{})
			})
		})
		return client, address
	}
	filled("a", "192.0.2.1")
	if client, address := has("a"); client > 4<<20 || client < 3<<20 || address != client {
		t.Errorf("one client has %d bytes, its address %d", client, address)
	}
	filled("b", "192.0.2.1")
	filled("c", "192.0.2.1")
	if _, address := has("b"); address > 8<<20 || address < 7<<20 {
		t.Errorf("one address has %d bytes", address)
	}
	if log := g.log.String(); !strings.Contains(log, deniedShare) {
		t.Errorf("the log says\n%.1000s", log)
	}
	g.connect("d", "192.0.2.2")
	g.say("d", "192.0.2.2", "d", joins, change(t, "x", 60<<10))
	if n := g.connect("e", "192.0.2.3"); n == nil || g.budgets.Objects.Refused() != 0 {
		t.Errorf("the budget itself was used up %d times", g.budgets.Objects.Refused())
	}
}

// What persistent objects take together is bounded: none grows beyond it, and who
// makes room has some.
func TestTotalSizeOfObjects(t *testing.T) {
	t.Parallel()
	g := receive(t, t.TempDir(), sharedobject.StoreOptions{}, Rules{Objects: ObjectRules{TotalBytes: 100 << 10}})
	h := g.connect("a", "192.0.2.1")
	own(t, g, "o0", "o1") // nobody's part
	for i := range 2 {
		g.say("a", "192.0.2.1", fmt.Sprint("o", i), joins)
	}
	h.answered(t, 2, isUsed)
	for i := range 30 {
		g.say("a", "192.0.2.1", fmt.Sprint("o", i%2), change(t, fmt.Sprint(i), 10<<10))
	}
	h.answered(t, 30, isDone, isDenied)
	if n := h.heard(isDenied); n < 20 || n > 21 {
		t.Errorf("%d of 30 changes of 10 KiB are denied where 100 KiB may be taken", n)
	}
	written := func() bool {
		return asked(t, func(done func(bool)) {
			g.post(func(o *owner) { done(o.unsaved == 0 && o.small.running == 0) })
		})
	}
	servertest.Eventually(t, "all is written", written)
	if n := g.objectStore.Bytes(); n < 90<<10 || n > 107<<10 {
		t.Errorf("the files have %d bytes", n)
	}
	g.say("a", "192.0.2.1", "more", joins)
	if log := g.log.String(); !strings.Contains(log, limitTotalSize) {
		t.Errorf("the log says\n%.1000s", log)
	}
	g.say("a", "192.0.2.1", "o0", sharedobject.Event{Type: sharedobject.Clear})
	denied, done := h.heard(isDenied), h.heard(isDone)
	servertest.Eventually(t, "there is room", func() bool { return g.objectStore.Bytes() < 60<<10 })
	g.say("a", "192.0.2.1", "o1", change(t, "new", 10<<10))
	h.answered(t, denied+done+1, isDone, isDenied)
	if h.heard(isDenied) != denied {
		t.Error("who has made room gets none")
	}
}

// A persistent object without slots loses its file when nobody uses it any more.
func TestEmptyObjectsLeaveNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	g := receive(t, dir, sharedobject.StoreOptions{}, Rules{})
	g.connect("a", "192.0.2.1")
	file := filepath.Join(dir, "deep", "down", "o.fso")
	gone := sharedobject.Event{Type: sharedobject.RequestRemove, Name: "x"}
	for range 2 {
		g.say("a", "192.0.2.1", "deep/down/o", joins, change(t, "x", 10))
		servertest.Eventually(t, "it is written", func() bool { _, err := os.Stat(file); return err == nil })
		g.say("a", "192.0.2.1", "deep/down/o", gone, leaves)
		servertest.Eventually(t, "nothing of it is left", func() bool {
			_, err := os.Stat(filepath.Join(dir, "deep"))
			return os.IsNotExist(err) && g.Stats().SharedObjects == 0
		})
	}
	g.say("a", "192.0.2.1", "fleeting", joins, change(t, "x", 10), gone, leaves)
	servertest.Eventually(t, "it is forgotten", func() bool { return g.Stats().SharedObjects == 0 })
	if n := g.objectStore.Files(); n != 0 {
		t.Errorf("%d files are left", n)
	}
}

// Objects that change all the time are written less often the larger they are, and
// as they are in the end; a small one is on the disk within a second.
func TestLargeObjectsAreWrittenSeldom(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		slots, most int // of 16 KiB; writings in half a minute
	}{{1, 62}, {60, 62}, {320, 14}} {
		t.Run(fmt.Sprint(c.slots), func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				i := kept(t, dir, func(r *Rules) { r.Objects.Bytes = 64 << 20 })
				file := filepath.Join(dir, "o.fso")
				writings, oldest := 0, time.Duration(0)
				var before os.FileInfo
				var at []time.Time // of changes
				for n := range 300 {
					on(t, i, "o", func(s SharedObject) {
						if n == 0 {
							s.Keep()
							for slot := range c.slots {
								_ = s.Set(fmt.Sprint(slot), number(t, strings.Repeat("x", 16<<10)))
							}
						}
						_ = s.Set("n", number(t, n))
					})
					at = append(at, time.Now())
					synctest.Wait()
					<-time.After(100 * time.Millisecond)
					synctest.Wait()
					info, err := os.Stat(file)
					if err == nil && (before == nil || !os.SameFile(before, info)) {
						writings++
						before = info
					}
					if c.slots > 64 {
						continue
					}
					if m := written(t, dir); m+1 < len(at) {
						oldest = max(oldest, time.Since(at[m+1]))
					}
				}
				if writings > c.most || writings < c.most/3 {
					t.Errorf("%d slots of 16 KiB are written %d times in half a minute, want %d at most", c.slots, writings, c.most)
				}
				if most := time.Second; oldest > most {
					t.Errorf("a change is not on the disk after %v", oldest)
				}
				i.Close()
				if m := written(t, dir); m != 299 {
					t.Errorf("in the end the file has change %d of 299", m)
				}
			})
		})
	}
}

// written is the last change that the file has; -1: it has none.
func written(t *testing.T, dir string) int {
	t.Helper()
	b, _ := os.ReadFile(filepath.Join(dir, "o.fso"))
	mark := []byte("\x00\x01n\x00\x00\x00\x09\x00")
	at := bytes.LastIndex(b, mark)
	if at < 0 {
		return -1
	}
	return int(math.Float64frombits(binary.BigEndian.Uint64(b[at+len(mark):])))
}

// What is on the disk is read as far as the budget goes; what it does not pay for is
// refused, and nothing of it is lost.
func TestObjectsAreReadAsFarAsTheBudgetGoes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	g := receive(t, dir, sharedobject.StoreOptions{}, Rules{Objects: ObjectRules{Bytes: 64 << 20}})
	for i := range 12 {
		id := fmt.Sprint("maker of ", i)
		h := g.connect(id, fmt.Sprint("192.0.2.", i))
		g.say(id, fmt.Sprint("192.0.2.", i), fmt.Sprint(i), joins)
		h.answered(t, 1, isUsed)
		for s := range 16 {
			g.say(id, fmt.Sprint("192.0.2.", i), fmt.Sprint(i), change(t, fmt.Sprint(s), 60<<10))
		}
		h.answered(t, 16, isDone)
		g.Leave(session.Client{ID: id, Address: fmt.Sprintf("192.0.2.%d:1000", i)})
		// What a disk that is slow has not written yet would take the room of those that follow.
		servertest.Eventually(t, "it is written", func() bool { return g.Stats().SharedObjects == 0 })
	}
	files, size := g.objectStore.Files(), g.objectStore.Bytes()
	if files != 12 || size < 11<<20 {
		t.Errorf("%d objects were made, with %d bytes", files, size)
	}
	reader := g.connect("reader", "192.0.2.200")
	var all sync.WaitGroup
	for i := range files {
		all.Go(func() { g.say("reader", "192.0.2.200", fmt.Sprint(i), joins) })
	}
	all.Wait()
	reader.answered(t, int(files), isUsed, notMade)
	if used, refused := reader.heard(isUsed), reader.heard(notMade); used < 3 || used > 4 || int64(used+refused) != files {
		t.Errorf("of %d objects of 1 MiB %d are read, and %d refused, where 4 MiB may be taken", files, used, refused)
	}
	if log := g.log.String(); strings.Contains(log, "cannot be read") || !strings.Contains(log, string(sharedobject.DeniedBudget)) {
		t.Errorf("the log says\n%.2000s", log)
	}
	if g.objectStore.Files() != files || g.objectStore.Bytes() != size {
		t.Errorf("%d files of %d are left, %d bytes of %d", g.objectStore.Files(), files, g.objectStore.Bytes(), size)
	}
}

// A disk that is full is told to the log, now and then, and memory goes on.
func TestObjectsGoOnWhenTheDiskIsFull(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		g := receive(t, dir, sharedobject.StoreOptions{MinFree: 1 << 60}, Rules{})
		h := g.connect("a", "192.0.2.1")
		for n := range 7 {
			g.say("a", "192.0.2.1", fmt.Sprint("o", n), joins)
		}
		for n := range 300 {
			g.say("a", "192.0.2.1", fmt.Sprint("o", n%7), change(t, fmt.Sprint(n), 10))
			<-time.After(100 * time.Millisecond)
		}
		if n := h.heard(noAccess) + h.heard(notMade); n != 0 {
			t.Errorf("%d requests are refused", n)
		}
		on(t, g.Instance, "o1", func(s SharedObject) {
			if n := len(s.Names()); n != 43 {
				t.Errorf("it has %d slots, want 43", n)
			}
		})
		if n := strings.Count(g.log.String(), "disk is full"); n < 2 || n > 4 {
			t.Errorf("the log is told %d times in half a minute:\n%s", n, g.log)
		}
		if n := g.objectStore.Files(); n != 0 {
			t.Errorf("%d files are written", n)
		}
	})
}

// However many objects are asked for, few are read at once.
func TestFewObjectsAreReadAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i, _ := newInstance(t, nil)
		var running atomic.Int64
		goOn := make(chan struct{})
		for range 64 {
			i.objectDisk.do(func() {
				running.Add(1)
				<-goOn
			})
		}
		synctest.Wait()
		if n := running.Load(); n != maxLoads {
			t.Errorf("%d are read at once, want %d", n, maxLoads)
		}
		close(goOn)
		synctest.Wait()
		if n := running.Load(); n != 64 {
			t.Errorf("%d of 64 were read", n)
		}
	})
}

// own has the server's own code make objects.
func own(t *testing.T, g *guests, names ...string) {
	t.Helper()
	for _, name := range names {
		on(t, g.Instance, name, func(s SharedObject) { s.Keep() })
		t.Cleanup(func() { on(t, g.Instance, name, SharedObject.Release) })
	}
}

// What one client has made takes a quarter of what all may at most, also when the
// client has gone, and what one address has, half; all others have the rest.
func TestNobodyFillsTheDisk(t *testing.T) {
	t.Parallel()
	g := receive(t, t.TempDir(), sharedobject.StoreOptions{}, Rules{Objects: ObjectRules{TotalBytes: 400 << 10}})
	fill := func(id, address string) (done int) {
		h := g.connect(id, address)
		for n := range 3 {
			g.say(id, address, fmt.Sprint(id, n), joins)
		}
		h.answered(t, 3, isUsed)
		for n := range 42 {
			g.say(id, address, fmt.Sprint(id, n%3), change(t, fmt.Sprint(n), 10<<10))
		}
		h.answered(t, 42, isDone, isDenied)
		return h.heard(isDone)
	}
	for _, c := range []struct {
		id, address string
		most        int
	}{{"a", "192.0.2.1", 9}, {"b", "192.0.2.1", 9}, {"c", "192.0.2.1", 1}, {"d", "192.0.2.2", 9}} {
		if n := fill(c.id, c.address); n < c.most-1 || n > c.most+1 {
			t.Errorf("%s has %d slots of 10 KiB of 400 KiB; want %d, about", c.id, n, c.most)
		}
	}
	if log := g.log.String(); !strings.Contains(log, limitSizeOf) {
		t.Errorf("the log says\n%.1000s", log)
	}
}

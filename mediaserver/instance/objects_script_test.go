package instance

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/script"
	"flashpod.dev/flashpod/mediaserver/servertest"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
)

// scriptHears notes what a script is told of an object.
type scriptHears struct {
	mu   sync.Mutex
	news []string
}

func (h *scriptHears) hear(n script.ObjectNews) {
	h.mu.Lock()
	defer h.mu.Unlock()
	old := ""
	if v, _, err := amf.Decode(n.Old.Raw); err == nil && n.Kind != script.ObjectSent {
		old = fmt.Sprint(" was ", v)
	}
	call, _ := amf.DecodeAll(n.Call.Raw)
	h.news = append(h.news, strings.TrimSpace(fmt.Sprint(map[script.NewsKind]string{
		script.ObjectChanged: "change ", script.ObjectDeleted: "delete ", script.ObjectCleared: "clear", script.ObjectSent: "send ",
	}[n.Kind], n.Name, old, strings.Trim(fmt.Sprint(call), "[]"))))
}

func (h *scriptHears) take() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := h.news
	h.news = nil
	return all
}

// A script hears what clients do, in its order, and nothing that it does itself.
func TestScriptHearsOfClients(t *testing.T) {
	t.Parallel()
	g := receive(t, t.TempDir(), sharedobject.StoreOptions{}, Rules{Objects: ObjectRules{SlotBytes: 100}})
	key := script.ObjectKey{Name: "chat/one", Persistent: true}
	h := &scriptHears{}
	if why := asked(t, func(done func(string)) { g.OpenSharedObject(key, nil, h.hear, done) }); why != "" {
		t.Fatal(why)
	}
	use := func(f func(script.OpenObject)) {
		t.Helper()
		if why := asked(t, func(done func(string)) {
			g.UseSharedObject(key, func(o script.OpenObject) { f(o); done("") }, done)
		}); why != "" {
			t.Fatal(why)
		}
	}
	use(func(o script.OpenObject) {
		if err := o.Set("own", number(t, 1)); err != nil || !o.Dirty() {
			t.Error(err, o.Dirty())
		}
		if err := o.Set("large", number(t, strings.Repeat("x", 100))); err == nil {
			t.Error("a slot beyond the limit was set")
		}
		if err := o.Send(number(t, "hello")); err != nil {
			t.Error(err)
		}
	})
	a := g.connect("a", "192.0.2.1")
	send, err := sharedobject.NewValue("shout", 7.0)
	if err != nil {
		t.Fatal(err)
	}
	set := func(name string, v amf.Value) sharedobject.Event {
		return sharedobject.Event{Type: sharedobject.RequestChange, Name: name, Value: number(t, v)}
	}
	remove := func(name string) sharedobject.Event {
		return sharedobject.Event{Type: sharedobject.RequestRemove, Name: name}
	}
	for _, row := range []struct {
		events []sharedobject.Event
		want   []string
	}{
		{[]sharedobject.Event{joins}, nil},
		{[]sharedobject.Event{set("own", 2.0), set("x", "new")}, []string{"change own was 1", "change x"}},
		{[]sharedobject.Event{set("x", 3.0), {Type: sharedobject.SendMessage, Value: send}, remove("x")}, []string{"change x was new", "send shout 7", "delete x was new"}},
		{[]sharedobject.Event{remove("none"), set("y", 1.0), remove("y")}, []string{"change y", "delete y"}},
		{[]sharedobject.Event{change(t, "large", 1000)}, nil},
		{[]sharedobject.Event{{Type: sharedobject.Clear}, remove("own"), set("own", 5.0)}, []string{"clear", "change own"}},
		{[]sharedobject.Event{set("own", nil)}, []string{"delete own was 5"}},
	} {
		g.say("a", "192.0.2.1", key.Name, row.events...)
		if got := h.take(); !slices.Equal(got, row.want) {
			t.Errorf("the script hears %q, want %q", got, row.want)
		}
	}
	_ = a
	use(func(o script.OpenObject) { o.Lock(); o.Lock() })
	g.say("a", "192.0.2.1", key.Name, set("locked", 1.0))
	if got := h.take(); !slices.Equal(got, []string{"change locked"}) {
		t.Errorf("the script hears %q of what clients do while it has the object locked", got)
	}
	g.CloseSharedObject(key)
	g.say("a", "192.0.2.1", key.Name, set("later", 1.0))
	if got := h.take(); got != nil {
		t.Errorf("the script hears %q of an object that it has closed", got)
	}
	asked(t, func(done func(struct{})) {
		g.post(func(o *owner) {
			if obj := o.objects[objectKey{key.Name, true}]; obj == nil || obj.Locked() || obj.kept != 0 {
				t.Errorf("%+v: its locks, or its use, are there after it was closed", obj)
			}
			done(struct{}{})
		})
	})
	if why := asked(t, func(done func(string)) {
		g.UseSharedObject(key, func(script.OpenObject) { done("") }, done)
	}); !strings.Contains(why, "not open") {
		t.Errorf("an object that is closed: %q", why)
	}
}

// What a script that has died had open goes, with its locks; and a name that is none is
// refused.
func TestScriptLosesItsObjects(t *testing.T) {
	t.Parallel()
	i, _ := newInstance(t, nil)
	h := &scriptHears{}
	for _, name := range []string{"a", "b"} {
		key := script.ObjectKey{Name: name}
		if why := asked(t, func(done func(string)) { i.OpenSharedObject(key, nil, h.hear, done) }); why != "" {
			t.Fatal(why)
		}
		i.UseSharedObject(key, func(o script.OpenObject) { o.Lock() }, func(why string) { t.Error(why) })
	}
	if why := asked(t, func(done func(string)) {
		i.OpenSharedObject(script.ObjectKey{Name: "../a"}, nil, h.hear, done)
	}); !strings.Contains(why, "bad name") {
		t.Errorf("%q", why)
	}
	if n := i.Stats().SharedObjects; n != 2 {
		t.Errorf("%d objects", n)
	}
	i.post((*owner).scriptLost)
	servertest.Eventually(t, "they go", func() bool { return i.Stats().SharedObjects == 0 })
}

// Objects that a script empties by a path go from the disk, and those who use one hear
// of it.
func TestScriptClearsObjects(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	g := receive(t, dir, sharedobject.StoreOptions{}, Rules{})
	a := g.connect("a", "192.0.2.1")
	for _, name := range []string{"rooms/1", "rooms/2", "other"} {
		g.say("a", "192.0.2.1", name, joins, change(t, "x", 10))
	}
	a.answered(t, 3, isDone)
	g.say("a", "192.0.2.1", "rooms/1", leaves)
	g.say("a", "192.0.2.1", "other", leaves)
	files := func() (names []string) {
		for _, name := range []string{"other", "rooms/1", "rooms/2"} {
			if _, err := os.Stat(filepath.Join(dir, name+".fso")); err == nil {
				names = append(names, name)
			}
		}
		return names
	}
	servertest.Eventually(t, "all are on the disk, and one in memory", func() bool { return len(files()) == 3 && g.Stats().SharedObjects == 1 })
	emptied := fmt.Sprint(sharedobject.Clear, " ")
	before := a.heard(emptied)
	g.ClearSharedObjects(func(name string) bool { return strings.HasPrefix(name, "rooms/") })
	a.answered(t, before+1, emptied)
	servertest.Eventually(t, "the one that nobody uses goes", func() bool {
		return slices.Equal(files(), []string{"other", "rooms/2"}) && g.Stats().SharedObjects == 1
	})
	asked(t, func(done func(struct{})) {
		g.post(func(o *owner) {
			if o.cleaning || o.objects[objectKey{"rooms/2", true}].Len() != 0 {
				t.Error("it is not over, or has left a slot")
			}
			done(struct{}{})
		})
	})
}

package instance

import (
	"testing"

	"flashpod.dev/flashpod/mediaserver/script"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
)

// farEnd is an object's far end, as a test has it.
type farEnd struct {
	slots, bytes int
	id           string
	used         bool
}

func (f *farEnd) Owes() (slots, bytes int)       { return f.slots, f.bytes }
func (f *farEnd) Keeper() (id string, used bool) { return f.id, f.used }

// saysAs is say for a client that says which instance it is.
func (g *guests) saysAs(server, id, name string, events ...sharedobject.Event) {
	g.t.Helper()
	r := session.SharedObjectRequest{
		Client:  session.Client{ID: id, Address: "192.0.2.1:1000", Server: server},
		Message: &sharedobject.Message{Name: name, Persistent: true, Events: events},
	}
	asked(g.t, func(done func(struct{})) { g.SharedObject(r, func() { done(struct{}{}) }) })
}

// The instance that keeps an object may not use it here, and who says that he is that
// one keeps himself out, and nobody else.
func TestKeepersDoNotUseWhatTheyKeep(t *testing.T) {
	t.Parallel()
	g := receive(t, t.TempDir(), sharedobject.StoreOptions{}, Rules{})
	key, far := script.ObjectKey{Name: "board", Persistent: true}, &farEnd{id: "keeper"}
	if why := asked(t, func(done func(string)) { g.OpenSharedObject(key, far, func(script.ObjectNews) {}, done) }); why != "" {
		t.Fatal(why)
	}
	turn := func(f func(script.OpenObject)) {
		t.Helper()
		if why := asked(t, func(done func(string)) {
			g.UseSharedObject(key, func(o script.OpenObject) { f(o); done("") }, done)
		}); why != "" {
			t.Fatal(why)
		}
	}
	a, b, c := g.connect("a", "192.0.2.1"), g.connect("b", "192.0.2.1"), g.connect("c", "192.0.2.1")
	g.saysAs("keeper", "a", key.Name, joins) // it is not known yet whether the keeper lets this one in
	g.saysAs("another", "b", key.Name, joins)
	g.saysAs("", "c", key.Name, joins)
	for _, h := range []*hears{a, b, c} {
		h.answered(t, 1, isUsed)
	}
	turn(func(o script.OpenObject) {
		if !o.UsedBy("keeper") || !o.UsedBy("another") || o.UsedBy("none") {
			t.Error("it is not known who uses the object")
		}
		o.Expel("keeper")
	})
	a.answered(t, 1, notMade)
	turn(func(o script.OpenObject) {
		far.used = true
		if o.UsedBy("keeper") {
			t.Error("the keeper uses the object still")
		}
	})
	g.saysAs("keeper", "a", key.Name, joins)
	a.answered(t, 2, notMade)
	g.saysAs(g.ID(), "a", key.Name, joins) // which is no keeper
	a.answered(t, 2, isUsed)
	turn(func(script.OpenObject) { far.id, far.used = g.ID(), false })
	g.saysAs(g.ID(), "b", key.Name, leaves)
	g.saysAs(g.ID(), "b", key.Name, joins) // an instance that is to show its own
	b.answered(t, 1, notMade)
	if b.heard(notMade)+c.heard(notMade) != 1 {
		t.Error("others were refused")
	}
}

// What the keeper has not heard of yet counts as if it were there, also where the rules
// have no limit.
func TestWhatAKeeperIsOwedCounts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rules  ObjectRules
		far    farEnd
		denied bool
	}{
		"there is room":          {ObjectRules{Slots: 5}, farEnd{slots: 4}, false},
		"slots":                  {ObjectRules{Slots: 5}, farEnd{slots: 5}, true},
		"bytes":                  {ObjectRules{Bytes: 1000}, farEnd{bytes: 990}, true},
		"slots without a limit":  {ObjectRules{Slots: -1}, farEnd{slots: defaultObjects.Slots}, true},
		"fewer without a limit":  {ObjectRules{Slots: -1}, farEnd{slots: defaultObjects.Slots - 1}, false},
		"bytes without a limit":  {ObjectRules{Bytes: -1}, farEnd{slots: 1, bytes: defaultObjects.Bytes}, true},
		"of bytes there is room": {ObjectRules{Bytes: 1000}, farEnd{bytes: 900}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := receive(t, t.TempDir(), sharedobject.StoreOptions{}, Rules{Objects: c.rules})
			key := script.ObjectKey{Name: "board", Persistent: true}
			if why := asked(t, func(done func(string)) { g.OpenSharedObject(key, &c.far, func(script.ObjectNews) {}, done) }); why != "" {
				t.Fatal(why)
			}
			a := g.connect("a", "192.0.2.1")
			g.say("a", "192.0.2.1", key.Name, joins, change(t, "x", 20))
			if !c.denied {
				a.answered(t, 1, isDone)
				return
			}
			a.answered(t, 1, noAccess)
		})
	}
}

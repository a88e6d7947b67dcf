package routing

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func at(minute int) time.Time { return time.Date(2026, 1, 1, 0, minute, 0, 0, time.UTC) }

func TestFind(t *testing.T) {
	t.Parallel()
	claims := []Claim{
		{Name: "a/room", Owner: "a", Hosts: []string{"a.example.com"}, Application: "chat", Instance: "room", Since: at(9)},
		{Name: "b/lobby", Owner: "b", Application: "chat", Instance: "lobby", Since: at(1)},
		{Name: "b/shows", Owner: "b", Application: "shows", Instance: "index", OnDemand: true, Since: at(2)},
		{Name: "b/big", Owner: "b", Application: "shows", Instance: "big", Since: at(3)},
		{Name: "w/room", Owner: "w", Hosts: []string{"*.example.com", "*"}, Application: "wild", Instance: "room", Since: at(4)},
		{Name: "d/room", Owner: "d", Hosts: []string{"*.d.example.com"}, Application: "deep", Instance: "up/down", Since: at(4)},
	}
	table, lost := Make(claims, "empty.example.com")
	if len(lost) > 0 {
		t.Fatal(lost)
	}
	for _, c := range []struct {
		host, application, instance, want string
		err                               error
	}{
		{"a.example.com", "chat", "room", "a/room", nil},
		{"A.Example.COM.", "chat", "room", "a/room", nil},
		{"a.example.com", "chat", "lobby", "", ErrNoInstance},
		{"a.example.com", "shows", "index", "", ErrNoApplication},
		{"192.0.2.1", "chat", "lobby", "b/lobby", nil},
		{"", "chat", "lobby", "b/lobby", nil},
		{"::1", "chat", "lobby", "b/lobby", nil},
		{"*", "chat", "lobby", "b/lobby", nil},
		{"*.example.com", "chat", "lobby", "b/lobby", nil},
		{"example.com", "chat", "lobby", "b/lobby", nil},
		{"", "chat", "room", "", ErrNoInstance},
		{"", "shows", "index", "b/shows", nil},
		{"", "shows", "anything", "b/shows", nil},
		{"", "shows", "big", "b/big", nil},
		{"", "other", "big", "", ErrNoApplication},
		{"x.example.com", "wild", "room", "w/room", nil},
		{"x.y.example.com", "wild", "room", "w/room", nil},
		{"", "wild", "room", "w/room", nil},
		{"x.example.com", "chat", "lobby", "", ErrNoApplication},
		{"empty.example.com", "wild", "room", "", ErrNoApplication},
		{"x.d.example.com", "deep", "up/down", "d/room", nil},
		{"x.d.example.com", "deep", "up", "", ErrNoInstance},
		{strings.Repeat("a", 300) + ".d.example.com", "deep", "up/down", "", ErrNoApplication},
	} {
		got, err := table.Find(c.host, c.application, c.instance)
		if got.Name != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s/%s/%s: %q, %v; want %q, %v", c.host, c.application, c.instance, got.Name, err, c.want, c.err)
		}
	}
	none, _ := Make(nil, "a.example.com")
	if _, err := none.Find("b.example.com", "chat", "room"); !errors.Is(err, ErrNoHost) {
		t.Error(err)
	}
}

func TestConflicts(t *testing.T) {
	t.Parallel()
	room := func(name string, age int, change ...func(*Claim)) Claim {
		owner, _, _ := strings.Cut(name, "/")
		c := Claim{Name: name, Owner: owner, Application: "chat", Instance: "room", Since: at(age)}
		for _, f := range change {
			f(&c)
		}
		return c
	}
	onDemand := func(c *Claim) { c.OnDemand = true }
	called := func(instance string) func(*Claim) { return func(c *Claim) { c.Instance = instance } }
	hosts := func(h ...string) func(*Claim) { return func(c *Claim) { c.Hosts = h } }
	for _, c := range []struct {
		name   string
		claims []Claim
		want   []string // loser, winner
		room   string   // who has chat/room
	}{
		{"the older wins", []Claim{room("b/1", 2), room("a/2", 1)}, []string{"b/1<a/2"}, "a/2"},
		{"of one age, the name", []Claim{room("b/1", 1), room("a/2", 1)}, []string{"b/1<a/2"}, "a/2"},
		{"three", []Claim{room("b/1", 2), room("a/2", 1), room("c/1", 3)}, []string{"b/1<a/2", "c/1<a/2"}, "a/2"},
		{"named beats on demand", []Claim{room("a/1", 1, called("x"), onDemand), room("a/2", 2)}, nil, "a/2"},
		{"but not another owner's that is older", []Claim{room("a/1", 1, called("x"), onDemand), room("b/2", 2)}, []string{"b/2<a/1"}, "a/1"},
		{"or it is older itself", []Claim{room("a/1", 2, called("x"), onDemand), room("b/2", 1)}, nil, "b/2"},
		{"two on demand", []Claim{room("a/1", 1, called("x"), onDemand), room("a/2", 2, onDemand)}, []string{"a/2<a/1 rest"}, "a/2"},
		{"two on demand of two", []Claim{room("a/1", 1, called("x"), onDemand), room("b/2", 2, called("y"), onDemand)}, []string{"b/2<a/1", "b/2<a/1 rest"}, "a/1"},
		{"another host", []Claim{room("a/1", 1, hosts("a.example.com")), room("b/2", 2)}, nil, "b/2"},
		{"one of two hosts", []Claim{room("a/1", 1, hosts("a.example.com")), room("b/2", 2, hosts("a.example.com", "*"))}, []string{"b/2<a/1"}, "b/2"},
		{"what lost has nothing to lose to", []Claim{room("a/1", 1), room("b/2", 2), room("b/3", 3, called("b"))}, []string{"b/2<a/1"}, "a/1"},
	} {
		table, lost := Make(c.claims)
		var got []string
		for _, l := range lost {
			word := l.Claim.Name + "<" + l.With.Name
			if l.OnDemand {
				word += " rest"
			}
			got = append(got, word)
			if !strings.Contains(l.String(), l.With.Name) {
				t.Errorf("%s: %s", c.name, l)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: lost %v, want %v", c.name, got, c.want)
		}
		if who, err := table.Find("", "chat", "room"); who.Name != c.room {
			t.Errorf("%s: chat/room is %q's (%v), want %q", c.name, who.Name, err, c.room)
		}
	}
}

// Shards get about as many, and keep what they have when another comes.
func TestChoose(t *testing.T) {
	t.Parallel()
	const instances = 10_000
	three, four := []string{"one", "two", "three"}, []string{"zero", "three", "two", "one"}
	count := map[string]int{}
	for i := range instances {
		name := fmt.Sprint("room", i)
		is, will := three[Choose(name, three)], four[Choose(name, four)]
		if is != will && will != "zero" {
			t.Fatalf("%s moves from %s to %s", name, is, will)
		}
		count[is]++
		count["then "+will]++
	}
	for _, name := range four {
		if n := count["then "+name]; n < instances/4-instances/20 || n > instances/4+instances/20 {
			t.Errorf("of %d instances, %s gets %d", instances, name, n)
		}
	}
	if Choose("room", nil) != -1 {
		t.Error("none is chosen of none")
	}
}

func FuzzFind(f *testing.F) {
	f.Add("a.example.com", "chat", "room")
	f.Add("..", "", "/")
	table, _ := Make([]Claim{
		{Name: "a/a", Owner: "a", Hosts: []string{"*.example.com"}, Application: "chat", Instance: "room", OnDemand: true},
		{Name: "b/b", Owner: "b", Application: "chat", Instance: "room"},
	})
	f.Fuzz(func(t *testing.T, host, application, instance string) {
		c, err := table.Find(host, application, instance)
		if (err == nil) != (c.Name != "") || err == nil && c.Application != application {
			t.Errorf("%+v, %v", c, err)
		}
		if err == nil && c.Name == "a/a" && !strings.HasSuffix(strings.TrimSuffix(strings.ToLower(host), "."), ".example.com") {
			t.Errorf("%q leads to %+v", host, c)
		}
	})
}

func BenchmarkFind(b *testing.B) {
	claims := make([]Claim, 10_000)
	for i := range claims {
		claims[i] = Claim{Name: fmt.Sprint("a/", i), Owner: "a", Hosts: []string{"*.example.com"}, Application: "chat", Instance: fmt.Sprint("room", i)}
	}
	table, _ := Make(claims)
	for b.Loop() {
		if _, err := table.Find("a.b.c.example.com", "chat", "room9999"); err != nil {
			b.Fatal(err)
		}
	}
}

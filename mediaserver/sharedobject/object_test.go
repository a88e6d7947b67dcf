package sharedobject

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/budget"
)

var all = Access{Read: true, Write: true}

// say is events in words.
func say(events []Event) string {
	var words []string
	for _, e := range events {
		v, _, _ := amf.Decode(e.Value.Raw)
		switch e.Type {
		case Change:
			words = append(words, fmt.Sprintf("%s=%v", e.Name, v))
		case Success:
			words = append(words, "ok "+e.Name)
		case Remove:
			words = append(words, "-"+e.Name)
		case Clear:
			words = append(words, "clear")
		case UseSuccess:
			words = append(words, "use")
		case SendMessage:
			words = append(words, fmt.Sprintf("send %v", v))
		case Status:
			words = append(words, strings.TrimPrefix(e.Name, "SharedObject."))
		default:
			words = append(words, fmt.Sprintf("event %d", e.Type))
		}
	}
	return strings.Join(words, " ")
}

func set(t testing.TB, name string, v amf.Value) Event {
	return Event{Type: RequestChange, Name: name, Value: value(t, v)}
}
func del(name string) Event { return Event{Type: RequestRemove, Name: name} }

// expect applies events and compares what is heard.
func expect(t *testing.T, o *Object, may Access, events []Event, version uint32, requester, others string) {
	t.Helper()
	out := o.Apply(&Message{Events: events}, may)
	if out.Version != version || say(out.Requester) != requester || say(out.Others) != others {
		t.Errorf("%s:\nversion %d, the requester hears %q, others hear %q\nwant %d, %q, %q",
			say(events), out.Version, say(out.Requester), say(out.Others), version, requester, others)
	}
}

func TestApply(t *testing.T) {
	t.Parallel()
	o := NewObject("chat", false, Limits{}, nil)
	expect(t, o, all, []Event{set(t, "a", "x"), set(t, "b", 1)}, 2, "ok a ok b", "a=x b=1") // one message, one version
	expect(t, o, all, []Event{set(t, "a", "y"), {Type: SendMessage, Value: value(t, "hi", 1)}, del("b")}, 3,
		"ok a send hi -b", "a=y send hi -b")
	expect(t, o, all, []Event{{Type: SendMessage, Value: value(t, "hi")}}, 3, "send hi", "send hi")
	expect(t, o, all, []Event{del("nothing")}, 3, "-nothing", "") // it was asked for, and is so
	expect(t, o, all, []Event{set(t, "a", nil), set(t, "c", amf.Undefined{})}, 4, "-a -c", "-a")
	expect(t, o, all, []Event{set(t, "a", 1), {Type: Clear}, set(t, "b", 2)}, 5, "ok a clear ok b", "a=1 clear b=2")
	expect(t, o, all, []Event{{Type: RequestClear}}, 6, "clear", "clear")
	expect(t, o, all, []Event{{Type: Use}, {Type: Release}}, 6, "", "")
	if got := say(o.State(0)); got != "clear" {
		t.Errorf("the state is %q", got)
	}
}

func TestDeniedHearsWhatIs(t *testing.T) {
	t.Parallel()
	o := NewObject("chat", false, Limits{Slots: 2, SlotBytes: 100, Bytes: 150}, nil)
	expect(t, o, all, []Event{set(t, "a", "x"), set(t, "b", "x")}, 2, "ok a ok b", "a=x b=x")
	reader := Access{Read: true}
	expect(t, o, reader, []Event{set(t, "a", "y"), set(t, "c", "y"), del("b"), {Type: Clear}, {Type: SendMessage, Value: value(t, "hi")}}, 2,
		"NoWriteAccess a=x NoWriteAccess -c NoWriteAccess b=x NoWriteAccess NoWriteAccess", "")
	expect(t, o, all, []Event{set(t, "c", 1)}, 2, "NoWriteAccess -c", "")
	expect(t, o, all, []Event{set(t, "a", strings.Repeat("x", 100))}, 2, "NoWriteAccess a=x", "")
	long := strings.Repeat("x", 90)
	expect(t, o, all, []Event{set(t, "a", long)}, 3, "ok a", "a="+long)
	expect(t, o, all, []Event{set(t, "b", long)}, 3, "NoWriteAccess b=x", "")
	expect(t, o, all, []Event{set(t, "a", "x"), set(t, "b", long)}, 4, "ok a ok b", "a=x b="+long)
	expect(t, o, all, []Event{{Type: SendMessage, Value: value(t, long, long)}}, 4, "NoWriteAccess", "")
	expect(t, o, all, []Event{set(t, "", 1), set(t, strings.Repeat("n", 2000), 1)}, 4,
		"NoWriteAccess - NoWriteAccess -"+strings.Repeat("n", 2000), "")
}

func TestStateSince(t *testing.T) {
	t.Parallel()
	o := NewObject("chat", true, Limits{}, nil)
	expect(t, o, all, []Event{set(t, "b", 1), set(t, "a", 1)}, 2, "ok b ok a", "b=1 a=1")
	expect(t, o, all, []Event{del("b"), set(t, "c", 1)}, 3, "-b ok c", "-b c=1")
	expect(t, o, all, []Event{set(t, "a", 2)}, 4, "ok a", "a=2")
	for since, want := range []string{"clear c=1 a=2", "-b c=1 a=2", "-b c=1 a=2", "a=2", "", "clear c=1 a=2"} {
		if got := say(o.State(uint32(since))); got != want {
			t.Errorf("who has seen version %d hears %q, want %q", since, got, want)
		}
	}
	o.ResyncDepth = 1
	for since, want := range []string{"clear c=1 a=2", "clear c=1 a=2", "clear c=1 a=2", "a=2", ""} {
		if got := say(o.State(uint32(since))); got != want {
			t.Errorf("with a depth of 1, who has seen version %d hears %q, want %q", since, got, want)
		}
	}
	o.ResyncDepth = 0
	o.Purge(4)
	if got := say(o.State(3)); got != "clear c=1 a=2" {
		t.Errorf("after a purge, who has seen version 3 hears %q", got)
	}
	if got := o.Names(); !slices.Equal(got, []string{"c", "a"}) {
		t.Errorf("slots %q", got)
	}
}

// What is deleted is forgotten when there is too much of it, and everything is
// given back that was paid for.
func TestWhatAnObjectHolds(t *testing.T) {
	t.Parallel()
	b := budget.New("objects", 1<<20)
	o := NewObject("chat", true, Limits{}, b)
	for i := range 3 * maxGone {
		name := fmt.Sprint("slot ", i)
		expect(t, o, all, []Event{set(t, name, i), del(name)}, uint32(i+2), "ok "+name+" -"+name, fmt.Sprintf("%s=%d -%s", name, i, name))
	}
	if got := say(o.State(1)); got != "clear" {
		t.Errorf("who was away for long hears %.100q", got)
	}
	for i := 0; ; i++ {
		if _, ok := o.Set(fmt.Sprint(i), value(t, strings.Repeat("x", 1000))); !ok {
			if i < 500 || b.Used() < 1<<19 {
				t.Errorf("no budget for %d slots: %d bytes used", i, b.Used())
			}
			break
		}
	}
	o.Empty()
	o.Purge(o.Version())
	if b.Used() != 0 {
		t.Errorf("%d bytes are held by an empty object", b.Used())
	}
	o.Set("a", value(t, 1))
	o.Drop()
	if b.Used() != 0 {
		t.Errorf("%d bytes are held by what is gone", b.Used())
	}
}

func TestLock(t *testing.T) {
	t.Parallel()
	o := NewObject("chat", false, Limits{}, nil)
	o.Lock()
	o.Lock()
	if out, ok := o.Set("a", value(t, 1)); !ok || len(out.Others) > 0 {
		t.Errorf("%+v", out)
	}
	expect(t, o, all, []Event{set(t, "b", 1)}, 1, "ok b", "") // the version that all know
	o.Delete("a")
	o.Send(value(t, "hi"))
	if u := o.Unlock(); u.Left != 1 || len(u.Parts) > 0 {
		t.Errorf("%+v", u)
	}
	if u := o.Unlock(); u.Left != 0 || len(u.Parts) != 1 || say(u.Parts[0].Events) != "a=1 b=1 -a send hi" || u.Version != 4 {
		t.Errorf("%+v", u)
	}
	if u := o.Unlock(); u.Left != 0 || len(u.Parts) > 0 {
		t.Errorf("%+v", u)
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"chat", "rooms/one/list", "a.b", "Käfig", "users_2-3"} {
		if err := CheckName(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, name := range []string{
		"", "a b", "a~b", "%41", "a&b", `a\b`, "a;b", "a:b", `a"b`, "a'b", "a,b", "a<b", "a>b", "a?b", "a#b",
		"..", "a/../b", "./a", "/a", "a/", "a//b", ".a", "a.", "a\x00b", "a\nb", "a\u202eb", "\xff",
		strings.Repeat("a", 201), strings.Repeat("a/", 9) + "a", strings.Repeat("aa/", 300),
	} {
		if CheckName(name) == nil {
			t.Errorf("%q is taken for a name", name)
		}
	}
}

package session_test

import (
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/session"
)

// A client that says it is an instance is told which one has let it in; any other hears
// what Flash Media Server said, and no more.
func TestInstanceIDs(t *testing.T) { everyWay(t, testInstanceIDs) }

func testInstanceIDs(t *testing.T, w way) {
	for says, want := range map[string]string{"": "", "mine": "mine", strings.Repeat("x", 1000): strings.Repeat("x", 64)} {
		v := come(t, session.Config{})
		if says == "" {
			v.say(hello())
		} else {
			v.say(hello("instanceId", says))
		}
		asked := taken(t, v.desk.connects)
		if got := asked.request.Server; got != want {
			t.Errorf("%.10q: the instance is told %q", says, got)
		}
		asked.answer(session.ConnectAnswer{Instance: v.desk})
	}
	s, _ := run(t, w, open)
	if got, there := answer(t, s).Get("instanceId"); there {
		t.Errorf("who does not ask is told %v", got)
	}
	one, _ := answer(t, s, "instanceId", "mine").Get("instanceId")
	two, _ := answer(t, s, "instanceId", "another").Get("instanceId")
	if text, _ := one.(string); len(text) < 20 || one != two {
		t.Errorf("an instance is called %v and %v", one, two)
	}
}

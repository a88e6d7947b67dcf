package server

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

// sampleFolder are the applications that people are shown first.
const sampleFolder = "../../config/samples/applications"

// refusal is what a client that is not let in is told.
func refusal(t *testing.T, err error) string {
	t.Helper()
	var refused *rtmp.StatusError
	if !errors.As(err, &refused) || refused.Code != "NetConnection.Connect.Rejected" {
		t.Errorf("it is not refused: %v", err)
		return ""
	}
	return written(refused.Info)
}

// Who is in the room and what is said reaches everybody in it; the wall keeps the last
// lines, also for the server that comes after.
func TestSampleChatRoom(t *testing.T) {
	t.Parallel()
	calls := []string{"onJoined", "onLeft", "onSaid"}
	var log servertest.Log
	cfg := Config{Log: log.Logger(0)}
	s, stop := folderAt(t, sampleFolder, &cfg, nil)
	anna := comeIn(t, s, "chatRoom/lobby", calls, "anna")
	anna.hears(`onJoined("anna")`)
	wall := anna.nc.SharedObject("wall", true)
	wall.OnSync(func(all []rtmp.Sync) {
		for _, one := range all {
			if one.Code == rtmp.SyncReject && one.Name == "" {
				t.Error("who may only read hears of a slot that it has not asked for")
			}
		}
	})
	if err := wall.Use(t.Context()); err != nil {
		t.Fatal(err)
	}
	ben := comeIn(t, s, "chatRoom/lobby", calls, " ben ")
	anna.hears(`onJoined("ben")`)
	ben.hears(`onJoined("ben")`)
	anna.asks("who", `["anna","ben"]`)
	for i := range 51 {
		ben.asks("say", "true", fmt.Sprint("line ", i))
	}
	anna.asks("say", "false", "")
	anna.hears(`onSaid("ben","line 0")`)
	anna.waitsFor(`onSaid("ben","line 50")`)
	keeps := func(slots map[string]amf.Value) bool {
		got := written(slots["lines"])
		return strings.HasPrefix(got, `[{who:"ben",text:"line 1",at:date},`) && strings.HasSuffix(got, `{who:"ben",text:"line 50",at:date}]`)
	}
	servertest.Eventually(t, "the wall has the last fifty lines", func() bool { return keeps(wall.Slots()) })
	if err := wall.Set(t.Context(), "lines", "mine"); err == nil {
		t.Error("a client writes on the wall")
	}
	for _, c := range []struct {
		name amf.Value
		want string
	}{{nil, "Tell me your name"}, {"", "Tell me your name"}, {strings.Repeat("x", 33), "Tell me your name"}, {"ben", "ben in this room already"}} {
		_, err := knock(t, s, "chatRoom/lobby", calls, c.name)
		if got := refusal(t, err); !strings.Contains(got, c.want) {
			t.Errorf("%v is told %s", c.name, got)
		}
	}
	comeIn(t, s, "chatRoom/kitchen", calls, "ben").asks("who", `["ben"]`)
	ben.nc.Close()
	anna.waitsFor(`onLeft("ben")`)
	anna.asks("who", `["anna"]`)
	stop()
	for line := range strings.Lines(log.String()) {
		if strings.Contains(line, "msg=trace") && strings.Count(line, " instance=") != 1 {
			t.Errorf("the log says %s", line)
		}
	}

	s, _ = runWith(t, cfg)
	carl := comeIn(t, s, "chatRoom/lobby", calls, "carl")
	wall = carl.nc.SharedObject("wall", true)
	if err := wall.Use(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !keeps(wall.Slots()) {
		t.Errorf("the wall has %s", written(wall.Slots()["lines"]))
	}
	carl.asks("who", `["carl"]`)
}

// All see the same of the channel, and a film that somebody publishes is in the next
// round.
func TestSampleChannel(t *testing.T) {
	t.Parallel()
	s, _ := folderAt(t, sampleFolder, &Config{}, func(dir string) {
		for _, name := range []string{"opening", "feature"} {
			servertest.WriteFLV(t, filepath.Join(dir, "channel/streams/main", name+".flv"), servertest.Sound(1)...)
		}
	})
	calls := []string{"onProgramme"}
	anna, ben := comeIn(t, s, "channel/main", calls), comeIn(t, s, "channel/main", calls)
	var sounds []chan media.Timestamp
	for _, g := range []*visitor{anna, ben} {
		tv, sound := netStream(t, g), make(chan media.Timestamp, 1000)
		tv.OnMedia(func(m *rtmp.Message) error {
			if m.Type == rtmp.TypeAudio {
				sound <- m.Timestamp
			}
			return nil
		})
		if err := tv.Play(t.Context(), "tv", rtmp.PlayLive); err != nil {
			t.Fatal(err)
		}
		sounds = append(sounds, sound)
	}
	for _, name := range []string{"tv", "another"} {
		if err := netStream(t, ben).Publish(t.Context(), name, "live"); err == nil {
			t.Errorf("somebody publishes %s, which is no film of the schedule", name)
		}
	}
	film := netStream(t, ben)
	if err := film.Publish(t.Context(), "news", "live"); err != nil {
		t.Fatal(err)
	}
	for _, tag := range servertest.Sound(1) {
		if err := film.Send(t.Context(), &rtmp.Message{Type: rtmp.TypeAudio, Timestamp: tag.Timestamp, Payload: tag.Data}); err != nil {
			t.Fatal(err)
		}
	}
	if err := film.Unpublish(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, g := range []*visitor{anna, ben} {
		for _, programme := range []string{"feature", "opening", "news", "feature"} {
			g.waitsFor(fmt.Sprintf("onProgramme(%q)", programme))
		}
		servertest.Eventually(t, "that is said to whoever asks", func() bool { return g.ask("now") == `"feature"` })
	}
	for last := <-sounds[0]; last < 3000; {
		now := <-sounds[0]
		if now < last {
			t.Fatalf("the time goes back: %d after %d", now, last)
		}
		last = now
	}
	select {
	case <-sounds[1]:
	default:
		t.Error("the other has heard nothing")
	}
}

// A backend says who comes in; one who waits for it holds up nobody.
func TestSampleGate(t *testing.T) {
	t.Parallel()
	asked, answer := make(chan bool, 1), make(chan bool)
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.FormValue("address") != "127.0.0.1" {
			t.Errorf("the backend is asked by %s about %q", r.Method, r.FormValue("address"))
		}
		switch r.FormValue("ticket") {
		case "gold":
			fmt.Fprint(w, "ok=1&name=Anna%20M%C3%BCller")
		case "slow":
			asked <- true
			<-answer
			fmt.Fprint(w, "ok=1&name=Ben")
		case "void":
			fmt.Fprint(w, "ok=0")
		default:
			fmt.Fprint(w, "ok=0&reason=No+such+ticket.")
		}
	}))
	t.Cleanup(backend.Close)
	s, _ := folderAt(t, sampleFolder, &Config{ScriptHosts: []string{backend.Listener.Addr().String()}}, func(dir string) {
		write(t, filepath.Join(dir, "gate/backend.asc"), fmt.Sprintf("BACKEND = %q;", backend.URL+"/session"))
	})
	calls := []string{"onWelcome"}
	slow := make(chan *visitor, 1)
	go func() {
		g, err := knock(t, s, "gate/door", calls, "slow")
		if err != nil {
			t.Errorf("the slow one: %v", err)
		}
		slow <- g
	}()
	<-asked
	anna := comeIn(t, s, "gate/door", calls, "gold")
	anna.hears(`onWelcome("Anna Müller")`)
	anna.asks("whoAmI", `"Anna Müller"`)
	close(answer)
	ben := <-slow
	ben.hears(`onWelcome("Ben")`)
	ben.asks("whoAmI", `"Ben"`)
	for ticket, want := range map[string]string{"tin": "No such ticket.", "void": "No."} {
		_, err := knock(t, s, "gate/door", calls, ticket)
		if got := refusal(t, err); !strings.Contains(got, want) {
			t.Errorf("%s is told %s", ticket, got)
		}
	}
	backend.Close()
	_, err := knock(t, s, "gate/door", calls, "gold")
	if got := refusal(t, err); !strings.Contains(got, "the backend does not answer") {
		t.Errorf("without a backend it is %s", got)
	}
}

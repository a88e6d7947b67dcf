package server

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/text/unicode/norm"

	"flashpod.dev/flashpod/mediaserver/recording"
	"flashpod.dev/flashpod/mediaserver/servertest"
	"flashpod.dev/flashpod/mediaserver/session"
)

// rooms lets anyone publish, and any instance start.
const rooms = "{application: app, instance: one, onDemandInstances: true, access: {publish: {mode: Anyone}}"

// loaded are the names of the on-demand instances that are there.
func loaded(s *Server) (names []string) {
	for _, i := range s.onDemand["app"].loaded() {
		names = append(names, i.Name())
	}
	slices.Sort(names)
	return names
}

// record publishes a moment into a recording, and waits until it is written.
func record(t *testing.T, c *client, name string) {
	t.Helper()
	c.on(1, "publish", name, "record")
	c.expect("event 0", "onStatus NetStream.Publish.Start", "onStatus NetStream.Record.Start")
	audio(t, c, 0)
	audio(t, c, 500)
	c.on(1, "closeStream")
	c.expect("onStatus NetStream.Record.Stop", "onStatus NetStream.Unpublish.Success")
}

// plays asks for a recorded stream.
func plays(t *testing.T, c *client, name string) bool {
	t.Helper()
	c.on(1, "play", name, 0.0, 0.0, true)
	for {
		got, _ := c.next()
		switch got {
		case "onStatus NetStream.Play.Start":
			c.on(1, "closeStream")
			return true
		case "onStatus NetStream.Play.StreamNotFound", "onStatus NetStream.Play.Failed":
			return false
		}
	}
}

// leave ends connections to on-demand instances, and waits until the server has seen
// that.
func leave(t *testing.T, s *Server, all ...*client) {
	t.Helper()
	d := s.onDemand["app"]
	users := func() (n int) {
		d.mu.Lock()
		defer d.mu.Unlock()
		for _, in := range d.rooms {
			n += in.users
		}
		return n
	}
	before := users()
	for _, c := range all {
		c.conn.Close()
	}
	servertest.Eventually(t, "they have left", func() bool { return users() == before-len(all) })
}

// why is the reason that a connect is refused with.
func why(t *testing.T, s *Server, app, code string) string {
	t.Helper()
	said := connect(t, s, app).expect("_error " + code)
	text, _ := said.Get("description")
	return fmt.Sprint(text)
}

// TestAnInstanceStartsAtItsFirstConnect with streams, recordings and figures of its
// own; nothing is on the disk before something is recorded.
func TestAnInstanceStartsAtItsFirstConnect(t *testing.T) {
	t.Parallel()
	s, _ := run(t, rooms+"}")
	streams := filepath.Dir(s.Served()[0].Streams)
	two, other, one := connect(t, s, "app/two").hello(), connect(t, s, "app/two").hello(), connect(t, s, "app/one").hello()
	if got := loaded(s); !slices.Equal(got, []string{"two"}) {
		t.Errorf("%v are loaded", got)
	}
	if plays(t, two, "cam") {
		t.Error("plays what is not there")
	}
	if _, err := os.Stat(filepath.Join(streams, "two")); !os.IsNotExist(err) {
		t.Errorf("there is a folder before something is recorded: %v", err)
	}
	record(t, two, "cam")
	for _, file := range []string{"cam.flv", ".instance"} {
		if _, err := os.Stat(filepath.Join(streams, "two", file)); (err == nil) != (file == "cam.flv") {
			t.Errorf("%s: %v", file, err) // the folder of a whole instance needs no marker
		}
	}
	if !plays(t, other, "cam") || plays(t, one, "cam") {
		t.Error("plays in another instance, or not in its own")
	}
	names, _ := listed(t, s, "/recordings")
	if !slices.Equal(names, []string{"app/two cam"}) {
		t.Errorf("listed: %v", names)
	}
	connect(t, s, "app").hello() // the default instance
	connect(t, s, "app/a/b/c").hello()
	if got := loaded(s); !slices.Equal(got, []string{"_definst_", "a/b/c", "two"}) {
		t.Errorf("%v are loaded", got)
	}
	connect(t, s, "other/two").expect("_error NetConnection.Connect.InvalidApp")
}

// TestManyFirstConnectsMakeOneInstance, on many connections at once.
func TestManyFirstConnectsMakeOneInstance(t *testing.T) {
	t.Parallel()
	s, _ := run(t, rooms+"}")
	const clients = 50
	var all sync.WaitGroup
	got := make([]session.Instance, clients)
	for n := range clients {
		all.Add(1)
		r := session.ConnectRequest{Client: session.Client{ID: fmt.Sprint(n), Address: "192.0.2.1:1"}, Application: "app", Instance: "two"}
		go s.Connect(r, guest(n), func(a session.ConnectAnswer) {
			defer all.Done()
			if v, ok := a.Instance.(*visit); ok {
				got[n] = v.Instance
			}
		})
	}
	all.Wait()
	for n := range got {
		if got[n] == nil || got[n] != got[0] {
			t.Fatalf("client %d is in %v, and the first in %v", n, got[n], got[0])
		}
	}
}

// TestNamesThatCannotBe hear why, and leave nothing behind.
func TestNamesThatCannotBe(t *testing.T) {
	t.Parallel()
	s, _ := run(t, rooms+"}", "{application: app, instance: Two/x}", "{application: app, instance: away, suspend: true}")
	streams := filepath.Dir(s.Served()[0].Streams)
	if err := os.MkdirAll(filepath.Join(streams, "Hall", "In"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(streams, "Größe"), 0o755); err != nil {
		t.Fatal(err)
	}
	connect(t, s, "app/Raum").hello()
	const rejected = "NetConnection.Connect.Rejected"
	for app, want := range map[string]string{
		"app/../x":                        "is no plain path",
		"app/a/../../../etc":              "is no plain path",
		"app/a//b":                        "is no plain path",
		"app/.keys":                       "begins or ends with a dot",
		"app/a:b":                         "not for files",
		"app/a\x07b":                      "not for files",
		"app/a\u202eb":                    "turn the direction",
		"app/" + strings.Repeat("x", 201): "longer than 200 bytes",
		"app/" + strings.Repeat("x/", 9):  "more than 8 parts",
		"app/film.flv":                    "called as a file is",
		"app/hall":                        `"hall" differs from "Hall", which is there`,
		"app/Hall/in/deeper":              `"Hall/in" differs from "Hall/In", which is there`,
		"app/raum":                        `"raum" differs from "Raum", which is there`,
		"app/raum/x":                      `"raum" differs from "Raum", which is there`,
		"app/ONE":                         `"ONE" differs from "one", which is there`,
		"app/Gro\u0308ße/y":               "by case or Unicode form alone",
		"app/two/y":                       `"two" differs from "Two", which is there`,
		"app/away":                        "is not served here",
	} {
		if said := why(t, s, app, rejected); !strings.Contains(said, want) {
			t.Errorf("%q: %s", app, said)
		}
	}
	connect(t, s, "app/Hall/In/deeper").hello()
	connect(t, s, "app/Größe/y").hello()
	if got := loaded(s); !slices.Equal(got, []string{"Größe/y", "Hall/In/deeper", "Raum"}) {
		t.Errorf("%q are loaded", got)
	}
	_ = filepath.WalkDir(streams, func(path string, _ fs.DirEntry, err error) error {
		if rel, _ := filepath.Rel(streams, path); err != nil || !slices.Contains([]string{".", "one", "Größe", "Two", "Two/x", "Two/x/.instance", "Hall", "Hall/In"}, rel) {
			t.Errorf("%s, %v", rel, err)
		}
		return nil
	})
}

// TestSpellingOfStrangersMakesRoom when they have left.
func TestSpellingOfStrangersMakesRoom(t *testing.T) {
	t.Parallel()
	s, _ := run(t, rooms+"}")
	leave(t, s, connect(t, s, "app/LOBBY").hello())
	connect(t, s, "app/lobby").hello()
	if got := loaded(s); !slices.Equal(got, []string{"lobby"}) {
		t.Errorf("%q are loaded", got)
	}
}

// TestWhoseAFolderIsBeforeAndAfterARestart through the door.
func TestWhoseAFolderIsBeforeAndAfterARestart(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	for range 2 {
		s, stop := runWith(t, Config{Data: data}, rooms+"}")
		lobby := connect(t, s, "app/lobby").hello()
		record(t, lobby, "a/cam")
		if said := why(t, s, "app/lobby/a", "NetConnection.Connect.Rejected"); !strings.Contains(said, "the folder lobby/a has streams of the instance lobby in it") {
			t.Error(said)
		}
		inner := connect(t, s, "app/lobby/b").hello()
		record(t, inner, "cam")
		lobby.on(1, "publish", "b/cam", "record")
		lobby.expect("event 0", "onStatus NetStream.Publish.Start", "onStatus NetStream.Record.NoAccess")
		lobby.on(1, "closeStream")
		lobby.expect("onStatus NetStream.Unpublish.Success")
		if plays(t, lobby, "b/cam") || !plays(t, lobby, "a/cam") || !plays(t, inner, "cam") {
			t.Error("plays what is another's, or not its own")
		}
		if names, _ := listed(t, s, "/recordings"); !slices.Equal(names, []string{"app/lobby a/cam", "app/lobby/b cam"}) {
			t.Errorf("listed: %q", names)
		}
		stop()
	}
}

// TestTwoManifestsOfAnApplication divide its instances; one of them lets others
// start.
func TestTwoManifestsOfAnApplication(t *testing.T) {
	t.Parallel()
	_, err := New(Config{Data: t.TempDir()}, docs(t, "{application: a, onDemandInstances: true}", "{application: b, onDemandInstances: true}",
		"{application: a, instance: x, onDemandInstances: true}"))
	if err == nil || !strings.Contains(err.Error(), "two manifests of application a say spec.onDemandInstances, those of the instances i0 and x") {
		t.Errorf("%v", err)
	}
	s, _ := run(t, "{application: app, instance: two, limits: {maxConnections: 1}, access: {publish: {mode: Anyone}}}", rooms+", limits: {maxConnections: 2}}")
	connect(t, s, "app/two").hello()
	connect(t, s, "app/two").expect("_error NetConnection.Connect.Failed")
	for range 2 {
		connect(t, s, "app/three").hello()
	}
	connect(t, s, "app/three").expect("_error NetConnection.Connect.Failed")
	connect(t, s, "app/four").hello() // limits are its own
}

// FuzzFoldedParts: each part of a name has its folded one, names that differ in
// Unicode form alone have the same, and each is of as many parts.
func FuzzFoldedParts(f *testing.F) {
	for _, name := range []string{"lobby", "Hall/One", "Größe/x", "Gro\u0308ße/x", "STRASSE/straße", "a/b/c/d", "İ/ı", "\u2100/a", ""} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if recording.CheckInstance(name) != nil {
			return
		}
		n := 0
		for folds, as := range foldedParts(name) {
			n++
			if folds != folded(as) || !strings.HasPrefix(name, as) || strings.Count(folds, "/") != n-1 || strings.Count(as, "/") != n-1 {
				t.Fatalf("%q: part %d is %q, folded %q", name, n, as, folds)
			}
			if other := norm.NFD.String(as); folded(other) != folds {
				t.Errorf("%q and %q are not the same", as, other)
			}
		}
		if n != strings.Count(name, "/")+1 {
			t.Errorf("%q has %d parts", name, n)
		}
	})
}

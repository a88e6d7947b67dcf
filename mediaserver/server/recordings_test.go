package server

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/servertest"
	"flashpod.dev/flashpod/mediaserver/web"
)

const locked = "{application: app, instance: locked/up}"

// put makes a recording of some seconds of sound in an instance's folder.
func put(t *testing.T, s *Server, instance int, name string, seconds int) {
	t.Helper()
	servertest.WriteFLV(t, filepath.Join(s.Served()[instance].Streams, filepath.FromSlash(name)+".flv"), servertest.Sound(seconds)...)
}

// ask sends one request; its path goes out as it is written.
func ask(t *testing.T, s *Server, method, path string, header ...string) (int, string) {
	t.Helper()
	return servertest.Ask(t, method, "http://"+s.HTTPAddr().String()+path, header...)
}

func listed(t *testing.T, s *Server, path string) (names []string, page web.RecordingPage) {
	t.Helper()
	page = servertest.AskFor[web.RecordingPage](t, "http://"+s.HTTPAddr().String()+path)
	for _, r := range page.Recordings {
		names = append(names, r.Application+"/"+r.Instance+" "+r.Name)
	}
	return names, page
}

func TestDeletingWhatIsInUse(t *testing.T) {
	t.Parallel()
	s, _ := run(t, open)
	p := connect(t, s, "app/one").hello()
	p.on(1, "publish", "cam", "record")
	p.expect("event 0", "onStatus NetStream.Publish.Start", "onStatus NetStream.Record.Start")
	for i := range media.Timestamp(100) {
		audio(t, p, i*20)
	}
	for page := (web.RecordingPage{}); len(page.Recordings) == 0; { // it is named when something is in it
		_, page = listed(t, s, "/recordings")
		if len(page.Recordings) > 0 && !page.Recordings[0].Recording {
			t.Errorf("%+v", page.Recordings[0])
		}
	}
	if code, body := ask(t, s, "DELETE", "/recordings/app/one/cam", "Connection", web.LocalToken); code != 409 || !strings.Contains(body, "being recorded") {
		t.Errorf("while it is recorded: %d %s", code, body)
	}
	p.on(1, "closeStream")
	p.expect("onStatus NetStream.Record.Stop", "onStatus NetStream.Unpublish.Success")

	v := connect(t, s, "app/one").hello()
	v.on(1, "play", "cam", 0.0, -1.0, true)
	v.expect("event 4", "event 0", "onStatus NetStream.Play.Reset", "onStatus NetStream.Play.Start")
	if code, body := ask(t, s, "DELETE", "/recordings/app/one/cam", "Connection", web.LocalToken); code != 204 {
		t.Errorf("while it is played: %d %s", code, body)
	}
	last := ""
	for word := ""; word != "onStatus NetStream.Play.Stop"; {
		if word, _ = v.next(); strings.HasPrefix(word, "audio") {
			last = word
		}
	}
	if last != "audio 1980" {
		t.Errorf("the player's last was %q", last)
	}
	v.on(1, "play", "cam", 0.0, -1.0, true)
	for word := ""; word != "onStatus NetStream.Play.StreamNotFound"; {
		if word, _ = v.next(); word == "onStatus NetStream.Play.Start" || word == "end" {
			t.Fatalf("it plays again: %s", word)
		}
	}
}

func TestRecordingsOffline(t *testing.T) {
	t.Parallel()
	s, stop := run(t, open, locked)
	put(t, s, 0, "x", 1)
	put(t, s, 1, "y", 1)
	data := s.cfg.Data
	if _, _, err := OpenRecordings(data, "", nil); err == nil || !strings.Contains(err.Error(), "another flashpod serves from it") {
		t.Errorf("while it is served from: %v", err)
	}
	stop()
	for instance, want := range map[string][]string{"": {"app/locked", "app/locked/up", "app/one"}, "app/locked/up": {"app/locked/up"}} {
		all, done, err := OpenRecordings(data, instance, nil)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, one := range all {
			got = append(got, one.Application+"/"+one.Instance)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: %q", instance, got)
		}
		if err := done(); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []string{"app/none", "../" + filepath.Base(data), "app/../../x", "*/one"} {
		if _, _, err := OpenRecordings(data, bad, nil); err == nil {
			t.Errorf("%q is an instance", bad)
		}
	}
	if _, _, err := OpenRecordings(filepath.Join(data, "none"), "", nil); err == nil {
		t.Error("a data folder was made")
	}
	// Each time the folder was freed.
	if unlock, err := lockData(data); err != nil {
		t.Error(err)
	} else if err := unlock(); err != nil {
		t.Error(err)
	}
}

// TestFoldersInsideFolders serves an instance whose folder lies in that of
// another, which has no say in it.
func TestFoldersInsideFolders(t *testing.T) {
	t.Parallel()
	s, _ := run(t, "{application: app, instance: one, access: {publish: {mode: Anyone}}}", "{application: app, instance: one/two, access: {publish: {mode: Anyone}}}")
	put(t, s, 0, "x", 1)
	put(t, s, 1, "y", 1)
	names, _ := listed(t, s, "/recordings")
	if want := []string{"app/one x", "app/one/two y"}; !slices.Equal(names, want) {
		t.Errorf("listed are %q, want %q", names, want)
	}
	for _, path := range []string{"two/y", "flv:two/y.flv"} {
		if status, body := ask(t, s, "DELETE", "/recordings/app/one/"+path, "Connection", web.LocalToken); status != 400 || !strings.Contains(body, "the folder of another instance, two below this one") {
			t.Errorf("delete %s: %d %s", path, status, body)
		}
	}
	c, v := connect(t, s, "app/one").hello(), connect(t, s, "app/one").hello()
	for _, mode := range []string{"record", "append"} {
		c.on(1, "publish", "two/y", mode)
		c.expect("event 0", "onStatus NetStream.Publish.Start", "onStatus NetStream.Record.NoAccess")
		c.on(1, "publish", false)
		c.expect("onStatus NetStream.Unpublish.Success")
	}
	v.on(1, "play", "two/y", 0.0)
	v.expect("onStatus NetStream.Play.StreamNotFound")
	// A name that only begins like that folder's is as good as any.
	c.on(1, "publish", "twofold/y", "record")
	c.expect("event 0", "onStatus NetStream.Publish.Start", "onStatus NetStream.Record.Start")
	if status, body := ask(t, s, "GET", "/recordings/app/one%2Ftwo/y"); status != 200 {
		t.Errorf("find y: %d %s", status, body)
	}
}

package server

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestStartWhateverLiesInTheFolder starts where strangers have put what used to
// keep a server from starting, or to cost it minutes.
func TestStartWhateverLiesInTheFolder(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	dir := filepath.Join(data, "app", "streams", "one")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.MkdirAll(filepath.Join(dir, "cam.flv.part", "letters"), 0o755)) // no part of ours
	must(os.MkdirAll(filepath.Join(dir, ".recording", "none.json"), 0o755)) // no entry of a journal
	must(os.MkdirAll(filepath.Join(dir, strings.Repeat("d/", 500)), 0o755))
	must(syscall.Mkfifo(filepath.Join(dir, "pipe.flv"), 0o600))
	must(os.Symlink("/", filepath.Join(dir, "out")))
	must(os.Symlink("loop", filepath.Join(dir, "loop")))
	must(os.WriteFile(filepath.Join(dir, "empty.flv"), nil, 0o600))

	s, _ := runWith(t, Config{Data: data}, open)
	if names, page := listed(t, s, "/recordings?limit=5"); len(names) != 1 || names[0] != "app/one empty" || page.Next != "" {
		t.Errorf("%q, next %q", names, page.Next)
	}
	p := connect(t, s, "app/one").hello()
	p.on(1, "play", "pipe", 0.0, -1.0, true)
	p.expect("onStatus NetStream.Play.StreamNotFound")
	p.on(1, "publish", "cam", "record")
	p.expect("event 0", "onStatus NetStream.Publish.Start", "onStatus NetStream.Record.Start")
	audio(t, p, 0)
	p.on(1, "closeStream")
	p.expect("onStatus NetStream.Record.Stop", "onStatus NetStream.Unpublish.Success")
	if _, err := os.Stat(filepath.Join(dir, "cam.flv.part", "letters")); err != nil {
		t.Error(err)
	}
	if names, _ := listed(t, s, "/recordings"); len(names) != 2 || names[0] != "app/one cam" {
		t.Errorf("%q", names)
	}
}

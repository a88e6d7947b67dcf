package server

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/servertest"
	"flashpod.dev/flashpod/mediaserver/web"
)

// gate accepts clients whose page is right, and says why it does not.
const gate = `load("lib/words.asc");
application.onConnect = function (client, word) {
	if (client.pageUrl == words.right) return true;
	application.rejectConnection(client, {message: words.wrong + application.name + application.config.who});
};`

// TestApplicationsAsOldServersHadThem: a folder is served as it lies there, every
// instance of it, with its script and its configuration.
func TestApplicationsAsOldServersHadThem(t *testing.T) {
	t.Parallel()
	folder := servertest.WriteFiles(t, t.TempDir(),
		"gate/main.asc", gate, "gate/lib/words.asc", `words = {right: "http://right/", wrong: "not "};`,
		"gate/Application.xml", "<Application><MaxAppIdleTime>3600</MaxAppIdleTime><JSEngine><ApplicationObject><config><who>!</who></config></ApplicationObject></JSEngine><Client><Bandwidth>1</Bandwidth></Client></Application>",
		"open/readme.txt", "no script")
	servertest.WriteFLV(t, filepath.Join(mkdir(t, folder, "open/streams/room"), "film.flv"), servertest.Sound(1)...)
	var log servertest.Log
	s, stop := runWith(t, Config{Applications: folder, Log: log.Logger(0)})
	if !strings.Contains(log.String(), "Client/Bandwidth") {
		t.Error("the log does not say what is passed over")
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(log.String())
		}
	})
	for _, path := range []string{"gate", "gate/room"} {
		connect(t, s, path, "pageUrl", "http://right/").hello()
		said := connect(t, s, path, "pageUrl", "http://wrong/").expect("_error NetConnection.Connect.Rejected")
		reason, _ := said.Get("application")
		if text := servertestText(reason); !strings.Contains(text, "not gate/") || !strings.Contains(text, "!") {
			t.Errorf("%s: the reason is %s", path, text)
		}
	}
	c := connect(t, s, "open/room").hello()
	if !plays(t, c, "film") {
		t.Error("a recording where the old server had it does not play")
	}
	record(t, connect(t, s, "open/room").hello(), "cam")
	if _, err := os.Stat(filepath.Join(folder, "open", "streams", "room", "cam.flv")); err != nil {
		t.Error(err)
	}
	connect(t, s, "none").expect("_error NetConnection.Connect.InvalidApp")
	stop()
}

// TestAManifestOverrides a folder: it says which instances there are, and their script
// is the folder's.
func TestAManifestOverrides(t *testing.T) {
	t.Parallel()
	folder := servertest.WriteFiles(t, t.TempDir(), "gate/main.asc", "application.onConnect = function (c) { return c.pageUrl == 'x' }", "other/main.asc", "")
	s, _ := runWith(t, Config{Applications: folder, Data: t.TempDir()}, "{application: gate, instance: one, access: {publish: {mode: Anyone}}}")
	connect(t, s, "gate/one", "pageUrl", "x").hello()
	connect(t, s, "gate/one", "pageUrl", "y").expect("_error NetConnection.Connect.Rejected")
	connect(t, s, "gate/two", "pageUrl", "x").expect("_error NetConnection.Connect.Rejected")
	connect(t, s, "other/any").hello()
}

// TestScriptOfAManifest is in the folder that the command line names; without one the
// server does not start, and without a main script nobody is let in.
func TestScriptOfAManifest(t *testing.T) {
	t.Parallel()
	const spec = "{application: app, instance: one, onDemandInstances: true, access: {publish: {mode: Anyone}}, script: {configMap: {name: x}}}"
	if _, err := New(Config{Data: t.TempDir()}, docs(t, spec)); err == nil || !strings.Contains(err.Error(), "--script-folder") {
		t.Errorf("it starts without the script: %v", err)
	}
	folder := servertest.WriteFiles(t, t.TempDir(), "main.asc", "application.onConnect = function (c) { return c.pageUrl == 'x' }")
	s, _ := runWith(t, Config{ScriptFolder: folder}, spec)
	for _, path := range []string{"app/one", "app/two"} {
		connect(t, s, path, "pageUrl", "x").hello()
		connect(t, s, path, "pageUrl", "y").expect("_error NetConnection.Connect.Rejected")
	}
	empty, _ := runWith(t, Config{ScriptFolder: t.TempDir()}, spec)
	connect(t, empty, "app/one", "pageUrl", "x").expect("_error NetConnection.Connect.Rejected")
}

// TestScriptsAreLoadedAnew when their files have changed and stay so, and their
// clients are told; a folder without a main script changes nothing. Errors are told
// over HTTP.
func TestScriptsAreLoadedAnew(t *testing.T) {
	t.Parallel()
	beat := make(chan time.Time)
	folder := servertest.WriteFiles(t, t.TempDir(), "app/main.asc", "application.onConnect = function (c) { return c.pageUrl == '1' }")
	s, _ := runWith(t, Config{Applications: folder, clock: clock{beat: beat}})
	base := "http://" + s.HTTPAddr().String()
	one := connect(t, s, "app/room", "pageUrl", "1").hello()
	look := func() {
		for range 3 {
			beat <- time.Now()
		}
	}
	look()
	servertest.WriteFiles(t, folder, "app/streams/room/other.asc", "x", "app/notes.txt", "x")
	look()
	main := filepath.Join(folder, "app", "main.asc")
	if err := os.Rename(main, main+".bak"); err != nil {
		t.Fatal(err)
	}
	look()
	again := connect(t, s, "app/room", "pageUrl", "1").hello()
	servertest.WriteFiles(t, folder, "app/main.asc", "application.onConnect = function (c) { return c.pageUrl == '22' }")
	look()
	one.Until("onStatus NetConnection.Connect.AppShutdown")
	again.Until("onStatus NetConnection.Connect.AppShutdown")
	connect(t, s, "app/room", "pageUrl", "22").hello()
	connect(t, s, "app/room", "pageUrl", "1").expect("_error NetConnection.Connect.Rejected")

	stays := connect(t, s, "app/room", "pageUrl", "22").hello()
	servertest.WriteFiles(t, folder, "app/main.asc", "\nvar a = ;")
	look()
	servertest.Eventually(t, "it is told that the script cannot be loaded, and the one before runs", func() bool {
		r := servertest.AskFor[web.ScriptReport](t, base+"/script-errors?limit=1")
		return r.Failed != nil && r.Failed.Stale && !r.Failed.Fatal && r.Total == 1 && len(r.Errors) == 1 && r.Errors[0].Line == 2 && r.Errors[0].File == "main.asc" && strings.Contains(r.Errors[0].Message, "goes on as it was")
	})
	connect(t, s, "app/room", "pageUrl", "22").hello()
	plays(t, stays, "none") // is answered: the client is there

	servertest.WriteFiles(t, folder, "app/main.asc", "\n\nvar a = 1; nothing.there") // which shows when it is run
	look()
	servertest.Eventually(t, "it is told that the script fails, and the one before runs", func() bool {
		r := servertest.AskFor[web.ScriptReport](t, base+"/script-errors?limit=1")
		return r.Failed != nil && r.Failed.Stale && !r.Failed.Fatal && r.Failed.Line == 3 && strings.Contains(r.Failed.Message, "goes on as it was")
	})
	connect(t, s, "app/room", "pageUrl", "22").hello()
	plays(t, stays, "none")

	// What a script does outside of itself is not tried: this one fails when it is run.
	servertest.WriteFiles(t, folder, "app/main.asc", "SharedObject.get('seen');\nnothing.there")
	look()
	stays.Until("onStatus NetConnection.Connect.AppShutdown")
	servertest.Eventually(t, "it is told that the script does not run", func() bool {
		r := servertest.AskFor[web.ScriptReport](t, base+"/script-errors?limit=1")
		return r.Failed != nil && r.Failed.Fatal && !r.Failed.Stale && r.Failed.Line == 2 && r.Total > 1 && len(r.Errors) == 1
	})
	servertest.WriteFiles(t, folder, "app/main.asc", "application.onConnect = function (c) { return nothing.there }")
	look()
	servertest.Eventually(t, "it runs again", func() bool {
		return servertest.AskFor[web.ScriptReport](t, base+"/script-errors").Failed == nil
	})
	var r web.ScriptReport
	servertest.Eventually(t, "an error is told", func() bool {
		connect(t, s, "app/room").expect("_error NetConnection.Connect.Rejected")
		r = servertest.AskFor[web.ScriptReport](t, base+"/script-errors?limit=1")
		return r.Total > 2
	})
	if len(r.Errors) != 1 || r.Errors[0].File != "main.asc" || r.Errors[0].Line != 1 || r.Errors[0].Instance != "room" || r.Failed != nil {
		t.Errorf("it says %+v", r)
	}
}

// TestAnArchiveIsLoadedAnew when it alone has changed.
func TestAnArchiveIsLoadedAnew(t *testing.T) {
	t.Parallel()
	archive := func(page string) string {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		w, err := z.Create("main.asc")
		if err == nil {
			_, err = io.WriteString(w, "application.onConnect = function (c) { return c.pageUrl == '"+page+"' }")
		}
		if err := errors.Join(err, z.Close()); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	beat := make(chan time.Time)
	folder := servertest.WriteFiles(t, t.TempDir(), "app/main.far", archive("1"))
	s, _ := runWith(t, Config{Applications: folder, clock: clock{beat: beat}})
	one := connect(t, s, "app/room", "pageUrl", "1").hello()
	servertest.WriteFiles(t, folder, "app/main.far", archive("22"))
	for range 3 {
		select {
		case beat <- time.Now():
		case <-time.After(servertest.Patience):
			t.Fatal("nobody looks at the files")
		}
	}
	one.Until("onStatus NetConnection.Connect.AppShutdown")
	connect(t, s, "app/room", "pageUrl", "22").hello()
	connect(t, s, "app/room", "pageUrl", "1").expect("_error NetConnection.Connect.Rejected")
}

func mkdir(t *testing.T, folder, path string) string {
	t.Helper()
	at := filepath.Join(folder, filepath.FromSlash(path))
	if err := os.MkdirAll(at, 0o755); err != nil {
		t.Fatal(err)
	}
	return at
}

// servertestText shows a value of the wire.
func servertestText(v any) string { return fmt.Sprintf("%+v", v) }

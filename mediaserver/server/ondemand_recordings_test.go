package server

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/servertest"
	"flashpod.dev/flashpod/mediaserver/web"
)

// TestRecordingsOfInstancesThatAreNotLoaded are listed and deleted as others, for
// people of the house, whatever limits say; nothing stays loaded for that.
func TestRecordingsOfInstancesThatAreNotLoaded(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	streams := filepath.Join(data, "app", "streams")
	for _, name := range []string{"two/x", "two/in/y", "hall/in/deep/z", "one/w", "hall/plain/v"} {
		path := filepath.Join(streams, filepath.FromSlash(name)+".flv")
		servertest.WriteFLV(t, path, servertest.Sound(1)...)
	}
	for _, marked := range []string{"two/in", "hall/in", "hall/in/deep"} {
		if err := os.WriteFile(filepath.Join(streams, marked, ".instance"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, _ := runWith(t, Config{Data: data}, rooms+", limits: {maxInstances: 1}}")
	connect(t, s, "app/other").hello()
	want := []string{"app/hall plain/v", "app/hall/in/deep z", "app/one w", "app/two x", "app/two/in y"}
	names, _ := listed(t, s, "/recordings")
	if !slices.Equal(names, want) {
		t.Errorf("listed: %q", names)
	}
	var paged []string
	for next := "/recordings?limit=1"; next != ""; { // page by page
		names, page := listed(t, s, next)
		paged, next = append(paged, names...), page.Next
	}
	if !slices.Equal(paged, want) {
		t.Errorf("by pages: %q", paged)
	}
	if names, _ := listed(t, s, "/recordings?instance=app/two/in"); !slices.Equal(names, want[4:]) {
		t.Errorf("of one instance: %q", names)
	}
	if status, body := ask(t, s, "GET", "/recordings/app/hall%2Fin%2Fdeep/z"); status != 200 {
		t.Errorf("%d %s", status, body)
	}
	if status, body := ask(t, s, "DELETE", "/recordings/app/two%2Fin/y", "Connection", web.LocalToken); status != 204 {
		t.Errorf("%d %s", status, body)
	}
	if status, body := ask(t, s, "GET", "/recordings/app/none/y"); status != 404 || !strings.Contains(body, "not served here") {
		t.Errorf("%d %s", status, body)
	}
	servertest.Eventually(t, "nothing stays loaded", func() bool { return slices.Equal(loaded(s), []string{"other"}) })
	servertest.Eventually(t, "the folder goes with its last recording", func() bool {
		_, err := os.Stat(filepath.Join(streams, "two", "in"))
		return os.IsNotExist(err)
	})
}

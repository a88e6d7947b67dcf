package server

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

// A recording is a file of MP4 under its name, for whoever may play it.
func TestMP4(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	film := append([]flv.Tag{{Type: flv.TypeAudio, Data: []byte{0xaf, 0, 0x12, 0x10}}}, servertest.Sound(2)...)
	for _, name := range []string{"film", "both", "films/one", "v0-trailer"} {
		servertest.WriteFLV(t, data+"/app/streams/one/"+name+".flv", film...)
	}
	both := filepath.Join(data, "app/streams/one/both.mp4")
	if out, err := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine", "-t", "1", both).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	file, err := os.ReadFile(both)
	if err != nil {
		t.Fatal(err)
	}
	s, _ := runWith(t, Config{Data: data, WebAddress: anyAddress, WebOrigins: []string{"https://example.org"}, ScriptFolder: gateFolder(t)}, open,
		"{application: gate, instance: one, script: {configMap: {name: x}}}")
	for path, want := range map[string]int{
		"/app/one/film.mp4":       http.StatusOK,
		"/app/one/films/one.mp4":  http.StatusOK,
		"/app/one/both.mp4":       http.StatusOK,
		"/app/one/none.mp4":       http.StatusNotFound,
		"/none/one/film.mp4":      http.StatusNotFound,
		"/gate/one/film.mp4":      http.StatusForbidden,
		"/app/one/v0-trailer.mp4": http.StatusOK, // not one of HLS's files
		"/app/one/%2e%2e/one.mp4": http.StatusNotFound,
	} {
		status, header, said := page(t, s, path, "https://example.org")
		if status != want || header.Get("Access-Control-Allow-Origin") != "https://example.org" {
			t.Errorf("%s: %d %v: %.200s", path, status, header, said)
		}
		if want == http.StatusOK && (!strings.Contains(said[:min(20, len(said))], "ftyp") || (said == string(file)) != (path == "/app/one/both.mp4")) {
			t.Errorf("%s: %d bytes, %.20q", path, len(said), said)
		}
	}
	url := "http://" + s.WebAddr().String() + "/app/one/film.mp4"
	if status, b := servertest.Ask(t, http.MethodGet, url+"?download=1", "Range", "bytes=4-7"); status != http.StatusPartialContent || b != "ftyp" {
		t.Errorf("%d %.100q", status, b)
	}
}

// Where viewers need a key, it is in the URL or the header, as for all ways.
func TestKeysOfMP4(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	servertest.WriteFLV(t, data+"/app/streams/one/film.flv", append([]flv.Tag{{Type: flv.TypeAudio, Data: []byte{0xaf, 0, 0x12, 0x10}}}, servertest.Sound(2)...)...)
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte("the-key-of-the-house"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, _ := runWith(t, Config{Data: data, WebAddress: anyAddress, PublishKeyFile: file}, "{application: app, instance: one, access: {play: {mode: Key}}}")
	for query, want := range map[string]int{"": http.StatusForbidden, "?key=the-key-of-the-house&download=1": http.StatusOK} {
		if status, said := servertest.Ask(t, http.MethodHead, "http://"+s.WebAddr().String()+"/app/one/film.mp4"+query); status != want {
			t.Errorf("%q: %d %s", query, status, said)
		}
	}
}

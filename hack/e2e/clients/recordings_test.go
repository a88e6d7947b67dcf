//go:build clients

package clients

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What an operator does with recorded streams at the command line: of a server
// that runs, and of a folder from which none serves.
func TestRecordingsCommand(t *testing.T) {
	s := serve(t, "recording: {mode: OnRequest}", "")
	if err := os.MkdirAll(filepath.Join(s.streams(), "folder"), 0o755); err != nil {
		t.Fatal(err)
	}
	film(t, filepath.Join(s.streams(), "film.flv"), 4)
	film(t, filepath.Join(s.streams(), "folder", "second take.flv"), 2)
	keyFile := filepath.Join(s.data, "live", "keys", "_definst_.key")

	table := run(t, program(t), "recordings", "--url", s.http)
	for _, want := range []string{"INSTANCE", "live/_definst_  film", "4.0s", "KiB", "folder/second take", "2.0s"} {
		if !strings.Contains(table, want) {
			t.Errorf("the table lacks %q:\n%s", want, table)
		}
	}
	var one struct{ Name, Instance string }
	if err := json.Unmarshal([]byte(run(t, program(t), "recordings", "info", "folder/second take", "--instance", "live", "--url", s.http, "-o", "json")), &one); err != nil || one.Name != "folder/second take" || one.Instance != "_definst_" {
		t.Errorf("%+v, %v", one, err)
	}
	fails := func(want string, args ...string) {
		t.Helper()
		out, err := exec.Command(program(t), append([]string{"recordings"}, args...)...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), want) {
			t.Errorf("%v: %v, %q does not say %q", args, err, out, want)
		}
	}
	wrong := filepath.Join(t.TempDir(), "wrong")
	if err := os.WriteFile(wrong, []byte("wrong\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	fails("add --instance", "delete", "film", "--url", s.http)
	fails("needs the publish key", "delete", "film", "--instance", "live", "--url", s.http)
	fails("not the publish key", "delete", "film", "--instance", "live", "--url", s.http, "--key-file", wrong)
	fails("is not recorded", "info", "nothing", "--instance", "live", "--url", s.http)
	fails("is not served here", "info", "film", "--instance", "other", "--url", s.http)
	fails("another flashpod serves from it", "--data", s.data)
	fails("is it a Flashpod server", "--url", s.http+"/nothing")
	fails("connection refused", "--url", "http://127.0.0.1:1")
	fails("it is http://HOST:PORT", "--url", s.url)
	fails("choose table or json", "-o", "xml")

	run(t, program(t), "recordings", "delete", "film", "--instance", "live", "--url", s.http, "--key-file", keyFile)
	t.Setenv("FLASHPOD_PUBLISH_KEY", strings.TrimSpace(read(t, keyFile)))
	run(t, program(t), "recordings", "delete", "folder/second take", "--instance", "live/_definst_", "--url", s.http)
	if out := run(t, program(t), "recordings", "list", "--url", s.http, "-o", "json"); strings.TrimSpace(out) != "[]" {
		t.Errorf("left: %s", out)
	}

	film(t, filepath.Join(s.streams(), "film.flv"), 1)
	s.stop()
	if table := run(t, program(t), "recordings", "--data", s.data); !strings.Contains(table, "live/_definst_  film  1.0s") {
		t.Errorf("offline:\n%s", table)
	}
	run(t, program(t), "recordings", "delete", "film", "--instance", "live", "--data", s.data)
	fails("is not recorded", "delete", "film", "--instance", "live", "--data", s.data)
}

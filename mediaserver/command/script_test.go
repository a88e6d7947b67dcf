package command

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/servertest"
)

// TestScriptCheck says what is lacking, and ends with the code that says so.
func TestScriptCheck(t *testing.T) {
	t.Parallel()
	good := servertest.WriteFiles(t, filepath.Join(t.TempDir(), "chat"), "chat.asc", "load('users.asc'); for each (var x in {}) {}", "users.asc", "trace(1)")
	bad := servertest.WriteFiles(t, t.TempDir(), "main.asc", "load('users.asc');\nload('lib.asc');\nx = new NetGroup(1)")
	library := servertest.WriteFiles(t, t.TempDir(), "lib.asc", "trace(1)")
	outside := servertest.WriteFiles(t, t.TempDir(), "main.asc", "load('secret.asc')")
	if err := os.Symlink(filepath.Join(good, "users.asc"), filepath.Join(outside, "secret.asc")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		code int
		says string
		args []string
	}{
		{0, "2 files were looked into, and nothing is lacking; old servers had 1 thing in another way (--all).", []string{good}},
		{0, "note: chat.asc:1:24: for each", []string{good, "--all"}},
		{1, "main.asc:3:9: NetGroup of Flash Media Server is not here\n", []string{bad}},
		{1, "main.asc:1:1: load users.asc: there is no such file", []string{bad, "--library", library}},
		{1, "3 things are lacking", []string{bad}},
		{1, "2 things are lacking", []string{bad, "--library", library}},
		{1, "no main.asc", []string{good, "--application", "other"}},
		{1, "load secret.asc", []string{outside}},
		{2, "no such file", []string{filepath.Join(good, "none")}},
		{2, "is not a folder", []string{filepath.Join(good, "users.asc")}},
		{2, "--library", []string{good, "--library", filepath.Join(good, "none")}},
		{2, "choose text or json", []string{good, "-o", "yaml"}},
		{2, "check needs FOLDER", nil},
		{0, "scripts/main.far, main.far", []string{"--help"}},
	} {
		out, err := flashpod(t.Context(), nil, append([]string{"script", "check"}, c.args...)...)
		if err != nil {
			out += err.Error()
		}
		if exitCode(err) != c.code || !strings.Contains(out, c.says) {
			t.Errorf("%q ends with %d and says %q: want %d and %q", c.args, exitCode(err), out, c.code, c.says)
		}
	}
	out, err := flashpod(t.Context(), nil, "script", "check", bad, "-o", "json")
	var said checkedScript
	if json.Unmarshal([]byte(out), &said) != nil || exitCode(err) != 1 || said.Main != "main.asc" || len(said.Lacking) != 3 || said.Lacking[2].Line != 3 {
		t.Errorf("%v\n%s", err, out)
	}
}

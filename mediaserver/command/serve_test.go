package command

import (
	"bytes"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What ends a server is the last line that it says, and one line: in a pod it
// becomes the reason that people are shown.
func TestTheLastLineIsTheCause(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const head = "apiVersion: media.flashpod.dev/v1alpha1\nkind: AppInstance\nmetadata: {name: one}\nspec: "
	good := file("good.yaml", head+"{application: app}")
	running := serveOne(t, "")
	taken := running.RTMPAddr().String()
	locked := filepath.Dir(running.ca)                         // its certificate lies in its data folder
	if web, err := net.Listen("tcp", defaultWeb); err == nil { // else somebody has it
		defer web.Close()
	}

	for _, c := range []struct {
		name string
		args []string
		want []string // all in the last line
	}{
		{"port taken", []string{"-f", good, "--data", filepath.Join(dir, "a"), "--rtmp-address", taken},
			[]string{"listen for RTMP on " + taken, "address already in use", "--rtmp-address"}},
		{"HTTP port taken", []string{"-f", good, "--data", filepath.Join(dir, "b"), "--http-address", taken},
			[]string{"listen for HTTP on " + taken, "address already in use", "--http-address"}},
		{"the web's port taken", []string{"-f", file("web.yaml", head+"{application: app, web: {}}"), "--data", filepath.Join(dir, "g")},
			[]string{"listen for the web on " + defaultWeb, "address already in use", "--web-address"}},
		{"RTMPS without a certificate", []string{"-f", good, "--data", filepath.Join(dir, "c"), "--rtmps-address", "127.0.0.1:0"},
			[]string{"--tls-cert-file", "--tls-key-file"}},
		{"data folder locked", []string{"-f", good, "--data", locked},
			[]string{"data folder " + locked, "another flashpod serves from it"}},
		{"data folder not writable", []string{"-f", good, "--data", filepath.Join(good, "data")},
			[]string{"data folder", "good.yaml", "not a directory"}},
		{"wrong manifest", []string{"-f", file("wrong.yaml", head+"{application: app, colour: red, size: 1}"), "--data", filepath.Join(dir, "d")},
			[]string{"read manifest", "wrong.yaml", `unknown field "spec.colour"`, `unknown field "spec.size"`}},
		{"no YAML", []string{"-f", file("none.yaml", head+"{application: app\n  - x: [\n"), "--data", filepath.Join(dir, "e")},
			[]string{"read manifest", "none.yaml", "not YAML"}},
		{"several wrong fields", []string{"-f", file("fields.yaml", head+"{application: '', limits: {maxStreams: -1}}"), "--data", filepath.Join(dir, "f")},
			[]string{"spec.application", "spec.limits.maxStreams"}},
	} {
		for _, format := range []string{"text", "json"} {
			t.Run(c.name+" "+format, func(t *testing.T) {
				last := lastLine(t, append([]string{"serve", "--log-format", format, "--rtmp-address", "127.0.0.1:0", "--http-address", "127.0.0.1:0"}, c.args...)...)
				if !strings.HasPrefix(last, "flashpod: ") || len(last) > 512 {
					t.Errorf("the last line is %q", last)
				}
				for _, want := range c.want {
					if !strings.Contains(last, want) {
						t.Errorf("the last line %q does not say %q", last, want)
					}
				}
			})
		}
	}
	nc, err := net.Dial("tcp", taken)
	if err != nil {
		t.Fatalf("the one that runs was disturbed: %v", err)
	}
	nc.Close()
}

// lastLine runs a command line in a process of its own, which is to fail, and
// returns the last line that it says.
func lastLine(t *testing.T, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), asProgram+"=1", "GORACE=atexit_sleep_ms=0")
	cmd.Stdout, cmd.Stderr = &out, &out // as kubelet logs both
	var exit *exec.ExitError
	if err := cmd.Run(); !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Fatalf("%v, want exit code 1\n%s", err, &out)
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	return lines[len(lines)-1]
}

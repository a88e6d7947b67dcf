//go:build e2e

package cluster

import (
	"bufio"
	"os/exec"
	"runtime"
	"strings"
	"testing"
)

// flashpod is the program as a user has it on a terminal.
func flashpod(t *testing.T, args ...string) *exec.Cmd {
	return exec.CommandContext(t.Context(), "../../../bin/linux-"+runtime.GOARCH+"/flashpod", args...)
}

// shares has two clients use a persistent object: what one writes the other sees.
func shares(t *testing.T, url, text string) {
	t.Helper()
	watch := flashpod(t, "shared-object", "watch", url, "wall", "--persistent", "-o", "json")
	out, err := watch.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := watch.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = watch.Process.Kill()
		_ = watch.Wait() // it was killed
	}()
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		t.Fatalf("nothing is seen of the object: %v", lines.Err())
	}
	if said, err := flashpod(t, "shared-object", "set", url, "wall", "topic", `"`+text+`"`, "--persistent").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	for lines.Scan() {
		if strings.Contains(lines.Text(), text) {
			return
		}
	}
	t.Fatalf("the other client has not seen what was written: %v", lines.Err())
}

// remembered is what a client finds in that object.
func remembered(t *testing.T, url string) string {
	t.Helper()
	out, err := flashpod(t, "shared-object", "get", url, "wall", "topic", "--persistent").CombinedOutput()
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
	return strings.Trim(string(out), "\"\n")
}

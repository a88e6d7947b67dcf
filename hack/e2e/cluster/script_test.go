//go:build e2e

package cluster

import (
	"bufio"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// scriptPatience is for what comes of an edit: a ConfigMap is on a node's disk within a
// minute or two, where kubelet was not told to look, and a server with a script is asked
// for its errors every ten seconds then, or once a minute.
const scriptPatience = 4 * time.Minute

// call calls a method of the chat room as somebody.
func call(t *testing.T, url, who, method string, args ...string) string {
	out, _ := flashpod(t, append([]string{"call", url, method, "-o", "json", "--connect", who}, args...)...).CombinedOutput()
	return strings.TrimSpace(string(out))
}

// wall is what is written on the chat room's, as somebody reads it.
func wall(t *testing.T, url, who string) string {
	out, _ := flashpod(t, "shared-object", "get", url, "wall", "lines", "--persistent", "-o", "json", "--connect", who).CombinedOutput()
	return string(out)
}

// watches has somebody look at the wall; seen waits for words there.
func watches(t *testing.T, url, who string) (seen func(text string)) {
	t.Helper()
	watch := flashpod(t, "shared-object", "watch", url, "wall", "--persistent", "-o", "json", "--connect", who)
	out, err := watch.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := watch.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = watch.Process.Kill()
		_ = watch.Wait() // it was killed, or told to go
	})
	lines := bufio.NewScanner(out)
	return func(text string) {
		t.Helper()
		for lines.Scan() {
			if strings.Contains(lines.Text(), text) {
				return
			}
		}
		t.Fatalf("%s has not seen %q: %v", who, text, lines.Err())
	}
}

// script writes main.asc into the ConfigMap of the chat room.
func (w *world) script(text string) {
	w.t.Helper()
	patch, err := json.Marshal(map[string]any{"data": map[string]string{"main.asc": text}})
	if err != nil {
		w.t.Fatal(err)
	}
	w.kubectl("patch", "configmap", "chatroom-script", "--type=merge", "--patch", string(patch))
}

// The chat room of the samples: clients meet in it, its wall outlives the pod, an edit
// of the script counts without a restart, and a script that cannot be read says where.
func TestScript(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "e2e-script")
	w.kubectl("apply", "-k", "../../../config/samples/applications/chatRoom")
	url := w.ready("lobby")
	seen := watches(t, url, `"anna"`)
	seen("") // she is in
	if got := call(t, url, `"ben"`, "say", `"hello"`); got != "true" {
		t.Fatalf("ben says hello: %s", got)
	}
	seen("hello")
	until(t, patience, "both to be in the room", func() bool {
		got := call(t, url, `"ben"`, "who")
		return strings.Contains(got, `"anna"`) && strings.Contains(got, `"ben"`)
	})
	for _, c := range []struct{ who, want string }{{`""`, "Tell me your name"}, {`"anna"`, "There is a anna in this room"}} {
		if got := call(t, url, c.who, "who"); !strings.Contains(got, "NetConnection.Connect.Rejected") || !strings.Contains(got, c.want) {
			t.Errorf("%s is told %s", c.who, got)
		}
	}
	if got := wall(t, strings.TrimSuffix(url, "lobby")+"kitchen", `"anna"`); strings.Contains(got, "hello") {
		t.Errorf("another room has the same wall: %s", got)
	}
	w.anotherPod("lobby")
	if got := wall(t, url, `"anna"`); !strings.Contains(got, "hello") {
		t.Errorf("after the pod was deleted, the wall has %s", got)
	}
	w.editsOfAScript(url)
}

// anotherPod deletes the pod of an instance, and waits for the next.
func (w *world) anotherPod(name string) {
	w.t.Helper()
	uid := w.kubectl("get", "pod", name+"-0", "-o", "jsonpath={.metadata.uid}")
	w.kubectl("delete", "pod", name+"-0", "--wait=false")
	until(w.t, patience, "another pod to be ready", func() bool {
		now := w.try("get", "pod", name+"-0", "-o", `jsonpath={.metadata.uid} {.status.conditions[?(@.type=="Ready")].status}`)
		return strings.HasSuffix(now, "True") && !strings.HasPrefix(now, uid)
	})
	w.ready(name)
}

func (w *world) editsOfAScript(url string) {
	w.t.Helper()
	text := sample(w.t, "applications/chatRoom/main.asc")
	pod := w.kubectl("get", "pod", "lobby-0", "-o", "jsonpath={.metadata.uid} {.status.containerStatuses[0].restartCount}")
	began := time.Now()
	took := func(what string) { w.t.Logf("%s after %v", what, time.Since(began).Round(100*time.Millisecond)) }

	w.script(text + "\nClient.prototype.version = function() { return 2; };\n")
	until(w.t, scriptPatience, "the new script to answer", func() bool { return call(w.t, url, `"ben"`, "version") == "2" })
	took("an edit counts")
	if got := wall(w.t, url, `"anna"`); !strings.Contains(got, "hello") {
		w.t.Errorf("after an edit of the script, the wall has %s", got)
	}

	began = time.Now()
	w.script(text + "\nvar broken = ;\n")
	where := fmt.Sprintf("main.asc:%d", strings.Count(text, "\n")+2)
	until(w.t, scriptPatience, "the instance to say "+where, func() bool {
		got := w.reason("lobby")
		return strings.HasPrefix(got, "False ScriptFailed") && strings.Contains(got, where)
	})
	took("the mistake is in status")
	until(w.t, patience, "an event to say "+where, func() bool {
		return strings.Contains(w.try("get", "events", "--field-selector", "involvedObject.kind=AppInstance,type=Warning", "-o", "jsonpath={.items[*]['message','note']}"), where)
	})
	if got := w.kubectl("get", "appinstance", "lobby", "-o", "jsonpath={.status.script.lastError}"); !strings.Contains(got, where) {
		w.t.Errorf("status.script.lastError is %q", got)
	}
	if got := call(w.t, url, `"ben"`, "who"); !strings.Contains(got, "ben") || strings.Contains(got, "NetConnection.Connect") {
		w.t.Errorf("a client of a script that goes on as it was is told %s", got)
	}

	began = time.Now()
	w.script(text)
	until(w.t, scriptPatience, "it to serve again", func() bool { return strings.HasPrefix(w.reason("lobby"), "True Serving") })
	took("it is mended")
	if got := wall(w.t, url, `"anna"`); !strings.Contains(got, "hello") {
		w.t.Errorf("after a mistake was mended, the wall has %s", got)
	}
	if now := w.kubectl("get", "pod", "lobby-0", "-o", "jsonpath={.metadata.uid} {.status.containerStatuses[0].restartCount}"); now != pod {
		w.t.Errorf("the pod was restarted: %s, was %s", now, pod)
	}
}

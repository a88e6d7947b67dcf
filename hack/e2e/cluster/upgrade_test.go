//go:build e2e

package cluster

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// operator scales the operator.
func (w *world) operator(replicas int) {
	w.t.Helper()
	w.kubectl("scale", "deployment", "flashpod-operator", "--namespace", "flashpod-system", fmt.Sprintf("--replicas=%d", replicas))
	until(w.t, patience, "the operator to be scaled", func() bool {
		pods := strings.Fields(w.try("get", "pods", "--namespace", "flashpod-system", "-l", "app.kubernetes.io/name=flashpod-operator", "-o", "name"))
		return len(pods) == replicas
	})
	if replicas > 0 {
		w.kubectl("rollout", "status", "deployment", "flashpod-operator", "--namespace", "flashpod-system", "--timeout=2m")
	}
}

// An installation as the operator of 3dc204b left it, with a recording that is
// being written and a key that encoders know, is taken over by this operator:
// the servers are restarted one after another, and nothing is lost.
func TestUpgradeFromTheOperatorBefore(t *testing.T) {
	w := newWorld(t, "e2e-upgrade")
	text, err := os.ReadFile("testdata/children-3dc204b.yaml")
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"one", "two"}
	w.operator(0)
	t.Cleanup(func() { w.operator(1) })
	for _, name := range names {
		w.createOld(name, string(text))
	}
	pods := map[string]string{}
	for _, name := range names {
		w.kubectl("wait", "--for=jsonpath={.status.readyReplicas}=1", "statefulset", name, "--timeout=2m")
		pods[name] = w.kubectl("get", "pod", name+"-0", "-o", "jsonpath={.metadata.uid}")
	}
	old := "rtmp://" + w.address("one") + "/archive/main"
	until(t, patience, "the server to be reached", func() bool { return reached(old) })
	film := publish(t, old+"/show?key=old-key-of-", "5")
	film.wait()
	if film.err != nil {
		t.Fatalf("publish: %v\n%s", film.err, film.out.String())
	}
	before := pictures(t, old+"/show")

	turns := run(t, "kubectl", "--namespace", w.ns, "get", "pods", "--watch", "--output-watch-events", "-o", `jsonpath={.object.metadata.name} {.object.metadata.uid} {.object.status.conditions[?(@.type=="Ready")].status}{"\n"}`)
	w.operator(1)
	until(t, 2*patience, "both to be restarted and ready", func() bool {
		for _, name := range names {
			if !w.status(name).is("Ready") || w.try("get", "pod", name+"-0", "-o", "jsonpath={.metadata.uid}") == pods[name] || w.pending(name) {
				return false
			}
		}
		return true
	})
	uids := podsInTurn(t, turns.text())
	for _, name := range names {
		if len(uids[name]) != 2 {
			t.Errorf("%s had %d pods, where one restart was due", name, len(uids[name]))
		}
		if key := w.key(name); key != "old-key-of-" {
			t.Errorf("the key of %s is %q", name, key)
		}
		if labels := w.kubectl("get", "pvc", "data-"+name+"-0", "-o", "jsonpath={.metadata.labels}"); strings.Contains(labels, "app.kubernetes.io/instance") || !strings.Contains(labels, "media.flashpod.dev/instance") {
			t.Errorf("the claim of %s is labelled %s", name, labels)
		}
	}
	until(t, patience, "the server to be reached", func() bool { return reached(old) })
	if after := pictures(t, old+"/show"); after != before {
		t.Errorf("%d pictures of %d are left", after, before)
	}
	again := publish(t, old+"/more?key=old-key-of-", "1")
	again.wait()
	if again.err != nil {
		t.Errorf("the key before is not good any more: %v\n%s", again.err, again.out.String())
	}
}

// createOld creates an instance, and its children as the operator before made
// them.
func (w *world) createOld(name, children string) {
	w.t.Helper()
	if out, err := w.apply("apiVersion: media.flashpod.dev/v1alpha1\nkind: AppInstance\nmetadata: {name: " + name + "}\nspec: {application: archive, instance: main, recording: {mode: All}, storage: {size: 1Gi}}"); err != nil {
		w.t.Fatalf("%v\n%s", err, out)
	}
	uid := w.kubectl("get", "appinstance", name, "-o", "jsonpath={.metadata.uid}")
	children = strings.NewReplacer("NAMESPACE", w.ns, "NAME", name, "UID", uid, "KEY", "b2xkLWtleS1vZi0=").Replace(children)
	file := filepath.Join(w.t.TempDir(), name+".yaml")
	if err := os.WriteFile(file, []byte(children), 0o600); err != nil {
		w.t.Fatal(err)
	}
	w.kubectl("apply", "--server-side", "--field-manager=flashpod-operator", "--filename", file)
}

// podsInTurn are the pods that each instance had, of a watch whose lines are the
// name of a pod, its UID and whether it is ready: of the two instances one has to
// serve at any time.
func podsInTurn(t *testing.T, watched string) map[string]map[string]bool {
	t.Helper()
	down := map[string]bool{}
	uids := map[string]map[string]bool{"one": {}, "two": {}}
	for line := range strings.Lines(watched) {
		var pod, uid, ready string
		if n, _ := fmt.Sscan(line, &pod, &uid, &ready); n < 2 {
			continue
		}
		name := strings.TrimSuffix(pod, "-0")
		uids[name][uid] = true
		down[name] = ready != "True"
		if down["one"] && down["two"] {
			t.Errorf("both were down at once: %s", line)
		}
	}
	return uids
}

func (w *world) pending(name string) bool {
	w.t.Helper()
	for _, c := range w.status(name).Status.Conditions {
		if c.Type == "UpgradePending" {
			return true
		}
	}
	return false
}

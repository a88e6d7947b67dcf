//go:build e2e

package cluster

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

const charts = "../../../charts/"

// helm runs Helm in the namespace and returns what it prints.
func (w *world) helm(args ...string) string {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, os.Getenv("HELM"), append([]string{"--namespace", w.ns}, args...)...).CombinedOutput()
	if err != nil {
		w.t.Fatalf("helm %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// From an empty cluster to an empty one with Helm: install, publish, play, a
// mistake that is corrected, another key, an upgrade of the operator, and what
// stays when all is uninstalled.
func TestHelmFromInstallToUninstall(t *testing.T) {
	if os.Getenv("HELM") == "" {
		t.Fatal("HELM names no program: make run-e2e builds it")
	}
	w := newWorld(t, "e2e-helm")
	system := &world{t, "flashpod-system"}
	system.kubectl("delete", "-k", "../../../config/default", "--ignore-not-found", "--wait")
	t.Cleanup(func() {
		system.kubectl("apply", "--server-side", "--force-conflicts", "-k", "../../../config/default")
		system.kubectl("rollout", "status", "deployment", "flashpod-operator", "--timeout=2m")
	})

	notes := system.helm("install", "flashpod", charts+"flashpod", "--create-namespace", "--wait", "--timeout=2m")
	if !strings.Contains(notes, "kubectl apply --namespace default") {
		t.Errorf("the notes do not say how to go on:\n%s", notes)
	}
	notes = w.helm("install", "lobby", charts+"flashpod-instance", "--set", "spec.application=chatRoom", "--set", "spec.storage.size=1Gi", "--wait", "--timeout=2m")
	for _, want := range []string{"ffmpeg", "ffplay", "kubectl get secret"} {
		if !strings.Contains(notes, want) {
			t.Errorf("the notes have no line to paste with %s:\n%s", want, notes)
		}
	}
	// Helm has waited: kstatus calls it current when it serves.
	if !w.status("lobby").is("Ready") {
		t.Error("helm install --wait came back before the instance was ready")
	}
	url := w.ready("lobby")
	publish(t, url+"/cam?key="+w.key("lobby"), lasting)
	plays(t, url+"/cam", 25, "-read_intervals", "%+2")
	uid := w.kubectl("get", "pod", "lobby-0", "-o", "jsonpath={.metadata.uid}")

	system.helm("upgrade", "flashpod", charts+"flashpod", "--reuse-values", "--set", "maxConcurrentRollouts=2", "--wait", "--timeout=2m")
	w.waitReason("lobby", "True Serving")
	if now := w.kubectl("get", "pod", "lobby-0", "-o", "jsonpath={.metadata.uid}"); now != uid {
		t.Error("an upgrade of the operator that changes no pod has restarted the server")
	}

	w.helm("upgrade", "lobby", charts+"flashpod-instance", "--reuse-values", "--set", "spec.image=flashpod.dev/nothing:here")
	w.waitReason("lobby", "False ImagePullFailed")
	w.helm("rollback", "lobby", "--wait", "--timeout=2m")
	w.waitReason("lobby", "True Serving")

	const fresh = "a-key-of-our-own-for-this-test"
	w.kubectl("patch", "secret", "lobby-publish-key", "--patch", fmt.Sprintf(`{"stringData":{"key":%q}}`, fresh))
	until(t, patience, "the new key to be good", func() bool {
		m := publish(t, url+"/again?key="+fresh, "0.5")
		m.wait()
		return m.err == nil
	})

	w.helmUninstalls(system)
}

// helmUninstalls removes the instance, whose key and volume stay, and then the
// operator, whose definition stays, and with it every AppInstance.
func (w *world) helmUninstalls(system *world) {
	t := w.t
	t.Helper()
	w.helm("uninstall", "lobby", "--wait", "--timeout=2m")
	until(t, patience, "the server to be gone", func() bool { return !strings.Contains(w.try("get", "pods", "-o", "name"), "lobby-0") })
	if left := w.kubectl("get", "secrets,pvc", "-o", "name"); !strings.Contains(left, "secret/lobby-publish-key") || !strings.Contains(left, "persistentvolumeclaim/data-lobby-0") {
		t.Errorf("volume and key did not stay:\n%s", left)
	}
	system.helm("uninstall", "flashpod", "--wait", "--timeout=2m")
	if crd := w.try("get", "crd", "appinstances.media.flashpod.dev", "-o", "name"); !strings.Contains(crd, "appinstances") {
		t.Errorf("the definition went with the release, and every AppInstance with it: %s", crd)
	}
	if left := w.try("get", "deployments,clusterroles,clusterrolebindings,validatingadmissionpolicies", "--all-namespaces", "-o", "name"); strings.Contains(left, "flashpod") {
		t.Errorf("left over:\n%s", left)
	}
}

//go:build e2e

package cluster

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"flashpod.dev/flashpod/hack/e2e/selfsigned"
)

func sample(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("../../../config/samples", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func (w *world) applySample(name string) string {
	w.t.Helper()
	out, err := w.apply(sample(w.t, name))
	if err != nil {
		w.t.Fatalf("apply %s: %v\n%s", name, err, out)
	}
	return out
}

func TestPublishWithTheKeyAndPlay(t *testing.T) {
	w := newWorld(t, "e2e-key")
	w.applySample("lobby.yaml")
	url := w.ready("lobby")
	if !strings.HasSuffix(url, "/chatRoom/lobby") {
		t.Fatalf("url %s", url)
	}
	refused := publish(t, url+"/cam", "5")
	refused.wait()
	if refused.err == nil {
		t.Error("published without the key")
	}
	publish(t, url+"/cam?key="+w.key("lobby"), lasting)
	plays(t, url+"/cam", 25, "-read_intervals", "%+2")

	got := w.kubectl("get", "appinstances")
	for _, want := range []string{"READY", "REASON", "URL", "AGE", "True", "Serving", url} {
		if !strings.Contains(got, want) {
			t.Errorf("kubectl get appinstances shows no %s:\n%s", want, got)
		}
	}
	if w.kubectl("get", "ai", "-o", "name") != w.kubectl("get", "flashpod", "-o", "name") {
		t.Error("the short name and the category list different things")
	}
	story := w.kubectl("describe", "appinstance", "lobby")
	for _, want := range []string{"AddressAssigned", "the media server takes connections", "clients connect to " + url} {
		if !strings.Contains(story, want) {
			t.Errorf("kubectl describe does not tell %q:\n%s", want, story)
		}
	}
	if log := w.kubectl("logs", "lobby-0"); strings.Contains(log, w.key("lobby")) {
		t.Error("the key is in the log")
	}
}

// The server's pod is deleted in the middle of a recording: what was recorded
// is there when the next pod serves, and when the AppInstance is gone; and so is
// what clients have written into a persistent shared object.
func TestRecordingOutlivesPodAndInstance(t *testing.T) {
	w := newWorld(t, "e2e-archive")
	w.applySample("archive.yaml")
	url := w.ready("archive")
	key := w.key("archive")
	encoder := publish(t, url+"/show?key="+key, lasting)
	folder := w.volume("data-archive-0")
	var file string
	until(t, patience, "a few seconds to be recorded", func() bool {
		files, _ := filepath.Glob(filepath.Join(folder, "archive", "streams", "main", "show-*.flv"))
		if len(files) == 0 {
			return false
		}
		file = files[0]
		info, err := os.Stat(file)
		return err == nil && info.Size() > 400e3
	})
	const topic = "Flash is back"
	shares(t, url, topic)
	uid := w.kubectl("get", "pod", "archive-0", "-o", "jsonpath={.metadata.uid}")
	before := pictures(t, file)
	w.kubectl("delete", "pod", "archive-0", "--wait=false")
	encoder.wait() // told to go, or cut off
	until(t, patience, "another pod to be ready", func() bool {
		now := w.try("get", "pod", "archive-0", "-o", `jsonpath={.metadata.uid} {.status.conditions[?(@.type=="Ready")].status}`)
		return strings.HasSuffix(now, "True") && !strings.HasPrefix(now, uid)
	})
	w.ready("archive")
	// As a recording: the stream was live a moment ago, and would be waited for.
	n := pictures(t, url+"/show", "-rtmp_live", "recorded")
	if n < before {
		t.Errorf("%d pictures are left of %d", n, before)
	}
	if inFile := pictures(t, file); inFile != n {
		t.Errorf("%d pictures play, %d are in the file", n, inFile)
	}
	if got := remembered(t, url); got != topic {
		t.Errorf("after the pod was deleted, the shared object has %q", got)
	}

	w.kubectl("delete", "appinstance", "archive")
	until(t, patience, "everything but volume and key to be gone", func() bool {
		return !strings.Contains(w.try("get", "all,configmaps,serviceaccounts,networkpolicies", "-o", "name"), "/archive")
	})
	if _, err := os.Stat(file); err != nil {
		t.Fatalf("the recording is gone: %v", err)
	}
	w.applySample("archive.yaml")
	url = w.ready("archive")
	if w.key("archive") != key {
		t.Error("the key did not outlive its AppInstance")
	}
	if again := pictures(t, url+"/show", "-rtmp_live", "recorded"); again != n {
		t.Errorf("applied again, it plays %d pictures of %d", again, n)
	}
	if got := remembered(t, url); got != topic {
		t.Errorf("applied again, the shared object has %q", got)
	}
}

// volume is the folder that holds a claim's files.
func (w *world) volume(claim string) string {
	w.t.Helper()
	root := os.Getenv("FLASHPOD_VOLUMES")
	name := w.kubectl("get", "pvc", claim, "-o", "jsonpath={.spec.volumeName}")
	path := w.kubectl("get", "pv", name, "-o", "jsonpath={.spec.local.path}")
	if root == "" || path == "" {
		w.t.Fatalf("claim %s: volume %q at %q, FLASHPOD_VOLUMES is %q", claim, name, path, root)
	}
	return filepath.Join(root, filepath.Base(path))
}

func TestNonsenseIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "e2e-nonsense")
	const head = "apiVersion: media.flashpod.dev/v1alpha1\nkind: AppInstance\nmetadata: {name: a}\n"
	for _, c := range []struct{ spec, want string }{
		{"spec: {application: a, colour: red}", `unknown field "spec.colour"`},
		{"spec: {application: a/b}", "must be of letters, digits, '_', '-' and '.', and not begin with a dot"},
		{"spec: {application: a, recording: {mode: Sometimes}}", `supported values: "OnRequest", "All", "Off"`},
		{"spec: {application: a, access: {publish: {mode: Anyone, secretName: s}}}", "secretName needs mode Key"},
	} {
		out, err := w.apply(head + c.spec)
		if err == nil || !strings.Contains(out, c.want) {
			t.Errorf("%s: %v\n%s\ndoes not say %s", c.spec, err, out, c.want)
		}
	}
	if out, err := w.apply(head + "spec: {application: a, suspend: true}"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err := w.apply(head + "spec: {application: b, suspend: true}")
	if err == nil || !strings.Contains(out, "application cannot be changed") {
		t.Errorf("application was changed: %s", out)
	}
	until(t, patience, "the instance to be suspended", func() bool { return w.status("a").is("Suspended") })
}

func TestRTMPSWithACertificateFromASecret(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "e2e-tls")
	out, err := w.apply("apiVersion: media.flashpod.dev/v1alpha1\nkind: AppInstance\nmetadata: {name: safe}\n" +
		"spec: {application: safe, access: {publish: {mode: Anyone}}, tls: {secretName: safe-tls}}")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	until(t, patience, "status to say that the Secret is missing", func() bool {
		return strings.Contains(w.try("get", "ai", "safe", "-o", "yaml"), "Secret safe-tls is not there: make it, with type kubernetes.io/tls")
	})
	cert, key, err := selfsigned.Pair("safe")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range map[string][]byte{"tls.crt": cert, "tls.key": key} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.kubectl("create", "secret", "tls", "safe-tls", "--cert", filepath.Join(dir, "tls.crt"), "--key", filepath.Join(dir, "tls.key"))
	url := w.ready("safe") // kubelet looks for the Secret again in its own time
	if !strings.HasPrefix(url, "rtmps://") {
		t.Fatalf("url %s", url)
	}
	publish(t, url+"/cam", lasting)
	until(t, patience, "the stream to play", func() bool {
		return strings.Contains(w.try("logs", "safe-0"), `"publishing"`)
	})
	plays(t, url+"/cam", 25, "-read_intervals", "%+2")
}

//go:build e2e

package cluster

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/hack/e2e/selfsigned"
)

// patch edits an instance as kubectl edit would.
func (w *world) patch(name, patch string) {
	w.t.Helper()
	w.kubectl("patch", "appinstance", name, "--type=merge", "--patch", patch)
}

// reason is that of the instance's Ready condition, once the operator has seen
// the newest edit.
func (w *world) reason(name string) string {
	w.t.Helper()
	s := w.status(name)
	if s.Status.ObservedGeneration != s.Metadata.Generation {
		return ""
	}
	for _, c := range s.Status.Conditions {
		if c.Type == "Ready" {
			return c.Status + " " + c.Reason + ": " + c.Message
		}
	}
	return ""
}

func (w *world) waitReason(name, want string) {
	w.t.Helper()
	last := ""
	until(w.t, patience, name+" to be "+want, func() bool {
		if now := w.reason(name); now != last {
			last = now
			w.t.Logf("%s: %s", name, now)
		}
		return strings.HasPrefix(last, want)
	})
}

// Edits that break the server say so, and are mended by taking them back.
func TestMistakesAreMended(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "e2e-mistakes")
	if out, err := w.apply("apiVersion: media.flashpod.dev/v1alpha1\nkind: AppInstance\nmetadata: {name: web}\nspec: {application: web, access: {publish: {mode: Anyone}}}"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	w.ready("web")
	for _, c := range []struct{ name, edit, reason, back string }{
		{"image", `{"spec":{"image":"flashpod.dev/nothing:here"}}`, "False ImagePullFailed", `{"spec":{"image":null}}`},
		{"image of something else", `{"spec":{"image":"flashpod.dev/operator:dev"}}`, `False Crashing: pod web-0: the server ends with exit code 1: manager: unknown`, `{"spec":{"image":null}}`},
		{"node selector", `{"spec":{"nodeSelector":{"disk":"none"}}}`, "False Unschedulable", `{"spec":{"nodeSelector":null}}`},
		{"request", `{"spec":{"resources":{"requests":{"cpu":"1000"}}}}`, "False Unschedulable", `{"spec":{"resources":null}}`},
		{"limit", `{"spec":{"resources":{"limits":{"example.com/gpu":"1"}}}}`, "False Unschedulable", `{"spec":{"resources":null}}`},
		{"certificate that is not there", `{"spec":{"tls":{"secretName":"web-tls"}}}`, "False CertificateMissing", `{"spec":{"tls":null}}`},
	} {
		w.patch("web", c.edit)
		w.waitReason("web", c.reason)
		until(t, patience, "it to say that somebody is needed", func() bool { return w.status("web").is("Stalled") })
		began := time.Now()
		w.patch("web", c.back)
		w.waitReason("web", "True Serving")
		t.Logf("%s: mended after %v", c.name, time.Since(began).Round(100*time.Millisecond))
	}
}

// What the API server says of a pod that it does not let in reaches the person.
func TestQuotaIsNamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "e2e-quota")
	w.kubectl("create", "quota", "none", "--hard=pods=0")
	if out, err := w.apply("apiVersion: media.flashpod.dev/v1alpha1\nkind: AppInstance\nmetadata: {name: web}\nspec: {application: web}"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	w.waitReason("web", "False PodRefused")
	if why := w.reason("web"); !strings.Contains(why, "exceeded quota: none") {
		t.Errorf("it says %s", why)
	}
	w.kubectl("delete", "quota", "none")
	w.waitReason("web", "True Serving")
}

// A certificate that is garbage takes nothing down, and a good one is used
// without a restart.
func TestBadCertificateTakesNothingDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "e2e-certificate")
	dir := t.TempDir()
	write := func(name string, cert, key []byte) (string, string) {
		c, k := filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key")
		if err := os.WriteFile(c, cert, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(k, key, 0o600); err != nil {
			t.Fatal(err)
		}
		return c, k
	}
	secret := func(name string, cert, key []byte) {
		c, k := write(name, cert, key)
		out := w.kubectl("create", "secret", "generic", "web-tls", "--type=kubernetes.io/tls", "--from-file=tls.crt="+c, "--from-file=tls.key="+k, "--dry-run=client", "-o", "yaml")
		if out, err := w.apply(out); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	secret("garbage", []byte("no certificate"), []byte("no key"))
	if out, err := w.apply("apiVersion: media.flashpod.dev/v1alpha1\nkind: AppInstance\nmetadata: {name: web}\nspec: {application: web, access: {publish: {mode: Anyone}}, tls: {secretName: web-tls}}"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	w.waitReason("web", "False CertificateInvalid")
	address := w.address("web")
	plain := "rtmp://" + address + "/web/web"
	until(t, patience, "plain RTMP", func() bool { return reached(plain) })
	publish(t, plain+"/cam", lasting)
	until(t, patience, "the stream to play", func() bool { return strings.Contains(w.try("logs", "web-0"), `"publishing"`) })
	plays(t, plain+"/cam", 25, "-read_intervals", "%+2")
	cert, key, err := selfsigned.Pair("web")
	if err != nil {
		t.Fatal(err)
	}
	uid := w.kubectl("get", "pod", "web-0", "-o", "jsonpath={.metadata.uid}")
	secret("good", cert, key)
	w.waitReason("web", "True Serving")
	until(t, patience, "rtmps to play", func() bool {
		m := run(t, "ffprobe", "-v", "error", "-select_streams", "v", "-show_streams", "-of", "json", "-read_intervals", "%+1", "rtmps://"+address+"/web/web/cam")
		m.wait()
		return m.err == nil
	})
	if w.kubectl("get", "pod", "web-0", "-o", "jsonpath={.metadata.uid}") != uid {
		t.Error("the server was restarted for it")
	}
}

// address is that of the instance's Service.
func (w *world) address(name string) (address string) {
	w.t.Helper()
	until(w.t, patience, "an address for "+name, func() bool {
		address = w.try("get", "service", name, "-o", "jsonpath={.status.loadBalancer.ingress[0].ip}")
		return address != "" && !strings.Contains(address, " ")
	})
	return address
}

// A key that is changed is good within seconds, and the one before stays good
// for as long as the spec says.
func TestKeyIsRotated(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "e2e-rotate")
	if out, err := w.apply("apiVersion: media.flashpod.dev/v1alpha1\nkind: AppInstance\nmetadata: {name: web}\nspec: {application: web}"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	url := w.ready("web")
	old := w.key("web")
	takes := func(key string) bool {
		m := publish(t, url+"/try?key="+key, "0.5")
		m.wait()
		return m.err == nil
	}
	if !takes(old) || takes("another-key-altogether") {
		t.Fatal("the key does not decide")
	}
	const fresh = "a-key-of-our-own-for-this-test"
	w.kubectl("patch", "secret", "web-publish-key", "--patch", fmt.Sprintf(`{"stringData":{"key":%q}}`, fresh))
	began := time.Now()
	until(t, patience, "the new key to be good", func() bool { return takes(fresh) })
	t.Logf("the new key was good after %v", time.Since(began).Round(100*time.Millisecond))
	if !takes(old) {
		t.Error("the key before is not good any more")
	}
	w.patch("web", `{"spec":{"access":{"publish":{"previousKeyFor":"0s"}}}}`)
	w.waitReason("web", "True Serving")
	if takes(old) || !takes(fresh) {
		t.Error("revoked at once, the key before is still good, or the new one is not")
	}
	w.kubectl("delete", "secret", "web-publish-key")
	until(t, patience, "another key to be made", func() bool {
		out, err := w.command("get", "secret", "web-publish-key", "-o", "go-template={{.data.key | base64decode}}")
		return err == nil && out != fresh && takes(out)
	})
}

// What an instance costs the API server in writes, from the operator's own
// counter: those of making one, and of an edit that restarts it. Nothing else
// changes in the meantime.
func TestWritesAreFew(t *testing.T) {
	w := newWorld(t, "e2e-writes")
	until(t, patience, "the instances of other tests to be gone", func() bool {
		return strings.HasPrefix(w.try("get", "appinstances", "--all-namespaces"), "No resources found")
	})
	before := w.writes()
	if out, err := w.apply("apiVersion: media.flashpod.dev/v1alpha1\nkind: AppInstance\nmetadata: {name: web}\nspec: {application: web}"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	watch := run(t, "kubectl", "--namespace", w.ns, "get", "appinstance", "web", "--watch", "--output-watch-events", "-o", "json")
	w.ready("web")
	made := w.writes()
	// Eight objects and the status twice; some more may be those of a status in between, where a pod takes its time.
	if n := sum(made) - sum(before); n > 13 {
		t.Errorf("%d writes to make an instance: %v", n, difference(made, before))
	} else {
		t.Logf("%d writes to make an instance: %v", n, difference(made, before))
	}
	w.patch("web", `{"spec":{"limits":{"maxStreams":5}}}`)
	w.waitReason("web", "True Serving")
	edited := w.writes()
	if n := sum(edited) - sum(made); n > 12 {
		t.Errorf("%d writes for an edit that restarts: %v", n, difference(edited, made))
	} else {
		t.Logf("%d writes for an edit that restarts: %v", n, difference(edited, made))
	}
	if out := w.try("describe", "appinstance", "web"); !strings.Contains(out, "restarts because spec.limits changed") {
		t.Errorf("no event says why:\n%s", out)
	}
	if turns := w.readyTurns(watch); turns != "False True False True" {
		t.Errorf("a watcher sees %s", turns)
	}
}

// readyTurns are the turns of the Ready condition that a watch has seen.
func (w *world) readyTurns(watch *media) string {
	w.t.Helper()
	var turns []string
	d := json.NewDecoder(strings.NewReader(watch.text()))
	for {
		var event struct{ Object status }
		if d.Decode(&event) != nil {
			return strings.Join(turns, " ")
		}
		for _, c := range event.Object.Status.Conditions {
			if c.Type == "Ready" && (len(turns) == 0 || turns[len(turns)-1] != c.Status) {
				turns = append(turns, c.Status)
			}
		}
	}
}

// writes are the operator's own counters, by their labels.
func (w *world) writes() map[string]int {
	w.t.Helper()
	pods := strings.Fields(w.kubectl("get", "pods", "--namespace", "flashpod-system", "-l", "app.kubernetes.io/name=flashpod-operator", "-o", "jsonpath={.items[*].metadata.name}"))
	all := map[string]int{}
	for _, pod := range pods {
		for line := range strings.Lines(w.kubectl("get", "--raw", "/api/v1/namespaces/flashpod-system/pods/"+pod+":8080/proxy/metrics")) {
			if rest, ok := strings.CutPrefix(line, "flashpod_operator_writes_total{"); ok {
				labels, value, _ := strings.Cut(strings.TrimSpace(rest), "} ")
				n := 0
				if _, err := fmt.Sscan(value, &n); err != nil {
					w.t.Fatalf("%s: %v", line, err)
				}
				all[labels] += n
			}
		}
	}
	return all
}

func sum(all map[string]int) (n int) {
	for _, v := range all {
		n += v
	}
	return n
}

func difference(now, before map[string]int) map[string]int {
	d := map[string]int{}
	for k, v := range now {
		if v != before[k] {
			d[k] = v - before[k]
		}
	}
	return d
}

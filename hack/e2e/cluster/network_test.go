//go:build e2e

package cluster

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// atOnce is how long an answer may take where nothing is in the way. What the
// network drops is not answered at all.
const atOnce = 20 * time.Second

// The operator's NetworkPolicy on a node that enforces it: RTMP is for all, the
// control port for the operator, Prometheus, and the instance's own namespace.
func TestNetworkPolicy(t *testing.T) {
	w := newWorld(t, "e2e-network")
	elsewhere := newWorld(t, "e2e-network-elsewhere")
	operators := &world{t, "flashpod-system"}
	if out, err := w.apply("apiVersion: media.flashpod.dev/v1alpha1\nkind: AppInstance\nmetadata: {name: guarded}\n" +
		"spec: {application: guarded, access: {publish: {mode: Anyone}}}"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	url := w.ready("guarded")
	address := w.kubectl("get", "pod", "guarded-0", "-o", "jsonpath={.status.podIP}")
	control := "http://" + address + ":8080"
	publish(t, url+"/cam", lasting)

	stranger := elsewhere.client("stranger", "app: stranger")
	prometheus := elsewhere.client("prometheus", "app.kubernetes.io/name: prometheus")
	namesake := elsewhere.client("namesake", "app.kubernetes.io/name: flashpod-operator") // in another namespace than the operator
	neighbour := w.client("neighbour", "app: neighbour")
	operator := operators.client("e2e-operator", "app.kubernetes.io/name: flashpod-operator")

	for _, c := range []client{prometheus, neighbour, operator} {
		until(t, patience, c.name+" to reach the control port", func() bool { return c.lists(control) })
	}
	// By the names that the cluster has for it, too.
	origin := "guarded-origin." + w.ns + ".svc"
	for _, name := range []string{origin, origin + ".cluster.local", "guarded-0." + origin, "guarded-0." + origin + ".cluster.local"} {
		until(t, patience, "Prometheus to reach the control port at "+name, func() bool { return prometheus.lists("http://" + name + ":8080") })
	}
	until(t, patience, "a neighbour to reach the control port by the Service's own name", func() bool { return neighbour.lists("http://guarded-origin:8080") })
	for _, c := range []client{stranger, namesake} {
		if c.lists(control) {
			t.Errorf("%s reaches the control port", c.name)
		}
	}
	// Each way to the media server, from where nothing else is open.
	for _, where := range []string{
		url, "rtmp://" + address + "/guarded/guarded", "rtmp://guarded." + w.ns + ".svc.cluster.local/guarded/guarded",
	} {
		until(t, patience, "a stranger to play "+where, func() bool { return stranger.plays(where + "/cam") })
	}
	// A client outside of the cluster: programs of root on the node are not held
	// by any policy, so it is another user's.
	outside := run(t, "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
		"ffprobe", "-v", "error", "-read_intervals", "%+1", "-show_entries", "stream=codec_name", url+"/cam")
	outside.wait()
	if outside.err != nil {
		t.Errorf("a client outside of the cluster cannot play: %v\n%s", outside.err, outside.out.String())
	}
	// Kubelet's probes go on.
	if got := w.kubectl("get", "pod", "guarded-0", "-o", `jsonpath={.status.containerStatuses[0].restartCount} {.status.conditions[?(@.type=="Ready")].status}`); got != "0 True" {
		t.Errorf("the server's restarts and readiness: %s", got)
	}

	// A user who wants another policy turns ours off, and no client is disconnected.
	uid := w.kubectl("get", "pod", "guarded-0", "-o", "jsonpath={.metadata.uid}")
	w.kubectl("patch", "appinstance", "guarded", "--type", "merge", "--patch", `{"spec":{"networkPolicy":{"mode":"None"}}}`)
	until(t, patience, "the policy to be gone", func() bool {
		return !strings.Contains(w.try("get", "networkpolicies", "-o", "name"), "guarded")
	})
	until(t, patience, "a stranger to reach the control port", func() bool { return stranger.lists(control) })
	if now := w.kubectl("get", "pod", "guarded-0", "-o", "jsonpath={.metadata.uid}"); now != uid {
		t.Error("turning the policy off has restarted the server")
	}
}

// client is a pod that others are reached from.
type client struct {
	w    *world
	name string
}

// client starts a pod with a label. The node has one image with a client in it:
// the media server's, which serves for as long as the test lasts.
func (w *world) client(name, label string) client {
	w.t.Helper()
	out, err := w.apply(fmt.Sprintf(`
apiVersion: v1
kind: ConfigMap
metadata: {name: %[1]s}
data:
  live.yaml: |
    %[3]s
---
apiVersion: v1
kind: Pod
metadata: {name: %[1]s, labels: {%[2]s}}
spec:
  automountServiceAccountToken: false
  terminationGracePeriodSeconds: 1
  securityContext: {runAsNonRoot: true, runAsUser: 65532, seccompProfile: {type: RuntimeDefault}}
  containers:
    - name: client
      image: flashpod.dev/media:dev
      imagePullPolicy: Never
      args: [serve, -f, /etc/flashpod/live.yaml, --data, /data]
      securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
      volumeMounts: [{name: config, mountPath: /etc/flashpod}, {name: data, mountPath: /data}]
  volumes: [{name: config, configMap: {name: %[1]s}}, {name: data, emptyDir: {}}]
`, name, label, strings.ReplaceAll(sample(w.t, "live.yaml"), "\n", "\n    ")))
	if err != nil {
		w.t.Fatalf("client %s: %v\n%s", name, err, out)
	}
	w.t.Cleanup(func() { w.try("delete", "pod,configmap", name, "--wait=false") })
	w.kubectl("wait", "pod", name, "--for=jsonpath={.status.phase}=Running", "--timeout=2m")
	return client{w, name}
}

// flashpod runs a command of the media program in the pod, and says whether it
// was done at once.
func (c client) flashpod(args ...string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), atOnce)
	defer cancel()
	cmd := exec.CommandContext(ctx, "kubectl", append([]string{"--namespace", c.w.ns, "exec", c.name, "--", "/flashpod"}, args...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	c.w.t.Logf("%s: flashpod %s: %v %s", c.name, strings.Join(args, " "), err, out)
	return err == nil
}

func (c client) lists(control string) bool {
	return c.flashpod("recordings", "--url", control, "-o", "json")
}

func (c client) plays(url string) bool { return c.flashpod("play", url, "--live", "--for", "1s") }

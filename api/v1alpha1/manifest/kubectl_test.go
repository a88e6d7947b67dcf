//go:build envtest

package manifest

import (
	"io"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// kubectl is what a person types, against the API server of the tests.
func kubectl(t *testing.T, args ...string) string {
	t.Helper()
	user, err := environment.AddUser(envtest.User{Name: "admin", Groups: []string{"system:masters"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	program, err := user.Kubectl()
	if err != nil {
		t.Fatal(err)
	}
	stdout, stderr, err := program.Run(args...)
	if err != nil {
		said, _ := io.ReadAll(stderr)
		t.Fatalf("kubectl %s: %v: %s", strings.Join(args, " "), err, said)
	}
	out, err := io.ReadAll(stdout)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// TestKubectlGet sees the reason of what is not ready without asking for more.
func TestKubectlGet(t *testing.T) {
	c := connect(t, environment.Config)
	o := object(t, "metadata: {name: lobby}\nspec: {application: a}")
	if err := c.Create(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	defer c.remove(t, o)
	if err := c.patchStatus(t, o, `{status: {url: rtmp://x/a/lobby, edges: {ready: 3, desired: 4}, conditions: [
		{type: Stalled, status: "True", reason: Other, message: not this, lastTransitionTime: "2026-01-01T00:00:00Z"},
		{type: Ready, status: "False", reason: ImagePullBackOff, message: the image is not there, lastTransitionTime: "2026-01-01T00:00:00Z"}]}}`); err != nil {
		t.Fatal(err)
	}
	for _, names := range []string{"appinstances", "appinst", "ai", "flashpod"} {
		rows := strings.Split(kubectl(t, "get", names), "\n")
		if got := strings.Join(strings.Fields(rows[0]), " "); got != "NAME READY REASON URL AGE" {
			t.Errorf("kubectl get %s: columns %q", names, got)
		}
		if got := strings.Join(strings.Fields(rows[1])[:4], " "); !strings.HasSuffix(got, "lobby False ImagePullBackOff rtmp://x/a/lobby") {
			t.Errorf("kubectl get %s: row %q", names, got)
		}
	}
	rows := strings.Split(kubectl(t, "get", "ai", "-o", "wide"), "\n")
	if got := strings.Join(strings.Fields(rows[0]), " "); got != "NAME READY REASON URL AGE EDGES MESSAGE" {
		t.Errorf("wide: columns %q", got)
	}
	if !strings.HasSuffix(strings.Join(strings.Fields(rows[1]), " "), " 3 the image is not there") {
		t.Errorf("wide: row %q", rows[1])
	}
}

// TestKubectlExplain finds words where a person looks.
func TestKubectlExplain(t *testing.T) {
	for _, path := range []string{"", ".spec", ".spec.service", ".status"} { // TestEveryFieldIsDescribed has them all
		out := kubectl(t, "explain", "appinstances"+path)
		if strings.Contains(out, "<no description>") || strings.Contains(out, "<empty>") {
			t.Errorf("kubectl explain appinstances%s has no words for something:\n%s", path, out)
		}
	}
	for path, says := range map[string]string{
		".spec.instance":                         "metadata.name",
		".spec.storage.size":                     "10Gi or 10G",
		".spec.access.publish.previousKeyFor":    "0s revokes it at once",
		".spec.service.loadBalancerSourceRanges": "192.0.2.0/24",
		".spec.upgradePolicy":                    "media.flashpod.dev/upgrade",
		".status.conditions":                     "Ready sums up",
	} {
		if out := kubectl(t, "explain", "appinstances"+path); !strings.Contains(strings.Join(strings.Fields(out), " "), says) {
			t.Errorf("kubectl explain appinstances%s does not say %q:\n%s", path, says, out)
		}
	}
}

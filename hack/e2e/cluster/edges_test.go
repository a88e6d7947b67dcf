//go:build e2e

package cluster

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// edges waits until so many edges are wanted and ready, and the Service leads where it is
// to lead then.
func (w *world) edges(name string, n int) {
	w.t.Helper()
	leads := "edge"
	if n == 0 {
		leads = "origin"
	}
	var now string
	until(w.t, 2*patience, fmt.Sprintf("%d edges, and the Service to lead to the %s", n, leads), func() bool {
		now = w.try("get", "appinstance", name, "-o", `jsonpath={.status.edges.ready}/{.status.edges.desired} {.status.conditions[?(@.type=="EdgesReady")].status}`) +
			" " + w.try("get", "service", name, "-o", `jsonpath={.spec.selector.app\.kubernetes\.io/component}`)
		return now == fmt.Sprintf("%d/%d True %s", n, n, leads)
	})
}

// runs says whether a command that runs beside the test has not ended.
func (m *media) runs() bool {
	select {
	case <-m.done:
		return false
	default:
		return true
	}
}

func view(t *testing.T, url string) *media {
	t.Helper()
	return runFor(t, 10*time.Minute, "ffmpeg", "-v", "error", "-i", url, "-c", "copy", "-f", "null", "-")
}

// Edges come and go under load, by kubectl scale: the Service leads to them, and back, and
// connections that are at the origin stay there. Those of an edge that goes are told, and
// play again at once.
func TestEdges(t *testing.T) {
	w := newWorld(t, "e2e-edges")
	out, err := w.apply("apiVersion: media.flashpod.dev/v1alpha1\nkind: AppInstance\nmetadata: {name: show}\n" +
		"spec: {application: show, instance: _definst_, access: {publish: {mode: Anyone}}, edges: {}}")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	url := w.ready("show", patience)
	encoder := runFor(t, 10*time.Minute, "ffmpeg", publishing(url+"/cam", "600")...)
	plays := func(when string) {
		t.Helper()
		n := 0
		until(t, patience, "the stream to play "+when, func() bool {
			n = pictures(t, url+"/cam", "-read_intervals", "%+1")
			return n > 0
		})
		if n < 12 {
			t.Errorf("%s: %d pictures in a second", when, n)
		}
	}
	plays("at the origin")
	before := view(t, url+"/cam") // at the origin, all the time

	w.kubectl("scale", "appinstance/show", "--replicas=2")
	w.edges("show", 2)
	plays("at an edge")
	until(t, patience, "an edge to be linked", func() bool {
		return strings.Contains(w.try("logs", "-l", "app.kubernetes.io/component=edge", "--tail=-1"), "linked to the origin")
	})
	var viewers []*media
	for range 4 {
		viewers = append(viewers, view(t, url+"/cam"))
	}
	// Who publishes at an edge is played at the origin's address, too.
	other := publish(t, url+"/other", "30")
	until(t, patience, "what is published at an edge to play", func() bool {
		return pictures(t, url+"/other", "-read_intervals", "%+1") > 0
	})
	<-other.done
	if other.err != nil {
		t.Errorf("published at an edge: %v\n%s", other.err, other.out.String())
	}

	w.kubectl("scale", "appinstance/show", "--replicas=3")
	w.edges("show", 3)
	for i, v := range viewers {
		if !v.runs() {
			t.Errorf("viewer %d was cut off as an edge came: %v\n%s", i, v.err, v.out.String())
		}
	}
	w.kubectl("scale", "appinstance/show", "--replicas=1")
	w.edges("show", 1)
	plays("at the edge that is left")

	w.kubectl("delete", "pod", "-l", "app.kubernetes.io/component=edge", "--wait=false")
	plays("after the last edge was deleted")
	w.edges("show", 1)
	plays("at another edge")

	w.kubectl("scale", "appinstance/show", "--replicas=0")
	w.edges("show", 0)
	plays("at the origin again")
	for who, m := range map[string]*media{"the publisher": encoder, "a viewer": before} {
		if !m.runs() {
			t.Errorf("%s at the origin was cut off: %v\n%s", who, m.err, m.out.String())
		}
	}
	if key := w.kubectl("get", "secret", "show-link", "-o", "go-template={{.data.keys | base64decode}}"); len(strings.TrimSpace(key)) != 64 {
		t.Errorf("a link key of %d characters", len(key))
	} else if all := w.try("logs", "-l", "app.kubernetes.io/name=flashpod", "--tail=-1") + w.try("get", "pods,deployments,statefulsets,configmaps", "-o", "yaml"); strings.Contains(all, strings.TrimSpace(key)) {
		t.Error("the key of links is where it is not to be")
	}
}

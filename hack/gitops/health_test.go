package main

import (
	"maps"
	"path/filepath"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

// judgements are kstatus' of the documents that health_test.yaml has Argo CD's
// of.
var judgements = map[string]status.Status{
	// Where neither a status nor a default of one is there, kstatus takes the
	// object for one that has no status at all; -1 as the default of
	// observedGeneration makes it wait.
	"progressing_noStatus": status.CurrentStatus,
	"progressing_notSeen":  status.InProgressStatus,

	"progressing_creating":            status.InProgressStatus,
	"progressing_notReady":            status.InProgressStatus,
	"progressing_edited":              status.InProgressStatus,
	"progressing_restarting":          status.InProgressStatus,
	"progressing_suspending":          status.InProgressStatus,
	"healthy_serving":                 status.CurrentStatus,
	"healthy_edges":                   status.CurrentStatus,
	"progressing_scaling":             status.InProgressStatus,
	"healthy_upgradePending":          status.CurrentStatus,
	"degraded_keyMissing":             status.FailedStatus,
	"degraded_nameConflict":           status.FailedStatus,
	"degraded_growthRefused":          status.FailedStatus,
	"degraded_conflictWhileSuspended": status.FailedStatus,
	"suspended_requested":             status.CurrentStatus,
}

// agrees says whether the two tools tell their users the same.
func agrees(h health, s status.Status) bool {
	switch s {
	case status.InProgressStatus:
		return h.Status == "Progressing"
	case status.FailedStatus:
		return h.Status == "Degraded"
	case status.CurrentStatus:
		return h.Status == "Healthy" || h.Status == "Suspended"
	}
	return false
}

func compute(t *testing.T, object *unstructured.Unstructured) *status.Result {
	t.Helper()
	r, err := status.Compute(object)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestEachStateIsJudged(t *testing.T) {
	var file struct {
		Tests []struct {
			InputPath    string `json:"inputPath"`
			HealthStatus health `json:"healthStatus"`
		} `json:"tests"`
	}
	readYAML(t, filepath.Join(customization, "health_test.yaml"), &file)
	s := readScripts(t)
	var judged []string
	for _, c := range file.Tests {
		name := c.InputPath[len("testdata/") : len(c.InputPath)-len(".yaml")]
		judged = append(judged, name)
		t.Run(name, func(t *testing.T) {
			object := readObject(t, filepath.Join(customization, c.InputPath))
			h := healthOf(t, s, object)
			if h != c.HealthStatus {
				t.Errorf("Argo CD: %+v, want %+v", h, c.HealthStatus)
			}
			r := compute(t, object)
			if r.Status != judgements[name] {
				t.Errorf("kstatus: %s (%s), want %s", r.Status, r.Message, judgements[name])
			}
			if name != "progressing_noStatus" && !agrees(h, r.Status) {
				t.Errorf("Argo CD says %s and kstatus %s", h.Status, r.Status)
			}
		})
	}
	slices.Sort(judged)
	if !slices.Equal(judged, slices.Sorted(maps.Keys(judgements))) {
		t.Errorf("health_test.yaml has %v", judged)
	}
	documents, err := filepath.Glob(filepath.Join(customization, "testdata", "*.yaml"))
	if err != nil || len(documents) != len(judged) {
		t.Errorf("%d documents (%v), of which %d are judged", len(documents), err, len(judged))
	}
}

// Argo CD answers for what is being deleted before it asks a script.
func TestDeletedOneIsTerminating(t *testing.T) {
	for name := range judgements {
		object := readObject(t, filepath.Join(customization, "testdata", name+".yaml"))
		if err := unstructured.SetNestedField(object.Object, "2026-11-28T09:00:00Z", "metadata", "deletionTimestamp"); err != nil {
			t.Fatal(err)
		}
		if r := compute(t, object); r.Status != status.TerminatingStatus {
			t.Errorf("%s: %s (%s)", name, r.Status, r.Message)
		}
	}
}

// What the script does not find must not end it: Argo CD would show its error.
func TestHealthOfWhatIsIncomplete(t *testing.T) {
	s := readScripts(t)
	for name, c := range map[string]struct {
		status any
		want   health
	}{
		"empty status": {map[string]any{}, health{"Progressing", "the operator has not seen this AppInstance yet: is it running, and does it watch this namespace?"}},
		"no conditions": {map[string]any{"observedGeneration": int64(1)},
			health{"Progressing", "the operator has not said yet whether it is ready"}},
		"no message": {map[string]any{"observedGeneration": int64(1), "conditions": []any{map[string]any{"type": "Ready", "status": "True"}}},
			health{"Healthy", ""}},
		"unknown": {map[string]any{"observedGeneration": int64(1), "conditions": []any{map[string]any{"type": "Ready", "status": "Unknown", "message": "who knows"}}},
			health{"Progressing", "who knows"}},
		"conflict without Stalled": {map[string]any{"observedGeneration": int64(1), "conditions": []any{
			map[string]any{"type": "Ready", "status": "True", "message": "clients connect"},
			map[string]any{"type": "NameConflict", "status": "True", "message": "Service lobby is not ours"}}},
			health{"Degraded", "Service lobby is not ours"}},
	} {
		object := readObject(t, filepath.Join(customization, "testdata", "progressing_noStatus.yaml"))
		object.Object["status"] = c.status
		if h := healthOf(t, s, object); h != c.want {
			t.Errorf("%s: %+v, want %+v", name, h, c.want)
		}
	}
}

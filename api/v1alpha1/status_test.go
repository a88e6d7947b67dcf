package v1alpha1

import (
	"encoding/json"
	"testing"
)

// What there is not, a status does not mention: 0 edges of 0 would be news.
func TestStatusHasOnlyWhatThereIs(t *testing.T) {
	for want, status := range map[string]AppInstanceStatus{
		`{}`:                                {},
		`{"edges":{"ready":0,"desired":2}}`: {Edges: &EdgesStatus{Desired: 2}},
	} {
		if got, err := json.Marshal(status); err != nil || string(got) != want {
			t.Errorf("%s, %v; want %s", got, err, want)
		}
	}
}

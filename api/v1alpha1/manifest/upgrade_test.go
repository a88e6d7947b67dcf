//go:build envtest

package manifest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// TestOldObjectsAfterTheUpgrade makes, under the schema of commit 3dc204b,
// everything of the cases that it took and the schema of today refuses. After
// the upgrade all of that can still be edited: a rule of today is no reason to
// hold up a change of something else, and never the operator's status.
func TestOldObjectsAfterTheUpgrade(t *testing.T) {
	env := &envtest.Environment{CRDDirectoryPaths: []string{"testdata/crd-3dc204b.yaml"}, ErrorIfCRDPathMissing: true}
	config, err := env.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := env.Stop(); err != nil {
			t.Error(err)
		}
	})
	c := connect(t, config)
	origin := "metadata: {name: lobby-origin}\nspec: {application: a}"
	old := c.createRefused(t)
	if len(old) < 30 {
		t.Fatalf("the old schema took only %d of the cases that are refused today", len(old))
	}

	if _, err := envtest.InstallCRDs(config, envtest.CRDInstallOptions{Paths: []string{"../../../config/crd"}, ErrorIfPathMissing: true}); err != nil {
		t.Fatal(err)
	}
	c.untilServed(t)

	for name, o := range old {
		t.Run(name, func(t *testing.T) {
			if err := c.patch(t, o, "{metadata: {labels: {touched: 'yes'}}, spec: {suspend: true}}"); err != nil {
				t.Errorf("an edit of something else is refused: %v", err)
			}
			if err := c.patchStatus(t, o, "{status: {url: rtmp://x/a, storage: {capacity: 10Gi}}}"); err != nil {
				t.Errorf("the operator's status is refused: %v", err)
			}
		})
	}
	t.Run("a name that is made again", func(t *testing.T) {
		o := old["name of another's headless Service"]
		if o == nil {
			t.Fatal("the old schema did not take the name")
		}
		c.remove(t, o)
		if err := expect(c.Create(t.Context(), object(t, origin)), "must not end with '-origin'"); err != nil {
			t.Error(err)
		}
	})
	t.Run("an applied document", func(t *testing.T) {
		o := object(t, "metadata: {name: other-origin}\nspec: {application: a}")
		err := c.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(o), client.FieldOwner("kubectl"))
		if err := expect(err, "must not end with '-origin'"); err != nil {
			t.Error(err)
		}
	})
}

// createRefused creates those of the cases that are refused today and were not
// by the schema before, by name of the case.
func (c cluster) createRefused(t *testing.T) map[string]*unstructured.Unstructured {
	t.Helper()
	old := map[string]*unstructured.Unstructured{}
	for i, one := range cases() {
		if one.cluster == "" {
			continue
		}
		o := object(t, one.text)
		if o.GetName() == "a" {
			o.SetName(fmt.Sprintf("old-%d", i))
		}
		if err := c.Create(t.Context(), o); err == nil {
			old[one.name] = o
		}
	}
	return old
}

// untilServed waits for the new schema: the API server serves it some time after
// it has it.
func (c cluster) untilServed(t *testing.T) {
	t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		o := object(t, "metadata: {name: another-origin}\nspec: {application: a}")
		last = c.Create(ctx, o, client.DryRunAll)
		return expect(last, "metadata.name: Invalid value: must not end with '-origin'") == nil, nil
	})
	if err != nil {
		t.Fatalf("the new schema is not served: %v", last)
	}
}

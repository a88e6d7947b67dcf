//go:build envtest

package manifest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"

	"flashpod.dev/flashpod/api/v1alpha1"
)

// environment is a real API server with our schema, for every test of the
// package.
var environment = &envtest.Environment{CRDDirectoryPaths: []string{"../../../config/crd"}, ErrorIfCRDPathMissing: true}

func TestMain(m *testing.M) {
	if _, err := environment.Start(); err != nil {
		panic(err)
	}
	code := m.Run()
	if err := environment.Stop(); err != nil {
		panic(err)
	}
	os.Exit(code)
}

// cluster is a client that wants fields to be known, as kubectl does.
type cluster struct{ client.Client }

func connect(t *testing.T, config *rest.Config) cluster {
	t.Helper()
	plain, err := client.New(config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return cluster{client.WithFieldValidation(plain, metav1.FieldValidationStrict)}
}

// object is what kubectl would send.
func object(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	o := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(head+text), &o.Object); err != nil {
		t.Fatal(err)
	}
	o.SetNamespace("default")
	return o
}

// try creates an object, and deletes it when it was not refused. What is taken
// must be read by the typed clients of both programs: one object that is not
// would hold up the operator's cache, and with it every instance.
func (c cluster) try(t *testing.T, text string) error {
	t.Helper()
	o := object(t, text)
	if err := c.Create(t.Context(), o); err != nil {
		return err
	}
	defer c.remove(t, o)
	raw, err := o.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &v1alpha1.AppInstance{}); err != nil {
		t.Errorf("taken by the API server, but not by the type: %v", err)
	}
	return nil
}

func (c cluster) remove(t *testing.T, o client.Object) {
	t.Helper()
	if err := c.Delete(context.WithoutCancel(t.Context()), o); err != nil {
		t.Fatal(err)
	}
}

// patch is a merge patch of the object, and not of its status.
func (c cluster) patch(t *testing.T, o *unstructured.Unstructured, patch string) error {
	t.Helper()
	return c.Patch(t.Context(), o.DeepCopy(), rawPatch(t, patch))
}

func (c cluster) patchStatus(t *testing.T, o *unstructured.Unstructured, patch string) error {
	t.Helper()
	return c.Status().Patch(t.Context(), o.DeepCopy(), rawPatch(t, patch))
}

func rawPatch(t *testing.T, patch string) client.Patch {
	t.Helper()
	raw, err := yaml.YAMLToJSONStrict([]byte(patch))
	if err != nil {
		t.Fatal(err)
	}
	return client.RawPatch("application/merge-patch+json", raw)
}

// expect says whether an error has what is wanted of it; nothing means that
// there is to be none.
func expect(err error, want string) error {
	switch {
	case want == "":
		return err
	case err == nil:
		return errors.New("not refused")
	case !strings.Contains(err.Error(), want):
		return fmt.Errorf("%w: does not say %q", err, want)
	}
	return nil
}

// causes are what the API server has against an object, one by one.
func causes(err error) []metav1.StatusCause {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil {
		return nil
	}
	return status.Status().Details.Causes
}

// TestCasesOnTheAPIServer holds the schema to the verdicts that Load comes to,
// on a real API server.
func TestCasesOnTheAPIServer(t *testing.T) {
	c := connect(t, environment.Config)
	for _, one := range cases() {
		t.Run(one.name, func(t *testing.T) {
			if err := expect(c.try(t, one.text), one.cluster); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestSamplesOnTheAPIServer(t *testing.T) {
	c := connect(t, environment.Config)
	for _, name := range samples(t) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.try(t, strings.ReplaceAll(string(text), head, "")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestDefaultsOnTheAPIServer holds the schema's defaults against SetDefaults.
func TestDefaultsOnTheAPIServer(t *testing.T) {
	c := connect(t, environment.Config)
	for name, spec := range map[string]string{
		"nothing":         "{application: chat}",
		"TLS":             "{application: chat, tls: {secretName: s}}",
		"empty objects":   "{application: chat, recording: {}, storage: {}, access: {publish: {}}, limits: {}, delivery: {}, service: {}, networkPolicy: {}}",
		"drain":           "{application: chat, drain: {timeout: 90s}}",
		"on demand":       "{application: chat, onDemandInstances: true, idle: {unloadAfter: 90s}, limits: {maxInstances: 0}}",
		"the web":         "{application: chat, web: {hls: {window: 1m30s}, webrtc: {}}}",
		"script":          "{application: chat, script: {configMap: {name: s}}}",
		"edges":           "{application: chat, edges: {}}",
		"edges, counted":  "{application: chat, edges: {autoscaling: {schedule: [{from: '2026-12-31T20:00:00Z', until: '2026-12-31T21:00:00Z', minReplicas: 2}]}}}",
		"explicit zeros":  "{application: chat, limits: {maxConnections: 0, maxStreams: 0}, access: {publish: {previousKeyFor: 0s}}, delivery: {gopCache: false}}",
		"another opinion": "{application: chat, limits: {maxStreams: 7}, access: {publish: {previousKeyFor: 24h}}, networkPolicy: {mode: None}, upgradePolicy: OnIdle}",
	} {
		t.Run(name, func(t *testing.T) {
			text := "metadata: {name: defaults}\nspec: " + spec
			o := object(t, text)
			if err := c.Create(t.Context(), o); err != nil {
				t.Fatal(err)
			}
			defer c.remove(t, o)
			filled := o.Object["spec"].(map[string]any)
			filled["instance"] = "defaults" // which no schema can fill in
			durations := [][]string{{"access", "publish", "previousKeyFor"}, {"idle", "unloadAfter"}, {"drain", "timeout"}}
			if filled["script"] != nil {
				durations = append(durations, []string{"script", "limits", "callTimeout"})
			}
			if _, scaled, _ := unstructured.NestedMap(filled, "edges", "autoscaling"); scaled {
				for _, field := range []string{"maxRoundTime", "scaleUpWindow", "scaleDownWindow", "cooldown"} {
					durations = append(durations, []string{"edges", "autoscaling", field})
				}
			}
			if filled["web"] != nil {
				durations = append(durations, []string{"web", "hls", "window"})
			}
			for _, duration := range durations {
				if err := canonicalDuration(filled, duration...); err != nil {
					t.Fatal(err)
				}
			}
			a, err := yaml.Marshal(filled)
			if err != nil {
				t.Fatal(err)
			}
			if b := specOf(t, text); string(a) != b {
				t.Errorf("the API server fills in\n%s\nLoad\n%s", a, b)
			}
		})
	}
}

// canonicalDuration writes a duration as Go does: 1h is 1h0m0s.
func canonicalDuration(o map[string]any, path ...string) error {
	text, _, err := unstructured.NestedString(o, path...)
	if err != nil {
		return err
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return err
	}
	return unstructured.SetNestedField(o, d.String(), path...)
}

func specOf(t *testing.T, text string) string {
	t.Helper()
	all, err := Load(strings.NewReader(head+text), "x.yaml")
	if err != nil {
		t.Fatal(err)
	}
	out, err := yaml.Marshal(all[0].Spec)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

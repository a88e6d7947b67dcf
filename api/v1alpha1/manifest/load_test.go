package manifest

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/yaml"
)

func TestCases(t *testing.T) {
	for _, c := range cases() {
		t.Run(c.name, func(t *testing.T) {
			all, err := Load(strings.NewReader(head+c.text), "x.yaml")
			if c.why == "" {
				if err != nil || len(all) != 1 {
					t.Fatalf("%d documents, %v", len(all), err)
				}
				return
			}
			if err == nil {
				t.Fatal("not refused")
			}
			if !strings.Contains(err.Error(), c.why) || !strings.HasPrefix(err.Error(), "x.yaml: ") {
				t.Errorf("error %q does not say x.yaml and %q", err, c.why)
			}
		})
	}
}

// What the decoder says of these names no field, or no way out.
func TestWordsForTypes(t *testing.T) {
	for spec, why := range map[string]string{
		"instance: 7":                                "spec.instance: is a number, and should be text: put it in quotes",
		"access: {publish: {previousKeyFor: 0}}":     `spec.access.publish.previousKeyFor: 0: must be a time of 0 or more`,
		"access: {publish: {previousKeyFor: '+1h'}}": `spec.access.publish.previousKeyFor: "+1h": must be a time of 0 or more`,
		"limits: {maxStreams: 3000000000}":           "spec.limits.maxStreams: must be a whole number that is not too large",
		"service: {port: 1.5}":                       "spec.service.port: must be a whole number that is not too large",
	} {
		_, err := Load(strings.NewReader(head+"metadata: {name: a}\nspec: {application: a, "+spec+"}"), "x.yaml")
		if err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v, want %q", spec, err, why)
		}
	}
}

func TestDefaults(t *testing.T) {
	all, err := Load(strings.NewReader(head+"metadata: {name: lobby}\nspec: {application: chat}"), "x")
	if err != nil {
		t.Fatal(err)
	}
	s := all[0].Spec
	if s.Instance != "lobby" || s.Recording.Mode != "OnRequest" || s.Access.Publish.Mode != "Key" || s.Storage.Size.String() != "10Gi" ||
		!*s.Storage.Retain || s.Delivery.Latency != "Balanced" || !*s.Delivery.GOPCache || s.Service.Type != "LoadBalancer" ||
		s.Service.Port != 1935 || s.Service.ExternalTrafficPolicy != "Local" ||
		*s.Limits.MaxConnections != 10000 || *s.Limits.MaxStreams != 1000 || s.Access.Publish.PreviousKeyFor.Duration != time.Hour ||
		s.NetworkPolicy.Mode != "Managed" || s.UpgradePolicy != "Auto" {
		t.Errorf("defaults: %+v", s)
	}
}

// An explicit 0 is no limit, and no default.
func TestZerosSurviveARoundTrip(t *testing.T) {
	text := head + "metadata: {name: a}\nspec: {application: a, limits: {maxConnections: 0, maxStreams: 0}, access: {publish: {previousKeyFor: 0s}}}"
	for range 3 {
		all, err := Load(strings.NewReader(text), "x.yaml")
		if err != nil {
			t.Fatal(err)
		}
		s := all[0].Spec
		if *s.Limits.MaxConnections != 0 || *s.Limits.MaxStreams != 0 || s.Access.Publish.PreviousKeyFor.Duration != 0 {
			t.Fatalf("zeros are lost: %+v", s)
		}
		out, err := yaml.Marshal(all[0])
		if err != nil {
			t.Fatal(err)
		}
		text = string(out)
	}
}

// The operator of commit 3dc204b mounted these, and pods that it made may start
// with them again: with a name that would be refused of a new AppInstance, and
// without limits, which it dropped where they were 0.
func TestDocumentsOfThePredecessor(t *testing.T) {
	f, err := os.Open("testdata/documents-3dc204b.yaml")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all, err := Load(f, f.Name())
	if err != nil || len(all) != 2 {
		t.Fatalf("%d documents, %v", len(all), err)
	}
	for i, want := range []struct{ connections, streams int32 }{{10000, 1000}, {10, 1000}} {
		s := all[i].Spec
		if *s.Limits.MaxConnections != want.connections || *s.Limits.MaxStreams != want.streams || s.Access.Publish.PreviousKeyFor.Duration != time.Hour {
			t.Errorf("%s: limits %d and %d, the key before for %s", all[i].Name, *s.Limits.MaxConnections, *s.Limits.MaxStreams, s.Access.Publish.PreviousKeyFor.Duration)
		}
	}
}

func TestFilesWithSeveralDocuments(t *testing.T) {
	good := head + "metadata: {name: %s}\nspec: {application: a}\n"
	text := strings.ReplaceAll(good, "%s", "one") + "---\n# nothing\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: x}\n---\n" +
		strings.ReplaceAll(good, "%s", "two")
	all, err := Load(strings.NewReader(text), "x")
	if err != nil || len(all) != 2 || all[1].Name != "two" {
		t.Fatalf("%d documents, %v", len(all), err)
	}
	_, err = Load(strings.NewReader(text+"---\n"+head+"metadata: {name: b}\nspec: {}"), "x.yaml")
	if err == nil || !strings.Contains(err.Error(), "x.yaml: document 5: spec.application") {
		t.Errorf("error does not say which document: %v", err)
	}
}

func TestWhatIsNoManifest(t *testing.T) {
	for name, c := range map[string]struct{ text, why string }{
		"no YAML":         {"a: [", "not YAML"},
		"a tab":           {"a:\n\tb: c", "not YAML"},
		"a word":          {"hello", "not a Kubernetes document"},
		"a key twice":     {head + "metadata: {name: a}\nspec: {application: a, application: b}", "application"},
		"no kind":         {"apiVersion: media.flashpod.dev/v1alpha1\nmetadata: {name: a}", "apiVersion and kind: must not be empty"},
		"another version": {"apiVersion: media.flashpod.dev/v2\nkind: AppInstance", "not known here"},
		"another kind":    {"apiVersion: media.flashpod.dev/v1alpha1\nkind: AppInstances", "not known here"},
		"too large":       {strings.Repeat("# comment\n", 500000), "larger than 4 MiB"},
	} {
		_, err := Load(strings.NewReader(c.text), "x.yaml")
		if err == nil || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s: %v does not say %q", name, err, c.why)
		}
	}
}

// samples are the manifests that people are shown first.
func samples(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("../../../config/samples/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	scripted, err := filepath.Glob("../../../config/samples/applications/*/appinstance.yaml")
	if err != nil || len(files) < 3 || len(scripted) < 3 {
		t.Fatalf("samples: %v and %v, %v", files, scripted, err)
	}
	return append(files, scripted...)
}

func TestSamplesAreGood(t *testing.T) {
	for _, name := range samples(t) {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		all, err := Load(f, name)
		f.Close()
		if err != nil || len(all) == 0 {
			t.Errorf("%d documents, %v", len(all), err)
		}
	}
}

func FuzzLoad(f *testing.F) {
	for _, c := range cases() {
		if len(c.text) < 16<<10 { // the large ones teach nothing more, and slow it down
			f.Add(head + c.text)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		all, err := Load(strings.NewReader(text), "x")
		if err != nil {
			return
		}
		for _, a := range all {
			if errs := a.Validate(); len(errs) > 0 {
				t.Fatalf("loaded, but %v", errs)
			}
			out, err := yaml.Marshal(a)
			if err != nil {
				t.Fatal(err)
			}
			again, err := Load(bytes.NewReader(out), "again")
			if err != nil || len(again) != 1 || !apiequality.Semantic.DeepEqual(a.Spec, again[0].Spec) {
				t.Fatalf("loaded, but written and loaded again it is %+v, %v; it was\n%s", again, err, out)
			}
		}
	})
}

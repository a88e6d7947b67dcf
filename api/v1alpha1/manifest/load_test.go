package manifest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const head = "apiVersion: media.flashpod.dev/v1alpha1\nkind: AppInstance\n"

// cases are manifests with the verdict that both a server without Kubernetes
// and the API server must come to; bad ones with a word of the reason each of
// them gives.
var cases = []struct {
	name, text   string
	why, cluster string // parts of the errors; empty: it is good
}{
	{"least", "metadata: {name: a}\nspec: {application: live}", "", ""},
	{"full", `metadata: {name: full, labels: {x: z}}
spec:
  application: chatRoom
  instance: lobby/one
  suspend: true
  recording: {mode: All}
  storage: {size: 20Gi, storageClassName: fast, retain: false}
  access: {publish: {mode: Key, secretName: mine}}
  limits: {maxConnections: 10, maxStreams: 0}
  delivery: {latency: Low, gopCache: false, sampleAccess: {audio: true, video: true}}
  service: {type: NodePort, port: 1936, annotations: {a: b}, externalTrafficPolicy: Cluster}
  image: x/y:z
  resources: {requests: {cpu: 1}}
  nodeSelector: {a: b}
  tolerations: [{operator: Exists}]
`, "", ""},
	{"default instance", "metadata: {name: b}\nspec: {application: live, instance: _definst_}", "", ""},
	{"no application", "metadata: {name: a}\nspec: {}", "spec.application: Required value: must not be empty", "spec.application: Required value"},
	{"no spec", "metadata: {name: a}", "spec.application: Required value", "spec: Required value"},
	{"empty application", "metadata: {name: a}\nspec: {application: ''}", "spec.application: Required value: must not be empty", "spec.application: Invalid value"},
	{"application with a slash", "metadata: {name: a}\nspec: {application: a/b}", "spec.application: Invalid value: \"a/b\": must be of letters", "must be of letters, digits, '_', '-' and '.', and not begin with a dot"},
	{"application that leaves the folder", "metadata: {name: a}\nspec: {application: ..}", "not begin with a dot", "not begin with a dot"},
	{"long application", "metadata: {name: a}\nspec: {application: " + strings.Repeat("x", 65) + "}", "spec.application: Too long", "spec.application: Too long"},
	{"instance that leaves the folder", "metadata: {name: a}\nspec: {application: a, instance: b/../c}", "spec.instance: Invalid value", "none of which begins with a dot"},
	{"instance with an empty part", "metadata: {name: a}\nspec: {application: a, instance: b//c}", "spec.instance: Invalid value", "separated by '/'"},
	{"unknown field", "metadata: {name: a}\nspec: {application: a, recordings: {mode: All}}", `unknown field "spec.recordings"`, `unknown field "spec.recordings"`},
	{"unknown field inside", "metadata: {name: a}\nspec: {application: a, recording: {modus: All}}", `unknown field "spec.recording.modus"`, `unknown field "spec.recording.modus"`},
	{"unknown mode", "metadata: {name: a}\nspec: {application: a, recording: {mode: Sometimes}}", "spec.recording.mode: Unsupported value: \"Sometimes\": supported values: \"OnRequest\", \"All\", \"Off\"", "spec.recording.mode: Unsupported value"},
	{"unknown access", "metadata: {name: a}\nspec: {application: a, access: {publish: {mode: Nobody}}}", "spec.access.publish.mode: Unsupported value", "spec.access.publish.mode: Unsupported value"},
	{"secret without key", "metadata: {name: a}\nspec: {application: a, access: {publish: {mode: Anyone, secretName: s}}}", "secretName needs mode Key", "secretName needs mode Key"},
	{"unknown latency", "metadata: {name: a}\nspec: {application: a, delivery: {latency: None}}", "spec.delivery.latency: Unsupported value", "spec.delivery.latency: Unsupported value"},
	{"negative limit", "metadata: {name: a}\nspec: {application: a, limits: {maxConnections: -1}}", "spec.limits.maxConnections: Invalid value", "spec.limits.maxConnections: Invalid value"},
	{"no storage", "metadata: {name: a}\nspec: {application: a, storage: {size: '0'}}", "spec.storage.size: Invalid value", "must be more than zero"},
	{"port out of range", "metadata: {name: a}\nspec: {application: a, service: {port: 70000}}", "spec.service.port: Invalid value", "spec.service.port: Invalid value"},
	{"unknown service type", "metadata: {name: a}\nspec: {application: a, service: {type: ExternalName}}", "spec.service.type: Unsupported value", "spec.service.type: Unsupported value"},
	{"tls", "metadata: {name: d}\nspec: {application: a, tls: {secretName: s}}", "", ""},
	{"tls without a secret", "metadata: {name: a}\nspec: {application: a, tls: {}}", "spec.tls.secretName: Required value", "spec.tls.secretName: Required value"},
	{"tls on the same port", "metadata: {name: a}\nspec: {application: a, tls: {secretName: s, port: 1935}}", "must be another than spec.service.port", "must be another than spec.service.port"},
	{"text for a number", "metadata: {name: a}\nspec: {application: a, limits: {maxConnections: many}}", "spec.limits.maxConnections: is of type string", "spec.limits.maxConnections"},
	{"bare Off", "metadata: {name: a}\nspec: {application: a, recording: {mode: Off}}", "spec.recording.mode: is true or false, and should be text", "spec.recording.mode: Invalid value: \"boolean\""},
	{"quoted Off", "metadata: {name: c}\nspec: {application: a, recording: {mode: 'Off'}}", "", ""},
	{"list for an object", "metadata: {name: a}\nspec: {application: a, recording: [All]}", "recording", "spec.recording"},
	{"name with a dot", "metadata: {name: a.b}\nspec: {application: a}", "metadata.name: Invalid value", "a Service is called by it"},
	{"long name", "metadata: {name: " + strings.Repeat("n", 53) + "}\nspec: {application: a}", "metadata.name: Too long", "not be longer than 52"},
	{"no name", "spec: {application: a}", "metadata.name: Required value", "name or generateName is required"},
}

func TestCases(t *testing.T) {
	for _, c := range cases {
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
		s.Service.Port != 1935 || s.Service.ExternalTrafficPolicy != "Local" {
		t.Errorf("defaults: %+v", s)
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

func TestSamplesAreGood(t *testing.T) {
	files, err := filepath.Glob("../../../config/samples/*.yaml")
	if err != nil || len(files) < 3 {
		t.Fatalf("samples: %v, %v", files, err)
	}
	for _, name := range files {
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
	for _, c := range cases {
		f.Add(head + c.text)
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
		}
	})
}

package controllers

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"flashpod.dev/flashpod/api/v1alpha1"
)

// edits are an edit of each field of the spec.
var edits = map[string]string{
	"suspend":                       "suspend: true",
	"shards":                        "shards: 1", // more need what restarts: see TestShardsOfTheSpec
	"recording":                     "recording: {mode: All}",
	"storage":                       "storage: {size: 20Gi, retain: false}",
	"access":                        "access: {publish: {previousKeyFor: 2h}}",
	"limits":                        "limits: {maxStreams: 3}",
	"onDemandInstances":             "onDemandInstances: true",
	"script":                        "script: {configMap: {name: chat}}",
	"idle":                          "idle: {unloadAfter: 1h}",
	"wake":                          "wake: {timeout: 40s}",
	"delivery":                      "delivery: {latency: Low}",
	"service.externalTrafficPolicy": "service: {externalTrafficPolicy: Cluster}",
	"service":                       "service: {type: NodePort, port: 1999, annotations: {a: b}}",
	"tls":                           "tls: {secretName: cert}",
	"web":                           "web: {}",
	"web.hls":                       "web: {hls: {window: 1m}}",
	"edges":                         "edges: {replicas: 2}",
	"drain":                         "drain: {timeout: 1h}",
	"console":                       "console: {mode: None}",
	"networkPolicy":                 "networkPolicy: {mode: None}",
	"upgradePolicy":                 "upgradePolicy: Manual",
	"image":                         "image: other:1",
	"imagePullSecrets":              "imagePullSecrets: [{name: pull}]",
	"resources":                     "resources: {requests: {cpu: 2}}",
	"nodeSelector":                  "nodeSelector: {a: b}",
	"tolerations":                   "tolerations: [{operator: Exists}]",
	"affinity":                      "affinity: {nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1, preference: {matchExpressions: [{key: k, operator: Exists}]}}]}}",
	"topologySpreadConstraints":     "topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {a: b}}}]",
	"priorityClassName":             "priorityClassName: high",
	"podAnnotations":                "podAnnotations: {a: b}",
}

// config/KUBERNETES.md has a table of the edits that restart the server: it is true, and leaves
// no field out.
func TestTableOfEditsThatRestart(t *testing.T) {
	page, err := os.ReadFile("../config/KUBERNETES.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| (`[^|]*`) \\| (restarts|does not restart)").FindAllStringSubmatch(string(page), -1) {
		for _, field := range strings.Split(m[1], ", ") {
			rows[strings.TrimPrefix(strings.Trim(field, "` "), "spec.")] = m[2] == "restarts"
		}
	}
	fields := []string{"service.externalTrafficPolicy", "web.hls"}
	for _, field := range reflect.VisibleFields(reflect.TypeFor[v1alpha1.AppInstanceSpec]()) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name != "" && name != "application" && name != "instance" { // which cannot be edited
			fields = append(fields, name)
		}
	}
	for _, name := range fields {
		told, ok := rows[name]
		edit, known := edits[name]
		if !ok || !known {
			t.Errorf("spec.%s: in its table %v, in this test %v", name, ok, known)
			continue
		}
		before, after := withSecrets(observe(t, "{application: a}")), withSecrets(observe(t, "{application: a, "+edit+"}"))
		// A pod that is not wanted any more ends, but is not restarted.
		is, err := same(wantedTemplate(t, before), wantedTemplate(t, after))
		if err != nil {
			t.Fatal(err)
		}
		if is == told {
			t.Errorf("spec.%s: README says that it restarts: %v, and it is %v", name, told, !is)
		}
		if is {
			continue
		}
		// The event names the field that the user has edited.
		doc, err := document(after.instance)
		if err != nil {
			t.Fatal(err)
		}
		old, err := document(before.instance)
		if err != nil {
			t.Fatal(err)
		}
		after.configMap = &corev1.ConfigMap{Data: map[string]string{documentFile: old}}
		p := &plan{upgrade: upgrade{edited: true}}
		name, _, _ = strings.Cut(name, ".")
		if causes := p.causes(after, wantedTemplate(t, before), wantedTemplate(t, after), doc); !slices.Equal(causes, []string{"spec." + name}) {
			t.Errorf("spec.%s: the event says %v", name, causes)
		}
	}
}

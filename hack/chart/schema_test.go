package main

import (
	"strings"
	"testing"
)

// Each of these is refused by the schema, before a template is looked at.
func TestValuesAreRefused(t *testing.T) {
	for _, test := range []struct{ chart, values, where, why string }{
		{"flashpod", "replica: 2", "", "additional properties 'replica' not allowed"},
		{"flashpod", "image: {name: x}", "/image", "additional properties 'name' not allowed"},
		{"flashpod", "image: flashpod.dev/operator:dev", "/image", "got string, want object"},
		{"flashpod", "image: {tag: ''}", "/image/tag", "does not match pattern"},
		{"flashpod", "mediaImage: {digest: 0123abc}", "/mediaImage/digest", "does not match pattern"},
		{"flashpod", "image: {pullPolicy: Sometimes}", "/image/pullPolicy", "must be one of"},
		{"flashpod", "imagePullSecrets: [{name: x}]", "/imagePullSecrets/0", "got object, want string"},
		{"flashpod", "namespaces: all", "/namespaces", "got string, want array"},
		{"flashpod", "namespaces: [Team_A]", "/namespaces/0", "does not match pattern"},
		{"flashpod", "namespaces: [a, a]", "/namespaces", "are equal"},
		{"flashpod", "replicas: -1", "/replicas", "minimum: got -1, want 0"},
		{"flashpod", "maxConcurrentRollouts: 0", "/maxConcurrentRollouts", "minimum: got 0, want 1"},
		{"flashpod", "resources: {limit: {memory: 1Gi}}", "/resources", "additional properties 'limit' not allowed"},
		{"flashpod", "tolerations: [{key: a, tolerationSeconds: soon}]", "/tolerations/0/tolerationSeconds", "got string, want integer"},
		{"flashpod", "topologySpreadConstraints: [{maxSkew: 1}]", "/topologySpreadConstraints/0", "missing properties"},
		{"flashpod", "podLabels: {app.kubernetes.io/name: mine}", "", "invalid propertyName"},
		{"flashpod", "extraArgs: [health-address]", "/extraArgs/0", "does not match pattern"},
		{"flashpod", "prometheusSelector: 'app in (prom)'", "/prometheusSelector", "does not match pattern"},
		{"flashpod", "metrics: {podMonitor: {interval: 30}}", "/metrics/podMonitor/interval", "got number, want string"},
		{"flashpod", "crds: {enabled: 'yes'}", "/crds/enabled", "got string, want boolean"},
		{"flashpod", "gateway: {enabled: true, autoscaling: {minReplicas: some}}", "/gateway/autoscaling/minReplicas", "got string, want integer"},
		{"flashpod", "gateway: {enabled: true, certificates: [../a]}", "/gateway/certificates/0", "does not match pattern"},
		{"flashpod-instance", "name: Lobby", "/name", "does not match pattern"},
		{"flashpod-instance", "name: " + strings.Repeat("a", 53), "/name", "maxLength: got 53, want 52"},
		{"flashpod-instance", "application: live", "", "additional properties 'application' not allowed"},
		{"flashpod-instance", "spec: {application: null}", "/spec", "missing property 'application'"},
		{"flashpod-instance", "spec: {aplication: live}", "/spec", "additional properties 'aplication' not allowed"},
		{"flashpod-instance", "spec: {recording: {mode: Always}}", "/spec/recording/mode", "must be one of"},
		{"flashpod-instance", "spec: {limits: {maxConnections: many}}", "/spec/limits/maxConnections", "got string, want integer"},
		{"flashpod-instance", "spec: {affinity: {podAffinity: {required: []}}}", "/spec/affinity/podAffinity", "additional properties 'required' not allowed"},
	} {
		t.Run(test.values, func(t *testing.T) {
			_, err := testCase{chart: test.chart, values: test.values}.render(load(t, chartPath(test.chart)))
			if err == nil {
				t.Fatal("accepted")
			}
			if want := "at '" + test.where; !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), test.why) {
				t.Errorf("got %v\nwant %s: … %s", err, want, test.why)
			}
		})
	}
}

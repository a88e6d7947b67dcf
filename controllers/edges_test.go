package controllers

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"flashpod.dev/flashpod/api/v1alpha1/manifest"
)

func TestEdgesFollowTheSpec(t *testing.T) {
	for _, c := range []struct{ spec, child, want string }{
		{"{application: a, edges: {replicas: 3}}", "Deployment lobby-edge", "replicas: 3"},
		{"{application: a, edges: {replicas: 3}, suspend: true}", "Deployment lobby-edge", "replicas: 0"},
		{"{application: a, edges: {}}", "Deployment lobby-edge", "replicas: 0"},
		{"{application: a, edges: {autoscaling: {minReplicas: 2}}}", "Deployment lobby-edge", "replicas: 2"},
		{"{application: a, edges: {}}", "Deployment lobby-edge", "- lobby-origin.ns.svc:1937"},
		{"{application: a, edges: {}}", "Deployment lobby-edge", "maxUnavailable: 0"},
		{"{application: a, edges: {}}", "Deployment lobby-edge", "serviceAccountName: lobby.media"},
		{"{application: a, edges: {}}", "Deployment lobby-edge", "topologyKey: kubernetes.io/hostname"},
		{"{application: a, edges: {}}", "Deployment lobby-edge", "readOnlyRootFilesystem: true"},
		{"{application: a, edges: {}, image: mine:2}", "Deployment lobby-edge", "image: mine:2"},
		{"{application: a, edges: {}, resources: {limits: {cpu: 2}}}", "Deployment lobby-edge", "cpu: \"2\""},
		{"{application: a, edges: {resources: {limits: {cpu: 3}}}, resources: {limits: {cpu: 2}}}", "Deployment lobby-edge", "cpu: \"3\""},
		{"{application: a, edges: {}, tolerations: [{key: k, operator: Exists}]}", "Deployment lobby-edge", "key: k"},
		{"{application: a, edges: {}, tls: {secretName: cert}}", "Deployment lobby-edge", "secretName: cert"},
		{"{application: a, edges: {}}", "Deployment lobby-edge", "sizeLimit: 2304Mi"},
		{"{application: a, edges: {}}", "Deployment lobby-edge", "- --cache-size\n        - 2Gi\n"},
		{"{application: a, edges: {cache: {size: 20Gi}}}", "Deployment lobby-edge", "sizeLimit: 23040Mi"},
		{"{application: a, edges: {cache: {size: 20Gi}}}", "Deployment lobby-edge", "- --cache-dir\n        - /var/cache/flashpod\n        - --cache-size\n        - 20Gi\n"},
		{"{application: a, edges: {cache: {size: 20Gi}}}", "Deployment lobby-edge", "requests:\n            cpu: 100m\n            ephemeral-storage: 23040Mi"},
		{"{application: a, edges: {cache: {size: 20Gi}, resources: {limits: {cpu: 3}}}}", "Deployment lobby-edge", "requests:\n            ephemeral-storage: 23040Mi"},
		{"{application: a, edges: {cache: {size: 20Gi}, resources: {requests: {ephemeral-storage: 1Gi}}}}", "Deployment lobby-edge", "ephemeral-storage: 1Gi"},
		{"{application: a, edges: {cache: {size: 0}}}", "Deployment lobby-edge", "- --cache-size\n        - \"0\"\n"},
		{"{application: a, edges: {}}", "Deployment lobby-edge", "terminationGracePeriodSeconds: 155"},
		{"{application: a, edges: {}}", "Deployment lobby-edge", "- 120s"},
		{"{application: a, drain: {timeout: 1h}, edges: {}}", "Deployment lobby-edge", "terminationGracePeriodSeconds: 3635"},
		{"{application: a, drain: {timeout: 1h}, edges: {}}", "Deployment lobby-edge", "- 3600s"},
		{"{application: a, drain: {timeout: 0s}, edges: {}}", "Deployment lobby-edge", "- 1s"},
		{"{application: a, drain: {timeout: 1h}, edges: {}}", "StatefulSet lobby", "terminationGracePeriodSeconds: 30"},
		{"{application: a, edges: {}}", "PodDisruptionBudget lobby-edge", "maxUnavailable: 10%"},
		{"{application: a, edges: {}, tls: {secretName: cert}}", "NetworkPolicy lobby.edge", "port: rtmps"},
		{"{application: a, edges: {}}", "NetworkPolicy lobby", "port: link"},
		{"{application: a, edges: {}}", "Service lobby-origin", "port: 1937"},
		{"{application: a, edges: {}}", "StatefulSet lobby", "- --link-address"},
		{"{application: a, edges: {}}", "StatefulSet lobby", "- --leave-file\n        - /etc/flashpod/leave\n"},
		{"{application: a, edges: {}}", "StatefulSet lobby", "secretName: lobby-link"},
		{"{application: a, edges: {}}", "Secret lobby-link", "keys: " + base64.StdEncoding.EncodeToString([]byte("fresh link key\n"))},
		{"{application: a, edges: {replicas: 3}}", "Service lobby", "app.kubernetes.io/component: origin"},
	} {
		o := withSecrets(observe(t, c.spec))
		o.edges.freshKey = "fresh link key"
		got, ok := children(t, o)[c.child]
		if !ok || !strings.Contains(text(t, got), c.want) {
			t.Errorf("%s: %s lacks %q", c.spec, c.child, c.want)
		}
		if ok && strings.Contains(text(t, got), "fresh link key") {
			t.Errorf("%s tells the key", c.child)
		}
	}
	all := children(t, observe(t, "{application: a}"))
	for _, none := range []string{"Deployment lobby-edge", "PodDisruptionBudget lobby-edge", "NetworkPolicy lobby.edge", "Secret lobby-link"} {
		if _, ok := all[none]; ok {
			t.Errorf("%s is made where no edges are asked for", none)
		}
	}
	for spec, none := range map[string]string{
		"{application: a, edges: {}}":                   "ephemeral-storage", // nobody has asked the node for it
		"{application: a, edges: {cache: {size: 0}}}":   "emptyDir",
		"{application: a, edges: {cache: {size: 0Mi}}}": "cache-dir",
	} {
		if d := text(t, children(t, observe(t, spec))["Deployment lobby-edge"]); strings.Contains(d, none) {
			t.Errorf("%s: edges have %q:\n%s", spec, none, d)
		}
	}
	if set := text(t, all["StatefulSet lobby"]); strings.Contains(set, "link") {
		t.Error("the origin listens for links where no edges are asked for")
	}
	if _, ok := children(t, observe(t, "{application: a, edges: {}, networkPolicy: {mode: None}}"))["NetworkPolicy lobby.edge"]; ok {
		t.Error("a NetworkPolicy is made that nobody wants")
	}
}

// What edges are told is what concerns them: editing the rest restarts none.
func TestDocumentOfEdges(t *testing.T) {
	doc := func(spec string) string {
		text, err := edgeDocument(observe(t, spec).instance)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	one := doc("{application: a, edges: {}, web: {allowedOrigins: [https://example.org]}, limits: {maxConnectionsPerAddress: 7}}")
	all, err := manifest.Load(strings.NewReader(one), "edge.yaml")
	if err != nil || len(all) != 1 || *all[0].Spec.Limits.MaxConnectionsPerAddress != 7 || len(all[0].Spec.Web.AllowedOrigins) != 1 {
		t.Errorf("%v\n%s", err, one)
	}
	for _, edit := range []string{"recording: {mode: All}", "access: {publish: {mode: Anyone}}", "limits: {maxStreams: 3}", "edges: {replicas: 4}", "script: {configMap: {name: s}}"} {
		if doc("{application: a, "+edit+"}") != doc("{application: a}") {
			t.Errorf("%s restarts edges", edit)
		}
	}
}

// edged is an instance with a Deployment that has so many edges, some of them ready.
func edged(t *testing.T, spec string, replicas, ready int32) *observed {
	t.Helper()
	o := observe(t, spec)
	o.edges.deployment = &appsv1.Deployment{ObjectMeta: owned(o, "lobby-edge"), Spec: appsv1.DeploymentSpec{Replicas: &replicas}, Status: appsv1.DeploymentStatus{Replicas: replicas, ReadyReplicas: ready, UpdatedReplicas: replicas}}
	return o
}

// The Service leads to edges while one takes connections, and to the origin otherwise;
// edges go when no Service leads to them any more.
func TestTheServiceMoves(t *testing.T) {
	for _, c := range []struct {
		name, spec      string
		replicas, ready int32
		was, want       string
		edges           int32
		soon            bool
	}{
		{"none is ready", "edges: {replicas: 2}", 2, 0, "origin", "origin", 2, false},
		{"one is ready", "edges: {replicas: 2}", 2, 1, "origin", "edge", 2, false},
		{"the last one is not ready any more", "edges: {replicas: 2}", 2, 0, "edge", "origin", 2, false},
		{"none are wanted, and the Service leads to them", "edges: {replicas: 0}", 2, 2, "edge", "origin", 2, true},
		{"none are wanted, and the Service leads to the origin", "edges: {replicas: 0}", 2, 2, "origin", "origin", 0, false},
		{"suspended", "edges: {replicas: 2}, suspend: true", 2, 2, "edge", "origin", 2, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := edged(t, "{application: a, "+c.spec+"}", c.replicas, c.ready)
			o.service = &corev1.Service{ObjectMeta: owned(o, "lobby"), Spec: corev1.ServiceSpec{Selector: map[string]string{labelComponent: c.was}}}
			p := planOf(t, o)
			var service, deployment child
			for _, one := range p.children {
				switch one.String() {
				case "Service lobby":
					service = one
				case "Deployment lobby-edge":
					deployment = one
				}
			}
			if s := text(t, service); !strings.Contains(s, "selector:\n    app.kubernetes.io/component: "+c.want) {
				t.Errorf("the Service leads elsewhere:\n%s", s)
			}
			if d := text(t, deployment); !strings.Contains(d, "replicas: "+strconv.Itoa(int(c.edges))+"\n") || p.soon != c.soon {
				t.Errorf("soon %v:\n%s", p.soon, d)
			}
		})
	}
	for was, gone := range map[string]int{"edge": 0, "origin": 1} {
		o := edged(t, "{application: a}", 2, 2)
		o.service = &corev1.Service{ObjectMeta: owned(o, "lobby"), Spec: corev1.ServiceSpec{Selector: map[string]string{labelComponent: was}}}
		if p := planOf(t, o); len(p.unused) != gone || p.soon != (gone == 0) {
			t.Errorf("while the Service leads to the %s, %v goes", was, p.unused)
		}
	}
}

// Of edges that are too many, the emptiest costs least.
func TestDeletionCosts(t *testing.T) {
	o := edged(t, "{application: a, edges: {replicas: 1}}", 4, 3)
	pod := func(name, cost string, ready corev1.ConditionStatus) corev1.Pod {
		return corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{annotationCost: cost}},
			Status: corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: ready}}}}
	}
	o.edges.pods = []corev1.Pod{pod("full", "", "True"), pod("empty", "", "True"), pod("silent", "", "True"), pod("new", "", "False"), pod("marked", "3", "True")}
	o.edges.loads = map[string]edgeLoad{"full": {connections: 900}, "empty": {connections: 2}, "marked": {connections: 3}}
	p := planOf(t, o)
	got := map[string]string{}
	for name, c := range p.costs {
		got[name] = c.cost
	}
	want := map[string]string{"full": "900", "empty": "2", "silent": "1073741824", "new": "-1"}
	if len(got) != len(want) {
		t.Fatalf("%v", got)
	}
	for name, cost := range want {
		if got[name] != cost {
			t.Errorf("%s costs %s, want %s", name, got[name], cost)
		}
	}
}

// A key is made once, and replaced when it is old, or when somebody asks for it; the one
// before it is accepted for a day.
func TestLinkKeys(t *testing.T) {
	start := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	var have *corev1.Secret
	o := observe(t, "{application: a, edges: {}}")
	for _, c := range []struct {
		after time.Duration
		word  string
		fresh string
		keys  []string
	}{
		{0, "", "first", []string{"first"}},
		{time.Hour, "", "x", []string{"first"}},
		{2 * time.Hour, "please", "second", []string{"second", "first"}},
		{3 * time.Hour, "please", "x", []string{"second", "first"}},
		{25 * time.Hour, "please", "x", []string{"second", "first"}},
		{26 * time.Hour, "please", "x", []string{"second"}},
		{27 * time.Hour, "", "x", []string{"second"}},
		{2*time.Hour + linkKeyAge, "", "third", []string{"third", "second"}},
		{28*time.Hour + linkKeyAge, "", "x", []string{"third"}},
	} {
		o.instance.Annotations = map[string]string{annotationRotate: c.word}
		s := linkSecret(o.instance, have, c.fresh, start.Add(c.after))
		have = &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Annotations: s.Annotations}, Data: s.Data}
		if keys, _, _ := linkKeysOf(have); !slices.Equal(keys, c.keys) {
			t.Errorf("after %v the keys are %v, want %v", c.after, keys, c.keys)
		}
		o.edges.link, o.now = have, start.Add(c.after)
		if turn := linkTurn(o); turn <= 0 || turn > linkKeyAge || len(c.keys) == 2 && turn > linkKeyOverlap {
			t.Errorf("after %v it is looked at again after %v", c.after, turn)
		}
	}
	if a, b := freshLinkKey(), freshLinkKey(); len(a) != 64 || a == b {
		t.Errorf("a key of %d characters", len(a))
	}
}

func TestEdgesVerdict(t *testing.T) {
	for _, c := range []struct {
		name, spec      string
		replicas, ready int32
		condition       appsv1.DeploymentCondition
		reason          string
		ok, stalled     bool
	}{
		{"all", "{replicas: 3}", 3, 3, appsv1.DeploymentCondition{}, "Ready", true, false},
		{"some", "{replicas: 3}", 3, 2, appsv1.DeploymentCondition{}, "Scaling", false, false},
		{"none wanted", "{replicas: 0}", 0, 0, appsv1.DeploymentCondition{}, "NoEdges", true, false},
		{"refused", "{replicas: 3}", 3, 2, appsv1.DeploymentCondition{Type: appsv1.DeploymentReplicaFailure, Status: "True", Message: "exceeded quota"}, "PodRefused", false, true},
		{"stuck", "{replicas: 3}", 3, 2, appsv1.DeploymentCondition{Type: appsv1.DeploymentProgressing, Status: "False"}, "EdgesStuck", false, true},
	} {
		o := edged(t, "{application: a, edges: "+c.spec+"}", c.replicas, c.ready)
		o.edges.deployment.Status.Conditions = append(o.edges.deployment.Status.Conditions, c.condition)
		o.judge()
		v := edgesVerdict(o)
		if v.reason != c.reason || v.ok() != c.ok || v.stalled != c.stalled || v.message == "" {
			t.Errorf("%s: %+v", c.name, v)
		}
		if s := edgesStatus(o); s.Ready != c.ready || s.Replicas != c.replicas || !strings.Contains(s.Selector, "app.kubernetes.io/component=edge") {
			t.Errorf("%s: %+v", c.name, s)
		}
	}
	// What is written and does nothing is named, since kubectl scale says that it has scaled.
	for spec, says := range map[string]string{
		"{application: a, edges: {replicas: 2, autoscaling: {minReplicas: 1}}}":                "spec.edges.replicas, 2, which kubectl scale and autoscalers write, is not looked at",
		"{application: a, edges: {replicas: 2}, service: {type: Gateway}}":                     "those of the gateway are linked to the origin",
		"{application: a, edges: {autoscaling: {minReplicas: 1}}}":                             "",
		"{application: a, edges: {replicas: 0}, service: {type: Gateway}}":                     "",
		"{application: a, suspend: true, edges: {replicas: 2, autoscaling: {minReplicas: 1}}}": "",
	} {
		o := edged(t, spec, 2, 2)
		o.judge()
		if v := edgesVerdict(o); !v.ok() || !strings.Contains(v.message, says) || says == "" && strings.Contains(v.message, ";") {
			t.Errorf("%s: %+v", spec, v)
		}
	}
	// Edges that are still to come, where the operator counts them, keep nothing from serving.
	o := edged(t, "{application: a, edges: {autoscaling: {minReplicas: 5}}}", 5, 2)
	o.judge()
	if v := edgesNeeded(o, edgesVerdict(o)); !v.ok() {
		t.Errorf("%+v", v)
	}
}

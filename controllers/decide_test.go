package controllers

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/yaml"

	"flashpod.dev/flashpod/api/v1alpha1"
	"flashpod.dev/flashpod/api/v1alpha1/manifest"
)

// observe is what gather finds of an instance that was just applied.
func observe(t *testing.T, spec string) *observed {
	t.Helper()
	all, err := manifest.Load(strings.NewReader("apiVersion: media.flashpod.dev/v1alpha1\nkind: AppInstance\nmetadata: {name: lobby}\nspec: "+spec), "spec")
	if err != nil {
		t.Fatal(err)
	}
	a := &all[0]
	a.Namespace, a.UID, a.Generation = "ns", "uid", 1
	return &observed{instance: a, image: "media:1", freshKey: "fresh", now: time.Now(), sessions: -1,
		options: Options{Peers: Peers{OperatorNamespace: "flashpod-system", Prometheus: map[string]string{"app.kubernetes.io/name": "prometheus"}}}}
}

// owned is the metadata of a child that we made.
func owned(o *observed, name string) metav1.ObjectMeta {
	yes := true
	return metav1.ObjectMeta{Namespace: "ns", Name: name, UID: types.UID("uid-" + name), Labels: labels(o.instance), ResourceVersion: "5",
		OwnerReferences: []metav1.OwnerReference{{APIVersion: v1alpha1.GroupVersion.String(), Kind: "AppInstance", Name: "lobby", UID: "uid", Controller: &yes}}}
}

// planOf judges what was observed and decides.
func planOf(t *testing.T, o *observed) *plan {
	t.Helper()
	o.judge()
	p, err := decide(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// children by their kind and name.
func children(t *testing.T, o *observed) map[string]child {
	t.Helper()
	all := map[string]child{}
	for _, c := range planOf(t, o).children {
		all[c.String()] = c
	}
	return all
}

func text(t *testing.T, c child) string {
	t.Helper()
	b, err := yaml.Marshal(c.want)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestChildrenFollowTheSpec(t *testing.T) {
	for _, c := range []struct{ spec, child, want string }{
		{"{application: a}", "StatefulSet lobby", "image: media:1"},
		{"{application: a, image: mine:2}", "StatefulSet lobby", "image: mine:2"},
		{"{application: a, suspend: true}", "StatefulSet lobby", "replicas: 0"},
		{"{application: a, storage: {retain: false}}", "StatefulSet lobby", "whenDeleted: Delete"},
		{"{application: a, storage: {storageClassName: fast}}", "StatefulSet lobby", "storageClassName: fast"},
		{"{application: a, priorityClassName: high}", "StatefulSet lobby", "priorityClassName: high"},
		{"{application: a, podAnnotations: {x: z}}", "StatefulSet lobby", "x: z"},
		{"{application: a, tolerations: [{key: k, operator: Exists}]}", "StatefulSet lobby", "key: k"},
		{"{application: a, resources: {limits: {cpu: 2}}}", "StatefulSet lobby", "cpu: \"2\""},
		{"{application: a, imagePullSecrets: [{name: pull}]}", "StatefulSet lobby", "name: pull"},
		{"{application: a}", "StatefulSet lobby", "terminationMessagePolicy: FallbackToLogsOnError"},
		{"{application: a}", "StatefulSet lobby", "optional: true"},
		{"{application: a}", "StatefulSet lobby", "serviceAccountName: lobby.media"},
		{"{application: a, service: {port: 443}}", "Service lobby", "port: 443"},
		{"{application: a, service: {loadBalancerSourceRanges: [10.0.0.0/8]}}", "Service lobby", "- 10.0.0.0/8"},
		{"{application: a, service: {annotations: {cloud: x}}}", "Service lobby", "cloud: x"},
		{"{application: a, service: {ipFamilyPolicy: PreferDualStack}}", "Service lobby", "ipFamilyPolicy: PreferDualStack"},
		{"{application: a, service: {ipFamilies: [IPv6]}}", "Service lobby", "- IPv6"},
		{"{application: a, tls: {secretName: cert}}", "Service lobby", "port: 443"},
		{"{application: a}", "Service lobby-origin", "clusterIP: None"},
		{"{application: a}", "ServiceAccount lobby.media", "automountServiceAccountToken: false"},
		{"{application: a, limits: {maxConnections: 7}}", "ConfigMap lobby-config", "maxConnections: 7"},
		{"{application: a, limits: {maxConnections: 0}}", "ConfigMap lobby-config", "maxConnections: 0"},
		{"{application: a, onDemandInstances: true}", "ConfigMap lobby-config", "onDemandInstances: true"},
		{"{application: a, limits: {maxInstances: 3}}", "ConfigMap lobby-config", "maxInstances: 3"},
		{"{application: a, idle: {unloadAfter: 90s}}", "ConfigMap lobby-config", "unloadAfter: 1m30s"},
		{"{application: a, access: {publish: {previousKeyFor: 0s}}}", "ConfigMap lobby-config", "previousKeyFor: 0s"},
		{"{application: a, access: {publish: {takeOver: Always}}}", "ConfigMap lobby-config", "takeOver: Always"},
		{"{application: a, access: {play: {mode: Nobody}}}", "ConfigMap lobby-config", "mode: Nobody"},
		{"{application: a}", "Secret lobby-publish-key", "key: ZnJlc2g="},
		{"{application: a}", "Secret lobby-publish-key", "media.flashpod.dev/instance: lobby"},
		{"{application: a}", "Secret lobby-publish-key", "argocd.argoproj.io/sync-options: Prune=false,Delete=false"},
		{"{application: a}", "PersistentVolumeClaim data-lobby-0", "argocd.argoproj.io/sync-options: Prune=false,Delete=false"},
		{"{application: a, storage: {size: 3Gi, storageClassName: fast}}", "PersistentVolumeClaim data-lobby-0", "storageClassName: fast"},
		{"{application: a}", "NetworkPolicy lobby", "kubernetes.io/metadata.name: flashpod-system"},
		{"{application: a, tls: {secretName: cert}}", "NetworkPolicy lobby", "port: rtmps"},
	} {
		got, ok := children(t, withSecrets(observe(t, c.spec)))[c.child]
		if !ok || !strings.Contains(text(t, got), c.want) {
			t.Errorf("%s: %s lacks %q", c.spec, c.child, c.want)
		}
	}
}

// withSecrets lets an instance have the certificate that it asks for.
func withSecrets(o *observed) *observed {
	if o.instance.Spec.TLS != nil {
		o.certificate = &corev1.Secret{Type: corev1.SecretTypeTLS}
	}
	return o
}

// Of a Secret with a certificate the server gets the certificate and its key,
// whatever else is in it.
func TestOnlyTheCertificateIsMounted(t *testing.T) {
	set := text(t, children(t, withSecrets(observe(t, "{application: a, tls: {secretName: cert}}")))["StatefulSet lobby"])
	for _, want := range []string{"secretName: cert", "/run/secrets/tls/tls.crt", "key: tls.crt", "key: tls.key"} {
		if !strings.Contains(set, want) {
			t.Errorf("no %q in\n%s", want, set)
		}
	}
}

func TestNoKeyWhereNoneIsNeeded(t *testing.T) {
	for _, spec := range []string{"{application: a, access: {publish: {mode: Anyone}}}", "{application: a, access: {publish: {secretName: mine}}}"} {
		if _, ok := children(t, observe(t, spec))["Secret lobby-publish-key"]; ok {
			t.Errorf("%s: a key is generated", spec)
		}
	}
	o := observe(t, "{application: a, access: {publish: {mode: Anyone}}}")
	if set := text(t, children(t, o)["StatefulSet lobby"]); strings.Contains(set, "publish-key") {
		t.Error("a key is mounted that nobody needs")
	}
}

func TestNoNetworkPolicyWhereNoneIsWanted(t *testing.T) {
	o := observe(t, "{application: a, networkPolicy: {mode: None}}")
	if _, ok := children(t, o)["NetworkPolicy lobby"]; ok {
		t.Error("there is one")
	}
}

func TestKeyThatIsThereStays(t *testing.T) {
	o := observe(t, "{application: a}")
	o.secret = &corev1.Secret{ObjectMeta: owned(o, "lobby-publish-key"), Data: map[string][]byte{"key": []byte("old")}}
	s, _ := children(t, o)["Secret lobby-publish-key"].want.(*corev1ac.SecretApplyConfiguration)
	if len(s.Data) > 0 {
		t.Errorf("key %s is written", s.Data["key"])
	}
}

func TestKeyGoesOnlyWithItsVolume(t *testing.T) {
	for spec, owners := range map[string]bool{"{application: a}": false, "{application: a, storage: {retain: false}}": true} {
		if got := strings.Contains(text(t, children(t, observe(t, spec))["Secret lobby-publish-key"]), "ownerReferences"); got != owners {
			t.Errorf("%s: owned %v", spec, got)
		}
	}
}

// What outlives an instance must not look to Argo CD like a resource of an
// application of that name.
func TestWhatOutlivesHasNoApplicationLabel(t *testing.T) {
	all := children(t, observe(t, "{application: a}"))
	for _, name := range []string{"Secret lobby-publish-key", "PersistentVolumeClaim data-lobby-0"} {
		if strings.Contains(text(t, all[name]), labelInstance) {
			t.Errorf("%s carries %s", name, labelInstance)
		}
	}
}

func TestVolumesGrowByTheirClaims(t *testing.T) {
	o := observe(t, "{application: a, storage: {size: 20Gi}}")
	quantity := func(s string) corev1.ResourceList {
		return corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(s)}
	}
	for _, c := range []struct{ asked, has, want string }{
		{"10Gi", "10Gi", "20Gi"},
		{"20Gi", "10Gi", ""},
		{"30Gi", "30Gi", ""},     // does not shrink
		{"30Gi", "10Gi", "20Gi"}, // takes back what was never done
		{"10Gi", "", ""},         // is bound first
	} {
		o.claim = &corev1.PersistentVolumeClaim{ObjectMeta: owned(o, "data-lobby-0")}
		o.claim.OwnerReferences = nil
		o.claim.Spec.Resources.Requests = quantity(c.asked)
		if c.has != "" {
			o.claim.Status = corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimBound, Capacity: quantity(c.has)}
		}
		got := text(t, children(t, o)["PersistentVolumeClaim data-lobby-0"])
		if c.want == "" && strings.Contains(got, "storage:") || c.want != "" && !strings.Contains(got, "storage: "+c.want) {
			t.Errorf("asked %s, has %s: want %s in\n%s", c.asked, c.has, c.want, got)
		}
	}
}

package controllers

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	appsv1ac "k8s.io/client-go/applyconfigurations/apps/v1"
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
	return &observed{instance: a, image: "media:1", freshKey: "fresh"}
}

// children by their kind and name.
func children(t *testing.T, o *observed) map[string]child {
	t.Helper()
	list, err := desired(o)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]child{}
	for _, c := range list {
		all[c.name] = c
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
		{"{application: a, access: {publish: {secretName: mine}}}", "StatefulSet lobby", "secretName: mine"},
		{"{application: a, service: {port: 443}}", "Service lobby", "port: 443"},
		{"{application: a, service: {loadBalancerSourceRanges: [10.0.0.0/8]}}", "Service lobby", "- 10.0.0.0/8"},
		{"{application: a, service: {annotations: {cloud: x}}}", "Service lobby", "cloud: x"},
		{"{application: a, service: {ipFamilyPolicy: PreferDualStack}}", "Service lobby", "ipFamilyPolicy: PreferDualStack"},
		{"{application: a, tls: {secretName: cert}}", "StatefulSet lobby", "/run/secrets/tls/tls.crt"},
		{"{application: a, tls: {secretName: cert}}", "StatefulSet lobby", "secretName: cert"},
		{"{application: a, tls: {secretName: cert}}", "Service lobby", "port: 443"},
		{"{application: a}", "Service lobby-origin", "clusterIP: None"},
		{"{application: a}", "ServiceAccount lobby", "automountServiceAccountToken: false"},
		{"{application: a, limits: {maxConnections: 7}}", "ConfigMap lobby-config", "maxConnections: 7"},
		{"{application: a}", "Secret lobby-publish-key", "key: ZnJlc2g="},
	} {
		got, ok := children(t, observe(t, c.spec))[c.child]
		if !ok || !strings.Contains(text(t, got), c.want) {
			t.Errorf("%s: %s lacks %q", c.spec, c.child, c.want)
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

func TestKeyThatIsThereStays(t *testing.T) {
	o := observe(t, "{application: a}")
	o.secret = &corev1.Secret{Data: map[string][]byte{"key": []byte("old")}}
	s, _ := children(t, o)["Secret lobby-publish-key"].want.(*corev1ac.SecretApplyConfiguration)
	if string(s.Data["key"]) != "old" {
		t.Errorf("key %s", s.Data["key"])
	}
}

// Another operator must not restart anybody: the template is a function of
// spec and image alone. When this changes, every media server restarts with
// the next operator, so it should be worth it.
func TestPodTemplateIsStable(t *testing.T) {
	o := observe(t, "{application: a}")
	first := text(t, children(t, o)["StatefulSet lobby"])
	o.freshKey = "another"
	if again := text(t, children(t, o)["StatefulSet lobby"]); again != first {
		t.Error("the same spec gives another template")
	}
	if strings.Contains(first, "fresh") {
		t.Error("the key is in the template")
	}
}

func TestVolumesGrowByTheirClaims(t *testing.T) {
	o := observe(t, "{application: a, storage: {size: 20Gi}}")
	o.statefulSet = &appsv1.StatefulSet{Spec: appsv1.StatefulSetSpec{VolumeClaimTemplates: []corev1.PersistentVolumeClaim{{
		ObjectMeta: metav1.ObjectMeta{Name: volumeData},
		Spec:       corev1.PersistentVolumeClaimSpec{Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("10Gi")}}},
	}}}}
	o.claim = &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: "data-lobby-0", Namespace: "ns"}, Spec: o.statefulSet.Spec.VolumeClaimTemplates[0].Spec}
	all := children(t, o)
	set, _ := all["StatefulSet lobby"].want.(*appsv1ac.StatefulSetApplyConfiguration)
	if q := (*set.Spec.VolumeClaimTemplates[0].Spec.Resources.Requests)[corev1.ResourceStorage]; q.String() != "10Gi" {
		t.Errorf("the template, which cannot be changed, is changed to %s", q.String())
	}
	if c, ok := all["PersistentVolumeClaim data-lobby-0"]; !ok || !strings.Contains(text(t, c), "storage: 20Gi") {
		t.Error("the claim does not grow")
	}
	o.claim.Spec.Resources.Requests = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("30Gi")}
	if _, ok := children(t, o)["PersistentVolumeClaim data-lobby-0"]; ok {
		t.Error("the claim shrinks")
	}
}

func TestStatusNamesWhatIsMissing(t *testing.T) {
	waiting := func(reason string) *corev1.Pod {
		return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "lobby-0"}, Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{
			State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: "of something"}}}}}}
	}
	ready := func(o *observed) {
		o.statefulSet = &appsv1.StatefulSet{Status: appsv1.StatefulSetStatus{ReadyReplicas: 1}}
		o.claim = &corev1.PersistentVolumeClaim{Status: corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimBound,
			Capacity: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("10Gi")}}}
		o.service = &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "lobby", Namespace: "ns"}, Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer},
			Status: corev1.ServiceStatus{LoadBalancer: corev1.LoadBalancerStatus{Ingress: []corev1.LoadBalancerIngress{{IP: "192.0.2.1"}}}}}
	}
	for _, c := range []struct {
		name, spec string
		change     func(*observed)
		status     metav1.ConditionStatus
		reason     string
		says       string
	}{
		{"all there", "{application: a}", func(*observed) {}, "True", "Serving", "rtmp://192.0.2.1/a/lobby"},
		{"no pod", "{application: a}", func(o *observed) { o.statefulSet = nil }, "False", "PodMissing", "not there yet"},
		{"image", "{application: a}", func(o *observed) { o.statefulSet = nil; o.pod = waiting("ImagePullBackOff") }, "False", "ImagePullBackOff", "lobby-0"},
		{"starting", "{application: a}", func(o *observed) { o.statefulSet = nil; o.pod = waiting("ContainerCreating") }, "False", "PodStarting", "starting"},
		{"no claim", "{application: a}", func(o *observed) { o.claim = nil }, "False", "ClaimMissing", "volume"},
		{"claim waits", "{application: a}", func(o *observed) { o.claim.Status.Phase = corev1.ClaimPending }, "False", "ClaimPending", "storage class"},
		{"no address", "{application: a}", func(o *observed) { o.service.Status = corev1.ServiceStatus{} }, "False", "AddressPending", "load balancer"},
		{"suspended", "{application: a, suspend: true}", func(*observed) {}, "False", "Suspended", "spec.suspend"},
		{"node port", "{application: a}", func(o *observed) {
			o.service.Spec = corev1.ServiceSpec{Type: corev1.ServiceTypeNodePort, Ports: []corev1.ServicePort{{NodePort: 30001}}}
		}, "True", "Serving", "any node"},
		{"tls", "{application: a, tls: {secretName: cert}}", func(*observed) {}, "True", "Serving", "rtmps://192.0.2.1/a/lobby"},
		{"no certificate", "{application: a, tls: {secretName: cert}}", func(o *observed) { o.statefulSet = nil }, "False", "SecretMissing", "Secret cert"},
		{"cluster IP", "{application: a, service: {type: ClusterIP}}", func(o *observed) { o.service.Spec.Type = corev1.ServiceTypeClusterIP }, "True", "Serving", "rtmp://lobby.ns.svc/a/lobby"},
		{"cannot apply", "{application: a}", func(o *observed) { o.applyErr = errNo }, "False", "ApplyFailed", "no"},
	} {
		o := observe(t, c.spec)
		ready(o)
		c.change(o)
		s := statusOf(o)
		got := meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionReady)
		if got.Status != c.status || got.Reason != c.reason || !strings.Contains(got.Message, c.says) || s.ObservedGeneration != 1 {
			t.Errorf("%s: %s %s %q, want %s %s %q", c.name, got.Status, got.Reason, got.Message, c.status, c.reason, c.says)
		}
	}
}

type no struct{}

func (no) Error() string { return "no" }

var errNo = no{}

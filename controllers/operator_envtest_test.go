//go:build envtest

package controllers

import (
	"context"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"flashpod.dev/flashpod/api/v1alpha1"
	"flashpod.dev/flashpod/api/v1alpha1/manifest"
)

func TestChildren(t *testing.T) {
	w := newWorld(t)
	a := w.add("{application: chatRoom, storage: {size: 20Gi}}")
	set := read(w, "lobby", &appsv1.StatefulSet{})
	pod := set.Spec.Template.Spec
	c := pod.Containers[0]
	if *set.Spec.Replicas != 1 || c.Image != "flashpod.dev/media:test" || set.Spec.ServiceName != "lobby-origin" {
		t.Errorf("stateful set: %d of %s behind %s", *set.Spec.Replicas, c.Image, set.Spec.ServiceName)
	}
	if set.Spec.PersistentVolumeClaimRetentionPolicy.WhenDeleted != appsv1.RetainPersistentVolumeClaimRetentionPolicyType {
		t.Error("the volume does not outlive its instance")
	}
	if !strings.Contains(strings.Join(c.Args, " "), "--publish-key-file /run/secrets/flashpod/key") {
		t.Errorf("arguments %q name no key file", c.Args)
	}
	key := read(w, "lobby-publish-key", &corev1.Secret{}).Data["key"]
	if len(key) < 20 {
		t.Errorf("publish key of %d bytes", len(key))
	}
	doc := read(w, "lobby-config", &corev1.ConfigMap{}).Data[documentFile]
	loaded, err := manifest.Load(strings.NewReader(doc), "document")
	if err != nil || len(loaded) != 1 || loaded[0].Spec.Instance != "lobby" || loaded[0].Spec.Application != "chatRoom" {
		t.Errorf("the pod cannot serve its document: %v\n%s", err, doc)
	}
	svc := read(w, "lobby", &corev1.Service{})
	if svc.Spec.Type != corev1.ServiceTypeLoadBalancer || svc.Spec.Ports[0].Port != 1935 || len(svc.Spec.Ports) != 1 {
		t.Errorf("service: %+v", svc.Spec)
	}
	for _, o := range []client.Object{set, svc, read(w, "lobby.media", &corev1.ServiceAccount{}), read(w, "lobby-origin", &corev1.Service{}),
		read(w, "lobby-config", &corev1.ConfigMap{}), read(w, "lobby", &networkingv1.NetworkPolicy{})} {
		refs := o.GetOwnerReferences()
		if len(refs) != 1 || refs[0].UID != a.UID || !*refs[0].Controller {
			t.Errorf("%T %s is owned by %v", o, o.GetName(), refs)
		}
	}
	for _, o := range []client.Object{read(w, "lobby-publish-key", &corev1.Secret{}), read(w, "data-lobby-0", &corev1.PersistentVolumeClaim{})} {
		if refs := o.GetOwnerReferences(); len(refs) != 0 || o.GetLabels()[labelOutlives] != "lobby" || o.GetLabels()[labelInstance] != "" {
			t.Errorf("%T %s is owned by %v, labelled %v", o, o.GetName(), refs, o.GetLabels())
		}
	}
}

// The namespace enforces the restricted profile: a pod of the template must be
// let in.
func TestPodKeepsTheRestrictedProfile(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	w.must(w.Patch(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.ns}},
		client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"restricted"}}}`))))
	w.add("{application: a}")
	set := read(w, "lobby", &appsv1.StatefulSet{})
	pod := &corev1.Pod{ObjectMeta: *set.Spec.Template.ObjectMeta.DeepCopy(), Spec: set.Spec.Template.Spec}
	pod.Namespace, pod.Name = w.ns, "probe"
	pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: volumeData, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}})
	w.must(w.Create(ctx, pod))
	pod.Spec.Containers[0].SecurityContext = nil
	pod.Name, pod.ResourceVersion = "probe-2", ""
	if err := w.Create(ctx, pod); err == nil {
		t.Error("the profile is not enforced: this test says nothing")
	}
}

func TestSteadyStateWritesNothing(t *testing.T) {
	for name, spec := range map[string]string{
		"least": "{application: a}",
		"full": `{application: a, instance: b, storage: {size: 2Gi}, access: {publish: {mode: Anyone}}, limits: {maxConnections: 5}, imagePullSecrets: [{name: p}], upgradePolicy: Manual,
			service: {type: NodePort, port: 1936, annotations: {x: z}}, resources: {requests: {cpu: 1000m, memory: 1024Mi}},
			nodeSelector: {a: b}, tolerations: [{operator: Exists, effect: NoSchedule}], podAnnotations: {p: q},
			affinity: {nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1, preference: {matchExpressions: [{key: k, operator: Exists}]}}]}},
			topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.add(spec)
			if *w.writes == 0 {
				t.Fatal("nothing was written at first")
			}
			*w.writes = 0
			version := w.instance().ResourceVersion
			for range 3 {
				w.reconcile()
			}
			if *w.writes != 0 || w.instance().ResourceVersion != version {
				t.Errorf("%d writes where nothing had changed", *w.writes)
			}
		})
	}
}

func TestDriftIsMended(t *testing.T) {
	w := newWorld(t)
	w.add("{application: a}")
	ctx := context.Background()
	svc := read(w, "lobby", &corev1.Service{})
	svc.Spec.Ports[0].Port = 1999
	w.must(w.Update(ctx, svc))
	set := read(w, "lobby", &appsv1.StatefulSet{})
	w.must(w.Client.Delete(ctx, set))
	w.reconcile()
	if p := read(w, "lobby", &corev1.Service{}).Spec.Ports[0].Port; p != 1935 {
		t.Errorf("port %d", p)
	}
	read(w, "lobby", &appsv1.StatefulSet{})
}

func TestKeyIsKept(t *testing.T) {
	w := newWorld(t)
	w.add("{application: a}")
	s := read(w, "lobby-publish-key", &corev1.Secret{})
	s.Data["key"] = []byte("rotated by hand")
	w.must(w.Update(context.Background(), s))
	w.reconcile()
	if got := string(read(w, "lobby-publish-key", &corev1.Secret{}).Data["key"]); got != "rotated by hand" {
		t.Errorf("key is %q", got)
	}
}

// A Secret that the user names is used once it is there and marked for it, and
// never owned.
func TestOwnSecret(t *testing.T) {
	w := newWorld(t)
	w.add("{application: a, access: {publish: {secretName: mine}}}")
	ctx := context.Background()
	if c := w.condition(v1alpha1.ConditionReady); c.Reason != "SecretMissing" || !strings.Contains(c.Message, "mine") {
		t.Errorf("without the Secret: %+v", c)
	}
	for name, o := range map[string]client.Object{"lobby-publish-key": &corev1.Secret{}, "lobby": &appsv1.StatefulSet{}} {
		if err := w.Get(ctx, client.ObjectKey{Namespace: w.ns, Name: name}, o); client.IgnoreNotFound(err) != nil || err == nil {
			t.Errorf("%T %s was made all the same: %v", o, name, err)
		}
	}
	mine := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: "mine"}, Data: map[string][]byte{"key": []byte("k")}}
	w.must(w.Create(ctx, mine))
	w.reconcile()
	if c := w.condition(v1alpha1.ConditionReady); c.Reason != "SecretNotMarked" || !strings.Contains(c.Message, "kubectl label secret mine") {
		t.Errorf("without the label: %+v", c)
	}
	mine.Labels = map[string]string{labelPublishKey: "true"}
	w.must(w.Update(ctx, mine))
	w.reconcile()
	set := read(w, "lobby", &appsv1.StatefulSet{})
	for _, v := range set.Spec.Template.Spec.Volumes {
		if v.Name == volumeKey && v.Secret.SecretName != "mine" {
			t.Errorf("mounts %s", v.Secret.SecretName)
		}
	}
	w.serve()
	w.reconcile()
	if c := w.condition(v1alpha1.ConditionReady); c.Status != "True" {
		t.Errorf("with all of it: %+v", c)
	}
	w.must(w.Client.Delete(ctx, mine))
	w.reconcile()
	if c := w.condition(v1alpha1.ConditionReady); c.Status != "False" || c.Reason != "KeyMissing" {
		t.Errorf("when it is deleted: %+v", c)
	}
}

func TestStatusTellsTheAddress(t *testing.T) {
	for _, c := range []struct{ spec, ip, host, want string }{
		{"{application: a}", "203.0.113.10", "", "rtmp://203.0.113.10/a/lobby"},
		{"{application: a, instance: _definst_}", "", "lb.example.org", "rtmp://lb.example.org/a"},
		{"{application: a, service: {port: 443}}", "203.0.113.10", "", "rtmp://203.0.113.10:443/a/lobby"},
		{"{application: a, tls: {secretName: cert}}", "203.0.113.10", "", "rtmps://203.0.113.10/a/lobby"},
		{"{application: a, tls: {secretName: cert, port: 1936}}", "203.0.113.10", "", "rtmps://203.0.113.10:1936/a/lobby"},
		{"{application: a}", "2001:db8::1", "", "rtmp://[2001:db8::1]/a/lobby"},
	} {
		w := newWorld(t)
		w.add(c.spec)
		if r := w.condition(v1alpha1.ConditionServiceReady); r.Status != "False" || r.Reason != "AddressPending" || w.instance().Status.URL != "" {
			t.Errorf("before there is an address: %+v, %q", r, w.instance().Status.URL)
		}
		svc := read(w, "lobby", &corev1.Service{})
		svc.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: c.ip, Hostname: c.host}}
		w.must(w.Status().Update(context.Background(), svc))
		w.reconcile()
		a := w.instance()
		if a.Status.URL != c.want || a.Status.ObservedGeneration != a.Generation {
			t.Errorf("url %q, want %q", a.Status.URL, c.want)
		}
	}
}

func TestReadyNeedsAllOfIt(t *testing.T) {
	w := newWorld(t)
	w.add("{application: a, storage: {size: 1Gi}}")
	w.bind("data-lobby-0")
	w.reconcile()
	if c := w.condition(v1alpha1.ConditionReady); c.Status != "False" || c.Reason != "Starting" {
		t.Errorf("without a pod: %+v", c)
	}
	w.serve()
	w.reconcile()
	if c := w.condition(v1alpha1.ConditionReady); c.Status != "True" || !strings.Contains(c.Message, "rtmp://203.0.113.10/a/lobby") {
		t.Errorf("with all of it: %+v", c)
	}
	if !w.told("clients connect to rtmp://203.0.113.10/a/lobby") {
		t.Error("no event tells that it is ready")
	}

	// The API server lets a claim grow only where its class does; none is here.
	w.edit(func(a *v1alpha1.AppInstance) { a.Spec.Storage.Size = resource.MustParse("3Gi") })
	result := w.reconcile()
	if c := w.condition(v1alpha1.ConditionReady); c.Reason != "GrowthRefused" || !strings.Contains(c.Message, "may go back to 1Gi") {
		t.Errorf("growth that is refused: %+v", c)
	}
	if result.RequeueAfter == 0 {
		t.Error("it is not tried again")
	}
	if got := read(w, "lobby", &appsv1.StatefulSet{}).Spec.VolumeClaimTemplates[0].Spec.Resources.Requests[corev1.ResourceStorage]; got.String() != "1Gi" {
		t.Errorf("template was changed to %s", got.String())
	}

	// And it takes the size back.
	w.edit(func(a *v1alpha1.AppInstance) { a.Spec.Storage.Size = resource.MustParse("1Gi") })
	w.reconcile()
	if c := w.condition(v1alpha1.ConditionReady); c.Status != "True" {
		t.Errorf("with the size that it has: %+v", c)
	}
}

// From the edit on, an instance is not ready until a pod of its new revision
// serves, and is ready from then on.
func TestReadyIsOfTheNewestRevision(t *testing.T) {
	w := newWorld(t)
	w.add("{application: a}")
	w.serve()
	w.reconcile()
	steps := []struct {
		name  string
		do    func()
		ready metav1.ConditionStatus
	}{
		{"served", func() {}, "True"},
		{"an edit that restarts", func() { w.edit(func(a *v1alpha1.AppInstance) { a.Spec.Recording.Mode = v1alpha1.RecordAll }) }, "False"},
		{"the StatefulSet was seen", func() { w.observeSet("lobby") }, "False"},
		{"the old pod is gone", func() { w.removePod("lobby") }, "False"},
		{"the new pod starts", func() { w.makePod("lobby", "False") }, "False"},
		{"the new pod serves", func() { w.serve() }, "True"},
		{"an edit that restarts nobody", func() {
			w.edit(func(a *v1alpha1.AppInstance) { a.Spec.Service.Annotations = map[string]string{"x": "z"} })
		}, "True"},
	}
	for _, s := range steps {
		s.do()
		w.reconcile()
		if c := w.condition(v1alpha1.ConditionReady); c.Status != s.ready || c.ObservedGeneration != w.instance().Generation {
			t.Errorf("%s: %+v", s.name, c)
		}
	}
	if !w.told("pod lobby-0 restarts because spec.recording changed") {
		t.Error("no event says why")
	}
}

func TestSuspend(t *testing.T) {
	w := newWorld(t)
	w.add("{application: a}")
	a := w.instance()
	a.Spec.Suspend = true
	w.must(w.Update(context.Background(), a))
	w.reconcile()
	if n := *read(w, "lobby", &appsv1.StatefulSet{}).Spec.Replicas; n != 0 {
		t.Errorf("%d replicas", n)
	}
	read(w, "lobby-publish-key", &corev1.Secret{})
	if c := w.condition(v1alpha1.ConditionSuspended); c.Status != "True" {
		t.Errorf("suspended: %+v", c)
	}
}

func TestRestartOnlyWhenTheServerIsConcerned(t *testing.T) {
	w := newWorld(t)
	w.add("{application: a}")
	ctx := context.Background()
	generation := func() int64 { return read(w, "lobby", &appsv1.StatefulSet{}).Generation }
	hash := func() string {
		return read(w, "lobby", &appsv1.StatefulSet{}).Spec.Template.Annotations[annotationDocument]
	}
	g, h := generation(), hash()
	a := w.instance()
	a.Spec.Service.Annotations = map[string]string{"cloud": "x"}
	w.must(w.Update(ctx, a))
	w.reconcile()
	if generation() != g {
		t.Error("an annotation of the Service restarts the server")
	}
	a = w.instance()
	a.Spec.Recording.Mode = v1alpha1.RecordAll
	w.must(w.Update(ctx, a))
	w.reconcile()
	if hash() == h {
		t.Error("another recording mode does not reach the server")
	}
}

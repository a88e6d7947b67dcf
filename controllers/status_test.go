package controllers

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"flashpod.dev/flashpod/api/v1alpha1"
	"flashpod.dev/flashpod/api/v1alpha1/routing"
	"flashpod.dev/flashpod/hack/e2e/selfsigned"
)

// serving fills in what there is of an instance that serves.
func serving(o *observed) {
	o.statefulSet = &appsv1.StatefulSet{ObjectMeta: owned(o, "lobby"), Status: appsv1.StatefulSetStatus{ReadyReplicas: 1, UpdateRevision: "r2"}}
	o.pod = &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "lobby-0", Labels: map[string]string{appsv1.ControllerRevisionHashLabelKey: "r2"}},
		Status: corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}}}
	o.claim = &corev1.PersistentVolumeClaim{ObjectMeta: owned(o, "data-lobby-0"), Status: corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimBound,
		Capacity: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("10Gi")}}}
	o.claim.OwnerReferences = nil
	o.service = &corev1.Service{ObjectMeta: owned(o, "lobby"), Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer},
		Status: corev1.ServiceStatus{LoadBalancer: corev1.LoadBalancerStatus{Ingress: []corev1.LoadBalancerIngress{{IP: "192.0.2.1"}}}}}
}

// unready is the pod with one container in a state.
func unready(c corev1.ContainerStatus) *corev1.Pod {
	c.Image = "media:1"
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "lobby-0", Labels: map[string]string{appsv1.ControllerRevisionHashLabelKey: "r2"}},
		Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{c}}}
}

func waiting(reason string) *corev1.Pod {
	return unready(corev1.ContainerStatus{State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: "of something"}}})
}

func crashed(t corev1.ContainerStateTerminated) *corev1.Pod {
	return unready(corev1.ContainerStatus{State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}},
		LastTerminationState: corev1.ContainerState{Terminated: &t}})
}

// readyCase is what the condition Ready says of a world in which something is
// not as it should be.
type readyCase struct {
	name, spec string
	change     func(*observed)
	status     metav1.ConditionStatus
	reason     string
	says       string
	stalled    bool
}

const (
	minimal   = "{application: a}"
	atGateway = "{application: a, service: {type: Gateway}}"
)

func podCases() []readyCase {
	return []readyCase{
		{"all there", minimal, func(*observed) {}, "True", "Serving", "rtmp://192.0.2.1/a/lobby", false},
		{"nothing", minimal, func(o *observed) { o.statefulSet = nil }, "False", "Starting", "being made", false},
		{"no pod", minimal, func(o *observed) { o.pod = nil }, "False", "Starting", "not there yet", false},
		{"pod refused", minimal, func(o *observed) { o.pod = nil; o.refused = "exceeded quota" }, "False", "PodRefused", "exceeded quota", true},
		{"old revision", minimal, func(o *observed) { o.statefulSet.Status.UpdateRevision = "r3" }, "False", "Restarting", "replaced", false},
		{"revision not made yet", minimal, func(o *observed) { o.statefulSet.Generation = 2 }, "False", "Restarting", "replaced", false},
		{"pod goes", minimal, func(o *observed) { o.pod.DeletionTimestamp = &metav1.Time{Time: time.Now()} }, "False", "Restarting", "goes", false},
		{"image", minimal, func(o *observed) { o.pod = waiting("ImagePullBackOff") }, "False", "ImagePullFailed", "image media:1", true},
		{"image that was mended", minimal, func(o *observed) {
			o.pod, o.statefulSet.Status.UpdateRevision = waiting("ImagePullBackOff"), "r3"
		}, "False", "Restarting", "replaced", false},
		{"image that is just mended", minimal, func(o *observed) {
			o.pod, o.statefulSet.Generation = waiting("ImagePullBackOff"), 7
		}, "False", "Restarting", "replaced", false},
		{"starting", minimal, func(o *observed) { o.pod = waiting("ContainerCreating") }, "False", "Starting", "starting", false},
		{"crashing", minimal, func(o *observed) {
			o.pod = crashed(corev1.ContainerStateTerminated{ExitCode: 1, Reason: "Error", Message: "first\nflashpod: disk full\n"})
		}, "False", "Crashing", "exit code 1: flashpod: disk full", true},
		{"out of memory", minimal, func(o *observed) {
			o.pod = crashed(corev1.ContainerStateTerminated{ExitCode: 137, Reason: "OOMKilled"})
		}, "False", "Crashing", "spec.resources.limits.memory", true},
		{"unschedulable", minimal, func(o *observed) {
			o.pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Message: "0/1 nodes are available"}}
		}, "False", "Unschedulable", "0/1 nodes", true},
		{"no address", minimal, func(o *observed) { o.service.Status = corev1.ServiceStatus{} }, "False", "AddressPending", "load balancer", false},
		{"suspended", "{application: a, suspend: true}", func(*observed) {}, "True", "Suspended", "spec.suspend", false},
		{"node port", minimal, func(o *observed) {
			o.service.Spec = corev1.ServiceSpec{Type: corev1.ServiceTypeNodePort, Ports: []corev1.ServicePort{{NodePort: 30001}}}
		}, "True", "Serving", "any node", false},
	}
}

func claimCases() []readyCase {
	class := "fast"
	claimPending := func(o *observed, name *string, c *storagev1.StorageClass) {
		o.claim.Status.Phase, o.claim.Spec.StorageClassName, o.storageClass = corev1.ClaimPending, name, c
	}
	return []readyCase{
		{"no claim", minimal, func(o *observed) { o.claim = nil }, "False", "ClaimMissing", "volume", false},
		{"no class", minimal, func(o *observed) { claimPending(o, nil, nil) }, "False", "ClaimPending", "no default one", true},
		{"class missing", minimal, func(o *observed) { claimPending(o, &class, nil) }, "False", "StorageClassMissing", "storage class fast", true},
		{"claim waits", minimal, func(o *observed) { claimPending(o, &class, &storagev1.StorageClass{}) }, "False", "ClaimPending", "fast", false},
		{"claim of somebody else", minimal, func(o *observed) { o.claim.Labels = nil }, "True", "Serving", "", false},
	}
}

func secretCases(t *testing.T) []readyCase {
	pair := func(until time.Duration) *corev1.Secret {
		cert, key, err := selfsigned.Until("lobby", time.Now().Add(until))
		if err != nil {
			t.Fatal(err)
		}
		return &corev1.Secret{Type: corev1.SecretTypeTLS, Data: map[string][]byte{"tls.crt": cert, "tls.key": key}}
	}
	const month = 30 * 24 * time.Hour
	const tls, mine = "{application: a, tls: {secretName: cert}}", "{application: a, access: {publish: {secretName: mine}}}"
	return []readyCase{
		{"tls", tls, func(o *observed) { o.certificate = pair(month) }, "True", "Serving", "rtmps://192.0.2.1/a/lobby", false},
		{"tls that ends soon", tls, func(o *observed) { o.certificate = pair(time.Hour) }, "True", "Serving", "rtmps://192.0.2.1/a/lobby", false},
		{"tls that has ended", tls, func(o *observed) { o.certificate = pair(-time.Hour) }, "False", "CertificateInvalid", "has expired", true},
		{"no certificate", tls, func(*observed) {}, "False", "CertificateMissing", "Secret cert", true},
		{"garbage", tls, func(o *observed) {
			o.certificate = &corev1.Secret{Type: corev1.SecretTypeTLS, Data: map[string][]byte{"tls.crt": []byte("x"), "tls.key": []byte("y")}}
		}, "False", "CertificateInvalid", "PEM", true},
		{"secret of another kind", tls, func(o *observed) {
			o.certificate = pair(month)
			o.certificate.Type = corev1.SecretTypeOpaque
		}, "False", "SecretNotMarked", "kubernetes.io/tls", true},
		{"no key of one's own", mine, func(*observed) {}, "False", "SecretMissing", "Secret mine", true},
		{"key without its label", mine, func(o *observed) { o.secret = &corev1.Secret{Data: map[string][]byte{"key": []byte("k")}} }, "False", "SecretNotMarked", "kubectl label secret mine", true},
		{"key of one's own", mine, func(o *observed) {
			o.secret = &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{labelPublishKey: ""}}, Data: map[string][]byte{"key": []byte("k")}}
		}, "True", "Serving", "", false},
		{"empty key", mine, func(o *observed) {
			o.secret = &corev1.Secret{Type: keySecretType, Data: map[string][]byte{"key": []byte(" ")}}
		}, "False", "KeyEmpty", "mine", true},
		{"no entry", mine, func(o *observed) { o.secret = &corev1.Secret{Type: keySecretType} }, "False", "KeyMissing", `no entry "key"`, true},
	}
}

// A key that can be guessed is good enough to serve with, and told of.
func TestShortKey(t *testing.T) {
	for key, want := range map[string]string{"k": "KeyShort", " 0123456789abcde\n": "KeyShort", "0123456789abcdef": "KeyPresent"} {
		o := observe(t, "{application: a, access: {publish: {secretName: mine}}}")
		o.secret = &corev1.Secret{Type: keySecretType, Data: map[string][]byte{"key": []byte(key)}}
		if v := publishKeyVerdict(o); v.reason != want || !v.ok() {
			t.Errorf("key %q: %+v, want %s", key, v, want)
		}
		if warns[want] != (want == "KeyShort") {
			t.Errorf("%s: a warning: %v", want, warns[want])
		}
	}
}

func applyCases() []readyCase {
	return []readyCase{
		{"cluster IP", "{application: a, service: {type: ClusterIP}}", func(o *observed) { o.service.Spec.Type = corev1.ServiceTypeClusterIP }, "True", "Serving", "rtmp://lobby.ns.svc/a/lobby", false},
		{"behind the gateway", atGateway, func(o *observed) { o.gateway = &gatewayView{host: "a.example.com", port: 1935, key: "k"} }, "True", "Serving", "rtmp://a.example.com/a/lobby", false},
		{"behind a gateway of TLS alone", atGateway, func(o *observed) {
			o.gateway = &gatewayView{host: "a.example.com", port: 8443, secure: true, key: "k"}
		}, "True", "Serving", "rtmps://a.example.com:8443/a/lobby", false},
		{"behind a gateway without an address", atGateway, func(o *observed) { o.gateway = &gatewayView{key: "k"} }, "False", "AddressPending", "the gateway has no address", false},
		{"no gateway", atGateway, func(o *observed) { o.gateway = &gatewayView{refused: stalled("NoGateway", "none")} }, "False", "NoGateway", "none", true},
		{"another's name at the gateway", atGateway, func(o *observed) {
			o.gateway = &gatewayView{host: "a.example.com", key: "k", conflicts: []routing.Conflict{{
				Claim: routing.Claim{Application: "a", Instance: "lobby"}, With: routing.Claim{Name: "b/older", Instance: "lobby"}, Host: "*",
			}}}
		}, "False", "RouteConflict", "a/lobby: taken by AppInstance b/older, which is older", true},
		{"another's on-demand instances at the gateway", atGateway, func(o *observed) {
			o.gateway = &gatewayView{host: "a.example.com", port: 1935, key: "k", conflicts: []routing.Conflict{{OnDemand: true}}}
		}, "True", "Serving", "rtmp://a.example.com/a/lobby", false},
		{"cannot apply", minimal, func(o *observed) { o.applyErr = errors.New("no") }, "False", "ApplyFailed", "no", false},
		{"another's on-demand instances", "{application: a, onDemandInstances: true}", func(o *observed) { o.rival = "older" }, "False", "OnDemandConflict", "AppInstance older of application a", true},
		{"another's Service", minimal, func(o *observed) { o.service = &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "lobby"}} }, "False", "NameConflict", "Service lobby", true},
		{"another's account", minimal, func(o *observed) {
			o.serviceAccount = &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "lobby.media"}}
		}, "False", "NameConflict", "ServiceAccount lobby.media", true},
	}
}

func TestStatusNamesWhatIsMissing(t *testing.T) {
	for _, c := range slices.Concat(podCases(), claimCases(), applyCases(), secretCases(t), webCases(t), gatewayCases()) {
		t.Run(c.name, func(t *testing.T) {
			o := observe(t, c.spec)
			serving(o)
			c.change(o)
			s := statusOf(o, planOf(t, o))
			got := meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionReady)
			if got.Status != c.status || got.Reason != c.reason || !strings.Contains(got.Message, c.says) || s.ObservedGeneration != 1 {
				t.Errorf("%s %s %q, want %s %s %q", got.Status, got.Reason, got.Message, c.status, c.reason, c.says)
			}
			reconciling, stuck := meta.IsStatusConditionTrue(s.Conditions, v1alpha1.ConditionReconciling), meta.IsStatusConditionTrue(s.Conditions, v1alpha1.ConditionStalled)
			if stuck != c.stalled || reconciling != (c.status == "False" && !c.stalled) {
				t.Errorf("reconciling %v, stalled %v", reconciling, stuck)
			}
			if s.Edges != nil {
				t.Error("there are edges in status, and none in the world")
			}
		})
	}
}

// Kubelet tells the cause of a failed pull once, and then alternates between two
// states: status stays as it is.
func TestStatusStaysWhileKubeletTriesAgain(t *testing.T) {
	o := observe(t, "{application: a}")
	serving(o)
	o.pod = waiting("ErrImagePull")
	o.instance.Status = statusOf(o, planOf(t, o))
	first := meta.FindStatusCondition(o.instance.Status.Conditions, v1alpha1.ConditionReady).Message
	o.pod = waiting("ImagePullBackOff")
	o.pod.Status.ContainerStatuses[0].State.Waiting.Message = "Back-off pulling image"
	if again := meta.FindStatusCondition(statusOf(o, planOf(t, o)).Conditions, v1alpha1.ConditionReady).Message; again != first {
		t.Errorf("%q became %q", first, again)
	}
}

// The gateway carries RTMP alone: where no host name leads to the web, status says so.
func TestWebBehindTheGateway(t *testing.T) {
	for spec, want := range map[string]string{
		"{application: a, service: {type: Gateway}}":                                       "Gateway",
		"{application: a, service: {type: Gateway}, web: {hostname: live.example.com}}":    "Gateway",
		"{application: a, service: {type: Gateway}, web: {allowedOrigins: ['https://a']}}": "GatewayWithoutWeb",
	} {
		o := observe(t, spec)
		o.gateway = &gatewayView{host: "a.example.com", port: 1935, key: "k"}
		if v := gatewayVerdict(o); !v.ok() || v.reason != want || (want != "Gateway") != strings.Contains(v.message, "set spec.web.hostname") {
			t.Errorf("%s: %+v", spec, v)
		}
	}
}

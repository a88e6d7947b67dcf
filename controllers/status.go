package controllers

import (
	"fmt"
	"net"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"flashpod.dev/flashpod/api/v1alpha1"
)

// defaultInstance is the instance that clients may leave out of the URL.
const defaultInstance = "_definst_"

// verdict is one condition before it has times.
type verdict struct {
	status          metav1.ConditionStatus
	reason, message string
}

func good(reason, message string) verdict { return verdict{metav1.ConditionTrue, reason, message} }
func bad(reason, message string) verdict  { return verdict{metav1.ConditionFalse, reason, message} }

func (v verdict) ok() bool { return v.status == metav1.ConditionTrue }

// statusOf says what is, from what was observed: a pure function. Times of
// conditions that did not change stay.
func statusOf(o *observed) v1alpha1.AppInstanceStatus {
	a := o.instance
	s := *a.Status.DeepCopy()
	s.ObservedGeneration = a.Generation
	address, service := serviceVerdict(o)
	origin, storage := originVerdict(o), storageVerdict(o)
	s.URL = url(a, address)

	s.Origin = &v1alpha1.OriginStatus{}
	if set := o.statefulSet; set != nil {
		s.Origin.Ready = set.Status.ReadyReplicas
		if c := set.Spec.Template.Spec.Containers; len(c) > 0 {
			s.Origin.Image = c[0].Image
		}
	}
	s.Edges = &v1alpha1.EdgesStatus{}
	s.Storage = &v1alpha1.StorageStatus{}
	if o.claim != nil {
		if capacity, ok := o.claim.Status.Capacity[corev1.ResourceStorage]; ok {
			s.Storage.Capacity = &capacity
		}
	}

	suspended := bad("Running", "spec.suspend is false")
	if a.Spec.Suspend {
		suspended = good("Requested", "spec.suspend is true: no server runs; address, key and recordings stay")
	}
	for _, c := range []struct {
		kind string
		verdict
	}{
		{v1alpha1.ConditionReady, ready(o, s.URL, suspended, origin, storage, service)},
		{v1alpha1.ConditionOriginReady, origin},
		{v1alpha1.ConditionStorageReady, storage},
		{v1alpha1.ConditionServiceReady, service},
		{v1alpha1.ConditionSuspended, suspended},
	} {
		meta.SetStatusCondition(&s.Conditions, metav1.Condition{
			Type: c.kind, Status: c.status, Reason: c.reason, Message: c.message, ObservedGeneration: a.Generation,
		})
	}
	return s
}

// ready sums up: the first that is missing is named.
func ready(o *observed, url string, suspended verdict, needed ...verdict) verdict {
	switch {
	case o.applyErr != nil:
		return bad("ApplyFailed", o.applyErr.Error())
	case suspended.ok():
		return bad("Suspended", suspended.message)
	}
	for _, v := range needed {
		if !v.ok() {
			return bad(v.reason, v.message)
		}
	}
	if url == "" {
		return good("Serving", "clients connect to any node, at the Service's node port")
	}
	return good("Serving", "clients connect to "+url)
}

func originVerdict(o *observed) verdict {
	switch {
	case o.instance.Spec.Suspend:
		return bad("Suspended", "no media server is wanted")
	case o.statefulSet != nil && o.statefulSet.Status.ReadyReplicas > 0 && o.statefulSet.Status.ObservedGeneration >= o.statefulSet.Generation:
		return good("Ready", "the media server takes connections")
	case ownSecret(o.instance) && (o.secret == nil || len(o.secret.Data[keyEntry]) == 0):
		return bad("SecretMissing", fmt.Sprintf("Secret %s with an entry %q is not there: make it, or leave out spec.access.publish.secretName", secretName(o.instance), keyEntry))
	case o.instance.Spec.TLS != nil && (o.certificate == nil || len(o.certificate.Data[corev1.TLSCertKey]) == 0 || len(o.certificate.Data[corev1.TLSPrivateKeyKey]) == 0):
		return bad("SecretMissing", fmt.Sprintf("Secret %s with entries tls.crt and tls.key is not there: make it, or leave out spec.tls", o.instance.Spec.TLS.SecretName))
	case o.pod == nil:
		return bad("PodMissing", "the media server's pod is not there yet")
	}
	for _, c := range o.pod.Status.ContainerStatuses {
		if w := c.State.Waiting; w != nil && w.Reason != "ContainerCreating" && w.Reason != "PodInitializing" {
			return bad(w.Reason, fmt.Sprintf("pod %s: %s %s", o.pod.Name, w.Reason, w.Message))
		}
	}
	for _, c := range o.pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			return bad("Unschedulable", fmt.Sprintf("pod %s: %s", o.pod.Name, c.Message))
		}
	}
	return bad("PodStarting", fmt.Sprintf("pod %s is starting", o.pod.Name))
}

func storageVerdict(o *observed) verdict {
	if o.claim == nil {
		return bad("ClaimMissing", "the volume is not claimed yet")
	}
	if o.claim.Status.Phase != corev1.ClaimBound {
		return bad("ClaimPending", fmt.Sprintf("claim %s waits for a volume: is there a storage class that makes one?", o.claim.Name))
	}
	want, have := o.instance.Spec.Storage.Size, o.claim.Status.Capacity[corev1.ResourceStorage]
	if have.Cmp(want) < 0 {
		return good("Growing", fmt.Sprintf("the volume has %s and grows to %s", have.String(), want.String()))
	}
	return good("Bound", "the volume has "+have.String())
}

// serviceVerdict returns the address that clients use as well: host, or
// host:port where the port is not RTMP's own.
func serviceVerdict(o *observed) (address string, v verdict) {
	s := o.service
	if s == nil {
		return "", bad("ServiceMissing", "the Service is not there yet")
	}
	port, usual := o.instance.Spec.Service.Port, int32(rtmpPort)
	if tls := o.instance.Spec.TLS; tls != nil {
		port, usual = tls.Port, 443
	}
	switch s.Spec.Type {
	case corev1.ServiceTypeLoadBalancer:
		for _, in := range s.Status.LoadBalancer.Ingress {
			host := in.Hostname
			if host == "" {
				host = in.IP
			}
			if host != "" {
				return hostPort(host, port, usual), good("AddressAssigned", "the load balancer's address is "+host)
			}
		}
		return "", bad("AddressPending", "the load balancer has no address yet: does this cluster give LoadBalancer Services one?")
	case corev1.ServiceTypeNodePort:
		for _, p := range s.Spec.Ports {
			if p.NodePort != 0 {
				return "", good("NodePort", fmt.Sprintf("clients connect to any node, at port %d", p.NodePort))
			}
		}
		return "", bad("AddressPending", "the Service has no node port yet")
	}
	return hostPort(s.Name+"."+s.Namespace+".svc", port, usual), good("ClusterIP", "clients in this cluster connect by the Service's name")
}

// hostPort leaves out the port that clients take anyway.
func hostPort(host string, port, usual int32) string {
	if port == usual {
		if ip := net.ParseIP(host); ip != nil && ip.To4() == nil {
			return "[" + host + "]"
		}
		return host
	}
	return net.JoinHostPort(host, strconv.Itoa(int(port)))
}

func url(a *v1alpha1.AppInstance, address string) string {
	if address == "" {
		return ""
	}
	scheme := "rtmp://"
	if a.Spec.TLS != nil {
		scheme = "rtmps://"
	}
	u := scheme + address + "/" + a.Spec.Application
	if i := a.EffectiveInstance(); i != defaultInstance {
		u += "/" + i
	}
	return u
}

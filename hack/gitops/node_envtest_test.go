//go:build envtest

package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// node does for one StatefulSet what the StatefulSet controller, a volume
// provisioner, a load balancer and a kubelet do, a step at a time. envtest has
// none of them.
type node struct {
	client.Client
	t         *testing.T
	key       client.ObjectKey
	templates map[string]corev1.PodTemplateSpec // by revision
}

func newNode(t *testing.T, c client.Client, key client.ObjectKey) *node {
	return &node{Client: c, t: t, key: key, templates: map[string]corev1.PodTemplateSpec{}}
}

func (n *node) must(err error) {
	n.t.Helper()
	if err != nil {
		n.t.Fatal(err)
	}
}

// get says whether an object is there.
func (n *node) get(name string, o client.Object) bool {
	n.t.Helper()
	err := n.Get(n.t.Context(), client.ObjectKey{Namespace: n.key.Namespace, Name: name}, o)
	if apierrors.IsNotFound(err) {
		return false
	}
	n.must(err)
	return true
}

// step does the next thing that there is to do, and says whether there was one.
// Before each other thing the StatefulSet's status tells of the last one.
func (n *node) step() bool {
	n.t.Helper()
	set := &appsv1.StatefulSet{}
	if !n.get(n.key.Name, set) {
		return false
	}
	for _, do := range []func(*appsv1.StatefulSet) bool{n.observe, n.address, n.claim, n.remove, n.stop, n.start, n.serve} {
		if do(set) {
			return true
		}
	}
	return false
}

// address gives the Service a load balancer's.
func (n *node) address(*appsv1.StatefulSet) bool {
	s := &corev1.Service{}
	if !n.get(n.key.Name, s) || s.Spec.Type != corev1.ServiceTypeLoadBalancer || len(s.Status.LoadBalancer.Ingress) > 0 {
		return false
	}
	s.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: "203.0.113.10"}}
	n.must(n.Status().Update(n.t.Context(), s))
	return true
}

// claim makes the volume's, and binds it.
func (n *node) claim(set *appsv1.StatefulSet) bool {
	c := set.Spec.VolumeClaimTemplates[0].DeepCopy()
	c.Namespace, c.Name = n.key.Namespace, c.Name+"-"+n.key.Name+"-0"
	have := &corev1.PersistentVolumeClaim{}
	if n.get(c.Name, have) {
		if have.Status.Phase == corev1.ClaimBound {
			return false
		}
		have.Status.Phase, have.Status.Capacity = corev1.ClaimBound, have.Spec.Resources.Requests
		n.must(n.Status().Update(n.t.Context(), have))
		return true
	}
	c.Status = corev1.PersistentVolumeClaimStatus{}
	n.must(n.Create(n.t.Context(), c))
	return true
}

// revision names the template that the StatefulSet has now.
func (n *node) revision(set *appsv1.StatefulSet) string {
	text, err := json.Marshal(set.Spec.Template)
	n.must(err)
	r := fmt.Sprintf("%s-%x", set.Name, sha256.Sum256(text))[:len(set.Name)+9]
	n.templates[r] = set.Spec.Template
	return r
}

// wanted is the revision that the pod is to have: the newest, unless a partition
// holds it back.
func (n *node) wanted(set *appsv1.StatefulSet) string {
	newest := n.revision(set)
	if u := set.Spec.UpdateStrategy.RollingUpdate; u != nil && u.Partition != nil && *u.Partition > 0 && set.Status.CurrentRevision != "" {
		return set.Status.CurrentRevision
	}
	return newest
}

func (n *node) podOf(set *appsv1.StatefulSet) *corev1.Pod {
	p := &corev1.Pod{}
	if n.get(set.Name+"-0", p) {
		return p
	}
	return nil
}

func isReady(p *corev1.Pod) bool {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// stop terminates a pod that is not wanted, or ready and of another revision. One
// that is not ready it waits for, as the StatefulSet controller does.
func (n *node) stop(set *appsv1.StatefulSet) bool {
	p := n.podOf(set)
	if p == nil || *set.Spec.Replicas > 0 && (!isReady(p) || p.Labels[appsv1.ControllerRevisionHashLabelKey] == n.wanted(set)) {
		return false
	}
	n.must(n.Delete(n.t.Context(), p))
	return true
}

// remove ends a pod that is terminating.
func (n *node) remove(set *appsv1.StatefulSet) bool {
	p := n.podOf(set)
	if p == nil || p.DeletionTimestamp == nil {
		return false
	}
	n.must(n.Delete(n.t.Context(), p, client.GracePeriodSeconds(0)))
	return true
}

func (n *node) start(set *appsv1.StatefulSet) bool {
	if *set.Spec.Replicas == 0 || n.podOf(set) != nil {
		return false
	}
	revision := n.wanted(set)
	template := n.templates[revision]
	p := &corev1.Pod{ObjectMeta: *template.ObjectMeta.DeepCopy(), Spec: *template.Spec.DeepCopy()}
	p.Namespace, p.Name, p.Spec.NodeName = n.key.Namespace, set.Name+"-0", "node" // on none it would not terminate, but vanish
	p.Labels[appsv1.ControllerRevisionHashLabelKey] = revision
	p.Labels[appsv1.StatefulSetPodNameLabel] = p.Name
	p.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(set, appsv1.SchemeGroupVersion.WithKind("StatefulSet"))}
	p.Spec.Volumes = append(p.Spec.Volumes, corev1.Volume{Name: set.Spec.VolumeClaimTemplates[0].Name, VolumeSource: corev1.VolumeSource{
		PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: set.Spec.VolumeClaimTemplates[0].Name + "-" + p.Name},
	}})
	n.must(n.Create(n.t.Context(), p))
	return true
}

// serve makes the pod ready, if what it mounts is there.
func (n *node) serve(set *appsv1.StatefulSet) bool {
	p := n.podOf(set)
	if p == nil || isReady(p) {
		return false
	}
	for _, v := range p.Spec.Volumes {
		if v.Secret != nil && !n.get(v.Secret.SecretName, &corev1.Secret{}) {
			return false
		}
	}
	p.Status = corev1.PodStatus{Phase: corev1.PodRunning}
	for _, c := range []corev1.PodConditionType{corev1.PodScheduled, corev1.PodInitialized, corev1.ContainersReady, corev1.PodReady} {
		p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{Type: c, Status: corev1.ConditionTrue})
	}
	for _, c := range p.Spec.Containers {
		p.Status.ContainerStatuses = append(p.Status.ContainerStatuses, corev1.ContainerStatus{
			Name: c.Name, Image: c.Image, Ready: true, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}},
		})
	}
	n.must(n.Status().Update(n.t.Context(), p))
	return true
}

// observe tells the StatefulSet's status of the pod.
func (n *node) observe(set *appsv1.StatefulSet) bool {
	was := set.Status.DeepCopy()
	s := &set.Status
	s.ObservedGeneration, s.UpdateRevision = set.Generation, n.revision(set)
	if s.CurrentRevision == "" {
		s.CurrentRevision = s.UpdateRevision
	}
	s.Replicas, s.ReadyReplicas, s.AvailableReplicas, s.CurrentReplicas, s.UpdatedReplicas = 0, 0, 0, 0, 0
	if p := n.podOf(set); p != nil {
		s.Replicas = 1
		if isReady(p) {
			s.ReadyReplicas, s.AvailableReplicas = 1, 1
		}
		revision := p.Labels[appsv1.ControllerRevisionHashLabelKey]
		if revision == s.UpdateRevision {
			s.UpdatedReplicas = 1
			if isReady(p) {
				s.CurrentRevision = s.UpdateRevision
			}
		}
		if revision == s.CurrentRevision {
			s.CurrentReplicas = 1
		}
	} else if *set.Spec.Replicas == 0 {
		s.CurrentRevision = s.UpdateRevision
	}
	if equality.Semantic.DeepEqual(was, s) {
		return false
	}
	n.must(n.Status().Update(n.t.Context(), set))
	return true
}
